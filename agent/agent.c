#include "agent/agent_state.h"
#include "agent/footprint.h"
#include "agent/probe/fileop_worker.h"
#include "fl_version.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_daemon.h"
#include "proto/runtime/fl_log.h"
#include "proto/runtime/fl_loop.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LAG_EVERY_US (250 * FL_MS)
#define LONGEST_WAIT_US FL_MINUTE
#define TIMER_EARLY_US (10 * FL_MS)    /* libevent's coarse clock may fire by so much too early */
#define TRIM_FIRST_US (10 * FL_SECOND) /* the start is over and probes are running */
#define TRIM_EVERY_US (10 * FL_MINUTE)
#define WORKERS_END_US FL_SECOND
#define MAX_SPOOLED 200000 /* below BACKLOG_MAX_BATCHES by what may wait in memory, */
#define MAX_RECORDS 16384  /* and by these, of 150 bytes each */

static void arm(struct event *timer, int64_t at_us)
{
    int64_t wait = at_us - fl_clock_monotonic();
    struct timeval interval = {0};

    if (wait > LONGEST_WAIT_US)
        wait = LONGEST_WAIT_US;
    if (wait > 0)
        interval = (struct timeval){wait / FL_SECOND, wait % FL_SECOND};
    if (evtimer_add(timer, &interval) < 0)
        fl_log_error(AGENT_COMPONENT, "cannot set a timer");
}

static void note_lag(struct agent *agent, int64_t due_us)
{
    int64_t late = fl_clock_monotonic() - due_us;

    if (late > agent->lag_us)
        agent->lag_us = late;
}

/* When a timer that is due each `every_us` is due next: turns that were missed are left out. */
static int64_t next_turn(int64_t due_us, int64_t every_us)
{
    int64_t now = fl_clock_monotonic();

    return due_us + every_us > now ? due_us + every_us : now + every_us;
}

/* ---- results on their way out ---- */

static void free_bytes(uint8_t **bytes)
{
    free(*bytes);
}

static int spool_batch(struct agent *agent, const struct outbox_batch *from,
                       const struct spool_state *state, struct fl_error *err)
{
    FL_CLEANUP(free_bytes) uint8_t *bytes = NULL;
    struct fl_message message = {
        .type = FL_MESSAGE_BATCH,
        .batch = {.boot = agent->boot,
                  .sequence = from->sequence,
                  .plan_version = agent->plan->version,
                  .dropped_results = state->dropped.results,
                  .dropped_batches = state->dropped.batches,
                  .skipped = from->sequence - agent->spooled_sequence - 1,
                  .lost_results = spool_homeless(agent->spool, from->n_results),
                  .n_results = from->n_results,
                  .results = from->results,
                  .n_hosts = from->n_hosts,
                  .hosts = from->hosts}};
    struct spool_row row = {.boot = agent->boot,
                            .sequence = from->sequence,
                            .n_results = (uint32_t)from->n_results,
                            .lost = message.batch.lost_results,
                            .skipped = message.batch.skipped,
                            .t_us = fl_clock_wall()};
    int64_t id;
    int r;

    (void)snprintf(message.batch.agent, sizeof(message.batch.agent), "%s", agent->config.name);
    r = fl_codec_encode(&message, &bytes, &row.size, err);
    if (r < 0)
        return r;
    row.bytes = bytes;
    r = spool_add(agent->spool, &row, &id);
    if (r < 0)
        return fl_error_set(err, r, "the spool is full and its disk refuses");
    agent->spooled_sequence = from->sequence;
    if (backlog_add(agent->backlog, id, agent->boot, from->sequence, (uint32_t)row.size,
                    row.n_results + row.lost) < 0)
        fl_log_error(AGENT_COMPONENT,
                     "too many batches wait; one more is kept and sent after the next start");
    return 0;
}

void agent_flush(struct agent *agent)
{
    struct outbox_batch batch;
    struct spool_state state;
    struct fl_error err = {""};

    if (!outbox_take(agent->outbox, &batch))
        return;
    spool_get_state(agent->spool, &state);
    if (spool_batch(agent, &batch, &state, &err) < 0) {
        spool_count_lost(agent->spool, batch.n_results, 1);
        fl_log_debug(AGENT_COMPONENT, "a batch is lost: %s", err.message);
    }
    for (size_t i = 0; i < agent->n_links; i++)
        link_pump(agent->links[i]);
}

