// links: agent_daemon
/* A link against a coordinator that is played here, on loopback. */
#include "agent/link.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_log.h"
#include "proto/runtime/fl_loop.h"
#include "tests/support/unit.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BOOT 4711
#define PATIENCE_US (20 * FL_SECOND)
#define MAX_BATCHES 64

static struct {
    char directory[64];
    char endpoint[256];
    struct fl_loop *loop;
    struct event *tick; /* so that waiting looks up now and then */
    struct fl_zcontext *zcontext;
    struct fl_keypair agent_keys, coordinator_keys;
    struct fl_zsock *router;
    struct spool *spool;
    struct backlog *backlog;
    struct link_env env;
    struct agent_coordinator address;
    struct link *link;

    /* the coordinator's behaviour and what it saw */
    bool answers, acknowledges, refuses;
    size_t n_hellos, n_heartbeats, n_batches, n_plan_acks;
    bool hello_was_first;
    uint64_t sequences[MAX_BATCHES];
    char plan_error[FL_REASON_SIZE];

    /* what the agent saw */
    size_t n_plans;
} world;

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
}

static void run_until(bool (*reached)(void))
{
    int64_t end = fl_clock_monotonic() + PATIENCE_US;

    while (!reached()) {
        if (fl_clock_monotonic() > end)
            fail_msg("what was waited for did not happen");
        assert_true(event_base_loop(fl_loop_base(world.loop), EVLOOP_ONCE) >= 0);
    }
}

/* ---- the coordinator ---- */

static void reply(const uint8_t *peer, size_t peer_size, const struct fl_message *message)
{
    struct fl_error err;
    uint8_t *bytes = NULL;
    size_t size = 0;

    if (fl_codec_encode(message, &bytes, &size, &err) < 0)
        fail_msg("%s", err.message);
    (void)fl_zsock_send(world.router, peer, peer_size, bytes, size);
    free(bytes);
}

static void send_plan(const uint8_t *peer, size_t peer_size)
{
    struct fl_message message = {.type = FL_MESSAGE_PLAN};

    fl_plan_init(&message.plan);
    message.plan.version = 3;
    assert_non_null(fl_plan_add(&message.plan, "agent:a2", "mesh", "udp", FL_SECOND, FL_SECOND));
    reply(peer, peer_size, &message);
    fl_plan_done(&message.plan);
}

static void send_heartbeat_reply(const uint8_t *peer, size_t peer_size,
                                 const struct fl_heartbeat *heartbeat)
{
    fl_time ahead = fl_clock_wall() + FL_HOUR;
    const struct fl_message message = {
        .type = FL_MESSAGE_HEARTBEAT_REPLY,
        .heartbeat_reply = {
            .sent_us = heartbeat->sent_us, .received_us = ahead, .replied_us = ahead, .credit = 8}};

    reply(peer, peer_size, &message);
}

static void take_batch(const uint8_t *peer, size_t peer_size, const struct fl_batch *batch)
{
    uint64_t sequence = batch->sequence;
    const struct fl_message ack = {
        .type = FL_MESSAGE_ACK,
        .ack = {.boot = batch->boot, .n_sequences = 1, .sequences = &sequence}};

    assert_in_range(world.n_batches, 0, MAX_BATCHES - 1);
    world.sequences[world.n_batches++] = sequence;
    if (world.acknowledges)
        reply(peer, peer_size, &ack);
}

static void on_agent(const uint8_t *peer, size_t peer_size, const char *user, const uint8_t *bytes,
                     size_t size, void *arg)
{
    static const struct fl_message refusal = {.type = FL_MESSAGE_REFUSAL,
                                              .refusal = {"your zone is another"}};
    FL_CLEANUP(fl_message_done) struct fl_message message = {0};
    struct fl_error err;

    (void)user;
    (void)arg;
    if (fl_codec_decode(bytes, size, &message, &err) < 0)
        fail_msg("%s", err.message);
    switch (message.type) {
    case FL_MESSAGE_HELLO:
        world.hello_was_first = world.n_heartbeats + world.n_batches == 0;
        world.n_hellos++;
        if (world.refuses)
            reply(peer, peer_size, &refusal);
        else if (world.answers)
            send_plan(peer, peer_size);
        break;
    case FL_MESSAGE_HEARTBEAT:
        world.n_heartbeats++;
        if (world.answers)
            send_heartbeat_reply(peer, peer_size, &message.heartbeat);
        break;
    case FL_MESSAGE_BATCH:
        take_batch(peer, peer_size, &message.batch);
        break;
    case FL_MESSAGE_PLAN_ACK:
        world.n_plan_acks++;
        memcpy(world.plan_error, message.plan_ack.error, sizeof(world.plan_error));
        break;
    default:
        fail_msg("message %d is not one of an agent's", message.type);
    }
}

