// links: coordinator_daemon
/* Whose answer to what is taken, and what is over a limit. */
#include "coordinator/asker.h"
#include "proto/runtime/fl_clock.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

struct bench {
    struct event_base *base;
    struct fleet *fleet;
    struct asker *asker;
    size_t n_sent, n_changed, n_judged;
    uint32_t sent_orders[2]; /* how many the last ask to each agent had */
    int send_answer;
};

static int on_send(uint32_t agent, const struct fl_ask *ask, void *arg, struct fl_error *err)
{
    struct bench *bench = arg;

    if (bench->send_answer < 0)
        return fl_error_set(err, bench->send_answer, "it is not\tconnected");
    bench->n_sent++;
    bench->sent_orders[agent] = (uint32_t)ask->orders.n_specs;
    return 0;
}

static void on_judge(uint32_t agent, const struct fl_result *result, void *arg)
{
    struct bench *bench = arg;

    assert_int_equal(agent, 1);
    assert_int_equal(result->rx_us, 1000);
    bench->n_judged++;
}

static void on_change(void *arg)
{
    struct bench *bench = arg;

    bench->n_changed++;
}

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    const struct asker_host host = {on_send, on_judge, bench};
    struct fl_error err;

    bench->base = event_base_new();
    assert_int_equal(fleet_new(&bench->fleet), 0);
    assert_int_equal(fleet_add_zone(bench->fleet, "a", &err), 0);
    assert_int_equal(fleet_add_agent(bench->fleet, "a1", "a", &err), 0);
    assert_int_equal(fleet_add_agent(bench->fleet, "a2", "a", &err), 0);
    assert_int_equal(fleet_seal(bench->fleet, FL_SECOND, FL_SECOND, &err), 0);
    assert_int_equal(asker_new(bench->base, bench->fleet, &host, &bench->asker, &err), 0);
    asker_on_change(bench->asker, on_change, bench);
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;

    asker_free(bench->asker);
    fleet_free(bench->fleet);
    event_base_free(bench->base);
    free(bench);
    return 0;
}

static void fill(struct fl_ask *ask, uint32_t repeats)
{
    fl_ask_init(ask);
    ask->deadline_us = 50 * FL_MS;
    assert_non_null(fl_ask_add(ask, "web", "get", "", repeats, 20 * FL_MS, 0));
    assert_non_null(fl_ask_add(ask, "web", "port", "", repeats, 20 * FL_MS, 0));
}

/* Ask a1 for both, a2 for the second alone. */
static int begin(struct bench *bench, uint32_t repeats, uint64_t *id)
{
    const struct asker_recipient recipients[] = {{.agent = 0, .orders = 3},
                                                 {.agent = 1, .orders = 2}};
    struct fl_error err;
    struct fl_ask ask;
    int r;

    fill(&ask, repeats);
    r = asker_begin(bench->asker, &ask, recipients, 2, id, &err);
    fl_ask_done(&ask);
    return r;
}

/* A result of `probe` as an answer to order `n` of the agent's. */
static void answer(struct bench *bench, uint64_t id, uint32_t agent, uint32_t n, const char *probe,
                   bool done)
{
    struct fl_plan plan;
    struct fl_result result;
    struct fl_answer said = {
        .id = id, .done = done, .n_results = 1, .orders = &n, .results = &result};

    fl_plan_init(&plan);
    fl_result_init(&result);
    result.ok = true;
    result.series = fl_plan_add(&plan, "web", probe, "tcp", FL_SECOND, FL_SECOND)->series;
    fl_plan_done(&plan);
    asker_answer(bench->asker, agent, &said, 1000);
}

static void each_agent_gets_its_orders_and_answers_them(void **state)
{
    struct bench *bench = *state;
    const struct asker_ask *ask;
    uint64_t id;

    assert_int_equal(begin(bench, 1, &id), 0);
    assert_int_equal(bench->sent_orders[0], 2);
    assert_int_equal(bench->sent_orders[1], 1);
    answer(bench, id, 0, 0, "get", false);
    answer(bench, id, 1, 0, "port", true); /* its first is the second of the ask */
    ask = asker_find(bench->asker, id);
    assert_int_equal(ask->n_results, 2);
    assert_int_equal(ask->results[1].order, 1);
    assert_int_equal(ask->results[1].recipient, 1);
    assert_int_equal(ask->recipients[1].state, ASKER_ANSWERED);
    assert_false(ask->over);
    answer(bench, id, 0, 1, "port", true);
    assert_true(asker_find(bench->asker, id)->over);
    assert_int_equal(bench->n_changed, 3);
}

static void what_was_not_asked_for_is_not_taken(void **state)
{
    struct bench *bench = *state;
    struct asker_stats stats;
    uint64_t id;

    assert_int_equal(begin(bench, 1, &id), 0);
    answer(bench, id, 1, 0, "get", false);  /* of another series */
    answer(bench, id, 1, 1, "port", false); /* of an order that it has not */
    assert_int_equal(asker_find(bench->asker, id)->n_results, 0);
    answer(bench, id, 1, 0, "port", false);
    answer(bench, id, 1, 0, "port", false); /* more than it was asked for */
    assert_int_equal(asker_find(bench->asker, id)->n_results, 1);
    answer(bench, id + 1, 1, 0, "port", false); /* to another question */
    asker_stats(bench->asker, &stats);
    assert_int_equal(stats.late, 1);
}

