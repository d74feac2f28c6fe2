/* GET /metrics: what every agent sees of every target, verdicts, decisions and how Faultline
 * itself is, as Prometheus text or as OpenMetrics. */
#include "coordinator/asker.h"
#include "coordinator/decisions.h"
#include "coordinator/discovery.h"
#include "coordinator/group_keys.h"
#include "coordinator/http/probe_metrics.h"
#include "coordinator/http/route.h"
#include "fl_version.h"
#include "proto/runtime/fl_clock.h"

#include <event2/http.h>

#define METRICS_LIMIT (32 * 1024 * 1024)
#define CONNECTED_US (5 * FL_SECOND) /* an agent says something every second */

struct metrics_scene {
    struct metrics_text *text;
    const struct coordinator *coordinator;
    const struct coordinator_config *config;
    const struct fleet *fleet;
    const struct engine *engine;
    fl_time now_us;
};

struct metrics_series {
    const struct metrics_scene *scene;
    uint32_t agent, probe;
};

static void gauge(const struct metrics_scene *scene, const char *name, const char *help)
{
    metrics_text_family(scene->text, METRICS_GAUGE, name, help);
}

static void label_agent(const struct metrics_scene *scene, uint32_t agent)
{
    const struct fleet_agent *who = &scene->fleet->agents[agent];

    metrics_text_label(scene->text, "zone", scene->fleet->places[who->zone].name);
    metrics_text_label(scene->text, "agent", who->name);
}

static void label_series(struct metrics_text *text, const void *arg)
{
    const struct metrics_series *series = arg;
    const struct fleet *fleet = series->scene->fleet;
    const struct fleet_probe *probe = &fleet->probes[series->probe];

    label_agent(series->scene, series->agent);
    metrics_text_label(text, "target", fleet->targets[probe->target].name);
    metrics_text_label(text, "probe", probe->name);
    metrics_text_label(text, "type", probe->type);
}

/* Says something of one series that was probed lately. */
typedef void (*series_cb)(const struct metrics_series *series,
                          const struct engine_series_state *state, const void *arg);

static void each_series(const struct metrics_scene *scene, series_cb say, const void *arg)
{
    struct metrics_series series = {.scene = scene};
    struct engine_series_state state;

    for (series.probe = 0; series.probe < scene->fleet->n_probes; series.probe++)
        for (series.agent = 0; series.agent < scene->fleet->n_agents; series.agent++) {
            if (!coordinator_config_probes(scene->config, series.agent,
                                           scene->fleet->probes[series.probe].target))
                continue;
            engine_series_state(scene->engine, series.agent, series.probe, &state);
            if (state.seen && state.fresh)
                say(&series, &state, arg);
        }
}

static void say_success(const struct metrics_series *series,
                        const struct engine_series_state *state, const void *arg)
{
    (void)arg;
    label_series(series->scene->text, series);
    metrics_text_count(series->scene->text, state->ok);
}

static void say_duration(const struct metrics_series *series,
                         const struct engine_series_state *state, const void *arg)
{
    (void)arg;
    label_series(series->scene->text, series);
    metrics_text_millionths(series->scene->text, state->took_us);
}

static void say_time(const struct metrics_series *series, const struct engine_series_state *state,
                     const void *arg)
{
    (void)arg;
    label_series(series->scene->text, series);
    metrics_text_millionths(series->scene->text, state->t_us);
}

static void say_failure(const struct metrics_series *series,
                        const struct engine_series_state *state, const void *arg)
{
    struct metrics_text *text = series->scene->text;

    (void)arg;
    if (state->ok)
        return;
    label_series(text, series);
    metrics_text_label(text, "layer", fl_layer_name(state->layer));
    metrics_text_label(text, "error", fl_failure_name(state->failure));
    metrics_text_count(text, 1);
}

static void say_layers(const struct metrics_series *series, const struct engine_series_state *state,
                       const void *arg)
{
    probe_metrics_layers(series->scene->text, arg, series->scene->fleet->probes[series->probe].type,
                         state, label_series, series);
}

static void say_fact(const struct metrics_series *series, const struct engine_series_state *state,
                     const void *arg)
{
    probe_metrics_fact(series->scene->text, arg, series->scene->fleet->probes[series->probe].type,
                       state, label_series, series);
}

