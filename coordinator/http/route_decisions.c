/* GET /api/v1/decisions and /api/v1/decisions/GROUP: what is decided now; with ?wait=30s&index=N,
 * N from the field X-Faultline-Index of an earlier answer, when it has changed. Only the
 * coordinator that issues decisions answers, any other says 503.
 * GET /api/v1/decisions/stream: each change as a server-sent event.
 * GET /api/v1/decisions/GROUP/history: what was decided, and what was not, and drills.
 * POST /api/v1/decisions/GROUP/drill: a drill. POST /api/v1/decisions/GROUP/act: a person's word.
 */
#include "coordinator/decisions.h"
#include "coordinator/http/encode.h"
#include "coordinator/http/reply_cache.h"
#include "coordinator/http/route.h"
#include "coordinator/leadership.h"
#include "coordinator/trace/decision_json.h"
#include "coordinator/trace/verdict_json.h"
#include "proto/runtime/fl_clock.h"

#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WAIT (5 * FL_MINUTE)
#define MAX_LIMIT 1000
#define USUAL_LIMIT 50
#define MAX_SAID (72 * FL_HOUR) /* a person's word must end by itself */
#define ANSWER_KEPT (50 * FL_MS)
#define ALL_GROUPS FLEET_NONE

static const char *mode_name(int64_t mode)
{
    static const char *const names[] = {"off", "shadow", "live"};

    return names[mode];
}

static uint64_t index_of(const struct decider *decider, uint32_t group)
{
    return group == ALL_GROUPS ? decider_generation(decider)
                               : decider_group_generation(decider, group);
}

/* The slowest of its probes counts. */
static int64_t worst_us(const struct fleet *fleet, const struct decision_group *group)
{
    int64_t worst = 0;

    for (size_t i = 0; i < fleet->n_probes; i++)
        for (size_t k = 0; k < group->n_members; k++)
            for (size_t t = 0; t < group->members[k].n_targets; t++) {
                int64_t one =
                    decision_worst_us(fleet->probes[i].interval_us, fleet->probes[i].timeout_us);

                if (fleet->probes[i].target == group->members[k].targets[t] && one > worst)
                    worst = one;
            }
    return worst;
}

static json_t *group_json(const struct coordinator *coordinator, uint32_t index)
{
    const struct coordinator_config *config = coordinator_settings(coordinator);
    const struct decision_group *group = &config->decision_settings.groups[index];
    const struct decider *decider = decisions_decider(coordinator_decisions(coordinator));
    json_t *zones = json_array();

    for (uint32_t i = 0; i < group->n_members; i++) {
        struct decision decision;

        decider_at(decider, index, i, fl_clock_steady(), &decision);
        (void)json_array_append_new(zones, decision_json(&decision));
    }
    return json_pack("{s:s, s:s, s:I, s:I, s:o}", "group", group->name, "mode",
                     mode_name(group->policy.mode), "index",
                     (json_int_t)decider_group_generation(decider, index), "worst_us",
                     (json_int_t)worst_us(config->fleet, group), "zones", zones);
}

/* What was carried out, and what was dropped or failed on the way. */
static json_t *stats_json(const struct decisions *decisions)
{
    struct decisions_stats stats;

    decisions_stats(decisions, &stats);
    return json_pack("{s:I, s:I, s:I, s:{s:I, s:I, s:I}, s:{s:I, s:I, s:I, s:I}, s:{s:I, s:I}}",
                     "made", (json_int_t)stats.made, "withheld", (json_int_t)stats.withheld,
                     "unsaved", (json_int_t)stats.unsaved, "agent_check", "answered",
                     (json_int_t)stats.agent_check.answered, "unknown",
                     (json_int_t)stats.agent_check.unknown, "refused",
                     (json_int_t)stats.agent_check.refused, "commands", "started",
                     (json_int_t)stats.commands.started, "failed",
                     (json_int_t)stats.commands.failed, "killed", (json_int_t)stats.commands.killed,
                     "dropped", (json_int_t)stats.commands.dropped, "published", "sent",
                     (json_int_t)stats.notices.sent, "failed", (json_int_t)stats.notices.failed);
}

static json_t *groups_json(const struct coordinator *coordinator)
{
    const struct decider *decider = decisions_decider(coordinator_decisions(coordinator));
    size_t n = coordinator_settings(coordinator)->decision_settings.n_groups;
    json_t *array = json_array();

    for (uint32_t i = 0; i < n; i++)
        (void)json_array_append_new(array, group_json(coordinator, i));
    return json_pack("{s:I, s:o, s:o}", "index", (json_int_t)decider_generation(decider), "groups",
                     array, "stats", stats_json(coordinator_decisions(coordinator)));
}

/* False: it does not exist, and that is answered. */
static bool find_group(struct exchange *exchange, uint32_t *ret)
{
    const char *name = exchange->parameters[0];
    int group = decisions_find_group(coordinator_decisions(exchange->coordinator), name);

    if (group < 0) {
        reply_error(exchange, HTTP_NOTFOUND, "there is no group \"%.64s\"", name);
        return false;
    }
    *ret = (uint32_t)group;
    return true;
}

