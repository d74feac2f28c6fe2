/* GET /api/v1/verdicts?limit=N&before=ID: past and present incidents, newest first.
 * GET /api/v1/verdicts/ID: one of them with all its events. */
#include "coordinator/asker.h"
#include "coordinator/http/route.h"
#include "coordinator/trace/verdict_json.h"

#include <errno.h>
#include <event2/http.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LIMIT 1000
#define USUAL_LIMIT 50
#define MAX_NAMES 32

static json_t *incident_json(const struct store_incident *incident)
{
    json_t *json = verdict_json(&incident->verdict);
    json_t *closed =
        incident->closed_us == FL_ABSENT ? json_null() : json_integer(incident->closed_us);
    int r = 0;

    r |= json_object_set_new(json, "opened_us", json_integer(incident->opened_us));
    r |= json_object_set_new(json, "updated_us", json_integer(incident->updated_us));
    r |= json_object_set_new(json, "closed_us", closed);
    r |= json_object_set_new(json, "events", json_integer(incident->n_events));
    if (r == 0)
        return json;
    json_decref(json);
    return NULL;
}

static void reply_failed(struct exchange *exchange, int code, const struct fl_error *err)
{
    reply_error(exchange, code == -ENOENT ? HTTP_NOTFOUND : HTTP_SERVUNAVAIL, "%s", err->message);
}

/* Where the next page is, as RFC 8288 has it. */
static void link_next(struct exchange *exchange, uint64_t limit, uint64_t before)
{
    char link[160];

    (void)snprintf(link, sizeof(link),
                   "</api/v1/verdicts?limit=%" PRIu64 "&before=%" PRIu64 ">; rel=\"next\"", limit,
                   before);
    reply_header(exchange, "Link", link);
}

void route_verdicts(struct exchange *exchange)
{
    struct store_incident *incidents = NULL;
    const struct store_type *type;
    uint64_t limit, before;
    struct store *store;
    struct fl_error err;
    json_t *array;
    size_t n = 0;
    int r;

    if (!exchange_query_number(exchange, "limit", USUAL_LIMIT, MAX_LIMIT, &limit) ||
        !exchange_query_number(exchange, "before", 0, INT64_MAX, &before))
        return;
    type = coordinator_store(exchange->coordinator, &store);
    r = type->incidents(store, before, limit, &incidents, &n, &err);
    if (r < 0) {
        reply_failed(exchange, r, &err);
        return;
    }
    array = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(array, incident_json(&incidents[i]));
    if (n > 0 && n == limit)
        link_next(exchange, limit, incidents[n - 1].verdict.id);
    free(incidents);
    reply_json(exchange, HTTP_OK, json_pack("{s:o}", "incidents", array));
}

/* Every component that the incident has been said to be. */
struct names {
    size_t n;
    const char *all[MAX_NAMES];
};

static void add_name(struct names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->all[i], name) == 0)
            return;
    if (names->n < MAX_NAMES)
        names->all[names->n++] = name;
}

static void add_names(struct names *names, const struct verdict *verdict)
{
    add_name(names, verdict->component);
    for (uint32_t i = 0; i < verdict->n_alternatives; i++)
        add_name(names, verdict->alternatives[i].component);
}

/* What agents were asked, to tell it from its rivals. */
static json_t *questions_json(const struct coordinator *coordinator,
                              const struct store_incident *incident,
                              const struct verdict_event *events, size_t n)
{
    fl_time to_us = incident->closed_us == FL_ABSENT ? INT64_MAX : incident->closed_us;
    struct names names = {0};
    struct asker_told told = {0};
    json_t *agents = json_array();

    add_names(&names, &incident->verdict);
    for (size_t i = 0; i < n; i++)
        add_names(&names, &events[i].verdict);
    for (size_t i = 0; i < names.n; i++)
        asker_tell(coordinator_asker(coordinator), names.all[i], incident->verdict.since_us, to_us,
                   &told);
    for (size_t i = 0; i < told.n_agents; i++)
        (void)json_array_append_new(agents, json_string(told.agents[i]));
    return json_pack("{s:I, s:I, s:I, s:o}", "asked", (json_int_t)told.asked, "answered",
                     (json_int_t)told.answered, "refused", (json_int_t)told.refused, "agents",
                     agents);
}

static bool read_id(const char *text, uint64_t *ret)
{
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 18 || text[digits] != '\0')
        return false;
    *ret = strtoull(text, NULL, 10);
    return true;
}

void route_verdict(struct exchange *exchange)
{
    struct store_incident incident;
    struct verdict_event *events = NULL;
    const struct store_type *type;
    struct store *store;
    struct fl_error err;
    json_t *json, *history;
    size_t n = 0;
    uint64_t id;
    int r;

    if (!read_id(exchange->parameters[0], &id)) {
        reply_error(exchange, HTTP_NOTFOUND, "an incident is named by its number");
        return;
    }
    type = coordinator_store(exchange->coordinator, &store);
    r = type->incident(store, id, &incident, &events, &n, &err);
    if (r < 0) {
        reply_failed(exchange, r, &err);
        return;
    }
    history = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(history, verdict_event_json(&events[i]));
    json = incident_json(&incident);
    (void)json_object_set_new(json, "history", history);
    (void)json_object_set_new(json, "questions",
                              questions_json(exchange->coordinator, &incident, events, n));
    free(events);
    reply_json(exchange, HTTP_OK, json);
}