static void probes(const struct metrics_scene *scene)
{
    gauge(scene, "probe_success", "Whether the newest probe was a success; gone when none came");
    each_series(scene, say_success, NULL);
    gauge(scene, "probe_duration_seconds", "How long the newest probe took");
    each_series(scene, say_duration, NULL);
    for (const struct probe_metric *metric = probe_metric_table; metric->name; metric++) {
        gauge(scene, metric->name, metric->help);
        each_series(scene, say_layers, metric);
    }
    for (const struct probe_fact *fact = probe_fact_table; fact->name; fact++) {
        gauge(scene, fact->name, fact->help);
        each_series(scene, say_fact, fact);
    }
    gauge(scene, "faultline_probe_start_timestamp_seconds", "When the newest probe began");
    each_series(scene, say_time, NULL);
    gauge(scene, "faultline_probe_failure_info", "What stopped the newest probe, and where");
    each_series(scene, say_failure, NULL);
}

/* What announced work keeps back is not said here either. */
static bool is_public(const struct metrics_scene *scene, const struct verdict *verdict)
{
    return !maintenance_is_silent(coordinator_silence(scene->coordinator), verdict->id);
}

static void label_verdict(const struct metrics_scene *scene, const struct verdict *verdict)
{
    const char *cause = verdict_cause_name(verdict->cause);

    metrics_text_label(scene->text, "class", verdict_class_name(verdict->class));
    metrics_text_label(scene->text, "component", verdict->component);
    metrics_text_label(scene->text, "cause", cause ? cause : "");
}

static void verdict_counts(const struct metrics_scene *scene, const struct verdict *open, size_t n)
{
    uint64_t counts[VERDICT_CLASSES] = {0};

    for (size_t i = 0; i < n; i++)
        counts[open[i].class] += is_public(scene, &open[i]);
    gauge(scene, "faultline_open_verdicts", "Verdicts that are open, by class");
    for (int i = 0; i < VERDICT_CLASSES; i++) {
        metrics_text_label(scene->text, "class", verdict_class_name((enum verdict_class)i));
        metrics_text_count(scene->text, counts[i]);
    }
    gauge(scene, "faultline_silenced_verdicts",
          "Verdicts that are open and that announced work keeps back");
    metrics_text_count(scene->text, coordinator_silence(scene->coordinator)->n);
}

static void verdicts(const struct metrics_scene *scene)
{
    const struct verdict *open;
    size_t n = engine_open(scene->engine, &open);

    verdict_counts(scene, open, n);
    gauge(scene, "faultline_verdict_confidence_ratio", "How sure an open verdict is");
    for (size_t i = 0; i < n; i++)
        if (is_public(scene, &open[i])) {
            label_verdict(scene, &open[i]);
            metrics_text_millionths(scene->text, (int64_t)(open[i].confidence * 1e6));
        }
    gauge(scene, "faultline_verdict_since_timestamp_seconds", "Since when an open verdict holds");
    for (size_t i = 0; i < n; i++)
        if (is_public(scene, &open[i])) {
            label_verdict(scene, &open[i]);
            metrics_text_millionths(scene->text, open[i].since_us);
        }
}

typedef void (*decision_cb)(const struct metrics_scene *scene, const struct decision *decision);

static void each_decision(const struct metrics_scene *scene, decision_cb say)
{
    const struct decider *decider = decisions_decider(coordinator_decisions(scene->coordinator));
    const struct decision_settings *settings = &scene->config->decision_settings;
    struct decision decision;

    for (uint32_t g = 0; g < settings->n_groups; g++)
        for (uint32_t m = 0; m < settings->groups[g].n_members; m++) {
            decider_at(decider, g, m, scene->now_us, &decision);
            say(scene, &decision);
        }
}

static void label_decision(const struct metrics_scene *scene, const struct decision *decision)
{
    metrics_text_label(scene->text, "group", decision->group);
    metrics_text_label(scene->text, "zone", decision->zone);
}

static void say_states(const struct metrics_scene *scene, const struct decision *decision)
{
    for (int i = 0; i < DECISION_STATES; i++) {
        label_decision(scene, decision);
        metrics_text_label(scene->text, "state", decision_state_name((enum decision_state)i));
        metrics_text_count(scene->text, (int)decision->state == i);
    }
}

static void say_weight(const struct metrics_scene *scene, const struct decision *decision)
{
    label_decision(scene, decision);
    metrics_text_millionths(scene->text, decision->weight * 10000);
}

static void say_generation(const struct metrics_scene *scene, const struct decision *decision)
{
    label_decision(scene, decision);
    metrics_text_count(scene->text, decision->generation);
}

