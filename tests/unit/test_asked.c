// links: agent_daemon
/* Asks of two real types on loopback: a TCP server that answers, and a file that two may not
 * write at once. */
#include "agent/asked.h"
#include "tests/support/probe_lab.h"

#include <errno.h>
#include <stdlib.h>

static struct lab lab;
static struct probe_runner *runner;
static struct fl_plan plan, *plan_pointer = &plan;
static struct ask_rules rules;
static struct asked *asked;
static struct fl_ask ask;
static int server;
static char address[32];

static struct {
    size_t n_answers, n_results, n_failed, n_refusals, per_order[FL_MAX_ASK_ORDERS];
    uint64_t id, missed;
    char reason[FL_ANSWER_REASON_SIZE];
} got;

static void on_scheduled(const struct fl_result *result, void *arg)
{
    (void)result;
    (void)arg;
    fail_msg("what was asked for came as if the schedule had started it");
}

static void on_answer(void *peer, const struct fl_answer *answer, void *arg)
{
    (void)arg;
    assert_ptr_equal(peer, &got);
    got.n_answers++;
    got.id = answer->id;
    got.missed = answer->missed;
    got.n_results += answer->n_results;
    for (size_t i = 0; i < answer->n_results; i++) {
        assert_int_equal(fl_result_check(&answer->results[i], NULL), 0);
        got.n_failed += !answer->results[i].ok;
        got.per_order[answer->orders[i]]++;
    }
    for (size_t i = 0; i < answer->n_refusals; i++)
        (void)snprintf(got.reason, sizeof(got.reason), "%s", answer->refusals[i].reason);
    got.n_refusals += answer->n_refusals;
    lab.done = lab.done || answer->done;
}

static int set_up(void **state)
{
    struct asked_env env = {&lab.env, &runner, &plan_pointer, &rules, on_answer, NULL};
    struct fl_probe_spec *spec;
    struct fl_error err;

    (void)state;
    memset(&got, 0, sizeof(got));
    rules = (struct ask_rules){0};
    lab_open(&lab);
    server = lab_bind(SOCK_STREAM, address);
    assert_int_equal(listen(server, 4096), 0);
    fl_plan_init(&plan);
    fl_ask_init(&ask);
    ask.id = 77;
    ask.deadline_us = 5 * FL_SECOND;
    spec = fl_plan_add(&plan, "web", "port", "tcp", FL_SECOND, FL_SECOND);
    assert_int_equal(fl_probe_spec_set(spec, "address", address), 0);
    assert_int_equal(probe_runner_new(&lab.env, on_scheduled, NULL, &runner, &err), 0);
    assert_int_equal(probe_runner_set_plan(runner, &plan, &err), 0);
    return asked_new(&env, 1000, &asked, &err);
}

static int tear_down(void **state)
{
    (void)state;
    asked = asked_free(asked);
    runner = probe_runner_free(runner);
    fl_ask_done(&ask);
    fl_plan_done(&plan);
    (void)close(server);
    lab_close(&lab);
    return 0;
}

static struct fl_probe_spec *order(const char *probe, uint32_t repeats, int64_t interval_us)
{
    struct fl_probe_spec *spec = fl_ask_add(&ask, "web", probe, "", repeats, interval_us, 0);

    assert_non_null(spec);
    return spec;
}

static void all_repeats_of_all_orders_are_answered(void **state)
{
    (void)state;
    (void)order("port", 5, 20 * FL_MS);
    (void)order("port", 3, 30 * FL_MS);
    asked_take(asked, &got, &ask);
    lab_wait(&lab);
    assert_int_equal(got.id, 77);
    assert_int_equal(got.per_order[0], 5);
    assert_int_equal(got.per_order[1], 3);
    assert_int_equal(got.n_failed, 0);
    assert_int_equal(got.missed, 0);
    assert_true(got.n_answers > 1); /* it answers while it runs */
}

static void more_results_than_one_answer_holds_all_come(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        (void)order("port", 25, 20 * FL_MS);
    asked_take(asked, &got, &ask);
    lab_wait(&lab);
    assert_int_equal(got.n_results, 100);
}

static void a_refused_order_does_not_spoil_the_others(void **state)
{
    (void)state;
    (void)order("nothing", 1, 20 * FL_MS);
    (void)order("port", 1, 20 * FL_MS);
    asked_take(asked, &got, &ask);
    lab_wait(&lab);
    assert_int_equal(got.n_refusals, 1);
    assert_non_null(strstr(got.reason, "web/nothing"));
    assert_int_equal(got.per_order[1], 1);
}

static void what_is_wrong_with_settings_is_the_reason(void **state)
{
    struct fl_probe_spec *spec = order("port", 1, 20 * FL_MS);

    (void)state;
    assert_int_equal(fl_probe_spec_set(spec, "size", "100"), 0); /* tcp has no size */
    asked_take(asked, &got, &ask);
    lab_wait(&lab);
    assert_int_equal(got.n_refusals, 1);
    assert_non_null(strstr(got.reason, "size"));
    assert_int_equal(got.n_results, 0);
}