static bool admit(const char *public_key, char user[FL_NAME_SIZE], void *arg)
{
    (void)arg;
    (void)snprintf(user, FL_NAME_SIZE, "a1");
    return strcmp(public_key, world.agent_keys.public_key) == 0;
}

static void start_coordinator(const char *endpoint)
{
    struct fl_error err;

    if (fl_zsock_router_new(world.zcontext, fl_loop_base(world.loop), endpoint,
                            &world.coordinator_keys, admit, on_agent, NULL, &world.router,
                            &err) < 0)
        fail_msg("%s", err.message);
    (void)snprintf(world.endpoint, sizeof(world.endpoint), "%s", fl_zsock_endpoint(world.router));
}

/* ---- the agent ---- */

static void fill_hello(struct fl_hello *hello, void *arg)
{
    (void)arg;
    (void)snprintf(hello->agent, sizeof(hello->agent), "a1");
    (void)snprintf(hello->zone, sizeof(hello->zone), "a");
    (void)snprintf(hello->software, sizeof(hello->software), "test");
    hello->boot = BOOT;
}

static void fill_heartbeat(struct fl_heartbeat *heartbeat, size_t peer, void *arg)
{
    (void)peer;
    (void)arg;
    heartbeat->plan_version = 3;
}

static void on_plan(struct link *link, struct fl_plan *plan, void *arg)
{
    (void)arg;
    assert_int_equal(plan->version, 3);
    assert_int_equal(plan->n_specs, 1);
    world.n_plans++;
    link_answer_plan(link, plan->version, "not today");
}

static void on_changed(void *arg)
{
    (void)arg;
}

static void no_row(const struct spool_row *row, void *arg)
{
    (void)arg;
    fail_msg("row %lld in a new spool", (long long)row->id);
}

/* A batch as the agent would spool it. */
static void spool_batch(uint64_t sequence)
{
    struct fl_host_sample sample;
    struct fl_message message = {
        .type = FL_MESSAGE_BATCH,
        .batch = {
            .agent = "a1", .boot = BOOT, .sequence = sequence, .n_hosts = 1, .hosts = &sample}};
    struct spool_row row = {.boot = BOOT, .sequence = sequence, .t_us = fl_clock_wall()};
    struct fl_error err;
    uint8_t *bytes = NULL;
    int64_t id;

    fl_host_sample_init(&sample);
    sample.t_us = row.t_us;
    sample.values[FL_HOST_LOOP_LAG_US] = 5;
    if (fl_codec_encode(&message, &bytes, &row.size, &err) < 0)
        fail_msg("%s", err.message);
    row.bytes = bytes;
    assert_int_equal(spool_add(world.spool, &row, &id), 0);
    assert_int_equal(backlog_add(world.backlog, id, BOOT, sequence, (uint32_t)row.size, 0), 0);
    free(bytes);
    link_pump(world.link);
}

static void start_link(void)
{
    struct fl_error err;

    world.address = (struct agent_coordinator){world.endpoint, world.coordinator_keys.public_key};
    world.env = (struct link_env){.zcontext = world.zcontext,
                                  .base = fl_loop_base(world.loop),
                                  .keys = &world.agent_keys,
                                  .backlog = world.backlog,
                                  .spool = world.spool,
                                  .fill_hello = fill_hello,
                                  .fill_heartbeat = fill_heartbeat,
                                  .plan = on_plan,
                                  .changed = on_changed};
    if (link_new(&world.env, &world.address, 0, &world.link, &err) < 0)
        fail_msg("%s", err.message);
}

static int set_up(void **state)
{
    static const struct spool_settings settings = {.max_bytes = 1 << 24,
                                                   .max_age_us = FL_HOUR,
                                                   .max_batches = 1000,
                                                   .max_records = 1000,
                                                   .agent = "a1"};
    static const struct timeval often = {0, 20000};
    const size_t from[] = {BACKLOG_NEW_PEER};
    struct fl_error err, notice;

    (void)state;
    memset(&world, 0, sizeof(world));
    world.answers = world.acknowledges = true;
    (void)snprintf(world.directory, sizeof(world.directory), "/tmp/faultline-link-XXXXXX");
    assert_non_null(mkdtemp(world.directory));
    assert_int_equal(fl_loop_new(&world.loop, &err), 0);
    world.tick = event_new(fl_loop_base(world.loop), -1, EV_PERSIST, on_tick, NULL);
    assert_int_equal(event_add(world.tick, &often), 0);
    assert_int_equal(fl_zcontext_new(FL_MAX_PLAN_MESSAGE, &world.zcontext, &err), 0);
    assert_int_equal(fl_keypair_new(&world.agent_keys, &err), 0);
    assert_int_equal(fl_keypair_new(&world.coordinator_keys, &err), 0);
    assert_int_equal(
        spool_open(world.directory, &settings, no_row, NULL, &notice, &world.spool, &err), 0);
    assert_int_equal(backlog_new(&world.backlog), 0);
    assert_int_equal(backlog_set_peers(world.backlog, from, 1), 0);
    start_coordinator("tcp://127.0.0.1:*");
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"spool.db", "spool.db-wal", "spool.db-shm", "account.bin"};
    char path[128];

    (void)state;
    link_free(world.link);
    fl_zsock_free(world.router);
    fl_zcontext_free(world.zcontext);
    spool_free(world.spool);
    backlog_free(world.backlog);
    event_free(world.tick);
    fl_loop_free(world.loop);
    for (size_t i = 0; i < FL_COUNT(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", world.directory, names[i]);
        (void)unlink(path);
    }
    return rmdir(world.directory);
}