static bool read_group(struct exchange *exchange, uint32_t *ret)
{
    *ret = ALL_GROUPS;
    return !*exchange->parameters[0] || find_group(exchange, ret);
}

/* Made once for all who wait for it. */
static const struct reply_body *answer_body(struct exchange *exchange, uint32_t group,
                                            const char *index)
{
    struct reply_cache *cache = http_server_cache(exchange->server);
    int64_t now_us = fl_clock_monotonic();
    struct reply_body body = {.type = "application/json"};
    char key[REPLY_KEY_SIZE];
    const struct reply_body *kept;
    json_t *json;

    (void)snprintf(key, sizeof(key), "decisions %u %s", group, index);
    kept = reply_cache_get(cache, key, now_us);
    if (kept)
        return kept;
    json = group == ALL_GROUPS ? groups_json(exchange->coordinator)
                               : group_json(exchange->coordinator, group);
    body.plain = json && encode_times(json) == 0 ? json_dumps(json, VERDICT_JSON_FLAGS) : NULL;
    json_decref(json);
    if (!body.plain)
        return NULL;
    body.plain_size = strlen(body.plain);
    encode_etag(body.plain, body.plain_size, body.etag);
    body.gzip = encode_gzip(body.plain, body.plain_size, &body.gzip_size);
    reply_cache_put(cache, key, now_us + ANSWER_KEPT, &body);
    return reply_cache_get(cache, key, now_us);
}

/* False: it does not, and who does is answered. */
static bool issues(struct exchange *exchange)
{
    const struct coordinator *coordinator = exchange->coordinator;
    const struct leadership *leadership = coordinator_leadership(coordinator);
    struct leadership_state state = {.leader = ""};

    if (decider_issues(decisions_decider(coordinator_decisions(coordinator)), fl_clock_steady()))
        return true;
    if (leadership)
        leadership_state(leadership, &state);
    reply_error(exchange, HTTP_SERVUNAVAIL, "this coordinator does not issue decisions now%s%s",
                *state.leader ? "; the last that was seen to lead is " : "", state.leader);
    return false;
}

bool route_decisions_answer(struct exchange *exchange, uint64_t after, bool last)
{
    const struct coordinator *coordinator = exchange->coordinator;
    const struct decider *decider = decisions_decider(coordinator_decisions(coordinator));
    const struct reply_body *body;
    char index[24];
    uint32_t group;

    if (!read_group(exchange, &group))
        return true;
    if (!issues(exchange))
        return true;
    if (!last && index_of(decider, group) == after)
        return false;
    (void)snprintf(index, sizeof(index), "%llu", (unsigned long long)index_of(decider, group));
    body = answer_body(exchange, group, index);
    if (!body) {
        reply_error(exchange, HTTP_SERVUNAVAIL, "no memory for the answer");
        return true;
    }
    reply_header(exchange, "X-Faultline-Index", index);
    reply_body(exchange, body);
    return true;
}

void route_decisions(struct exchange *exchange)
{
    const struct decider *decider = decisions_decider(coordinator_decisions(exchange->coordinator));
    uint64_t after;
    int64_t wait_us;
    uint32_t group;

    if (!exchange_query_number(exchange, "index", 0, INT64_MAX, &after) ||
        !exchange_query_duration(exchange, "wait", 0, MAX_WAIT, &wait_us) ||
        !read_group(exchange, &group))
        return;
    /* an index that is not today's is answered at once, also one of a time to come */
    if (wait_us > 0 && decider_issues(decider, fl_clock_steady()) &&
        index_of(decider, group) == after)
        waiters_add(http_server_waiters(exchange->server, HTTP_WAIT_DECISIONS), exchange, after,
                    wait_us);
    else
        (void)route_decisions_answer(exchange, after, true);
}

static char *change_text(const struct decisions *decisions, uint64_t number)
{
    const struct decision *decision = decisions_change(decisions, number);
    json_t *json = decision ? decision_json(decision) : NULL;
    char *text = json ? json_dumps(json, VERDICT_JSON_FLAGS) : NULL;

    json_decref(json);
    return text;
}

void route_decisions_publish(struct stream *stream, const struct coordinator *coordinator,
                             uint64_t number)
{
    char *text = change_text(coordinator_decisions(coordinator), number);

    if (text)
        stream_publish(stream, "decision", number, text);
    free(text);
}

