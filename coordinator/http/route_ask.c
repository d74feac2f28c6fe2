/* POST /api/v1/ask: have agents probe something now.
 * GET /api/v1/ask/{id}?after=N&wait=10s: what has come of it beyond the first N results. */
#include "coordinator/asker.h"
#include "coordinator/http/route.h"
#include "coordinator/trace/result_json.h"

#include <errno.h>
#include <event2/http.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WAIT FL_MINUTE
#define USUAL_INTERVAL (200 * FL_MS)
#define AD_HOC_TARGET "ad-hoc" /* what is not in the plan has no target */
#define AD_HOC_TIMEOUT (2 * FL_SECOND)
#define SLACK (500 * FL_MS) /* for an ask to travel and begin */

/* A request while it is read. */
struct wish {
    struct exchange *exchange;
    const struct coordinator_config *config;
    const json_t *body;
    uint32_t repeats;
    int64_t interval_us, timeout_us;
    char size[24]; /* "" as the plan has it */
    struct fl_ask ask;
    size_t n_recipients;
    struct asker_recipient *recipients;
};

static bool refuse(const struct wish *wish, const char *field, const char *allowed)
{
    reply_error(wish->exchange, 422, "\"%s\" must be %s", field, allowed);
    return false;
}

/* ---- reading ---- */

static bool read_number(const struct wish *wish, const char *field, int64_t standard, int64_t min,
                        int64_t max, const char *allowed, int64_t *ret)
{
    const json_t *value = json_object_get(wish->body, field);

    *ret = value ? json_integer_value(value) : standard;
    if (value && (!json_is_integer(value) || *ret < min || *ret > max))
        return refuse(wish, field, allowed);
    return true;
}

static bool read_numbers(struct wish *wish)
{
    int64_t repeats, size;

    if (!read_number(wish, "repeats", 1, 1, FL_MAX_ASK_PROBES, "1 to 2000", &repeats) ||
        !read_number(wish, "interval_us", USUAL_INTERVAL, FL_MIN_ASK_INTERVAL_US,
                     FL_MAX_ASK_DEADLINE_US, "20000 to 300000000", &wish->interval_us) ||
        !read_number(wish, "timeout_us", 0, FL_MIN_TIMEOUT_US, FL_MAX_TIMEOUT_US,
                     "10000 to 60000000", &wish->timeout_us) ||
        !read_number(wish, "size", -1, 0, INT32_MAX, "a number of bytes", &size))
        return false;
    wish->repeats = (uint32_t)repeats;
    if (size >= 0)
        (void)snprintf(wish->size, sizeof(wish->size), "%" PRId64, size);
    return true;
}

static bool add_order(struct wish *wish, const struct fl_probe_spec *spec)
{
    struct fl_probe_spec *order;
    int64_t lasts = (wish->repeats - 1) * wish->interval_us + SLACK;

    for (size_t i = 0; i < wish->ask.orders.n_specs; i++)
        if (wish->ask.orders.specs[i].series == spec->series)
            return true;
    order = fl_ask_add(&wish->ask, spec->target, spec->probe, "", wish->repeats, wish->interval_us,
                       wish->timeout_us);
    if (!order || (wish->size[0] && fl_probe_spec_set(order, "size", wish->size) < 0)) {
        reply_error(wish->exchange, 422, "more than %d probes in one ask; name fewer",
                    FL_MAX_ASK_ORDERS);
        return false;
    }
    lasts += wish->timeout_us ? wish->timeout_us : spec->timeout_us;
    if (lasts > wish->ask.deadline_us)
        wish->ask.deadline_us = lasts;
    return true;
}

/* A probe of the mesh has no settings of its own in the configuration. */
static bool add_mesh(struct wish *wish, uint32_t target)
{
    const struct fleet *fleet = wish->config->fleet;

    for (size_t i = 0; i < fleet->n_probes; i++) {
        const struct fleet_probe *probe = &fleet->probes[i];
        struct fl_probe_spec spec = {.series = probe->series, .timeout_us = probe->timeout_us};

        if (probe->target != target)
            continue;
        (void)snprintf(spec.target, sizeof(spec.target), "%s", fleet->targets[target].name);
        (void)snprintf(spec.probe, sizeof(spec.probe), "%s", probe->name);
        return add_order(wish, &spec);
    }
    return true;
}

