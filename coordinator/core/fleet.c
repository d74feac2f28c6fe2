/* The fleet: arrays built once, then only read; series are found by binary search. */
#include "coordinator/core/fleet.h"

#include "proto/types/fl_name.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fleet_index {
    uint32_t series;
    uint32_t probe;
};

int fleet_new(struct fleet **ret)
{
    struct fleet *fleet = calloc(1, sizeof(*fleet));

    if (!fleet)
        return -ENOMEM;
    *ret = fleet;
    return 0;
}

struct fleet *fleet_free(struct fleet *fleet)
{
    if (!fleet)
        return NULL;
    free(fleet->places);
    free(fleet->agents);
    free(fleet->targets);
    free(fleet->backends);
    free(fleet->probes);
    free(fleet->by_series);
    free(fleet);
    return NULL;
}

/* Room for one more element, zeroed; doubles at powers of two. */
static void *grow(void **array, size_t count, size_t size)
{
    if ((count & (count - 1)) == 0) {
        size_t room = count ? count * 2 : 1;
        void *larger = realloc(*array, room * size);

        if (!larger)
            return NULL;
        *array = larger;
    }
    return memset((char *)*array + count * size, 0, size);
}

static int add_place(struct fleet *fleet, const char *what, const char *name, struct fl_error *err)
{
    struct fleet_place *place;

    if (!fl_name_valid(name))
        return fl_error_set(err, -EINVAL,
                            "%s \"%s\": a name is 1 to %d of letters, digits, '.', '_' and '-'",
                            what, name, FL_NAME_MAX);
    if (fleet_find_place(fleet, name) != FLEET_NONE)
        return fl_error_set(err, -EEXIST, "%s \"%s\" is named twice; zones and places share names",
                            what, name);
    if (fleet->n_places >= FL_MAX_PLACES)
        return fl_error_set(err, -E2BIG, "%s \"%s\" is one too many, at most %d places", what, name,
                            FL_MAX_PLACES);
    place = grow((void **)&fleet->places, fleet->n_places, sizeof(*place));
    if (!place)
        return fl_error_set(err, -ENOMEM, "no memory");
    strcpy(place->name, name);
    fleet->n_places++;
    return 0;
}

int fleet_add_zone(struct fleet *fleet, const char *name, struct fl_error *err)
{
    int r;

    if (fleet->n_places > fleet->n_zones)
        return fl_error_set(err, -EINVAL, "zone \"%s\" comes after the places", name);
    if (fleet->n_zones >= FL_MAX_ZONES)
        return fl_error_set(err, -E2BIG, "zone \"%s\" is one too many, at most %d", name,
                            FL_MAX_ZONES);
    r = add_place(fleet, "zone", name, err);
    if (r == 0)
        fleet->n_zones++;
    return r;
}

int fleet_add_place(struct fleet *fleet, const char *name, struct fl_error *err)
{
    return add_place(fleet, "place", name, err);
}

int fleet_add_agent(struct fleet *fleet, const char *name, const char *zone, struct fl_error *err)
{
    uint32_t place = fleet_find_place(fleet, zone);
    struct fleet_agent *agent;

    if (!fl_name_valid(name))
        return fl_error_set(err, -EINVAL,
                            "agent \"%s\": a name is 1 to %d of letters, digits, '.', '_' and '-'",
                            name, FL_NAME_MAX);
    if (place == FLEET_NONE || place >= fleet->n_zones)
        return fl_error_set(err, -EINVAL, "agent \"%s\": zone \"%s\" is not among the zones", name,
                            zone);
    if (fleet_find_agent(fleet, name) != FLEET_NONE)
        return fl_error_set(err, -EEXIST, "agent \"%s\" is named twice", name);
    if (fleet->n_agents >= FL_MAX_AGENTS)
        return fl_error_set(err, -E2BIG, "agent \"%s\" is one too many, at most %d", name,
                            FL_MAX_AGENTS);
    agent = grow((void **)&fleet->agents, fleet->n_agents, sizeof(*agent));
    if (!agent)
        return fl_error_set(err, -ENOMEM, "no memory");
    strcpy(agent->name, name);
    agent->zone = place;
    fleet->n_agents++;
    return 0;
}

