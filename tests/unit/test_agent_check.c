// links: coordinator_daemon PkgConfig::EVENT
/* What HAProxy is answered, over a real connection. */
#include "coordinator/agent_check.h"
#include "proto/runtime/fl_clock.h"
#include "tests/support/unit.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE (20 * FL_SECOND)

struct bench {
    struct event_base *base;
    struct agent_check *check;
    char answer[256];
    bool closed;
};

static bool find(const char *group, const char *zone, struct decision *ret, void *arg)
{
    (void)arg;
    if (strcmp(group, "shop") != 0)
        return false;
    *ret = (struct decision){.state = DECISION_SERVE, .standing = DECISION_SERVE, .weight = 100};
    if (strcmp(zone, "b") == 0) {
        ret->state = ret->standing = DECISION_AVOID;
        ret->weight = 0;
    }
    return strlen(zone) == 1;
}

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct fl_error err;

    assert_non_null(bench);
    bench->base = event_base_new();
    if (agent_check_new(bench->base, "127.0.0.1:0", find, NULL, &bench->check, &err) < 0)
        fail_msg("%s", err.message);
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;

    agent_check_free(bench->check);
    event_base_free(bench->base);
    free(bench);
    return 0;
}

static void on_event(struct bufferevent *bufferevent, short what, void *arg)
{
    struct bench *bench = arg;
    struct evbuffer *input = bufferevent_get_input(bufferevent);
    size_t n = evbuffer_get_length(input);

    if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)))
        return;
    bench->closed = true;
    assert_true(n < sizeof(bench->answer));
    (void)evbuffer_remove(input, bench->answer, n);
    bench->answer[n] = '\0';
}

/* Until the other side closes. */
static const char *says(struct bench *bench, const char *line)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(agent_check_port(bench->check)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct bufferevent *caller = bufferevent_socket_new(bench->base, -1, BEV_OPT_CLOSE_ON_FREE);
    int64_t end = fl_clock_monotonic() + PATIENCE;
    const struct timeval step = {0, 10000};

    bench->closed = false;
    bufferevent_setcb(caller, NULL, NULL, on_event, bench);
    assert_int_equal(
        bufferevent_socket_connect(caller, (const struct sockaddr *)&at, (int)sizeof(at)), 0);
    (void)bufferevent_write(caller, line, strlen(line));
    (void)bufferevent_enable(caller, EV_READ);
    while (!bench->closed) {
        assert_true(fl_clock_monotonic() < end);
        (void)event_base_loopexit(bench->base, &step);
        (void)event_base_dispatch(bench->base);
    }
    bufferevent_free(caller);
    return bench->answer;
}

static void a_zone_is_up_or_down_or_drained(void **state)
{
    struct bench *bench = *state;
    struct agent_check_stats stats;

    assert_string_equal(says(bench, "shop a\n"), "up ready 100%\n");
    assert_string_equal(says(bench, "shop a\r\n"), "up ready 100%\n");
    assert_string_equal(says(bench, "shop b\n"), "down ready # avoid\n");
    assert_string_equal(says(bench, "shop b down\n"), "down ready # avoid\n");
    assert_string_equal(says(bench, "shop b drain\n"), "up drain\n");
    agent_check_stats(bench->check, &stats);
    assert_int_equal(stats.answered, 5);
}

static void what_is_unknown_changes_nothing_and_is_counted(void **state)
{
    struct bench *bench = *state;
    char longest[600];
    struct agent_check_stats stats;

    assert_string_equal(says(bench, "mail a\n"), "# no such group and zone\n");
    assert_string_equal(says(bench, "shop a maybe\n"), "# no such group and zone\n");
    assert_string_equal(says(bench, "\n"), "# no such group and zone\n");
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_string_equal(says(bench, longest), "");
    agent_check_stats(bench->check, &stats);
    assert_int_equal(stats.unknown, 3);
}

static void who_says_nothing_is_let_go(void **state)
{
    assert_string_equal(says(*state, "shop a"), "");
}

static void steps_of_a_drain_are_weights(void **state)
{
    struct decision decision = {.state = DECISION_AVOID, .standing = DECISION_AVOID, .weight = 67};
    char answer[AGENT_CHECK_ANSWER];

    (void)state;
    agent_check_answer(&decision, false, answer);
    assert_string_equal(answer, "up ready 67%\n");
    decision.weight = 0;
    agent_check_answer(&decision, false, answer);
    assert_string_equal(answer, "down ready # avoid\n");
    /* in doubt what stands counts */
    decision.state = DECISION_HOLD;
    agent_check_answer(&decision, true, answer);
    assert_string_equal(answer, "up drain\n");
    decision.standing = DECISION_SERVE;
    decision.weight = 100;
    agent_check_answer(&decision, true, answer);
    assert_string_equal(answer, "up ready 100%\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_zone_is_up_or_down_or_drained),
        TEST(what_is_unknown_changes_nothing_and_is_counted),
        TEST(who_says_nothing_is_let_go),
        TEST(steps_of_a_drain_are_weights),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
