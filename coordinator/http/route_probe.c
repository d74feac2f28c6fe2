/* GET /probe?target=T&module=M: what is known of a configured target, in the way of the Prometheus
 * blackbox exporter, so that a scrape configuration moves by its address. It is the newest result,
 * of the middle one of the agents that `zone` or `agent` let in; where none of them has a recent
 * one, they are asked for one now. */
#include "coordinator/asker.h"
#include "coordinator/http/probe_metrics.h"
#include "coordinator/http/route.h"

#include <errno.h>
#include <event2/http.h>
#include <stdlib.h>
#include <string.h>

#define PROBE_LIMIT (64 * 1024)
#define USUAL_MODULE "http_2xx"
#define SLACK (500 * FL_MS)   /* for an ask to travel */
#define GRACE (2 * FL_SECOND) /* for the answer */

struct probe_question {
    const struct coordinator_config *config;
    const char *target, *module;
    const char *zone, *agent; /* NULL: any */
};

static bool is_same_address(const char *a, const char *b)
{
    size_t length = strlen(a), other = strlen(b);

    length -= length > 0 && a[length - 1] == '/';
    other -= other > 0 && b[other - 1] == '/';
    return length == other && memcmp(a, b, length) == 0;
}

/* By its name, or by the address that is probed. */
static bool is_target(const struct probe_question *question, const struct fl_probe_spec *spec)
{
    static const char *const keys[] = {"url", "address", "server"};

    if (strcmp(spec->target, question->target) == 0)
        return true;
    for (size_t i = 0; i < spec->n_settings; i++)
        for (size_t k = 0; k < FL_COUNT(keys); k++)
            if (strcmp(spec->settings[i].key, keys[k]) == 0 &&
                is_same_address(spec->settings[i].value, question->target))
                return true;
    return false;
}

/* The probe that is meant, or FLEET_NONE and which of the two words it was not. */
static uint32_t find_probe(const struct probe_question *question, bool *ret_target_known)
{
    *ret_target_known = false;
    for (size_t t = 0; t < question->config->n_targets; t++) {
        const struct fl_plan *plan = &question->config->targets[t].probes;

        for (size_t i = 0; i < plan->n_specs; i++) {
            const struct fl_probe_spec *spec = &plan->specs[i];

            if (!is_target(question, spec))
                continue;
            *ret_target_known = true;
            if (probe_metrics_is_module(question->module, spec->probe, spec->type))
                return fleet_find_probe(question->config->fleet, spec->series);
        }
    }
    return FLEET_NONE;
}

static bool is_asked(const struct probe_question *question, uint32_t index)
{
    const struct fleet *fleet = question->config->fleet;
    const struct fleet_agent *agent = &fleet->agents[index];

    return (!question->agent || strcmp(question->agent, agent->name) == 0) &&
           (!question->zone || strcmp(question->zone, fleet->places[agent->zone].name) == 0);
}

/* False: nobody who is asked has probed it lately. */
static bool find_result(const struct probe_question *question, const struct engine *engine,
                        uint32_t probe, struct engine_series_state *ret)
{
    const struct fleet *fleet = question->config->fleet;
    struct engine_series_state *states = calloc(fleet->n_agents, sizeof(*states));
    size_t n = 0;

    for (uint32_t i = 0; states && i < fleet->n_agents; i++) {
        if (!is_asked(question, i) ||
            !coordinator_config_probes(question->config, i, fleet->probes[probe].target))
            continue;
        engine_series_state(engine, i, probe, &states[n]);
        n += states[n].seen && states[n].fresh;
    }
    if (n > 0)
        *ret = *probe_metrics_middle(states, n);
    free(states);
    return n > 0;
}

static void no_labels(struct metrics_text *text, const void *arg)
{
    (void)text;
    (void)arg;
}

static void say(struct metrics_text *text, const struct fleet_probe *probe,
                const struct engine_series_state *state)
{
    metrics_text_family(text, METRICS_GAUGE, "probe_success", "Whether the probe was a success");
    metrics_text_count(text, state->ok);
    metrics_text_family(text, METRICS_GAUGE, "probe_duration_seconds", "How long the probe took");
    metrics_text_millionths(text, state->took_us);
    metrics_text_family(text, METRICS_GAUGE, "probe_timeout_seconds", "How long it might take");
    metrics_text_millionths(text, probe->timeout_us);
    metrics_text_family(text, METRICS_GAUGE, "faultline_probe_start_timestamp_seconds",
                        "When the probe began");
    metrics_text_millionths(text, state->t_us);
    for (const struct probe_metric *metric = probe_metric_table; metric->name; metric++) {
        metrics_text_family(text, METRICS_GAUGE, metric->name, metric->help);
        probe_metrics_layers(text, metric, probe->type, state, no_labels, NULL);
    }
    for (const struct probe_fact *fact = probe_fact_table; fact->name; fact++) {
        metrics_text_family(text, METRICS_GAUGE, fact->name, fact->help);
        probe_metrics_fact(text, fact, probe->type, state, no_labels, NULL);
    }
}

static void answer(struct exchange *exchange, const struct fleet_probe *probe,
                   const struct engine_series_state *state)
{
    enum metrics_format format = metrics_format_of(exchange_header(exchange, "Accept"));
    FL_CLEANUP(metrics_text_freep) struct metrics_text *text = NULL;
    const char *bytes = NULL;
    size_t size = 0;

    if (metrics_text_new(format, PROBE_LIMIT, &text) == 0) {
        say(text, probe, state);
        bytes = metrics_text_end(text, &size);
    }
    reply_header(exchange, "Vary", "Accept, Accept-Encoding, Origin");
    if (bytes)
        reply_bytes(exchange, HTTP_OK, metrics_media_type(format), bytes, size);
    else
        reply_error(exchange, HTTP_INTERNAL, "no memory");
}

