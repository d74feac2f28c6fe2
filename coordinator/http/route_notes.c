/* GET and POST /api/v1/maintenance, DELETE /api/v1/maintenance/{id}: announced work.
 * POST /api/v1/verdicts/{id}/updates: what an operator tells customers of an incident. */
#include "coordinator/http/route.h"
#include "proto/runtime/fl_clock.h"

#include <errno.h>
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LENGTH (30 * 24 * FL_HOUR) /* of one piece of work */
#define MAX_AHEAD (366 * 24 * FL_HOUR)

static json_t *names_json(const char *names, uint32_t n, size_t size)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < n; i++)
        (void)json_array_append_new(array, json_string(names + i * size));
    return array;
}

static json_t *window_json(const struct maintenance *window, fl_time now_us)
{
    const char *state = maintenance_runs(window, now_us) ? "running"
                        : now_us < window->begin_us      ? "planned"
                                                         : "over";

    return json_pack("{s:I, s:s, s:s, s:I, s:I, s:o, s:o}", "id", (json_int_t)window->id, "title",
                     window->title, "state", state, "begin_us", window->begin_us, "end_us",
                     window->end_us, "targets",
                     names_json(window->targets[0], window->n_targets, FL_TARGET_SIZE), "zones",
                     names_json(window->zones[0], window->n_zones, FL_NAME_SIZE));
}

void route_maintenance(struct exchange *exchange)
{
    const struct maintenance *windows;
    size_t n = notes_windows(coordinator_notes(exchange->coordinator), &windows);
    json_t *array = json_array();

    for (size_t i = n; i-- > 0;)
        (void)json_array_append_new(array, window_json(&windows[i], fl_clock_steady()));
    reply_json(exchange, HTTP_OK, json_pack("{s:o}", "maintenance", array));
}

/* The names of a field, each of which `find` must know. -1: that is answered. */
static int read_names(struct exchange *exchange, const json_t *body, const char *field,
                      uint32_t (*find)(const struct fleet *fleet, const char *name), char *names,
                      size_t size)
{
    const struct fleet *fleet = coordinator_settings(exchange->coordinator)->fleet;
    const json_t *array = json_object_get(body, field), *one;
    size_t i;

    if (array && (!json_is_array(array) || json_array_size(array) > MAINTENANCE_MAX_NAMES)) {
        reply_error(exchange, 422, "\"%s\" must be a list of at most %d names", field,
                    MAINTENANCE_MAX_NAMES);
        return -1;
    }
    json_array_foreach(array, i, one)
    {
        const char *name = json_string_value(one);

        if (!name || find(fleet, name) == FLEET_NONE) {
            reply_error(exchange, 422, "\"%s\": there is no \"%s\" in the configuration", field,
                        name ? name : "");
            return -1;
        }
        (void)snprintf(names + i * size, size, "%s", name);
    }
    return (int)json_array_size(array);
}

static bool read_times(struct exchange *exchange, const json_t *body, struct maintenance *window)
{
    const json_t *begin = json_object_get(body, "begin_us"), *end = json_object_get(body, "end_us");

    window->created_us = fl_clock_steady();
    window->begin_us = begin ? json_integer_value(begin) : window->created_us;
    window->end_us = json_integer_value(end);
    if (window->end_us > window->begin_us && window->end_us > window->created_us &&
        window->begin_us > 0 && window->begin_us < window->created_us + MAX_AHEAD &&
        window->end_us - window->begin_us <= MAX_LENGTH)
        return true;
    reply_error(exchange, 422,
                "\"end_us\" must be after now and after \"begin_us\", by 30 days at most; "
                "\"begin_us\" is now when left out, and at most a year ahead");
    return false;
}

static bool read_window(struct exchange *exchange, const json_t *body, struct maintenance *window)
{
    const char *title = json_string_value(json_object_get(body, "title"));
    int targets, zones;

    if (!title || !*title || strlen(title) >= sizeof(window->title)) {
        reply_error(exchange, 422, "\"title\" must be a text of 1 to %zu bytes",
                    sizeof(window->title) - 1);
        return false;
    }
    (void)snprintf(window->title, sizeof(window->title), "%s", title);
    targets = read_names(exchange, body, "targets", fleet_find_target, window->targets[0],
                         sizeof(window->targets[0]));
    zones = targets < 0 ? -1
                        : read_names(exchange, body, "zones", fleet_find_place, window->zones[0],
                                     sizeof(window->zones[0]));
    if (zones < 0)
        return false;
    window->n_targets = (uint32_t)targets;
    window->n_zones = (uint32_t)zones;
    if (targets + zones > 0)
        return read_times(exchange, body, window);
    reply_error(exchange, 422, "\"targets\" or \"zones\" must name what is worked on");
    return false;
}