static void a_shorter_timeout_is_kept(void **state)
{
    struct fl_probe_spec *spec = order("port", 2, 20 * FL_MS);

    (void)state;
    spec->timeout_us = 500 * FL_MS;
    asked_take(asked, &got, &ask);
    lab_wait(&lab);
    assert_int_equal(got.n_results, 2);
    assert_int_equal(got.n_failed, 0);
}

static void the_deadline_ends_it_and_counts_what_is_missed(void **state)
{
    (void)state;
    ask.deadline_us = 100 * FL_MS;
    (void)order("port", 100, FL_SECOND);
    asked_take(asked, &got, &ask);
    lab_wait(&lab);
    assert_int_equal(got.n_results, 1);
    assert_int_equal(got.missed, 99);
}

static void the_rate_holds(void **state)
{
    int64_t began = 0;
    struct timespec now;

    (void)state;
    asked_set_rate(asked, 10); /* 20 at once, then one each 100 ms */
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    began = now.tv_sec * FL_SECOND + now.tv_nsec / 1000;
    for (int i = 0; i < 5; i++)
        (void)order("port", 5, 20 * FL_MS);
    asked_take(asked, &got, &ask);
    lab_wait(&lab);
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    assert_int_equal(got.n_results, 25);
    assert_true(now.tv_sec * FL_SECOND + now.tv_nsec / 1000 - began >= 400 * FL_MS);
}

static void a_rate_of_nothing_refuses_all(void **state)
{
    (void)state;
    asked_set_rate(asked, 0);
    (void)order("port", 1, 20 * FL_MS);
    (void)order("port", 1, 20 * FL_MS);
    asked_take(asked, &got, &ask);
    assert_int_equal(got.n_answers, 1);
    assert_int_equal(got.n_refusals, 2);
    assert_non_null(strstr(got.reason, "asked_rate"));
}

static void more_asks_than_run_at_once_are_refused(void **state)
{
    (void)state;
    (void)order("port", 2, FL_SECOND);
    for (int i = 0; i < ASKED_MAX_JOBS; i++)
        asked_take(asked, &got, &ask);
    assert_int_equal(got.n_refusals, 0);
    asked_take(asked, &got, &ask);
    assert_int_equal(got.n_refusals, 1);
    assert_non_null(strstr(got.reason, "busy"));
}

static void a_new_plan_ends_what_was_asked_of_the_old_one(void **state)
{
    struct fl_error err;
    struct fl_plan none;

    (void)state;
    (void)order("port", 9, FL_SECOND);
    asked_take(asked, &got, &ask);
    asked_plan_goes(asked);
    assert_int_equal(got.missed, 9);
    assert_true(lab.done);
    lab.done = false;
    fl_plan_init(&none);
    assert_int_equal(probe_runner_set_plan(runner, &none, &err), 0);
}

static void who_is_gone_gets_no_answer(void **state)
{
    (void)state;
    (void)order("port", 9, 20 * FL_MS);
    asked_take(asked, &got, &ask);
    asked_forget(asked);
    assert_int_equal(got.n_answers, 0);
}

static void a_probe_that_writes_is_asked_for_only_as_it_is(void **state)
{
    struct fl_probe_spec *spec;
    struct fl_plan with_file;
    struct fl_error err;

    (void)state;
    fl_plan_init(&with_file);
    spec = fl_plan_add(&with_file, "web", "fs", "file", FL_SECOND, FL_SECOND);
    assert_int_equal(fl_probe_spec_set(spec, "directory", "/tmp"), 0);
    plan_pointer = &with_file;
    assert_int_equal(probe_runner_set_plan(runner, &with_file, &err), 0);
    spec = order("fs", 1, 20 * FL_MS);
    assert_int_equal(fl_probe_spec_set(spec, "size", "4KiB"), 0);
    asked_take(asked, &got, &ask);
    lab_wait(&lab);
    assert_int_equal(got.n_refusals, 1);
    assert_non_null(strstr(got.reason, "file"));
    plan_pointer = &plan;
    fl_plan_done(&with_file);
}

int main(void)
{
#define ASKED(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ASKED(all_repeats_of_all_orders_are_answered),
        ASKED(more_results_than_one_answer_holds_all_come),
        ASKED(a_refused_order_does_not_spoil_the_others),
        ASKED(what_is_wrong_with_settings_is_the_reason),
        ASKED(a_shorter_timeout_is_kept),
        ASKED(the_deadline_ends_it_and_counts_what_is_missed),
        ASKED(the_rate_holds),
        ASKED(a_rate_of_nothing_refuses_all),
        ASKED(more_asks_than_run_at_once_are_refused),
        ASKED(a_new_plan_ends_what_was_asked_of_the_old_one),
        ASKED(who_is_gone_gets_no_answer),
        ASKED(a_probe_that_writes_is_asked_for_only_as_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