static void arm_flush(struct agent *agent)
{
    int64_t due = outbox_deadline(agent->outbox);

    if (due != OUTBOX_NEVER)
        arm(agent->flush_timer, due);
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
    struct agent *agent = arg;

    (void)fd;
    (void)what;
    if (outbox_deadline(agent->outbox) <= fl_clock_monotonic() + TIMER_EARLY_US)
        agent_flush(agent);
    arm_flush(agent);
}

/* The deadline only moves when the batch was empty, is full now, or a failure came. */
static void on_result(const struct fl_result *result, void *arg)
{
    struct agent *agent = arg;
    int64_t before = outbox_deadline(agent->outbox);

    spool_count_produced(agent->spool, 1);
    if (!outbox_add_result(agent->outbox, result, fl_clock_monotonic()))
        spool_count_lost(agent->spool, 1, 0);
    if (outbox_deadline(agent->outbox) != before)
        arm_flush(agent);
}

/* The next look at the own lateness, unless something else that is due looks before. */
static void arm_lag(struct agent *agent)
{
    agent->lag_due_us = fl_clock_monotonic() + LAG_EVERY_US;
    arm(agent->lag_timer, agent->lag_due_us);
}

/* ---- probes ---- */

void agent_arm_probes(struct agent *agent)
{
    agent->probe_due_us = schedule_deadline(agent->schedule);
    if (agent->probe_due_us != SCHEDULE_NEVER)
        arm(agent->probe_timer, agent->probe_due_us);
    else
        (void)evtimer_del(agent->probe_timer);
}

static void on_probe(evutil_socket_t fd, short what, void *arg)
{
    struct agent *agent = arg;
    int64_t now = fl_clock_monotonic();
    size_t index;

    (void)fd;
    (void)what;
    note_lag(agent, agent->probe_due_us);
    if (now < agent->probe_due_us && agent->probe_due_us - now < TIMER_EARLY_US)
        now = agent->probe_due_us; /* waking twice for it would cost more than it is worth */
    while (schedule_next(agent->schedule, now, &index))
        probe_runner_start(agent->runner, index);
    agent_arm_probes(agent);
    arm_lag(agent);
}

/* ---- the host, and the agent's own lateness ---- */

static int64_t clock_offset(const struct agent *agent)
{
    for (size_t i = 0; i < agent->n_links; i++)
        if (link_is_up(agent->links[i]))
            return link_clock_offset(agent->links[i]);
    return FL_ABSENT;
}

static void on_host(evutil_socket_t fd, short what, void *arg)
{
    struct agent *agent = arg;
    struct fl_host_sample sample;
    int64_t before = outbox_deadline(agent->outbox);

    (void)fd;
    (void)what;
    fl_host_sample_init(&sample);
    host_sample(agent->host, fl_clock_wall(), &sample);
    sample.values[FL_HOST_LOOP_LAG_US] = agent->lag_us;
    sample.values[FL_HOST_CLOCK_OFFSET_US] = clock_offset(agent);
    sample.values[FL_HOST_SKIPPED_STARTS] = (int64_t)schedule_skipped(agent->schedule);
    agent->lag_us = 0;
    (void)outbox_add_host(agent->outbox, &sample, fl_clock_monotonic());
    if (outbox_deadline(agent->outbox) != before)
        arm_flush(agent);
    agent->host_due_us = next_turn(agent->host_due_us, agent->config.host_interval_us);
    arm(agent->host_timer, agent->host_due_us);
}

static void on_lag(evutil_socket_t fd, short what, void *arg)
{
    struct agent *agent = arg;

    (void)fd;
    (void)what;
    note_lag(agent, agent->lag_due_us);
    arm_lag(agent);
}

/* ---- the spool's own state ---- */

static void trim_sometimes(struct agent *agent)
{
    int64_t now = fl_clock_monotonic();

    if (now < agent->trim_due_us)
        return;
    footprint_trim();
    agent->trim_due_us = now + TRIM_EVERY_US;
}

static void on_second(evutil_socket_t fd, short what, void *arg)
{
    struct agent *agent = arg;
    struct spool_state state;

    (void)fd;
    (void)what;
    spool_get_state(agent->spool, &state);
    backlog_forget_range(agent->backlog, state.gone_from, state.gone_to);
    if (state.failing && !agent->spool_failing)
        fl_log_error(AGENT_COMPONENT, "%s; results wait in memory", state.failure.message);
    if (!state.failing && agent->spool_failing)
        fl_log_info(AGENT_COMPONENT, "the spool can be written again");
    agent->spool_failing = state.failing;
    trim_sometimes(agent);
    arm(agent->second_timer, fl_clock_monotonic() + FL_SECOND);
}