/* `probe` NULL: all of the target. */
static bool add_target(struct wish *wish, uint32_t target, const char *probe)
{
    const struct fl_plan *probes;
    bool any = false;

    if (target >= wish->config->n_targets)
        return add_mesh(wish, target);
    probes = &wish->config->targets[target].probes;
    for (size_t i = 0; i < probes->n_specs; i++) {
        if (probe && strcmp(probes->specs[i].probe, probe) != 0)
            continue;
        any = true;
        if (!add_order(wish, &probes->specs[i]))
            return false;
    }
    if (!any)
        reply_error(wish->exchange, 422, "target \"%s\" has no probe \"%s\"",
                    wish->config->fleet->targets[target].name, probe ? probe : "");
    return any;
}

static bool add_named(struct wish *wish, const char *name)
{
    const char *slash = strchr(name, '/');
    char target[FL_TARGET_SIZE];
    uint32_t index;

    (void)snprintf(target, sizeof(target), "%.*s", slash ? (int)(slash - name) : (int)strlen(name),
                   name);
    index = fleet_find_target(wish->config->fleet, target);
    if (index == FLEET_NONE) {
        reply_error(wish->exchange, 422, "\"probes\": there is no target \"%.70s\"", target);
        return false;
    }
    return add_target(wish, index, slash ? slash + 1 : NULL);
}

static bool add_group(struct wish *wish, const char *name)
{
    const struct decision_settings *settings = &wish->config->decision_settings;

    for (size_t i = 0; i < settings->n_groups; i++) {
        const struct decision_group *group = &settings->groups[i];

        if (strcmp(group->name, name) != 0)
            continue;
        for (size_t k = 0; k < group->n_members; k++)
            for (size_t t = 0; t < group->members[k].n_targets; t++)
                if (!add_target(wish, group->members[k].targets[t], NULL))
                    return false;
        return true;
    }
    reply_error(wish->exchange, 422, "\"group\": there is no \"%.70s\" in the configuration", name);
    return false;
}

static bool read_ad_hoc(struct wish *wish, const char *type)
{
    json_t *settings = json_object_get(wish->body, "settings"), *value;
    int64_t timeout = wish->timeout_us ? wish->timeout_us : AD_HOC_TIMEOUT;
    struct fl_probe_spec *order;
    const char *key;

    if (wish->exchange->granted < API_SCOPE_ADMIN) {
        reply_error(wish->exchange, 403,
                    "what is not in the plan may be asked for with scope admin only");
        return false;
    }
    order = fl_ask_add(&wish->ask, AD_HOC_TARGET, type, type, wish->repeats, wish->interval_us,
                       timeout);
    if (!order || !json_is_object(settings))
        return refuse(wish, order ? "settings" : "type",
                      order ? "an object of texts" : "a type of probe");
    json_object_foreach(settings, key,
                        value) if (!json_is_string(value) ||
                                   strlen(json_string_value(value)) > FL_MAX_SETTING_VALUE ||
                                   strlen(key) > FL_NAME_MAX ||
                                   fl_probe_spec_set(order, key, json_string_value(value)) <
                                       0) return refuse(wish, "settings", "an object of texts");
    wish->ask.deadline_us = (wish->repeats - 1) * wish->interval_us + timeout + SLACK;
    return true;
}

static bool read_orders(struct wish *wish)
{
    const char *type = json_string_value(json_object_get(wish->body, "type"));
    const char *group = json_string_value(json_object_get(wish->body, "group"));
    const json_t *probes = json_object_get(wish->body, "probes"), *one;
    size_t i;

    if (type)
        return read_ad_hoc(wish, type);
    if (group)
        return add_group(wish, group);
    if (!json_is_array(probes) || json_array_size(probes) == 0)
        return refuse(wish, "probes", "a list of TARGET or TARGET/PROBE");
    json_array_foreach(probes, i, one) if (!json_is_string(one)) return refuse(
        wish, "probes", "a list of TARGET or TARGET/PROBE");
    else if (!add_named(wish, json_string_value(one))) return false;
    return true;
}