static bool is_up(void)
{
    return link_is_up(world.link);
}

static bool is_down(void)
{
    return !link_is_up(world.link);
}

static bool nothing_is_left(void)
{
    return backlog_count(world.backlog) == 0;
}

static bool one_batch_came(void)
{
    return world.n_batches >= 1;
}

static bool plan_was_answered(void)
{
    return world.n_plan_acks > 0;
}

static bool offset_is_known(void)
{
    return link_clock_offset(world.link) != FL_ABSENT;
}

static bool two_hellos_came(void)
{
    return world.n_hellos >= 2;
}

static bool a_hello_came(void)
{
    return world.n_hellos >= 1;
}

static void hello_is_the_first_word_and_the_plan_is_answered(void **state)
{
    (void)state;
    start_link();
    run_until(plan_was_answered);
    assert_true(world.hello_was_first);
    assert_int_equal(world.n_hellos, 1);
    assert_int_equal(world.n_plans, 1);
    assert_string_equal(world.plan_error, "not today");
}

static void an_acknowledged_batch_leaves_the_spool(void **state)
{
    struct fl_error err;
    struct spool_state spooled;

    (void)state;
    start_link();
    run_until(is_up);
    spool_batch(1);
    run_until(nothing_is_left);
    assert_int_equal(world.n_batches, 1);
    assert_int_equal(spool_flush(world.spool, &err), 0);
    spool_get_state(world.spool, &spooled);
    assert_int_equal(spooled.n_batches, 0);
}

static void the_coordinators_clock_is_measured(void **state)
{
    (void)state;
    start_link();
    run_until(offset_is_known);
    assert_in_range(link_clock_offset(world.link), FL_HOUR - FL_SECOND, FL_HOUR + FL_SECOND);
}

static void what_was_spooled_while_it_was_away_arrives_in_order(void **state)
{
    char endpoint[256];

    (void)state;
    (void)snprintf(endpoint, sizeof(endpoint), "%s", world.endpoint);
    start_link();
    run_until(is_up);
    world.router = fl_zsock_free(world.router);
    run_until(is_down);
    for (uint64_t i = 1; i <= 10; i++)
        spool_batch(i);
    start_coordinator(endpoint);
    run_until(nothing_is_left);
    assert_int_equal(world.n_batches, 10);
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(world.sequences[i], i + 1);
    assert_int_equal(world.n_hellos, 2);
}

static void what_was_not_acknowledged_goes_again_after_a_reconnect(void **state)
{
    char endpoint[256];

    (void)state;
    (void)snprintf(endpoint, sizeof(endpoint), "%s", world.endpoint);
    world.acknowledges = false;
    start_link();
    run_until(is_up);
    spool_batch(1);
    run_until(one_batch_came);
    world.router = fl_zsock_free(world.router);
    run_until(is_down);
    world.acknowledges = true;
    start_coordinator(endpoint);
    run_until(nothing_is_left);
    assert_int_equal(world.n_batches, 2);
    assert_int_equal(world.sequences[1], 1);
}

static void a_coordinator_that_falls_silent_is_connected_anew(void **state)
{
    (void)state;
    start_link();
    run_until(is_up);
    world.answers = false;
    run_until(is_down);
    world.answers = true;
    run_until(is_up);
    assert_true(world.n_hellos >= 2);
}

static void nothing_is_sent_to_one_that_refuses(void **state)
{
    (void)state;
    world.refuses = true;
    start_link();
    spool_batch(1);
    run_until(a_hello_came);
    run_until(two_hellos_came); /* asked again after a while */
    assert_int_equal(world.n_batches, 0);
    world.refuses = false;
    run_until(nothing_is_left);
}

int main(void)
{
#define LINK_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        LINK_TEST(hello_is_the_first_word_and_the_plan_is_answered),
        LINK_TEST(an_acknowledged_batch_leaves_the_spool),
        LINK_TEST(the_coordinators_clock_is_measured),
        LINK_TEST(what_was_spooled_while_it_was_away_arrives_in_order),
        LINK_TEST(what_was_not_acknowledged_goes_again_after_a_reconnect),
        LINK_TEST(a_coordinator_that_falls_silent_is_connected_anew),
        LINK_TEST(nothing_is_sent_to_one_that_refuses),
    };

    fl_log_set_level(FL_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