void route_maintenance_add(struct exchange *exchange)
{
    struct maintenance window = {0};
    struct fl_error err;
    json_t *body = exchange_body(exchange);
    bool good = body && read_window(exchange, body, &window);

    json_decref(body);
    if (!good)
        return;
    if (notes_add_window(coordinator_notes(exchange->coordinator), &window, &err) < 0) {
        reply_error(exchange, HTTP_SERVUNAVAIL, "%s", err.message);
        return;
    }
    status_page_look(http_server_page(exchange->server));
    reply_json(exchange, 201, window_json(&window, fl_clock_steady()));
}

static bool read_id(struct exchange *exchange, uint64_t *ret)
{
    const char *text = exchange->parameters[0];
    size_t digits = strspn(text, "0123456789");

    *ret = strtoull(text, NULL, 10);
    if (digits > 0 && digits <= 18 && text[digits] == '\0')
        return true;
    reply_error(exchange, HTTP_NOTFOUND, "it is named by its number");
    return false;
}

void route_maintenance_end(struct exchange *exchange)
{
    struct fl_error err;
    uint64_t id;
    int r;

    if (!read_id(exchange, &id))
        return;
    r = notes_end_window(coordinator_notes(exchange->coordinator), id, fl_clock_steady(), &err);
    if (r < 0) {
        reply_error(exchange, r == -ENOENT ? HTTP_NOTFOUND : HTTP_SERVUNAVAIL, "%s", err.message);
        return;
    }
    status_page_look(http_server_page(exchange->server));
    reply_bytes(exchange, HTTP_NOCONTENT, "application/json", "", 0);
}

static bool is_incident(struct exchange *exchange, uint64_t id)
{
    struct store_incident incident;
    struct verdict_event *events = NULL;
    const struct store_type *type;
    struct store *store;
    struct fl_error err;
    size_t n;
    int r;

    type = coordinator_store(exchange->coordinator, &store);
    r = type->incident(store, id, &incident, &events, &n, &err);
    free(events);
    if (r < 0)
        reply_error(exchange, r == -ENOENT ? HTTP_NOTFOUND : HTTP_SERVUNAVAIL, "%s", err.message);
    return r >= 0;
}

static bool read_update(struct exchange *exchange, const json_t *body, struct note_update *update)
{
    const char *text = json_string_value(json_object_get(body, "text"));
    const char *status = json_string_value(json_object_get(body, "status"));
    int r = note_status_parse(status ? status : "identified");

    if (r < 0) {
        reply_error(exchange, 422,
                    "\"status\" must be one of investigating, identified, monitoring, resolved");
        return false;
    }
    if (!text || !*text || strlen(text) >= sizeof(update->text)) {
        reply_error(exchange, 422, "\"text\" must be a text of 1 to %zu bytes",
                    sizeof(update->text) - 1);
        return false;
    }
    update->status = (enum note_status)r;
    update->t_us = fl_clock_steady();
    (void)snprintf(update->text, sizeof(update->text), "%s", text);
    return true;
}

void route_update_add(struct exchange *exchange)
{
    struct note_update update = {0};
    struct fl_error err;
    json_t *body;
    bool good;

    if (!read_id(exchange, &update.incident) || !(body = exchange_body(exchange)))
        return;
    good = read_update(exchange, body, &update) && is_incident(exchange, update.incident);
    json_decref(body);
    if (!good)
        return;
    if (notes_add_update(coordinator_notes(exchange->coordinator), &update, &err) < 0) {
        reply_error(exchange, HTTP_SERVUNAVAIL, "%s", err.message);
        return;
    }
    status_page_look(http_server_page(exchange->server));
    reply_json(exchange, 201,
               json_pack("{s:I, s:I, s:s, s:s, s:I}", "id", (json_int_t)update.id, "incident",
                         (json_int_t)update.incident, "status", note_status_name(update.status),
                         "text", update.text, "t_us", update.t_us));
}