static void say_validity(const struct metrics_scene *scene, const struct decision *decision)
{
    label_decision(scene, decision);
    metrics_text_millionths(scene->text, decision->valid_until_us);
}

static void say_reason(const struct metrics_scene *scene, const struct decision *decision)
{
    label_decision(scene, decision);
    metrics_text_label(scene->text, "reason", decision_reason_name(decision->reason));
    metrics_text_label(scene->text, "shadow", decision->shadow ? "true" : "false");
    metrics_text_count(scene->text, 1);
}

static void decisions_say(const struct metrics_scene *scene)
{
    gauge(scene, "faultline_decision_state", "1 for what is decided: serve, avoid or hold");
    each_decision(scene, say_states);
    gauge(scene, "faultline_decision_weight_ratio", "Which part of its usual traffic a zone gets");
    each_decision(scene, say_weight);
    gauge(scene, "faultline_decision_info", "Why it is decided so");
    each_decision(scene, say_reason);
    gauge(scene, "faultline_decision_generation", "Number of the decision, which never goes back");
    each_decision(scene, say_generation);
    gauge(scene, "faultline_decision_valid_until_timestamp_seconds",
          "When the decision ends by itself");
    each_decision(scene, say_validity);
}

/* One number of each agent; FL_ABSENT is left out. */
struct agent_metric {
    const char *name;
    const char *help;
    enum metrics_kind kind;
    bool millionths;
    int64_t (*get)(const struct metrics_scene *scene, uint32_t agent);
};

static int64_t agent_up(const struct metrics_scene *scene, uint32_t agent)
{
    fl_time last_us = ingest_agent(coordinator_ingest(scene->coordinator), agent)->last_us;

    return last_us > 0 && scene->now_us - last_us < CONNECTED_US;
}

static int64_t agent_heard(const struct metrics_scene *scene, uint32_t agent)
{
    fl_time last_us = ingest_agent(coordinator_ingest(scene->coordinator), agent)->last_us;

    return last_us > 0 ? last_us : FL_ABSENT;
}

static int64_t agent_spooled(const struct metrics_scene *scene, uint32_t agent)
{
    return (int64_t)ingest_agent(coordinator_ingest(scene->coordinator), agent)->spooled;
}

static int64_t agent_stalled(const struct metrics_scene *scene, uint32_t agent)
{
    return (int64_t)ingest_agent(coordinator_ingest(scene->coordinator), agent)->stalled;
}

static int64_t agent_dropped(const struct metrics_scene *scene, uint32_t agent)
{
    return (int64_t)ingest_agent(coordinator_ingest(scene->coordinator), agent)->dropped;
}

static int64_t agent_offset(const struct metrics_scene *scene, uint32_t agent)
{
    struct engine_agent_state state;

    engine_agent_state(scene->engine, agent, &state);
    return state.seen && state.host.t_us > 0 ? state.host.values[FL_HOST_CLOCK_OFFSET_US]
                                             : FL_ABSENT;
}

static void agents(const struct metrics_scene *scene)
{
    static const struct agent_metric metrics[] = {
        {"faultline_agent_up", "Whether the agent is heard", METRICS_GAUGE, false, agent_up},
        {"faultline_agent_last_heard_timestamp_seconds", "When the agent was last heard",
         METRICS_GAUGE, true, agent_heard},
        {"faultline_agent_clock_offset_seconds", "Coordinator's clock minus that of the agent",
         METRICS_GAUGE, true, agent_offset},
        {"faultline_agent_spooled_batches", "Batches on the agent's disk that are not delivered",
         METRICS_GAUGE, false, agent_spooled},
        {"faultline_agent_stalled_probes", "Probes of the agent that hang in its kernel",
         METRICS_GAUGE, false, agent_stalled},
        {"faultline_agent_dropped_results", "Results that the agent had no room for",
         METRICS_COUNTER, false, agent_dropped},
    };

    for (size_t i = 0; i < FL_COUNT(metrics); i++) {
        metrics_text_family(scene->text, metrics[i].kind, metrics[i].name, metrics[i].help);
        for (uint32_t agent = 0; agent < scene->fleet->n_agents; agent++) {
            int64_t value = metrics[i].get(scene, agent);

            if (value == FL_ABSENT)
                continue;
            label_agent(scene, agent);
            if (metrics[i].millionths)
                metrics_text_millionths(scene->text, value);
            else
                metrics_text_count(scene->text, (uint64_t)value);
        }
    }
}

struct plain_metric {
    enum metrics_kind kind;
    const char *name;
    const char *help;
    uint64_t value;
};