/* Which of the orders are in the agent's plan. */
static uint32_t orders_of(const struct wish *wish, uint32_t agent)
{
    const struct fl_plan *orders = &wish->ask.orders;
    uint32_t mask = 0;

    for (size_t i = 0; i < orders->n_specs; i++) {
        uint32_t target = fleet_find_target(wish->config->fleet, orders->specs[i].target);

        if (!fl_ask_of_plan(&orders->specs[i]) ||
            (target != FLEET_NONE && coordinator_config_probes(wish->config, agent, target)))
            mask |= UINT32_C(1) << i;
    }
    return mask;
}

static void add_agent(struct wish *wish, uint32_t agent)
{
    uint32_t orders = orders_of(wish, agent);

    for (size_t i = 0; i < wish->n_recipients; i++)
        if (wish->recipients[i].agent == agent)
            return;
    if (orders)
        wish->recipients[wish->n_recipients++] =
            (struct asker_recipient){.agent = agent, .orders = orders};
}

static bool add_from(struct wish *wish, const char *from)
{
    const struct fleet *fleet = wish->config->fleet;
    uint32_t zone = fleet_find_place(fleet, from), agent = fleet_find_agent(fleet, from);

    if (agent == FLEET_NONE && (zone == FLEET_NONE || zone >= fleet->n_zones) &&
        strcmp(from, "all") != 0) {
        reply_error(wish->exchange, 422, "\"from\": there is no zone and no agent \"%.70s\"", from);
        return false;
    }
    for (uint32_t i = 0; i < fleet->n_agents; i++)
        if (i == agent || fleet->agents[i].zone == zone || strcmp(from, "all") == 0)
            add_agent(wish, i);
    return true;
}

static bool read_from(struct wish *wish)
{
    const json_t *from = json_object_get(wish->body, "from"), *one;
    size_t i;

    wish->recipients = calloc(wish->config->fleet->n_agents + 1, sizeof(*wish->recipients));
    if (!wish->recipients) {
        reply_error(wish->exchange, HTTP_SERVUNAVAIL, "no memory");
        return false;
    }
    if (!from)
        return add_from(wish, "all");
    if (!json_is_array(from))
        return refuse(wish, "from", "a list of zones and agents, or [\"all\"]");
    json_array_foreach(from, i,
                       one) if (!json_is_string(one) ||
                                !add_from(wish, json_string_value(one))) return json_is_string(one)
        ? false
        : refuse(wish, "from", "a list of zones and agents, or [\"all\"]");
    return true;
}

/* ---- answering ---- */

static json_t *orders_json(const struct asker_ask *ask, const struct fleet *fleet)
{
    json_t *array = json_array();

    for (size_t i = 0; i < ask->ask.orders.n_specs; i++) {
        const struct fl_probe_spec *order = &ask->ask.orders.specs[i];
        uint32_t probe = fleet_find_probe(fleet, order->series);
        const char *type = probe != FLEET_NONE ? fleet->probes[probe].type : order->type;

        (void)json_array_append_new(
            array, json_pack("{s:s, s:s, s:s, s:I, s:I}", "target", order->target, "probe",
                             order->probe, "type", type, "repeats", (json_int_t)ask->ask.repeats[i],
                             "interval_us", (json_int_t)order->interval_us));
    }
    return array;
}

static json_t *agents_json(const struct asker_ask *ask, const struct fleet *fleet)
{
    static const char *const states[] = {"waiting", "answered", "refused", "late"};
    json_t *array = json_array();

    for (size_t i = 0; i < ask->n_recipients; i++) {
        const struct asker_recipient *one = &ask->recipients[i];
        const struct fleet_agent *agent = &fleet->agents[one->agent];

        (void)json_array_append_new(
            array,
            json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:s}", "agent", agent->name, "zone",
                      fleet->places[agent->zone].name, "state", states[one->state], "expected",
                      (json_int_t)one->expected, "results", (json_int_t)one->n_results, "missed",
                      (json_int_t)one->missed, "reason", one->reason));
    }
    return array;
}

