/* An answer belongs to the lease with which was asked; the core throws away what is older. */
#include "coordinator/leadership.h"

#include "coordinator/core/lease.h"
#include "coordinator/trace/decision_json.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TURN_US (50 * FL_MS)
#define LOOK_US FL_SECOND
#define RESIGN_US (500 * FL_MS)

struct leadership {
    const struct config_lease *config;
    struct leadership_host host;
    struct etcd *etcd;
    struct event *timer;
    struct lease lease;
    int64_t next_us;
    bool loading, loaded, looking; /* what was decided before this one led */
    int64_t looked_us;
    uint64_t read_revision; /* up to which decisions have been read */
    int64_t told_until_us;  /* what the host was told last; 0: that it does not act */
    struct leadership_state state;
    struct leadership_member members[LEADERSHIP_MEMBERS], reading[LEADERSHIP_MEMBERS];
    size_t n_reading;
};

static void step(struct leadership *leadership, struct lease_event event);

void leadership_key(const struct leadership *leadership, char ret[LEADERSHIP_KEY_SIZE],
                    const char *format, ...)
{
    int n = snprintf(ret, LEADERSHIP_KEY_SIZE, "%s/", leadership->config->prefix);
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(ret + n, LEADERSHIP_KEY_SIZE - (size_t)n, format, arguments);
    va_end(arguments);
}

bool leadership_acts(const struct leadership *leadership)
{
    return leadership->loaded && lease_holds(&leadership->lease, fl_clock_monotonic());
}

uint64_t leadership_revision(const struct leadership *leadership)
{
    return leadership->lease.revision;
}

struct etcd *leadership_etcd(const struct leadership *leadership)
{
    return leadership->etcd;
}

void leadership_state(const struct leadership *leadership, struct leadership_state *ret)
{
    *ret = leadership->state;
    ret->name = leadership->config->name;
    ret->acts = leadership_acts(leadership);
    ret->left_us = ret->acts ? leadership->lease.until_us - fl_clock_monotonic() : 0;
    ret->members = leadership->members;
    etcd_stats(leadership->etcd, &ret->etcd);
}

/* Of the monotonic clock to the steady one, never later than it is. */
static fl_time steady(int64_t monotonic_us)
{
    fl_time now_us = fl_clock_steady();

    return now_us + (monotonic_us - fl_clock_monotonic());
}

/* Tell the host what is new: that it acts for longer, or no more. */
static void announce(struct leadership *leadership)
{
    int64_t until_us = leadership_acts(leadership) ? leadership->lease.until_us : 0;

    if (until_us == leadership->told_until_us)
        return;
    leadership->told_until_us = until_us;
    leadership->host.may_act(until_us > 0, until_us > 0 ? steady(until_us) : 0,
                             leadership->lease.revision, leadership->host.arg);
}

static json_t *leads(const struct leadership *leadership)
{
    char key[LEADERSHIP_KEY_SIZE];

    leadership_key(leadership, key, "leader");
    return etcd_compare(key, "CREATE", leadership->lease.revision);
}

void leadership_write(struct leadership *leadership, json_t *operations, json_t *compare,
                      etcd_done_cb done, void *arg)
{
    json_t *all = json_pack("[o]", leads(leadership));

    if (compare)
        (void)json_array_append_new(all, compare);
    etcd_post(leadership->etcd, "/v3/kv/txn", etcd_txn(all, operations, json_array()), done, 0,
              arg);
}

static void take_decision(const struct etcd_key *key, void *arg)
{
    const struct leadership *leadership = arg;
    json_t *json = json_loads(key->value, 0, NULL);
    struct decision decision;

    if (json && decision_parse(json, &decision) == 0)
        leadership->host.decided(&decision, leadership->host.arg);
    json_decref(json);
}

static void on_loaded(const json_t *answer, int64_t sent_us, uint64_t tag, void *arg)
{
    struct leadership *leadership = arg;

    (void)sent_us;
    leadership->loading = false;
    if (!answer || !etcd_succeeded(answer) || tag != leadership->lease.revision ||
        !lease_holds(&leadership->lease, fl_clock_monotonic()))
        return;
    etcd_each(answer, 0, take_decision, leadership);
    leadership->loaded = true;
    leadership->state.gained++;
    fl_log_info("lease", "this coordinator acts from now on, under revision %llu",
                (unsigned long long)leadership->lease.revision);
    announce(leadership);
}

static void load(struct leadership *leadership)
{
    char prefix[LEADERSHIP_KEY_SIZE];

    leadership->loading = true;
    leadership_key(leadership, prefix, "decisions/");
    etcd_post(leadership->etcd, "/v3/kv/txn",
              etcd_txn(json_pack("[o]", leads(leadership)),
                       json_pack("[o]", etcd_range_prefix(prefix, 0)), json_array()),
              on_loaded, leadership->lease.revision, leadership);
}

