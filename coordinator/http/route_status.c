/* GET /api/v1/status: the fleet, what each agent sees of each target, what is wrong, what was
 * refused, and how the history is. GET /api/v1/agents: the fleet alone. */
#include "coordinator/discovery.h"
#include "coordinator/http/lease_json.h"
#include "coordinator/http/route.h"
#include "coordinator/trace/verdict_json.h"
#include "fl_version.h"
#include "proto/runtime/fl_clock.h"

#include <event2/http.h>
#include <stdio.h>

#define CONNECTED_US (5 * FL_SECOND) /* an agent says something every second */

struct scene_now {
    const struct coordinator_config *config;
    const struct fleet *fleet;
    const struct engine *engine;
    const struct ingest *ingest;
    fl_time now_us;
};

static json_t *optional(int64_t value)
{
    return value == FL_ABSENT ? json_null() : json_integer(value);
}

static json_t *account_json(const struct ingest_agent *seen)
{
    const struct account *account = &seen->account;

    if (!seen->has_account)
        return json_null();
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "produced", (json_int_t)account->produced,
                     "stored", (json_int_t)account->stored, "lost", (json_int_t)account->lost,
                     "spooled", (json_int_t)account->spooled, "balance",
                     (json_int_t)account->balance);
}

static json_t *agent_json(const struct scene_now *now, uint32_t index)
{
    const struct fleet_agent *agent = &now->fleet->agents[index];
    const struct ingest_agent *seen = ingest_agent(now->ingest, index);
    struct engine_agent_state state;
    bool connected = seen->last_us > 0 && now->now_us - seen->last_us < CONNECTED_US;
    int64_t offset;

    engine_agent_state(now->engine, index, &state);
    offset =
        state.seen && state.host.t_us > 0 ? state.host.values[FL_HOST_CLOCK_OFFSET_US] : FL_ABSENT;
    return json_pack("{s:s, s:s, s:b, s:o, s:s, s:I, s:I, s:s, s:I, s:I, s:I, s:o, s:o}", "name",
                     agent->name, "zone", now->fleet->places[agent->zone].name, "connected",
                     connected, "last_us", optional(seen->last_us ? seen->last_us : FL_ABSENT),
                     "software", seen->software, "plan_version", (json_int_t)seen->plan_version,
                     "plan_wanted", (json_int_t)seen->wanted_version, "plan_error",
                     seen->plan_error, "spooled", (json_int_t)seen->spooled, "stalled",
                     (json_int_t)seen->stalled, "dropped", (json_int_t)seen->dropped,
                     "clock_offset_us", optional(offset), "account", account_json(seen));
}

static json_t *agents_json(const struct scene_now *now)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < now->fleet->n_agents; i++)
        (void)json_array_append_new(array, agent_json(now, i));
    return array;
}

static json_t *places_json(const struct scene_now *now)
{
    json_t *array = json_array();

    for (size_t i = 0; i < now->fleet->n_places; i++)
        (void)json_array_append_new(array, json_string(now->fleet->places[i].name));
    return array;
}

static const char *cell_state(const struct engine_series_state *state)
{
    if (!state->seen)
        return "unseen";
    if (!state->fresh)
        return "stale";
    return state->ok ? "ok" : "fail";
}

static json_t *cell_json(const struct scene_now *now, uint32_t agent, uint32_t probe)
{
    const struct fleet_agent *who = &now->fleet->agents[agent];
    struct engine_series_state state;
    json_t *cell;
    bool failed;

    engine_series_state(now->engine, agent, probe, &state);
    failed = state.seen && !state.ok;
    cell = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "agent", who->name, "zone",
                     now->fleet->places[who->zone].name, "state", cell_state(&state), "layer",
                     failed ? json_string(fl_layer_name(state.layer)) : json_null(), "error",
                     failed ? json_string(fl_failure_name(state.failure)) : json_null(), "took_us",
                     optional(state.seen ? state.took_us : FL_ABSENT), "t_us",
                     optional(state.seen ? state.t_us : FL_ABSENT));
    if (cell && state.seen && state.facts.cert_end_s != FL_ABSENT)
        (void)json_object_set_new(cell, "cert_end_us",
                                  json_integer(state.facts.cert_end_s * FL_SECOND));
    return cell;
}

static const char *kind_name(enum target_kind kind)
{
    static const char *const names[] = {"service", "storage", "mesh"};

    return names[kind];
}

static json_t *row_json(const struct scene_now *now, uint32_t index)
{
    const struct fleet_probe *probe = &now->fleet->probes[index];
    const struct fleet_target *target = &now->fleet->targets[probe->target];
    const char *backend =
        target->backend == FLEET_NONE ? NULL : now->fleet->backends[target->backend].name;
    json_t *cells = json_array();

    for (uint32_t i = 0; i < now->fleet->n_agents; i++)
        if (coordinator_config_probes(now->config, i, probe->target))
            (void)json_array_append_new(cells, cell_json(now, i, index));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:o}", "target", target->name, "probe",
                     probe->name, "type", probe->type, "kind", kind_name(target->kind), "place",
                     now->fleet->places[target->place].name, "backend", backend, "cells", cells);
}

static json_t *matrix_json(const struct scene_now *now)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < now->fleet->n_probes; i++)
        (void)json_array_append_new(array, row_json(now, i));
    return array;
}

/* Those that announced work does not keep back. */
static json_t *verdicts_json(const struct scene_now *now, const struct coordinator *coordinator)
{
    const struct verdict *open;
    json_t *array = json_array();
    size_t n = engine_open(now->engine, &open);

    for (size_t i = 0; i < n; i++)
        if (!maintenance_is_silent(coordinator_silence(coordinator), open[i].id))
            (void)json_array_append_new(array, verdict_json(&open[i]));
    return array;
}

