/* GET /api/v1/timeline: which minutes are kept and how each was.
 * GET /api/v1/timeline/{minute}: the matrix and the verdicts of one.
 * GET /api/v1/latency?agent=A&target=T&probe=P: how long each layer took, minute by minute.
 * GET /api/v1/stream/matrix: what changes in the matrix, each second. */
#include "coordinator/http/route.h"
#include "coordinator/trace/verdict_json.h"
#include "proto/runtime/fl_clock.h"

#include <event2/http.h>
#include <stdlib.h>
#include <string.h>

#define MAX_INCIDENTS 5000 /* that are looked through for those of a minute, */
#define READ_AT_ONCE 200   /* so many at once */
#define HTTP_GONE 410      /* evhttp has no name for it */
#define MAX_CHANGES 20000  /* cells in one event; the rest follows with the next look */

static const char *const states[] = {"unseen", "stale", "ok", "fail"};

static json_t *short_json(uint32_t us)
{
    return us == UINT32_MAX ? json_null() : json_integer(us);
}

void route_timeline(struct exchange *exchange)
{
    const struct timeline *timeline = http_server_timeline(exchange->server);
    const struct timeline_pair *pairs;
    size_t n = timeline_pairs(timeline, &pairs), minutes = timeline_count(timeline);
    json_t *array = json_array();

    for (size_t i = 0; i < minutes; i++) {
        fl_time t_us;
        const struct timeline_cell *cells = timeline_minute(timeline, i, &t_us);
        json_int_t counts[FL_COUNT(states)] = {0};

        for (size_t k = 0; k < n; k++)
            counts[cells[k].state]++;
        (void)json_array_append_new(
            array, json_pack("{s:I, s:I, s:I, s:I, s:I}", "t_us", t_us, "ok", counts[TIMELINE_OK],
                             "fail", counts[TIMELINE_FAIL], "stale", counts[TIMELINE_STALE],
                             "unseen", counts[TIMELINE_UNSEEN]));
    }
    reply_json(exchange, HTTP_OK,
               json_pack("{s:I, s:o}", "step_us", (json_int_t)TIMELINE_STEP, "minutes", array));
}

static json_t *cell_json(const struct fleet *fleet, uint32_t agent,
                         const struct timeline_cell *cell)
{
    bool failed = cell->state == TIMELINE_FAIL;

    return json_pack(
        "{s:s, s:s, s:s, s:o, s:o, s:o}", "agent", fleet->agents[agent].name, "zone",
        fleet->places[fleet->agents[agent].zone].name, "state", states[cell->state], "layer",
        failed ? json_string(fl_layer_name((enum fl_layer)cell->layer)) : json_null(), "error",
        failed && cell->failure != FL_FAILURE_NONE
            ? json_string(fl_failure_name((enum fl_failure)cell->failure))
            : json_null(),
        "took_us", short_json(cell->took_us));
}

static json_t *matrix_json(const struct coordinator *coordinator, const struct timeline *timeline,
                           const struct timeline_cell *cells)
{
    const struct fleet *fleet = coordinator_settings(coordinator)->fleet;
    const struct timeline_pair *pairs;
    size_t n = timeline_pairs(timeline, &pairs);
    json_t *array = json_array(), *row = NULL;
    uint32_t probe = FLEET_NONE;

    for (size_t i = 0; i < n; i++) {
        if (pairs[i].probe != probe) {
            probe = pairs[i].probe;
            row = json_array();
            (void)json_array_append_new(
                array, json_pack("{s:s, s:s, s:o}", "target",
                                 fleet->targets[fleet->probes[probe].target].name, "probe",
                                 fleet->probes[probe].name, "cells", row));
        }
        (void)json_array_append_new(row, cell_json(fleet, pairs[i].agent, &cells[i]));
    }
    return array;
}