static void who_cannot_be_asked_is_said_and_ends_it(void **state)
{
    struct bench *bench = *state;
    const struct asker_ask *ask;
    uint64_t id;

    bench->send_answer = -ENOTCONN;
    assert_int_equal(begin(bench, 1, &id), 0);
    ask = asker_find(bench->asker, id);
    assert_true(ask->over);
    assert_int_equal(ask->recipients[0].state, ASKER_REFUSED);
    assert_string_equal(ask->recipients[0].reason, "it is not?connected");
}

static void who_does_not_answer_in_time_is_late(void **state)
{
    struct bench *bench = *state;
    uint64_t id;

    assert_int_equal(begin(bench, 1, &id), 0);
    answer(bench, id, 1, 0, "port", true);
    while (!asker_find(bench->asker, id)->over)
        assert_int_equal(event_base_loop(bench->base, EVLOOP_ONCE), 0);
    assert_int_equal(asker_find(bench->asker, id)->recipients[0].state, ASKER_LATE);
    assert_int_equal(asker_find(bench->asker, id)->recipients[1].state, ASKER_ANSWERED);
}

static void limits_are_said_and_counted(void **state)
{
    const struct asker_recipient nobody = {.agent = 0, .orders = 0};
    struct bench *bench = *state;
    struct asker_stats stats;
    struct fl_error err;
    struct fl_ask ask;
    uint64_t id;

    fill(&ask, 1);
    assert_int_equal(asker_begin(bench->asker, &ask, &nobody, 1, &id, &err), -EINVAL);
    fl_ask_done(&ask);
    assert_int_equal(begin(bench, FL_MAX_ASK_PROBES, &id), -EINVAL);
    for (size_t i = 0; i < ASKER_MAX_RUNNING; i++)
        assert_int_equal(begin(bench, 1, &id), 0);
    assert_int_equal(begin(bench, 1, &id), -EBUSY);
    asker_stats(bench->asker, &stats);
    assert_int_equal(stats.running, ASKER_MAX_RUNNING);
    assert_int_equal(stats.turned_away, 3);
}

static void the_oldest_that_is_over_is_forgotten(void **state)
{
    struct bench *bench = *state;
    uint64_t first, last = 0;

    bench->send_answer = -ENOTCONN;
    assert_int_equal(begin(bench, 1, &first), 0);
    for (size_t i = 0; i < ASKER_MAX_KEPT; i++)
        assert_int_equal(begin(bench, 1, &last), 0);
    assert_null(asker_find(bench->asker, first));
    assert_non_null(asker_find(bench->asker, last));
}

static void a_question_is_judged_and_told_of(void **state)
{
    struct bench *bench = *state;
    struct question questions[] = {{{COMPONENT_HOST, 0, 0}, 0, 0}, {{COMPONENT_HOST, 0, 0}, 1, 0}};
    struct asker_told told = {0}, none = {0};
    struct asker_stats stats;
    struct fl_result result;
    uint32_t order = 0;
    struct fl_answer said = {.done = true, .n_results = 1, .orders = &order, .results = &result};
    const struct asker_ask *ask = NULL;
    uint64_t id;

    assert_int_equal(begin(bench, 1, &id), 0);
    asker_question(bench->asker, questions, 2);
    assert_int_equal(bench->sent_orders[1], 1);
    said.id = id + 1;
    ask = asker_find(bench->asker, said.id);
    assert_true(ask->question);
    fl_result_init(&result);
    result.series = bench->fleet->probes[0].series;
    asker_answer(bench->asker, 1, &said, 1000);
    assert_int_equal(bench->n_judged, 1);
    answer(bench, id, 1, 0, "port", true); /* what an operator asks for is not judged */
    assert_int_equal(bench->n_judged, 1);
    asker_stats(bench->asker, &stats);
    assert_int_equal(stats.questions, 1);
    asker_tell(bench->asker, "host:a1", 0, INT64_MAX, &told);
    assert_int_equal(told.asked, 2 * QUESTION_REPEATS);
    assert_int_equal(told.answered, 1);
    assert_int_equal(told.n_agents, 1);
    assert_string_equal(told.agents[0], "a2");
    asker_tell(bench->asker, "host:a2", 0, INT64_MAX, &none);
    assert_int_equal(none.asked, 0);
}

int main(void)
{
#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(each_agent_gets_its_orders_and_answers_them),
        CASE(what_was_not_asked_for_is_not_taken),
        CASE(who_cannot_be_asked_is_said_and_ends_it),
        CASE(who_does_not_answer_in_time_is_late),
        CASE(limits_are_said_and_counted),
        CASE(a_question_is_judged_and_told_of),
        CASE(the_oldest_that_is_over_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