static void plain(const struct metrics_scene *scene, const struct plain_metric *metrics, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        metrics_text_family(scene->text, metrics[i].kind, metrics[i].name, metrics[i].help);
        metrics_text_count(scene->text, metrics[i].value);
    }
}

static void refusals(const struct metrics_scene *scene)
{
    const struct ingest_refusals *said = ingest_refusals(coordinator_ingest(scene->coordinator));
    struct fl_zsock_refusals socket;

    coordinator_socket_refusals(scene->coordinator, &socket);
    {
        const struct {
            const char *reason;
            uint64_t n;
        } reasons[] = {
            {"unknown_key", socket.unknown_key},
            {"handshake", socket.handshake},
            {"version", said->version},
            {"malformed", said->malformed},
            {"identity", said->identity},
            {"oversized", said->oversized + socket.oversized},
            {"busy", said->busy},
        };

        metrics_text_family(scene->text, METRICS_COUNTER, "faultline_refused_messages",
                            "What agents, or who said to be one, were refused");
        for (size_t i = 0; i < FL_COUNT(reasons); i++) {
            metrics_text_label(scene->text, "reason", reasons[i].reason);
            metrics_text_count(scene->text, reasons[i].n);
        }
    }
}

static void history(const struct metrics_scene *scene)
{
    struct store *store;
    const struct store_type *type = coordinator_store(scene->coordinator, &store);
    struct store_stats stats;

    type->stats(store, &stats);
    {
        const struct plain_metric metrics[] = {
            {METRICS_COUNTER, "faultline_store_results", "Results that were stored", stats.results},
            {METRICS_COUNTER, "faultline_store_batches", "Batches that were stored", stats.batches},
            {METRICS_COUNTER, "faultline_store_duplicates", "Batches that had come before",
             stats.duplicates},
            {METRICS_COUNTER, "faultline_store_failures", "Writes to the history that failed",
             stats.failures},
            {METRICS_COUNTER, "faultline_store_unreadable_batches",
             "Batches that could not be packed and were given up", stats.unreadable},
            {METRICS_GAUGE, "faultline_store_queued_batches", "Batches waiting to be stored",
             stats.queued},
        };

        plain(scene, metrics, FL_COUNT(metrics));
    }
}

static void http(const struct metrics_scene *scene, const struct http_server *server)
{
    struct http_stats stats;

    http_server_stats(server, &stats);
    {
        const struct plain_metric metrics[] = {
            {METRICS_COUNTER, "faultline_http_requests", "Requests that came", stats.requests},
            {METRICS_COUNTER, "faultline_http_limited_requests",
             "Requests turned away since too many came from one address", stats.limited},
            {METRICS_COUNTER, "faultline_http_unauthorized_requests",
             "Requests turned away for want of a token", stats.unauthorized},
            {METRICS_COUNTER, "faultline_http_refused_connections",
             "Connections closed at once since every place was taken", stats.connections.refused},
            {METRICS_GAUGE, "faultline_http_connections", "Connections now", stats.connections.now},
            {METRICS_GAUGE, "faultline_http_waiting_requests", "Requests that wait for something",
             stats.waiting},
        };

        plain(scene, metrics, FL_COUNT(metrics));
    }
}

static void snapshots(const struct metrics_scene *scene, const struct http_server *server)
{
    struct snapshot_bucket_stats stats;

    if (!coordinator_settings(scene->coordinator)->status.bucket.endpoint)
        return;
    status_page_bucket(http_server_page(server), &stats);
    {
        const struct plain_metric metrics[] = {
            {METRICS_COUNTER, "faultline_snapshots", "Snapshots that were put into the bucket",
             stats.put},
            {METRICS_COUNTER, "faultline_snapshot_failures",
             "Times that the bucket did not take a snapshot", stats.failed},
            {METRICS_COUNTER, "faultline_snapshots_overtaken",
             "Snapshots that were not put since a newer one came", stats.overtaken},
            {METRICS_GAUGE, "faultline_snapshot_timestamp_seconds",
             "When the snapshot in the bucket was put there",
             (uint64_t)(stats.good_us / FL_SECOND)},
        };

        plain(scene, metrics, FL_COUNT(metrics));
    }
}