static struct probe_question question_of(const struct exchange *exchange)
{
    const char *module = exchange_query(exchange, "module");

    return (struct probe_question){coordinator_settings(exchange->coordinator),
                                   exchange_query(exchange, "target"),
                                   module ? module : USUAL_MODULE, exchange_query(exchange, "zone"),
                                   exchange_query(exchange, "agent")};
}

static void reply_unknown(struct exchange *exchange, const char *why)
{
    reply_error(exchange, HTTP_SERVUNAVAIL,
                "no agent that is asked has probed \"%.100s\" lately%s%s",
                exchange_query(exchange, "target"), *why ? ", and now: " : "", why);
}

/* The results of an ask as states; returns the middle one. False: there are none. */
static bool find_answer(const struct asker_ask *ask, struct engine_series_state *ret)
{
    struct engine_series_state *states = calloc(ask->n_results + 1, sizeof(*states));
    size_t n = 0;

    for (size_t i = 0; states && i < ask->n_results; i++) {
        const struct fl_result *result = &ask->results[i].result;

        states[n] = (struct engine_series_state){.seen = true,
                                                 .fresh = true,
                                                 .ok = result->ok,
                                                 .layer = result->layer,
                                                 .failure = result->failure,
                                                 .took_us = result->took_us,
                                                 .facts = result->facts,
                                                 .t_us = result->t_us};
        memcpy(states[n++].phase_us, result->phase_us, sizeof(result->phase_us));
    }
    if (n > 0)
        *ret = *probe_metrics_middle(states, n);
    free(states);
    return n > 0;
}

bool route_probe_answer(struct exchange *exchange, uint64_t id, bool last)
{
    const struct asker_ask *ask = asker_find(coordinator_asker(exchange->coordinator), id);
    const struct fleet *fleet = coordinator_settings(exchange->coordinator)->fleet;
    struct engine_series_state state;
    uint32_t probe;

    if (ask && !ask->over && !last)
        return false;
    probe = ask ? fleet_find_probe(fleet, ask->ask.orders.specs[0].series) : FLEET_NONE;
    if (probe != FLEET_NONE && find_answer(ask, &state))
        answer(exchange, &fleet->probes[probe], &state);
    else
        reply_unknown(exchange, ask && ask->n_recipients > 0 ? ask->recipients[0].reason : "");
    return true;
}

static int begin_ask(const struct exchange *exchange, const struct probe_question *question,
                     const struct fleet_probe *probe, uint64_t *ret_id, struct fl_error *err)
{
    const struct fleet *fleet = question->config->fleet;
    struct asker_recipient *recipients = calloc(fleet->n_agents + 1, sizeof(*recipients));
    struct fl_ask ask;
    size_t n = 0;
    int r = -ENOMEM;

    fl_ask_init(&ask);
    ask.deadline_us = probe->timeout_us + SLACK;
    for (uint32_t i = 0; recipients && i < fleet->n_agents; i++)
        if (is_asked(question, i) && coordinator_config_probes(question->config, i, probe->target))
            recipients[n++] = (struct asker_recipient){.agent = i, .orders = 1};
    if (recipients && fl_ask_add(&ask, fleet->targets[probe->target].name, probe->name, "", 1,
                                 FL_MIN_ASK_INTERVAL_US, 0))
        r = asker_begin(coordinator_asker(exchange->coordinator), &ask, recipients, n, ret_id, err);
    else
        (void)fl_error_set(err, r, "no memory");
    fl_ask_done(&ask);
    free(recipients);
    return r;
}

/* Nobody has a recent result: have them make one. */
static void probe_now(struct exchange *exchange, const struct probe_question *question,
                      const struct fleet_probe *probe)
{
    struct fl_error err;
    uint64_t id;

    if (begin_ask(exchange, question, probe, &id, &err) < 0)
        reply_unknown(exchange, err.message);
    else if (!route_probe_answer(exchange, id, false))
        waiters_add(http_server_waiters(exchange->server, HTTP_WAIT_PROBES), exchange, id,
                    probe->timeout_us + SLACK + GRACE);
}

void route_probe(struct exchange *exchange)
{
    const struct probe_question question = question_of(exchange);
    struct engine_series_state state;
    bool target_known;
    uint32_t probe;

    if (!question.target) {
        reply_error(exchange, HTTP_BADREQUEST,
                    "\"target\" is missing: the name or the address of a configured target");
        return;
    }
    probe = find_probe(&question, &target_known);
    if (probe == FLEET_NONE && target_known)
        reply_error(exchange, HTTP_BADREQUEST,
                    "target \"%.100s\" has no probe that module \"%.100s\" means: it must be the "
                    "probe's name, or its type and what follows after \"_\"",
                    question.target, question.module);
    else if (probe == FLEET_NONE)
        reply_error(exchange, HTTP_NOTFOUND, "there is no target \"%.100s\" in the configuration",
                    question.target);
    else if (!find_result(&question, coordinator_engine(exchange->coordinator), probe, &state))
        probe_now(exchange, &question, &question.config->fleet->probes[probe]);
    else
        answer(exchange, &question.config->fleet->probes[probe], &state);
}