/* Who comes gets what is decided now; who comes back gets what he missed. */
void route_decisions_stream(struct exchange *exchange)
{
    const struct decisions *decisions = coordinator_decisions(exchange->coordinator);
    const struct decision_settings *settings =
        &coordinator_settings(exchange->coordinator)->decision_settings;
    uint64_t newest = decisions_newest(decisions);

    if (!stream_join(http_server_stream(exchange->server, HTTP_STREAM_DECISIONS), exchange))
        return;
    for (uint32_t i = 0; i < settings->n_groups; i++)
        for (uint32_t k = 0; k < settings->groups[i].n_members; k++) {
            struct decision decision;
            json_t *json;
            char *text;

            decider_at(decisions_decider(decisions), i, k, fl_clock_steady(), &decision);
            json = decision_json(&decision);
            text = json ? json_dumps(json, VERDICT_JSON_FLAGS) : NULL;
            if (text)
                stream_send(exchange, "decision", newest, text);
            free(text);
            json_decref(json);
        }
}

static json_t *row_json(const struct store_decision *row)
{
    json_t *detail = json_loads(row->json, 0, NULL);

    return json_pack("{s:I, s:I, s:s, s:s, s:s, s:o}", "id", (json_int_t)row->id, "t_us",
                     (json_int_t)row->t_us, "type", row->type, "group", row->group, "zone",
                     row->zone, strcmp(row->type, "drill") == 0 ? "drill" : "decision",
                     detail ? detail : json_null());
}

void route_decision_history(struct exchange *exchange)
{
    struct store_decision *rows = NULL;
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
    r = type->decisions(store, exchange->parameters[0], before, limit, &rows, &n, &err);
    if (r < 0) {
        reply_error(exchange, HTTP_SERVUNAVAIL, "%s", err.message);
        return;
    }
    array = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(array, row_json(&rows[i]));
    free(rows);
    reply_json(exchange, HTTP_OK, json_pack("{s:o}", "history", array));
}

/* The zone that the body names; FLEET_NONE when it names none and need not. */
static bool read_zone(struct exchange *exchange, const json_t *body, uint32_t group, bool needed,
                      uint32_t *ret)
{
    const char *name = json_string_value(json_object_get(body, "zone"));
    int zone = name ? decisions_find_zone(coordinator_decisions(exchange->coordinator), group, name)
                    : (needed ? 0 : -1);

    *ret = zone < 0 ? FLEET_NONE : (uint32_t)zone;
    if (!name || zone >= 0)
        return true;
    reply_error(exchange, 422, "group \"%s\" has no zone \"%.64s\"", exchange->parameters[0], name);
    return false;
}

void route_decision_drill(struct exchange *exchange)
{
    struct decisions *decisions = coordinator_decisions(exchange->coordinator);
    const struct coordinator_config *config = coordinator_settings(exchange->coordinator);
    const struct decision_group *of;
    struct drill *drill = calloc(1, sizeof(*drill));
    json_t *body = exchange_body(exchange);
    uint32_t group, zone;

    if (body && find_group(exchange, &group) && read_zone(exchange, body, group, true, &zone)) {
        of = &config->decision_settings.groups[group];
        if (drill && decisions_drill(decisions, group, zone, drill) == 0)
            reply_json(
                exchange, HTTP_OK,
                drill_json(drill, of->name, config->fleet->places[of->members[zone].zone].name));
        else
            reply_error(exchange, HTTP_SERVUNAVAIL, "no memory for a drill");
    }
    json_decref(body);
    free(drill);
}

static bool read_until(struct exchange *exchange, const json_t *body, enum decision_act act,
                       fl_time *ret)
{
    const char *text = json_string_value(json_object_get(body, "for"));
    bool ends = act == DECISION_ACT_SERVE || act == DECISION_ACT_AVOID || act == DECISION_ACT_BLOCK;
    int64_t for_us = 0;

    if (ends && (!text || fl_duration_parse(text, &for_us, NULL) < 0 || for_us < FL_SECOND ||
                 for_us > MAX_SAID)) {
        reply_error(exchange, 422,
                    "\"for\" is \"%.32s\"; \"%s\" needs a time from 1s to 72h, "
                    "after which it ends by itself",
                    text ? text : "", decision_act_name(act));
        return false;
    }
    *ret = fl_clock_steady() + for_us;
    return true;
}

void route_decision_act(struct exchange *exchange)
{
    struct decisions *decisions = coordinator_decisions(exchange->coordinator);
    json_t *body = exchange_body(exchange);
    const char *word = json_string_value(json_object_get(body, "act"));
    int act = word ? decision_act_parse(word) : -1;
    uint32_t group, zone;
    fl_time until_us;

    if (body && act < 0)
        reply_error(exchange, 422,
                    "\"act\" is \"%.32s\"; allowed are serve, avoid, auto, acknowledge and block",
                    word ? word : "");
    else if (body && find_group(exchange, &group) &&
             read_zone(exchange, body, group, false, &zone) && issues(exchange) &&
             read_until(exchange, body, (enum decision_act)act, &until_us)) {
        decisions_act(decisions, group, zone, (enum decision_act)act, until_us);
        reply_json(exchange, HTTP_OK, group_json(exchange->coordinator, group));
    }
    json_decref(body);
}