static void take_leader(const struct etcd_key *key, void *arg)
{
    struct leadership *leadership = arg;
    struct leadership_state *state = &leadership->state;
    json_t *json = json_loads(key->value, 0, NULL);
    const char *name = json_string_value(json_object_get(json, "name"));

    state->revision = key->create_revision;
    state->since_us = (fl_time)etcd_number(json, "since_us");
    if (strcmp(state->leader, name ? name : "") != 0)
        fl_log_info("lease", "coordinator %.64s leads, under revision %llu", name ? name : "?",
                    (unsigned long long)key->create_revision);
    (void)snprintf(state->leader, sizeof(state->leader), "%s", name ? name : "");
    json_decref(json);
    state->seen_us = fl_clock_steady();
}

struct sight {
    uint64_t holder, revision;
};

static void take_sight(const struct etcd_key *key, void *arg)
{
    *(struct sight *)arg = (struct sight){key->lease, key->create_revision};
}

static void on_campaigned(const json_t *answer, int64_t sent_us, uint64_t tag, void *arg)
{
    struct leadership *leadership = arg;
    size_t index = etcd_succeeded(answer) ? 1 : 0; /* behind the put */
    struct sight sight = {0, 0};
    struct lease_event event = {
        .type = LEASE_NO_ANSWER, .sent_us = sent_us, .lease = tag, .command = LEASE_CAMPAIGN};

    etcd_each(answer, index, take_sight, &sight);
    if (sight.holder != 0) {
        etcd_each(answer, index, take_leader, leadership);
        event.type = LEASE_SEEN;
        event.holder = sight.holder;
        event.revision = sight.revision;
    }
    step(leadership, event);
}

static void campaign(struct leadership *leadership, uint64_t lease)
{
    char key[LEADERSHIP_KEY_SIZE], since[FL_TIME_TEXT_SIZE];
    fl_time now_us = fl_clock_steady();
    json_t *value = json_pack("{s:s, s:I, s:s}", "name", leadership->config->name, "since_us",
                              (json_int_t)now_us, "since", fl_time_format(now_us, since));
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;

    leadership_key(leadership, key, "leader");
    etcd_post(leadership->etcd, "/v3/kv/txn",
              etcd_txn(json_pack("[o]", etcd_compare(key, "CREATE", 0)),
                       json_pack("[o, o]", etcd_put(key, text ? text : "", lease), etcd_range(key)),
                       json_pack("[o]", etcd_range(key))),
              on_campaigned, lease, leadership);
    free(text);
    json_decref(value);
}

static void on_granted(const json_t *answer, int64_t sent_us, uint64_t tag, void *arg)
{
    struct lease_event event = {.type = answer ? LEASE_GRANTED : LEASE_NO_ANSWER,
                                .sent_us = sent_us,
                                .lease = etcd_number(answer, "ID"),
                                .ttl_us = (int64_t)etcd_number(answer, "TTL") * FL_SECOND,
                                .command = LEASE_GRANT};

    (void)tag;
    step(arg, event);
}

static void on_renewed(const json_t *answer, int64_t sent_us, uint64_t tag, void *arg)
{
    const json_t *result = json_object_get(answer, "result");
    struct lease_event event = {.type = result ? LEASE_RENEWED : LEASE_NO_ANSWER,
                                .sent_us = sent_us,
                                .lease = tag,
                                .ttl_us = (int64_t)etcd_number(result, "TTL") * FL_SECOND,
                                .command = LEASE_RENEW};

    step(arg, event);
}

static json_t *lease_json(uint64_t lease)
{
    char id[24];

    (void)snprintf(id, sizeof(id), "%llu", (unsigned long long)lease);
    return json_pack("{s:s}", "ID", id);
}

static void carry_out(struct leadership *leadership, const struct lease_update *update)
{
    struct etcd *etcd = leadership->etcd;

    if (update->commands & LEASE_REVOKE)
        etcd_post(etcd, "/v3/lease/revoke", lease_json(update->revoked), NULL, 0, NULL);
    if (update->commands & LEASE_GRANT)
        etcd_post(etcd, "/v3/lease/grant",
                  json_pack("{s:I}", "TTL", (json_int_t)(leadership->config->ttl_us / FL_SECOND)),
                  on_granted, 0, leadership);
    if (update->commands & LEASE_RENEW)
        etcd_post(etcd, "/v3/lease/keepalive", lease_json(update->lease), on_renewed, update->lease,
                  leadership);
    if (update->commands & LEASE_CAMPAIGN)
        campaign(leadership, update->lease);
}

static void step(struct leadership *leadership, struct lease_event event)
{
    struct lease_update update;

    event.now_us = fl_clock_monotonic();
    lease_step(&leadership->lease, &event, &update);
    leadership->next_us = update.next_us;
    if (update.lost && leadership->loaded) {
        leadership->state.lost++;
        fl_log_warning("lease", "this coordinator does not act any more");
    }
    if (update.lost || update.gained)
        leadership->loaded = false;
    announce(leadership);
    carry_out(leadership, &update);
}

