#include "coordinator/status/status_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PAGE_ID "faultline"
#define ID_SIZE 32
#define URL_SIZE 1200

/* With milliseconds, as those clients expect. */
static json_t *time_json(fl_time t_us)
{
    char text[FL_TIME_TEXT_SIZE];

    if (t_us == FL_ABSENT)
        return json_null();
    (void)fl_time_format(t_us, text);
    strcpy(strchr(text, '.') + 4, "Z");
    return json_string(text);
}

static void component_id(size_t index, char ret[ID_SIZE])
{
    (void)snprintf(ret, ID_SIZE, "component-%zu", index + 1);
}

static void group_id(size_t index, char ret[ID_SIZE])
{
    (void)snprintf(ret, ID_SIZE, "group-%zu", index + 1);
}

static json_t *page_json(const struct status_model *model, const char *url)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:o}", "id", PAGE_ID, "name", model->config->title,
                     "url", url, "time_zone", "Etc/UTC", "updated_at", time_json(model->now_us));
}

static json_t *indicator_json(const struct status_model *model)
{
    static const char *const indicators[] = {
        [STATUS_OPERATIONAL] = "none", [STATUS_MAINTENANCE] = "maintenance",
        [STATUS_DEGRADED] = "minor",   [STATUS_PARTIAL] = "major",
        [STATUS_MAJOR] = "critical",
    };

    return json_pack("{s:s, s:s}", "indicator", indicators[model->level], "description",
                     model->level == STATUS_OPERATIONAL ? "All Systems Operational"
                                                        : status_words(model));
}

/* What components and groups have in common. */
static json_t *entry_json(const struct status_model *model, const char *id, const char *name,
                          enum status_level level, fl_time since_us, size_t position,
                          const char *group, bool is_group)
{
    char day[FL_TIME_TEXT_SIZE];

    (void)fl_time_format(model->since_us, day);
    day[10] = '\0';
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:I, s:n, s:b, s:s, s:s?, s:s, s:b, s:b}", "id", id,
                     "name", name, "status", status_level_name(level), "created_at",
                     time_json(model->since_us), "updated_at", time_json(since_us), "position",
                     (json_int_t)position, "description", "showcase", !is_group, "start_date", day,
                     "group_id", group, "page_id", PAGE_ID, "group", is_group,
                     "only_show_if_degraded", false);
}

static json_t *component_json(const struct status_model *model, size_t index)
{
    const struct status_shown_component *shown = &model->components[index];
    char id[ID_SIZE], group[ID_SIZE];

    component_id(index, id);
    group_id(shown->config->group, group);
    return entry_json(model, id, shown->config->name, shown->level, shown->since_us, index + 1,
                      group, false);
}

static json_t *group_json(const struct status_model *model, size_t index)
{
    enum status_level level = STATUS_OPERATIONAL;
    fl_time since = model->since_us;
    json_t *members = json_array(), *json;
    char id[ID_SIZE], member[ID_SIZE];

    for (size_t i = 0; i < model->n_components; i++) {
        const struct status_shown_component *shown = &model->components[i];

        if (shown->config->group != index)
            continue;
        component_id(i, member);
        (void)json_array_append_new(members, json_string(member));
        if (shown->level > level) {
            level = shown->level;
            since = shown->since_us;
        }
    }
    group_id(index, id);
    json = entry_json(model, id, model->config->groups[index].name, level, since, index + 1, NULL,
                      true);
    (void)json_object_set_new(json, "components", members);
    return json;
}

static json_t *components_json(const struct status_model *model)
{
    json_t *array = json_array();

    for (size_t i = 0; i < model->config->n_groups; i++)
        (void)json_array_append_new(array, group_json(model, i));
    for (size_t i = 0; i < model->n_components; i++)
        (void)json_array_append_new(array, component_json(model, i));
    return array;
}

static json_t *update_json(const struct status_incident *incident, const char *incident_id,
                           const struct status_update *update, json_t *affected)
{
    char id[ID_SIZE];

    if (update->id)
        (void)snprintf(id, sizeof(id), "update-%" PRIu64, update->id);
    else
        (void)snprintf(id, sizeof(id), "%s-%" PRIu64, note_status_name(update->status),
                       incident->id);
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:b, s:n, s:n}", "id", id, "status",
                     note_status_name(update->status), "body", update->text, "incident_id",
                     incident_id, "created_at", time_json(update->t_us), "updated_at",
                     time_json(update->t_us), "display_at", time_json(update->t_us),
                     "affected_components", affected, "deliver_notifications", true, "custom_tweet",
                     "tweet_id");
}

static json_t *affected_json(const struct status_model *model,
                             const struct status_incident *incident)
{
    json_t *array = json_array();
    char id[ID_SIZE];

    for (size_t i = 0; i < model->n_components; i++) {
        if (!incident->components[i])
            continue;
        component_id(i, id);
        (void)json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:s}", "code", id, "name",
                                                     model->components[i].config->name,
                                                     "old_status", "operational", "new_status",
                                                     status_level_name(incident->level)));
    }
    return array;
}