static void index_row(const struct spool_row *row, void *arg)
{
    struct agent *agent = arg;

    if (backlog_add(agent->backlog, row->id, row->boot, row->sequence, (uint32_t)row->size,
                    row->n_results + row->lost) < 0)
        fl_log_error(AGENT_COMPONENT, "no memory to send the spooled batch %lld",
                     (long long)row->id);
}

/* ---- coordinators ---- */

static void fill_hello(struct fl_hello *hello, void *arg)
{
    const struct agent *agent = arg;
    struct spool_state state;

    spool_get_state(agent->spool, &state);
    (void)snprintf(hello->agent, sizeof(hello->agent), "%s", agent->config.name);
    (void)snprintf(hello->zone, sizeof(hello->zone), "%s", agent->config.zone);
    (void)snprintf(hello->software, sizeof(hello->software), "%s", FL_VERSION);
    hello->boot = agent->boot;
    hello->plan_version = agent->plan->version;
    hello->spooled_batches = state.n_batches;
    hello->answers = true;
    for (size_t i = 0; probe_table[i].name && i < FL_MAX_TYPES; i++)
        (void)snprintf(hello->types[hello->n_types++], FL_TYPE_SIZE, "%s", probe_table[i].name);
}

static void fill_heartbeat(struct fl_heartbeat *heartbeat, size_t peer, void *arg)
{
    const struct agent *agent = arg;
    struct spool_account account;
    struct spool_state state;

    spool_get_state(agent->spool, &state);
    heartbeat->spooled_batches = state.n_batches;
    heartbeat->plan_version = agent->plan->version;
    heartbeat->stalled_probes = probe_runner_stalled(agent->runner);
    heartbeat->dropped_results = state.dropped.results;
    spool_get_account(agent->spool, &account);
    heartbeat->account = account.number;
    heartbeat->produced = account.produced;
    heartbeat->undelivered =
        account.produced - account.settled - backlog_acked_results(agent->backlog, peer);
}

static void on_links_changed(void *arg)
{
    struct agent *agent = arg;
    bool away = true;

    for (size_t i = 0; i < agent->n_links; i++)
        away = away && !link_is_up(agent->links[i]);
    outbox_set_away(agent->outbox, away);
    arm_flush(agent);
}

static void answer_ask(void *peer, const struct fl_answer *answer, void *arg)
{
    (void)arg;
    link_answer_ask(peer, answer);
}

static void take_ask(struct link *link, const struct fl_ask *ask, void *arg)
{
    const struct agent *agent = arg;

    asked_take(agent->asked, link, ask);
}

static void drop_links(struct agent *agent)
{
    if (agent->asked)
        asked_forget(agent->asked); /* who asked goes */
    while (agent->n_links > 0)
        link_free(agent->links[--agent->n_links]);
}

static void make_links(struct agent *agent)
{
    drop_links(agent);
    for (size_t i = 0; i < agent->config.n_coordinators; i++) {
        struct fl_error err = {""};

        if (link_new(&agent->link_env, &agent->config.coordinators[i], i,
                     &agent->links[agent->n_links], &err) < 0)
            fl_log_error(AGENT_COMPONENT, "%s", err.message);
        else
            agent->n_links++;
    }
    on_links_changed(agent);
}

/* Coordinators that stay keep what they have acknowledged. */
static void keep_acknowledgements(struct agent *agent, const struct agent_config *next)
{
    size_t from[AGENT_MAX_COORDINATORS];
    uint64_t results;
    int64_t id;

    for (size_t i = 0; i < next->n_coordinators; i++) {
        from[i] = BACKLOG_NEW_PEER;
        for (size_t k = 0; k < agent->config.n_coordinators; k++)
            if (strcmp(next->coordinators[i].address, agent->config.coordinators[k].address) == 0)
                from[i] = k;
    }
    (void)backlog_set_peers(agent->backlog, from, next->n_coordinators);
    while (backlog_pop_done(agent->backlog, &id, &results))
        spool_remove(agent->spool, id, results);
}

static void follow_ask_rules(struct agent *agent)
{
    agent->ask_rules = (struct ask_rules){agent->config.n_adhoc, agent->config.adhoc};
    asked_set_rate(agent->asked, agent->config.asked_rate);
}

