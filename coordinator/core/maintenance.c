#include "coordinator/core/maintenance.h"

#include <string.h>

bool maintenance_runs(const struct maintenance *window, fl_time t_us)
{
    return t_us >= window->begin_us && t_us < window->end_us;
}

static bool names_zone(const struct maintenance *window, const char *zone, size_t size)
{
    for (uint32_t i = 0; i < window->n_zones; i++)
        if (strlen(window->zones[i]) == size && strncmp(window->zones[i], zone, size) == 0)
            return true;
    return false;
}

static bool names_target(const struct maintenance *window, const struct fleet *fleet,
                         const char *target)
{
    uint32_t index = fleet_find_target(fleet, target);
    const char *place;

    for (uint32_t i = 0; i < window->n_targets; i++)
        if (strcmp(window->targets[i], target) == 0)
            return true;
    if (index == FLEET_NONE)
        return false;
    place = fleet->places[fleet->targets[index].place].name;
    return names_zone(window, place, strlen(place));
}

static bool names_agent(const struct maintenance *window, const struct fleet *fleet,
                        const char *agent)
{
    uint32_t index = fleet_find_agent(fleet, agent);
    const char *zone;

    if (index == FLEET_NONE)
        return false;
    zone = fleet->places[fleet->agents[index].zone].name;
    return names_zone(window, zone, strlen(zone));
}

/* Every target that has it. */
static bool names_backend(const struct maintenance *window, const struct fleet *fleet,
                          const char *backend)
{
    bool any = false;

    for (size_t i = 0; i < fleet->n_targets; i++) {
        const struct fleet_target *target = &fleet->targets[i];

        if (target->backend == FLEET_NONE ||
            strcmp(fleet->backends[target->backend].name, backend) != 0)
            continue;
        if (!names_target(window, fleet, target->name))
            return false;
        any = true;
    }
    return any;
}

static bool names_path(const struct maintenance *window, const char *path)
{
    size_t first = strcspn(path, "~>");

    return names_zone(window, path, first) ||
           (path[first] && names_zone(window, path + first + 1, strlen(path + first + 1)));
}

static bool names_component(const struct maintenance *window, const struct fleet *fleet,
                            const char *component)
{
    const char *name = strchr(component, ':');
    size_t kind = name ? (size_t)(name - component) : 0;

    if (!name++)
        return false;
    if (strncmp(component, "target", kind) == 0)
        return names_target(window, fleet, name);
    if (strncmp(component, "backend", kind) == 0)
        return names_backend(window, fleet, name);
    if (strncmp(component, "path", kind) == 0)
        return names_path(window, name);
    if (strncmp(component, "host", kind) == 0 || strncmp(component, "link", kind) == 0)
        return names_agent(window, fleet, name);
    return names_zone(window, name, strlen(name)); /* zone, place, resolver */
}

bool maintenance_covers_target(const struct maintenance *windows, size_t n,
                               const struct fleet *fleet, const char *target, fl_time t_us)
{
    for (size_t i = 0; i < n; i++)
        if (maintenance_runs(&windows[i], t_us) && names_target(&windows[i], fleet, target))
            return true;
    return false;
}

bool maintenance_covers(const struct maintenance *windows, size_t n, const struct fleet *fleet,
                        const struct verdict *verdict, fl_time t_us)
{
    for (size_t i = 0; i < n; i++)
        if (maintenance_runs(&windows[i], t_us) &&
            names_component(&windows[i], fleet, verdict->component))
            return true;
    /* a list that is full may have been cut */
    if (verdict->n_targets == 0 || verdict->n_targets == VERDICT_MAX_TARGETS)
        return false;
    for (uint32_t i = 0; i < verdict->n_targets; i++)
        if (!maintenance_covers_target(windows, n, fleet, verdict->targets[i], t_us))
            return false;
    return true;
}

static size_t find(const struct maintenance_silence *silence, uint64_t id)
{
    size_t i = 0;

    while (i < silence->n && silence->verdicts[i].id != id)
        i++;
    return i;
}

static void forget(struct maintenance_silence *silence, size_t i)
{
    silence->verdicts[i] = silence->verdicts[--silence->n];
}

bool maintenance_pass(struct maintenance_silence *silence, const struct maintenance *windows,
                      size_t n, const struct fleet *fleet, const struct verdict_event *event)
{
    size_t i = find(silence, event->verdict.id);

    if (i < silence->n) {
        if (event->type == VERDICT_CLOSE)
            forget(silence, i);
        else
            silence->verdicts[i] = event->verdict;
        return false;
    }
    if (event->type != VERDICT_OPEN || silence->n == MAINTENANCE_MAX_SILENT ||
        !maintenance_covers(windows, n, fleet, &event->verdict, event->t_us))
        return true;
    silence->verdicts[silence->n++] = event->verdict;
    silence->silenced++;
    return false;
}

bool maintenance_release(struct maintenance_silence *silence, const struct maintenance *windows,
                         size_t n, const struct fleet *fleet, fl_time t_us,
                         struct verdict_event *ret)
{
    for (size_t i = 0; i < silence->n; i++) {
        if (maintenance_covers(windows, n, fleet, &silence->verdicts[i], t_us))
            continue;
        *ret = (struct verdict_event){t_us, VERDICT_OPEN, silence->verdicts[i]};
        forget(silence, i);
        return true;
    }
    return false;
}

bool maintenance_is_silent(const struct maintenance_silence *silence, uint64_t id)
{
    return find(silence, id) < silence->n;
}