static json_t *refusals_json(const struct coordinator *coordinator, const struct scene_now *now)
{
    const struct ingest_refusals *refusals = ingest_refusals(now->ingest);
    struct fl_zsock_refusals socket;
    json_t *last = json_array();

    coordinator_socket_refusals(coordinator, &socket);
    for (size_t i = 0; i < refusals->n_last; i++)
        (void)json_array_append_new(last, json_string(refusals->last[i]));
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "unknown_key",
                     (json_int_t)socket.unknown_key, "handshake", (json_int_t)socket.handshake,
                     "version", (json_int_t)refusals->version, "malformed",
                     (json_int_t)refusals->malformed, "identity", (json_int_t)refusals->identity,
                     "oversized", (json_int_t)(refusals->oversized + socket.oversized), "busy",
                     (json_int_t)refusals->busy, "flooding", (json_int_t)refusals->flooding,
                     "misdated", (json_int_t)refusals->misdated, "last", last);
}

static json_t *store_json(const struct coordinator *coordinator)
{
    struct store *store;
    const struct store_type *type = coordinator_store(coordinator, &store);
    struct store_stats stats;

    type->stats(store, &stats);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:s}", "results", (json_int_t)stats.results,
                     "batches", (json_int_t)stats.batches, "duplicates",
                     (json_int_t)stats.duplicates, "queued", (json_int_t)stats.queued, "failures",
                     (json_int_t)stats.failures, "last_error", stats.last_error);
}

static json_t *lists_json(const struct coordinator *coordinator)
{
    const struct discovery *discovery = coordinator_discovery(coordinator);
    json_t *array = json_array();

    for (size_t i = 0; i < discovery_count(discovery); i++) {
        struct discovery_stats stats;

        discovery_at(discovery, i, &stats);
        (void)json_array_append_new(
            array, json_pack("{s:s, s:I, s:I, s:I, s:s}", "url", stats.url, "fetched",
                             (json_int_t)stats.fetched, "failed", (json_int_t)stats.failed,
                             "good_us", (json_int_t)stats.good_us, "last_error", stats.last_error));
    }
    return array;
}

static json_t *receivers_json(const struct coordinator *coordinator)
{
    const struct notify_config *config = &coordinator_settings(coordinator)->notify;
    json_t *array = json_array();

    for (size_t i = 0; i < config->n; i++) {
        struct notifier_stats stats;

        notifier_stats(coordinator_notifier(coordinator), i, &stats);
        (void)json_array_append_new(
            array, json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:s}", "name",
                             config->receivers[i].name, "type",
                             notify_table[config->receivers[i].type]->name, "delivered",
                             (json_int_t)stats.delivered, "failed", (json_int_t)stats.failed,
                             "given_up", (json_int_t)stats.given_up, "refused_addresses",
                             (json_int_t)stats.refused, "superseded", (json_int_t)stats.superseded,
                             "dropped", (json_int_t)stats.dropped, "last_error", stats.last_error));
    }
    return array;
}

static json_t *stream_json(const struct stream_stats *stats)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "readers", (json_int_t)stats->readers, "joined",
                     (json_int_t)stats->joined, "events", (json_int_t)stats->events, "dropped",
                     (json_int_t)stats->dropped);
}

static json_t *http_json(const struct http_server *server)
{
    struct http_stats stats;
    json_t *streams = json_array();

    http_server_stats(server, &stats);
    for (size_t i = 0; i < HTTP_STREAMS; i++)
        (void)json_array_append_new(streams, stream_json(&stats.streams[i]));
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "requests",
        (json_int_t)stats.requests, "limited", (json_int_t)stats.limited, "unauthorized",
        (json_int_t)stats.unauthorized, "connections", (json_int_t)stats.connections.now,
        "most_connections", (json_int_t)stats.connections.most, "accepted",
        (json_int_t)stats.connections.accepted, "refused", (json_int_t)stats.connections.refused,
        "evicted", (json_int_t)stats.connections.evicted, "overdue",
        (json_int_t)stats.connections.overdue, "waiting", (json_int_t)stats.waiting, "streams",
        streams);
}

static struct scene_now scene_of(const struct coordinator *coordinator)
{
    const struct coordinator_config *config = coordinator_settings(coordinator);

    return (struct scene_now){config, config->fleet, coordinator_engine(coordinator),
                              coordinator_ingest(coordinator), fl_clock_steady()};
}

void route_agents(struct exchange *exchange)
{
    const struct scene_now now = scene_of(exchange->coordinator);

    reply_json(
        exchange, HTTP_OK,
        json_pack("{s:I, s:o}", "t_us", (json_int_t)now.now_us, "agents", agents_json(&now)));
}

void route_status(struct exchange *exchange)
{
    const struct coordinator *coordinator = exchange->coordinator;
    const struct scene_now now = scene_of(coordinator);
    json_t *verdicts = verdicts_json(&now, coordinator);
    bool any = json_array_size(verdicts) > 0;

    reply_json(
        exchange, HTTP_OK,
        json_pack("{s:I, s:s, s:s, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:I}",
                  "t_us", (json_int_t)now.now_us, "version", FL_VERSION, "worst",
                  any ? "fault" : "ok", "agents", agents_json(&now), "places", places_json(&now),
                  "matrix", matrix_json(&now), "verdicts", verdicts, "silent",
                  (json_int_t)coordinator_silence(coordinator)->n, "refusals",
                  refusals_json(coordinator, &now), "store", store_json(coordinator), "lists",
                  lists_json(coordinator), "receivers", receivers_json(coordinator), "http",
                  http_json(exchange->server), "lease", lease_json(coordinator), "plan_version",
                  (json_int_t)coordinator_generation(coordinator)));
}
