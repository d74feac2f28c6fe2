/* GET /api/v1/verdicts?limit=N&before=ID: past and present incidents, newest first.
 * GET /api/v1/verdicts/ID: one of them with all its events. */
#include "coordinator/http/route.h"
#include "coordinator/trace/verdict_json.h"

#include <errno.h>
#include <event2/http.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LIMIT 1000
#define USUAL_LIMIT 50

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
    free(events);
    json = incident_json(&incident);
    (void)json_object_set_new(json, "history", history);
    reply_json(exchange, HTTP_OK, json);
}