void agent_reload(struct agent *agent)
{
    FL_CLEANUP(agent_config_done) struct agent_config next = {0};
    struct agent_config old;
    struct fl_error err = {""};
    int r = agent_config_load(agent->config_path, &next, &err);

    if (r == 0)
        r = agent_config_read_keys(&next, &err);
    if (r == 0)
        r = agent_config_check_reload(&agent->config, &next, &err);
    if (r < 0) {
        fl_log_error(AGENT_COMPONENT, "the configuration stays as it was: %s", err.message);
        return;
    }
    drop_links(agent); /* they borrow from the old one */
    keep_acknowledgements(agent, &next);
    old = agent->config;
    agent->config = next;
    next = old;
    follow_ask_rules(agent);
    make_links(agent);
    fl_log_info(AGENT_COMPONENT, "the configuration was read again: %zu coordinators",
                agent->config.n_coordinators);
}

static void on_reload(void *arg)
{
    fl_daemon_notify("RELOADING=1");
    agent_reload(arg);
    fl_daemon_notify("READY=1");
}

/* ---- life ---- */

static int open_spool(struct agent *agent, struct fl_error *err)
{
    const struct agent_config *config = &agent->config;
    const struct spool_settings settings = {.max_bytes = config->spool_size,
                                            .max_age_us = config->spool_age_us,
                                            .max_batches = MAX_SPOOLED,
                                            .max_records = MAX_RECORDS,
                                            .agent = config->name,
                                            .full_sync = config->spool_sync == AGENT_SPOOL_FULL};
    struct fl_error notice = {""};
    int r = fl_daemon_make_directory(config->state, err);

    if (r == 0)
        r = spool_open(config->state, &settings, index_row, agent, &notice, &agent->spool, err);
    if (r == 0 && notice.message[0] != '\0')
        fl_log_warning(AGENT_COMPONENT, "%s", notice.message);
    return r;
}

static int make_cores(struct agent *agent, struct fl_error *err)
{
    size_t from[AGENT_MAX_COORDINATORS];

    if (backlog_new(&agent->backlog) < 0 || outbox_new(&agent->outbox) < 0 ||
        schedule_new(agent->config.name, agent->start_us, &agent->schedule) < 0 ||
        !(agent->plan = malloc(sizeof(*agent->plan))))
        return fl_error_set(err, -ENOMEM, "no memory to start");
    fl_plan_init(agent->plan);
    for (size_t i = 0; i < agent->config.n_coordinators; i++)
        from[i] = BACKLOG_NEW_PEER;
    (void)backlog_set_peers(agent->backlog, from, agent->config.n_coordinators);
    return 0;
}

static int make_timers(struct agent *agent, struct fl_error *err)
{
    struct event_base *base = fl_loop_base(agent->loop);

    agent->probe_timer = evtimer_new(base, on_probe, agent);
    agent->flush_timer = evtimer_new(base, on_flush, agent);
    agent->host_timer = evtimer_new(base, on_host, agent);
    agent->lag_timer = evtimer_new(base, on_lag, agent);
    agent->second_timer = evtimer_new(base, on_second, agent);
    if (!agent->probe_timer || !agent->flush_timer || !agent->host_timer || !agent->lag_timer ||
        !agent->second_timer)
        return fl_error_set(err, -ENOMEM, "no memory for timers");
    return 0;
}

static int make_asked(struct agent *agent, struct fl_error *err)
{
    const struct asked_env env = {.probe_env = &agent->probe_env,
                                  .runner = &agent->runner,
                                  .plan = &agent->plan,
                                  .rules = &agent->ask_rules,
                                  .answer = answer_ask,
                                  .arg = agent};
    int r = asked_new(&env, agent->config.asked_rate, &agent->asked, err);

    if (r == 0)
        follow_ask_rules(agent);
    return r;
}

static int make_probing(struct agent *agent, struct fl_error *err)
{
    struct event_base *base = fl_loop_base(agent->loop);
    int r = resolver_new(base, &agent->resolver, err);

    if (r < 0)
        return r;
    fileop_worker_find(agent->fileop_path, sizeof(agent->fileop_path));
    agent->probe_env = (struct probe_env){.base = base,
                                          .resolver = agent->resolver,
                                          .mesh_key = agent->mesh_key,
                                          .fileop_path = agent->fileop_path,
                                          .secrets_path = agent->config.secrets,
                                          .commands_path = agent->config.commands};
    r = probe_runner_new(&agent->probe_env, on_result, agent, &agent->runner, err);
    if (r == 0)
        r = make_asked(agent, err);
    if (r == 0)
        r = host_new("/proc", "/sys", &agent->host, err);
    if (r == 0 && agent->config.mesh_listen)
        r = echo_new(base, agent->config.mesh_listen, agent->mesh_key, &agent->echo, err);
    return r;
}