/* Those that were open within the time, the newest first. */
static json_t *verdicts_json(const struct coordinator *coordinator, fl_time t_us, int64_t step_us)
{
    const struct store_type *type;
    json_t *array = json_array();
    uint64_t before = 0;
    struct store *store;
    struct fl_error err;
    size_t n = READ_AT_ONCE;

    type = coordinator_store(coordinator, &store);
    for (size_t read = 0; n == READ_AT_ONCE && read < MAX_INCIDENTS; read += n) {
        struct store_incident *incidents = NULL;

        if (type->incidents(store, before, READ_AT_ONCE, &incidents, &n, &err) < 0)
            return array; /* the matrix is what was asked for */
        for (size_t i = 0; i < n; i++)
            if (incidents[i].opened_us < t_us + step_us &&
                (incidents[i].closed_us == FL_ABSENT || incidents[i].closed_us >= t_us))
                (void)json_array_append_new(array, verdict_json(&incidents[i].verdict));
        before = n ? incidents[n - 1].verdict.id : 0;
        free(incidents);
    }
    return array;
}

static void reply_time(struct exchange *exchange, const struct timeline_recall *time)
{
    const struct timeline *timeline = http_server_timeline(exchange->server);
    const struct timeline_pair *pairs;

    reply_json(exchange, HTTP_OK,
               json_pack("{s:I, s:I, s:b, s:o, s:o}", "t_us", time->t_us, "step_us", time->step_us,
                         "complete", time->n_read == timeline_pairs(timeline, &pairs), "matrix",
                         matrix_json(exchange->coordinator, timeline, time->cells), "verdicts",
                         verdicts_json(exchange->coordinator, time->t_us, time->step_us)));
}

/* A minute that is not in the timeline: what the history has of it. */
static void reply_past(struct exchange *exchange, fl_time t_us)
{
    const struct store_keep *keep = &coordinator_settings(exchange->coordinator)->keep;
    fl_time now_us = fl_clock_steady();
    char kept[FL_DURATION_TEXT_SIZE];
    struct timeline_recall recall;
    struct fl_error err;
    int r;

    if (t_us > now_us) {
        reply_error(exchange, HTTP_NOTFOUND, "that minute has not begun yet");
        return;
    }
    r = timeline_recall(http_server_timeline(exchange->server), t_us, now_us, &recall, &err);
    if (r == -ENOENT)
        reply_error(exchange, HTTP_GONE,
                    "that minute is gone: the history keeps hours for %s (\"hours\" in section "
                    "\"history\")",
                    fl_duration_format(keep->hours_us, kept));
    else if (r < 0)
        reply_error(exchange, HTTP_INTERNAL, "the history cannot be read: %s", err.message);
    else
        reply_time(exchange, &recall);
}

void route_timeline_minute(struct exchange *exchange)
{
    const struct timeline *timeline = http_server_timeline(exchange->server);
    const struct timeline_pair *pairs;
    const char *text = exchange->parameters[0];
    int64_t wanted = strtoll(text, NULL, 10);

    if (strspn(text, "0123456789") != strlen(text) || strlen(text) > 16) {
        reply_error(exchange, HTTP_BADREQUEST,
                    "the minute is \"%.40s\"; it must be microseconds since 1970", text);
        return;
    }

    for (size_t i = 0; i < timeline_count(timeline); i++) {
        fl_time t_us;
        const struct timeline_cell *cells = timeline_minute(timeline, i, &t_us);

        if (t_us == wanted / TIMELINE_STEP * TIMELINE_STEP) {
            reply_time(exchange, &(struct timeline_recall){
                                     t_us, TIMELINE_STEP, timeline_pairs(timeline, &pairs), cells});
            return;
        }
    }
    reply_past(exchange, wanted / TIMELINE_STEP * TIMELINE_STEP);
}