static void asks(const struct metrics_scene *scene)
{
    struct asker_stats stats;

    asker_stats(coordinator_asker(scene->coordinator), &stats);
    {
        const struct plain_metric metrics[] = {
            {METRICS_COUNTER, "faultline_asks", "Asks for probes that came by the API", stats.asks},
            {METRICS_COUNTER, "faultline_questions", "Asks to tell explanations apart",
             stats.questions},
            {METRICS_COUNTER, "faultline_asked_results", "Results of what was asked for",
             stats.results},
            {METRICS_COUNTER, "faultline_asks_refused", "Orders that agents did not take",
             stats.refused},
            {METRICS_COUNTER, "faultline_asks_late", "Answers that came when it was over",
             stats.late},
            {METRICS_COUNTER, "faultline_asks_turned_away", "Asks over a limit", stats.turned_away},
        };

        plain(scene, metrics, FL_COUNT(metrics));
    }
}

static void decisions_health(const struct metrics_scene *scene)
{
    struct decisions_stats stats;

    decisions_stats(coordinator_decisions(scene->coordinator), &stats);
    {
        const struct plain_metric metrics[] = {
            {METRICS_COUNTER, "faultline_decisions_made", "Decisions that changed", stats.made},
            {METRICS_COUNTER, "faultline_decisions_withheld", "Moves that were due and not made",
             stats.withheld},
            {METRICS_COUNTER, "faultline_decisions_unsaved", "Writes of decisions.json that failed",
             stats.unsaved},
            {METRICS_COUNTER, "faultline_commands_failed", "Hooks and vetoes that failed",
             stats.commands.failed},
            {METRICS_COUNTER, "faultline_commands_dropped", "Hooks that there was no room for",
             stats.commands.dropped},
            {METRICS_COUNTER, "faultline_notices_failed", "Notices that could not be published",
             stats.notices.failed},
        };

        plain(scene, metrics, FL_COUNT(metrics));
    }
}

static void notifications(const struct metrics_scene *scene)
{
    static const struct {
        const char *name;
        const char *help;
        size_t offset;
    } rows[] = {
        {"faultline_notifications_delivered", "Messages that arrived",
         offsetof(struct notifier_stats, delivered)},
        {"faultline_notifications_failed", "Attempts to deliver that failed",
         offsetof(struct notifier_stats, failed)},
        {"faultline_notifications_given_up", "Messages that the receiver refused for good",
         offsetof(struct notifier_stats, given_up)},
        {"faultline_notifications_refused_addresses",
         "Addresses at which a message was refused that arrived elsewhere",
         offsetof(struct notifier_stats, refused)},
        {"faultline_notifications_superseded_events", "Events that a later one made needless",
         offsetof(struct notifier_stats, superseded)},
        {"faultline_notifications_dropped_events", "Events that there was no room for",
         offsetof(struct notifier_stats, dropped)},
    };
    const struct notify_config *config = &scene->config->notify;

    for (size_t i = 0; i < FL_COUNT(rows); i++) {
        metrics_text_family(scene->text, METRICS_COUNTER, rows[i].name, rows[i].help);
        for (size_t k = 0; k < config->n; k++) {
            struct notifier_stats stats;

            notifier_stats(coordinator_notifier(scene->coordinator), k, &stats);
            metrics_text_label(scene->text, "receiver", config->receivers[k].name);
            metrics_text_count(scene->text, *(const uint64_t *)(const void *)((const char *)&stats +
                                                                              rows[i].offset));
        }
    }
}

/* A number of each list of targets that is fetched. */
static void list_counts(const struct metrics_scene *scene, enum metrics_kind kind, const char *name,
                        const char *help, int64_t (*get)(const struct discovery_stats *stats),
                        bool millionths)
{
    const struct discovery *discovery = coordinator_discovery(scene->coordinator);

    metrics_text_family(scene->text, kind, name, help);
    for (size_t i = 0; i < discovery_count(discovery); i++) {
        struct discovery_stats stats;

        discovery_at(discovery, i, &stats);
        metrics_text_label(scene->text, "url", stats.url);
        if (millionths)
            metrics_text_millionths(scene->text, get(&stats));
        else
            metrics_text_count(scene->text, (uint64_t)get(&stats));
    }
}

static int64_t list_fetched(const struct discovery_stats *stats)
{
    return (int64_t)stats->fetched;
}

static int64_t list_failed(const struct discovery_stats *stats)
{
    return (int64_t)stats->failed;
}

static int64_t list_good(const struct discovery_stats *stats)
{
    return stats->good_us;
}