static void take_member(const struct etcd_key *key, void *arg)
{
    struct leadership *leadership = arg;
    json_t *json = json_loads(key->value, 0, NULL);
    const char *name = json_string_value(json_object_get(json, "name"));
    struct leadership_member *member;

    if (name && leadership->n_reading < LEADERSHIP_MEMBERS) {
        member = &leadership->reading[leadership->n_reading++];
        *member = (struct leadership_member){.t_us = (fl_time)etcd_number(json, "t_us"),
                                             .heard_us = (fl_time)etcd_number(json, "heard_us"),
                                             .results = etcd_number(json, "results"),
                                             .agents = etcd_number(json, "agents"),
                                             .open = etcd_number(json, "open")};
        (void)snprintf(member->name, sizeof(member->name), "%s", name);
    }
    json_decref(json);
}

static void on_looked(const json_t *answer, int64_t sent_us, uint64_t tag, void *arg)
{
    struct leadership *leadership = arg;

    (void)sent_us;
    (void)tag;
    leadership->looking = false;
    if (!answer)
        return;
    leadership->n_reading = 0;
    etcd_each(answer, 1, take_member, leadership);
    memcpy(leadership->members, leadership->reading, sizeof(leadership->members));
    leadership->state.n_members = leadership->n_reading;
    if (!leadership_acts(leadership))
        etcd_each(answer, 2, take_decision, leadership);
    leadership->read_revision = etcd_revision(answer);
}

static json_t *put_member(const struct leadership *leadership)
{
    struct leadership_member member = {.t_us = fl_clock_steady()};
    char key[LEADERSHIP_KEY_SIZE];
    json_t *json, *put;
    char *text;

    leadership->host.progress(&member, leadership->host.arg);
    json = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "name", leadership->config->name, "t_us",
                     (json_int_t)member.t_us, "heard_us", (json_int_t)member.heard_us, "results",
                     (json_int_t)member.results, "agents", (json_int_t)member.agents, "open",
                     (json_int_t)member.open);
    text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    leadership_key(leadership, key, "members/%s", leadership->config->name);
    put = etcd_put(key, text ? text : "", leadership->lease.id);
    free(text);
    json_decref(json);
    return put;
}

/* How far this one is, how far the others are, and what was decided since the last look. */
static void look(struct leadership *leadership)
{
    char members[LEADERSHIP_KEY_SIZE], decisions[LEADERSHIP_KEY_SIZE];

    leadership->looking = true;
    leadership->looked_us = fl_clock_monotonic();
    leadership_key(leadership, members, "members/");
    leadership_key(leadership, decisions, "decisions/");
    etcd_post(leadership->etcd, "/v3/kv/txn",
              etcd_txn(json_array(),
                       json_pack("[o, o, o]", put_member(leadership), etcd_range_prefix(members, 0),
                                 etcd_range_prefix(decisions, leadership->read_revision + 1)),
                       json_array()),
              on_looked, 0, leadership);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct leadership *leadership = arg;
    int64_t now_us = fl_clock_monotonic();

    (void)fd;
    (void)what;
    if (now_us >= leadership->next_us)
        step(leadership, (struct lease_event){.type = LEASE_TIME});
    if (!leadership->loaded && !leadership->loading && lease_holds(&leadership->lease, now_us))
        load(leadership);
    if (!leadership->looking && leadership->lease.id != 0 &&
        now_us - leadership->looked_us >= LOOK_US)
        look(leadership);
    if (leadership_acts(leadership))
        leadership->host.turn(leadership->host.arg);
}

int leadership_new(struct event_base *base, const struct config_lease *config,
                   const struct leadership_host *host, struct leadership **ret,
                   struct fl_error *err)
{
    FL_CLEANUP(leadership_freep) struct leadership *leadership = calloc(1, sizeof(*leadership));
    const struct lease_settings settings = {config->ttl_us};
    const struct timeval every = {0, TURN_US};
    int r;

    if (!leadership)
        return fl_error_set(err, -ENOMEM, "no memory for the lease");
    leadership->config = config;
    leadership->host = *host;
    lease_init(&leadership->lease, &settings);
    r = etcd_new(base, config, &leadership->etcd, err);
    if (r < 0)
        return r;
    leadership->timer = event_new(base, -1, EV_PERSIST, on_timer, leadership);
    if (!leadership->timer || event_add(leadership->timer, &every) < 0)
        return fl_error_set(err, -ENOMEM, "no memory for the lease");
    *ret = FL_TAKE(leadership);
    return 0;
}

struct leadership *leadership_free(struct leadership *leadership)
{
    struct lease_event event = {.type = LEASE_RESIGNED};
    struct lease_update update;

    if (!leadership)
        return NULL;
    if (leadership->timer)
        event_free(leadership->timer);
    event.now_us = fl_clock_monotonic();
    lease_step(&leadership->lease, &event, &update);
    if (leadership->etcd && (update.commands & LEASE_REVOKE))
        etcd_post_last(leadership->etcd, "/v3/lease/revoke", lease_json(update.revoked), RESIGN_US);
    etcd_free(leadership->etcd);
    free(leadership);
    return NULL;
}