/* Index of a backend, added when new. */
static int backend_index(struct fleet *fleet, const char *name, uint32_t *ret, struct fl_error *err)
{
    struct fleet_place *backend;

    for (uint32_t i = 0; i < fleet->n_backends; i++)
        if (strcmp(fleet->backends[i].name, name) == 0) {
            *ret = i;
            return 0;
        }
    if (!fl_name_valid(name))
        return fl_error_set(
            err, -EINVAL, "backend \"%s\": a name is 1 to %d of letters, digits, '.', '_' and '-'",
            name, FL_NAME_MAX);
    backend = grow((void **)&fleet->backends, fleet->n_backends, sizeof(*backend));
    if (!backend)
        return fl_error_set(err, -ENOMEM, "no memory");
    strcpy(backend->name, name);
    *ret = (uint32_t)fleet->n_backends++;
    return 0;
}

int fleet_add_target(struct fleet *fleet, const char *name, enum target_kind kind,
                     const char *place, const char *backend, struct fl_error *err)
{
    uint32_t where = fleet_find_place(fleet, place), behind = FLEET_NONE;
    struct fleet_target *target;
    int r;

    if (kind == TARGET_MESH ? !fl_target_name_valid(name) : !fl_name_valid(name))
        return fl_error_set(err, -EINVAL,
                            "target \"%s\": a name is 1 to %d of letters, digits, '.', '_' and '-'",
                            name, FL_NAME_MAX);
    if (where == FLEET_NONE)
        return fl_error_set(
            err, -EINVAL, "target \"%s\": place \"%s\" is neither a zone nor a place", name, place);
    if (fleet_find_target(fleet, name) != FLEET_NONE)
        return fl_error_set(err, -EEXIST, "target \"%s\" is named twice", name);
    if (fleet->n_targets >= FL_MAX_TARGETS + FL_MAX_AGENTS)
        return fl_error_set(err, -E2BIG, "target \"%s\" is one too many, at most %d", name,
                            FL_MAX_TARGETS);
    if (backend) {
        r = backend_index(fleet, backend, &behind, err);
        if (r < 0)
            return r;
    }
    target = grow((void **)&fleet->targets, fleet->n_targets, sizeof(*target));
    if (!target)
        return fl_error_set(err, -ENOMEM, "no memory");
    strcpy(target->name, name);
    target->kind = kind;
    target->place = where;
    target->backend = behind;
    target->mesh_agent = FLEET_NONE;
    fleet->n_targets++;
    return 0;
}

int fleet_add_probe(struct fleet *fleet, const char *target, const char *name, const char *type,
                    int64_t interval_us, int64_t timeout_us, struct fl_error *err)
{
    uint32_t index = fleet_find_target(fleet, target);
    struct fleet_probe *probe;

    if (index == FLEET_NONE)
        return fl_error_set(err, -EINVAL, "probe \"%s\": no target \"%s\"", name, target);
    if (!fl_name_valid(name))
        return fl_error_set(err, -EINVAL, "target \"%s\": probe name \"%s\" is not valid", target,
                            name);
    if (!fl_name_valid(type) || strlen(type) >= FL_TYPE_SIZE)
        return fl_error_set(err, -EINVAL, "target \"%s\": probe type \"%s\" is not valid", target,
                            type);
    if (interval_us < FL_MIN_INTERVAL_US || interval_us > FL_MAX_INTERVAL_US ||
        timeout_us < FL_MIN_TIMEOUT_US || timeout_us > FL_MAX_TIMEOUT_US)
        return fl_error_set(err, -EINVAL,
                            "target \"%s\", probe \"%s\": interval is 100ms to 24h and timeout "
                            "10ms to 60s",
                            target, name);
    probe = grow((void **)&fleet->probes, fleet->n_probes, sizeof(*probe));
    if (!probe)
        return fl_error_set(err, -ENOMEM, "no memory");
    probe->series = fl_series_id(target, name);
    probe->target = index;
    strcpy(probe->name, name);
    strcpy(probe->type, type);
    probe->interval_us = interval_us;
    probe->timeout_us = timeout_us;
    fleet->n_probes++;
    return 0;
}