static void lists(const struct metrics_scene *scene)
{
    list_counts(scene, METRICS_COUNTER, "faultline_target_list_fetches",
                "How often a list of targets was fetched, or was to be", list_fetched, false);
    list_counts(scene, METRICS_COUNTER, "faultline_target_list_failures",
                "How often it could not be fetched or was not good", list_failed, false);
    list_counts(scene, METRICS_GAUGE, "faultline_target_list_good_timestamp_seconds",
                "When it was last fetched and good", list_good, true);
}

static void lease(const struct metrics_scene *scene)
{
    const struct leadership *leadership = coordinator_leadership(scene->coordinator);
    struct group_keys_stats keys;
    struct leadership_state state;

    if (!leadership)
        return;
    leadership_state(leadership, &state);
    group_keys_stats(coordinator_group_keys(scene->coordinator), &keys);
    gauge(scene, "faultline_lease_leader", "1 for the coordinator that leads, as far as is known");
    if (*state.leader) {
        metrics_text_label(scene->text, "coordinator", state.leader);
        metrics_text_count(scene->text, 1);
    }
    {
        const struct plain_metric metrics[] = {
            {METRICS_GAUGE, "faultline_lease_acts", "Whether this coordinator acts", state.acts},
            {METRICS_GAUGE, "faultline_lease_revision", "Number of the leadership", state.revision},
            {METRICS_COUNTER, "faultline_lease_gained", "How often this coordinator came to act",
             state.gained},
            {METRICS_COUNTER, "faultline_lease_lost", "How often it ceased to against its will",
             state.lost},
            {METRICS_COUNTER, "faultline_etcd_answers", "Requests that etcd answered",
             state.etcd.answers},
            {METRICS_COUNTER, "faultline_etcd_failures", "Requests that it did not",
             state.etcd.failures},
            {METRICS_COUNTER, "faultline_etcd_written_keys", "Decisions and verdicts written",
             keys.written},
            {METRICS_COUNTER, "faultline_etcd_dropped_keys", "Those for which there was no room",
             keys.dropped},
            {METRICS_GAUGE, "faultline_etcd_queued_keys", "Those that wait to be written",
             keys.queued},
        };

        plain(scene, metrics, FL_COUNT(metrics));
        gauge(scene, "faultline_lease_seen_timestamp_seconds", "When etcd last said who leads");
        metrics_text_millionths(scene->text, state.seen_us);
        gauge(scene, "faultline_lease_left_seconds", "How long this one may still act");
        metrics_text_millionths(scene->text, state.left_us);
    }
}

static void itself(const struct metrics_scene *scene, const struct http_server *server)
{
    const struct plain_metric metrics[] = {
        {METRICS_COUNTER, "faultline_ignored_results", "Results and samples not of this fleet",
         engine_ignored(scene->engine)},
        {METRICS_COUNTER, "faultline_verdict_events", "Verdicts opened, changed and closed",
         coordinator_newest_event(scene->coordinator)},
        {METRICS_GAUGE, "faultline_config_generation", "How many configurations were taken",
         coordinator_generation(scene->coordinator)},
    };

    gauge(scene, "faultline_build_info", "Which version this is");
    metrics_text_label(scene->text, "version", FL_VERSION);
    metrics_text_count(scene->text, 1);
    agents(scene);
    refusals(scene);
    history(scene);
    http(scene, server);
    snapshots(scene, server);
    decisions_health(scene);
    asks(scene);
    notifications(scene);
    lists(scene);
    lease(scene);
    plain(scene, metrics, FL_COUNT(metrics));
}

void route_metrics(struct exchange *exchange)
{
    enum metrics_format format = metrics_format_of(exchange_header(exchange, "Accept"));
    FL_CLEANUP(metrics_text_freep) struct metrics_text *text = NULL;
    const struct coordinator_config *config = coordinator_settings(exchange->coordinator);
    struct metrics_scene scene = {.coordinator = exchange->coordinator,
                                  .config = config,
                                  .fleet = config->fleet,
                                  .engine = coordinator_engine(exchange->coordinator),
                                  .now_us = fl_clock_steady()};
    const char *bytes = NULL;
    size_t size = 0;

    if (metrics_text_new(format, METRICS_LIMIT, &text) == 0) {
        scene.text = text;
        itself(&scene, exchange->server); /* first: it always fits */
        verdicts(&scene);
        decisions_say(&scene);
        probes(&scene);
        bytes = metrics_text_end(text, &size);
    }
    reply_header(exchange, "Vary", "Accept, Accept-Encoding, Origin");
    if (bytes)
        reply_bytes(exchange, HTTP_OK, metrics_media_type(format), bytes, size);
    else
        reply_error(exchange, HTTP_INTERNAL, "no memory");
}