/* The pair that the query names; -1: that is answered. */
static int64_t find_pair(struct exchange *exchange, const struct timeline *timeline)
{
    const struct fleet *fleet = coordinator_settings(exchange->coordinator)->fleet;
    const char *agent = exchange_query(exchange, "agent");
    const char *target = exchange_query(exchange, "target");
    const char *probe = exchange_query(exchange, "probe");
    const struct timeline_pair *pairs;
    size_t n = timeline_pairs(timeline, &pairs);

    for (size_t i = 0; agent && target && probe && i < n; i++) {
        const struct fleet_probe *is = &fleet->probes[pairs[i].probe];

        if (strcmp(is->name, probe) == 0 && strcmp(fleet->targets[is->target].name, target) == 0 &&
            strcmp(fleet->agents[pairs[i].agent].name, agent) == 0)
            return (int64_t)i;
    }
    reply_error(exchange, agent && target && probe ? HTTP_NOTFOUND : HTTP_BADREQUEST,
                "\"agent\", \"target\" and \"probe\" must name what is probed");
    return -1;
}

void route_latency(struct exchange *exchange)
{
    const struct timeline *timeline = http_server_timeline(exchange->server);
    int64_t pair = find_pair(exchange, timeline);
    json_t *layers[FL_LAYERS], *took, *when, *answer;

    if (pair < 0)
        return;
    took = json_array();
    when = json_array();
    answer = json_pack("{s:o, s:o}", "minutes_us", when, "took_us", took);
    for (int layer = 0; layer < FL_LAYERS; layer++) {
        layers[layer] = json_array();
        (void)json_object_set_new(answer, fl_layer_name((enum fl_layer)layer), layers[layer]);
    }
    for (size_t i = 0; i < timeline_count(timeline); i++) {
        fl_time t_us;
        const struct timeline_cell *cell = timeline_minute(timeline, i, &t_us) + pair;

        (void)json_array_append_new(when, json_integer(t_us));
        (void)json_array_append_new(took, short_json(cell->took_us));
        for (int layer = 0; layer < FL_LAYERS; layer++)
            (void)json_array_append_new(layers[layer], short_json(cell->phase_us[layer]));
    }
    reply_json(exchange, HTTP_OK, answer);
}

void route_matrix_stream(struct exchange *exchange)
{
    (void)stream_join(http_server_stream(exchange->server, HTTP_STREAM_MATRIX), exchange);
}

static json_t *phases_json(const struct engine_series_state *state)
{
    json_t *array = json_array();

    for (size_t i = 0; i < FL_LAYERS; i++)
        (void)json_array_append_new(array, state->phase_us[i] == FL_ABSENT
                                               ? json_null()
                                               : json_integer(state->phase_us[i]));
    return array;
}

/* [probe, agent, state, layer, error, took, [time of each layer]]: by index, as the status has
 * rows and agents. */
static void add_change(const struct timeline_pair *pair, const struct engine_series_state *state,
                       void *arg)
{
    const char *is = !state->fresh ? "stale" : state->ok ? "ok" : "fail";
    json_t *changes = arg;

    if (!changes || json_array_size(changes) == MAX_CHANGES)
        return;
    (void)json_array_append_new(changes,
                                json_pack("[I, I, s, s?, s?, I, o]", (json_int_t)pair->probe,
                                          (json_int_t)pair->agent, is,
                                          state->ok ? NULL : fl_layer_name(state->layer),
                                          state->ok ? NULL : fl_failure_name(state->failure),
                                          state->took_us, phases_json(state)));
}

void route_matrix_publish(struct timeline *timeline, struct stream *stream)
{
    fl_time now_us = fl_clock_steady();
    struct stream_stats stats;
    json_t *changes;
    char *text;

    stream_stats(stream, &stats);
    changes = stats.readers ? json_array() : NULL;
    timeline_look(timeline, now_us, add_change, changes);
    if (!changes)
        return;
    changes = json_pack("{s:I, s:o}", "t_us", now_us, "cells", changes);
    text = changes ? json_dumps(changes, JSON_COMPACT) : NULL;
    json_decref(changes);
    if (text)
        stream_publish(stream, "matrix", 0, text);
    free(text);
}