static json_t *result_json(const struct asker_ask *ask, const struct fleet *fleet,
                           const struct asker_result *result)
{
    const struct fleet_agent *agent = &fleet->agents[ask->recipients[result->recipient].agent];
    const struct fl_probe_spec *order = &ask->ask.orders.specs[result->order];
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "agent", agent->name, "zone",
                             fleet->places[agent->zone].name, "target", order->target, "probe",
                             order->probe, "t_us", (json_int_t)result->result.t_us, "took_us",
                             (json_int_t)result->result.took_us);

    if (json)
        result_json_put(json, &result->result);
    return json;
}

static json_t *ask_json(const struct coordinator *coordinator, const struct asker_ask *ask,
                        uint64_t after)
{
    const struct fleet *fleet = coordinator_settings(coordinator)->fleet;
    json_t *results = json_array();

    for (size_t i = after; i < ask->n_results; i++)
        (void)json_array_append_new(results, result_json(ask, fleet, &ask->results[i]));
    return json_pack("{s:I, s:b, s:I, s:o, s:o, s:o, s:I}", "id", (json_int_t)ask->id, "over",
                     ask->over, "made_us", (json_int_t)ask->made_us, "orders",
                     orders_json(ask, fleet), "agents", agents_json(ask, fleet), "results", results,
                     "next", (json_int_t)ask->n_results);
}

static int status_of(int code)
{
    return code == -EBUSY ? 429 : code == -ENOMEM ? HTTP_SERVUNAVAIL : 422;
}

static void begin(const struct wish *wish)
{
    struct asker *asker = coordinator_asker(wish->exchange->coordinator);
    struct fl_error err;
    uint64_t id;
    int r = asker_begin(asker, &wish->ask, wish->recipients, wish->n_recipients, &id, &err);

    if (r < 0)
        reply_error(wish->exchange, status_of(r), "%s", err.message);
    else
        reply_json(wish->exchange, 202,
                   ask_json(wish->exchange->coordinator, asker_find(asker, id), 0));
}

void route_ask(struct exchange *exchange)
{
    struct wish wish = {.exchange = exchange,
                        .config = coordinator_settings(exchange->coordinator)};
    json_t *body = exchange_body(exchange);

    if (!body)
        return;
    wish.body = body;
    fl_ask_init(&wish.ask);
    if (read_numbers(&wish) && read_orders(&wish) && read_from(&wish))
        begin(&wish);
    free(wish.recipients);
    fl_ask_done(&wish.ask);
    json_decref(body);
}

/* The one that the path names; NULL: there is none, and that is answered. */
static const struct asker_ask *named(struct exchange *exchange)
{
    const char *text = exchange->parameters[0];
    size_t digits = strspn(text, "0123456789");
    const struct asker_ask *ask = NULL;

    if (digits > 0 && digits <= 18 && text[digits] == '\0')
        ask = asker_find(coordinator_asker(exchange->coordinator), strtoull(text, NULL, 10));
    if (!ask)
        reply_error(exchange, HTTP_NOTFOUND, "there is no such ask; the last %d are kept",
                    ASKER_MAX_KEPT);
    return ask;
}

bool route_ask_answer(struct exchange *exchange, uint64_t after, bool last)
{
    const struct asker_ask *ask = named(exchange);

    if (!ask)
        return true;
    if (!last && !ask->over && ask->n_results <= after)
        return false;
    reply_json(exchange, HTTP_OK, ask_json(exchange->coordinator, ask, after));
    return true;
}

void route_ask_results(struct exchange *exchange)
{
    uint64_t after;
    int64_t wait_us;

    if (!exchange_query_number(exchange, "after", 0, INT64_MAX, &after) ||
        !exchange_query_duration(exchange, "wait", 0, MAX_WAIT, &wait_us))
        return;
    if (!route_ask_answer(exchange, after, wait_us == 0))
        waiters_add(http_server_waiters(exchange->server, HTTP_WAIT_ASKS), exchange, after,
                    wait_us);
}