static int add_mesh(struct fleet *fleet, int64_t interval_us, int64_t timeout_us,
                    struct fl_error *err)
{
    for (uint32_t i = 0; i < fleet->n_agents; i++) {
        char name[FL_TARGET_SIZE];
        int r;

        (void)snprintf(name, sizeof(name), FL_MESH_PREFIX "%s", fleet->agents[i].name);
        r = fleet_add_target(fleet, name, TARGET_MESH, fleet->places[fleet->agents[i].zone].name,
                             NULL, err);
        if (r < 0)
            return r;
        fleet->targets[fleet->n_targets - 1].mesh_agent = i;
        r = fleet_add_probe(fleet, name, FL_MESH_PROBE, "udp", interval_us, timeout_us, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int index_compare(const void *a, const void *b)
{
    const struct fleet_index *x = a, *y = b;

    return (x->series > y->series) - (x->series < y->series);
}

int fleet_seal(struct fleet *fleet, int64_t mesh_interval_us, int64_t mesh_timeout_us,
               struct fl_error *err)
{
    int r = add_mesh(fleet, mesh_interval_us, mesh_timeout_us, err);

    if (r < 0)
        return r;
    fleet->by_series = calloc(fleet->n_probes + 1, sizeof(*fleet->by_series));
    if (!fleet->by_series)
        return fl_error_set(err, -ENOMEM, "no memory");
    for (uint32_t i = 0; i < fleet->n_probes; i++)
        fleet->by_series[i] = (struct fleet_index){fleet->probes[i].series, i};
    qsort(fleet->by_series, fleet->n_probes, sizeof(*fleet->by_series), index_compare);
    for (size_t i = 1; i < fleet->n_probes; i++) {
        const struct fleet_probe *a = &fleet->probes[fleet->by_series[i - 1].probe];
        const struct fleet_probe *b = &fleet->probes[fleet->by_series[i].probe];

        if (a->series == b->series)
            return fl_error_set(
                err, -EEXIST, "probes \"%s/%s\" and \"%s/%s\" have the same number; rename one",
                fleet->targets[a->target].name, a->name, fleet->targets[b->target].name, b->name);
    }
    return 0;
}

static bool same_places(const struct fleet_place *a, const struct fleet_place *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(a[i].name, b[i].name) != 0)
            return false;
    return true;
}

static bool same_agent(const struct fleet_agent *a, const struct fleet_agent *b)
{
    return a->zone == b->zone && strcmp(a->name, b->name) == 0;
}

static bool same_target(const struct fleet_target *a, const struct fleet_target *b)
{
    return a->kind == b->kind && a->place == b->place && a->backend == b->backend &&
           a->mesh_agent == b->mesh_agent && strcmp(a->name, b->name) == 0;
}

static bool same_probe(const struct fleet_probe *a, const struct fleet_probe *b)
{
    return a->series == b->series && a->target == b->target && a->interval_us == b->interval_us &&
           a->timeout_us == b->timeout_us && strcmp(a->name, b->name) == 0 &&
           strcmp(a->type, b->type) == 0;
}

bool fleet_equal(const struct fleet *a, const struct fleet *b)
{
    bool same = a->n_zones == b->n_zones && a->n_places == b->n_places &&
                a->n_agents == b->n_agents && a->n_targets == b->n_targets &&
                a->n_backends == b->n_backends && a->n_probes == b->n_probes &&
                same_places(a->places, b->places, a->n_places) &&
                same_places(a->backends, b->backends, a->n_backends);

    for (size_t i = 0; same && i < a->n_agents; i++)
        same = same_agent(&a->agents[i], &b->agents[i]);
    for (size_t i = 0; same && i < a->n_targets; i++)
        same = same_target(&a->targets[i], &b->targets[i]);
    for (size_t i = 0; same && i < a->n_probes; i++)
        same = same_probe(&a->probes[i], &b->probes[i]);
    return same;
}

uint32_t fleet_find_place(const struct fleet *fleet, const char *name)
{
    for (uint32_t i = 0; i < fleet->n_places; i++)
        if (strcmp(fleet->places[i].name, name) == 0)
            return i;
    return FLEET_NONE;
}

uint32_t fleet_find_agent(const struct fleet *fleet, const char *name)
{
    for (uint32_t i = 0; i < fleet->n_agents; i++)
        if (strcmp(fleet->agents[i].name, name) == 0)
            return i;
    return FLEET_NONE;
}

uint32_t fleet_find_target(const struct fleet *fleet, const char *name)
{
    for (uint32_t i = 0; i < fleet->n_targets; i++)
        if (strcmp(fleet->targets[i].name, name) == 0)
            return i;
    return FLEET_NONE;
}

uint32_t fleet_find_probe(const struct fleet *fleet, uint32_t series)
{
    struct fleet_index key = {series, 0};
    const struct fleet_index *found;

    if (!fleet->by_series)
        return FLEET_NONE;
    found = bsearch(&key, fleet->by_series, fleet->n_probes, sizeof(key), index_compare);
    return found ? found->probe : FLEET_NONE;
}