static json_t *incident_json(const struct status_model *model, const char *url,
                             const struct status_incident *incident)
{
    static const char *const impacts[] = {"none", "maintenance", "minor", "major", "critical"};
    json_t *updates = json_array(), *components = json_array();
    char id[ID_SIZE], link[URL_SIZE];

    (void)snprintf(id, sizeof(id), "incident-%" PRIu64, incident->id);
    (void)snprintf(link, sizeof(link), "%s/#%s", url, id);
    for (size_t i = 0; i < incident->n_updates; i++)
        (void)json_array_append_new(updates, update_json(incident, id, &incident->updates[i],
                                                         affected_json(model, incident)));
    for (size_t i = 0; i < model->n_components; i++)
        if (incident->components[i])
            (void)json_array_append_new(components, component_json(model, i));
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:n, s:o, s:s, s:s, s:o, s:s, s:o, s:o, s:n}", "id",
                     id, "name", incident->title, "status", note_status_name(incident->status),
                     "created_at", time_json(incident->opened_us), "updated_at",
                     time_json(incident->updated_us), "monitoring_at", "resolved_at",
                     time_json(incident->closed_us), "impact", impacts[incident->level],
                     "shortlink", link, "started_at", time_json(incident->opened_us), "page_id",
                     PAGE_ID, "incident_updates", updates, "components", components,
                     "reminder_intervals");
}

static json_t *incidents_json(const struct status_model *model, const char *url,
                              enum status_which which)
{
    json_t *array = json_array();

    for (size_t i = 0; i < model->n_incidents; i++)
        if (which == STATUS_ALL || model->incidents[i].closed_us == FL_ABSENT)
            (void)json_array_append_new(array, incident_json(model, url, &model->incidents[i]));
    return array;
}

static const char *window_status(const struct status_model *model, const struct maintenance *window)
{
    if (model->now_us < window->begin_us)
        return "scheduled";
    return maintenance_runs(window, model->now_us) ? "in_progress" : "completed";
}

static json_t *window_components(const struct status_model *model, const struct maintenance *window)
{
    json_t *array = json_array();

    for (size_t i = 0; i < model->n_components; i++) {
        const struct status_component *config = model->components[i].config;
        bool covered = false;

        for (size_t k = 0; k < config->n_targets && !covered; k++)
            covered = maintenance_covers_target(window, 1, model->fleet,
                                                model->fleet->targets[config->targets[k]].name,
                                                window->begin_us);
        if (covered)
            (void)json_array_append_new(array, component_json(model, i));
    }
    return array;
}

static json_t *window_json(const struct status_model *model, const char *url,
                           const struct maintenance *window)
{
    bool over = window->end_us <= model->now_us;
    char id[ID_SIZE], link[URL_SIZE], update[ID_SIZE + 8];
    json_t *updates;

    (void)snprintf(id, sizeof(id), "maintenance-%" PRIu64, window->id);
    (void)snprintf(link, sizeof(link), "%s/#%s", url, id);
    (void)snprintf(update, sizeof(update), "%s-1", id);
    updates =
        json_pack("[{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:[], s:b, s:n, s:n}]", "id", update,
                  "status", "scheduled", "body", window->title, "incident_id", id, "created_at",
                  time_json(window->created_us), "updated_at", time_json(window->created_us),
                  "display_at", time_json(window->created_us), "affected_components",
                  "deliver_notifications", true, "custom_tweet", "tweet_id");
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:n, s:o, s:s, s:o, s:s, s:o, s:o}", "id", id,
        "name", window->title, "status", window_status(model, window), "impact", "maintenance",
        "scheduled_for", time_json(window->begin_us), "scheduled_until", time_json(window->end_us),
        "created_at", time_json(window->created_us), "updated_at", time_json(window->created_us),
        "monitoring_at", "resolved_at", time_json(over ? window->end_us : FL_ABSENT), "shortlink",
        link, "started_at", time_json(window->begin_us), "page_id", PAGE_ID, "incident_updates",
        updates, "components", window_components(model, window));
}

static bool is_wanted(const struct status_model *model, const struct maintenance *window,
                      enum status_which which)
{
    switch (which) {
    case STATUS_UPCOMING:
        return model->now_us < window->begin_us;
    case STATUS_ACTIVE:
        return maintenance_runs(window, model->now_us);
    case STATUS_UNRESOLVED:
        return model->now_us < window->end_us;
    default:
        return true;
    }
}

static json_t *windows_json(const struct status_model *model, const char *url,
                            enum status_which which)
{
    json_t *array = json_array();

    for (size_t i = model->n_windows; i-- > 0;)
        if (is_wanted(model, &model->windows[i], which))
            (void)json_array_append_new(array, window_json(model, url, &model->windows[i]));
    return array;
}

json_t *status_json_summary(const struct status_model *model, const char *url)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "page", page_json(model, url), "components",
                     components_json(model), "incidents",
                     incidents_json(model, url, STATUS_UNRESOLVED), "scheduled_maintenances",
                     windows_json(model, url, STATUS_UNRESOLVED), "status", indicator_json(model));
}

json_t *status_json_status(const struct status_model *model, const char *url)
{
    return json_pack("{s:o, s:o}", "page", page_json(model, url), "status", indicator_json(model));
}

json_t *status_json_components(const struct status_model *model, const char *url)
{
    return json_pack("{s:o, s:o}", "page", page_json(model, url), "components",
                     components_json(model));
}

json_t *status_json_incidents(const struct status_model *model, const char *url,
                              enum status_which which)
{
    return json_pack("{s:o, s:o}", "page", page_json(model, url), "incidents",
                     incidents_json(model, url, which));
}

json_t *status_json_maintenances(const struct status_model *model, const char *url,
                                 enum status_which which)
{
    return json_pack("{s:o, s:o}", "page", page_json(model, url), "scheduled_maintenances",
                     windows_json(model, url, which));
}