static int make_link_env(struct agent *agent, struct fl_error *err)
{
    int r = fl_zcontext_new(FL_MAX_PLAN_MESSAGE, &agent->zcontext, err);

    agent->link_env = (struct link_env){.zcontext = agent->zcontext,
                                        .base = fl_loop_base(agent->loop),
                                        .keys = &agent->config.keys,
                                        .backlog = agent->backlog,
                                        .spool = agent->spool,
                                        .fill_hello = fill_hello,
                                        .fill_heartbeat = fill_heartbeat,
                                        .plan = agent_plan_receive,
                                        .ask = take_ask,
                                        .changed = on_links_changed,
                                        .arg = agent};
    return r;
}

static void start(struct agent *agent)
{
    int64_t now = fl_clock_monotonic();

    agent_plan_start(agent);
    make_links(agent);
    fl_loop_on_reload(agent->loop, on_reload, agent);
    agent->trim_due_us = now + TRIM_FIRST_US;
    agent->host_due_us = now;
    agent->lag_due_us = now;
    arm(agent->host_timer, now);
    arm(agent->lag_timer, now);
    arm(agent->second_timer, now);
}

int agent_new(struct fl_loop *loop, const char *path, struct agent_config *config,
              struct agent **ret, struct fl_error *err)
{
    FL_CLEANUP(agent_freep) struct agent *agent = calloc(1, sizeof(*agent));
    int r;

    if (!agent || !(agent->config_path = strdup(path)))
        return fl_error_set(err, -ENOMEM, "no memory to start");
    agent->loop = loop;
    agent->config = *config;
    agent->start_us = fl_clock_monotonic();
    (void)snprintf(agent->plan_path, sizeof(agent->plan_path), "%s/plan.bin", config->state);
    r = fl_daemon_random(&agent->boot, sizeof(agent->boot), err);
    if (r == 0)
        r = make_cores(agent, err);
    if (r == 0)
        r = open_spool(agent, err);
    if (r == 0)
        r = make_timers(agent, err);
    if (r == 0)
        r = make_probing(agent, err);
    if (r == 0)
        r = make_link_env(agent, err);
    if (r < 0) {
        memset(&agent->config, 0, sizeof(agent->config)); /* it stays the caller's */
        return r;
    }
    memset(config, 0, sizeof(*config));
    start(agent);
    *ret = FL_TAKE(agent);
    return 0;
}

static void free_timer(struct event *timer)
{
    if (timer)
        event_free(timer);
}

/* Workers on mounted file systems remove their files before they end. One that hangs is not
 * waited for longer than this. The lag timer makes the loop look up. */
static void wait_for_workers(struct agent *agent)
{
    int64_t end = fl_clock_monotonic() + WORKERS_END_US;

    while (fileop_worker_count() > 0 && fl_clock_monotonic() < end)
        if (event_base_loop(fl_loop_base(agent->loop), EVLOOP_ONCE) < 0)
            return;
}

struct agent *agent_free(struct agent *agent)
{
    if (!agent)
        return NULL;
    if (agent->spool && agent->plan)
        agent_flush(agent); /* the last results are spooled for the next start */
    drop_links(agent);
    fl_zcontext_free(agent->zcontext);
    free_timer(agent->probe_timer);
    free_timer(agent->flush_timer);
    free_timer(agent->host_timer);
    free_timer(agent->second_timer);
    echo_free(agent->echo);
    asked_free(agent->asked);
    probe_runner_free(agent->runner);
    wait_for_workers(agent);
    free_timer(agent->lag_timer);
    resolver_free(agent->resolver);
    host_free(agent->host);
    spool_free(agent->spool);
    schedule_free(agent->schedule);
    outbox_free(agent->outbox);
    backlog_free(agent->backlog);
    if (agent->plan)
        fl_plan_done(agent->plan);
    free(agent->plan);
    agent_config_done(&agent->config);
    free(agent->config_path);
    free(agent);
    return NULL;
}
