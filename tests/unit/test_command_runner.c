// links: coordinator_daemon PkgConfig::EVENT
/* Real programs, run the way hooks are. */
#include "coordinator/command_runner.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_log.h"
#include "tests/support/unit.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE (20 * FL_SECOND)

struct bench {
    struct event_base *base;
    struct command_runner *runner;
    char path[64]; /* a file that the programs write to */
    int status[64];
    size_t n_done;
};

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    int fd;

    (void)signal(SIGPIPE, SIG_IGN);
    fl_log_set_level(FL_LOG_ERROR);
    assert_non_null(bench);
    strcpy(bench->path, "/tmp/faultline-command-XXXXXX");
    fd = mkstemp(bench->path);
    assert_true(fd >= 0);
    (void)close(fd);
    bench->base = event_base_new();
    assert_int_equal(command_runner_new(bench->base, 2, &bench->runner), 0);
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;

    command_runner_free(bench->runner);
    event_base_free(bench->base);
    (void)unlink(bench->path);
    free(bench);
    return 0;
}

static void on_done(int status, uint64_t tag, void *arg)
{
    struct bench *bench = arg;

    assert_true(tag < 64);
    bench->status[tag] = status;
    bench->n_done++;
}

static void run(struct bench *bench, size_t lane, const char *script, const char *input,
                int64_t timeout_us, uint64_t tag)
{
    char shell[] = "/bin/sh", option[] = "-c", text[512];
    char *command[] = {shell, option, text, bench->path, NULL};

    (void)snprintf(text, sizeof(text), "%s", script);
    assert_int_equal(
        command_runner_run(bench->runner, lane, command, input, timeout_us, on_done, tag, bench),
        0);
}

static void wait_done(const struct bench *bench, size_t n)
{
    const struct timeval step = {0, 10000};
    int64_t end = fl_clock_monotonic() + PATIENCE;

    while (bench->n_done < n) {
        assert_true(fl_clock_monotonic() < end);
        (void)event_base_loopexit(bench->base, &step);
        (void)event_base_dispatch(bench->base);
    }
}

static void assert_file(const struct bench *bench, const char *wanted)
{
    char text[256] = "";
    FILE *file = fopen(bench->path, "r");

    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    (void)fclose(file);
    assert_string_equal(text, wanted);
}

static void a_program_gets_its_input_and_says_how_it_ended(void **state)
{
    struct bench *bench = *state;

    run(bench, 0, "cat >\"$0\"; exit 7", "{\"state\":\"avoid\"}", PATIENCE, 1);
    wait_done(bench, 1);
    assert_int_equal(bench->status[1], 7);
    assert_file(bench, "{\"state\":\"avoid\"}");
}

static void one_that_does_not_read_its_input_is_no_trouble(void **state)
{
    struct bench *bench = *state;

    run(bench, 0, "exec <&-; exit 0", "text", PATIENCE, 1);
    wait_done(bench, 1);
    assert_int_equal(bench->status[1], 0);
}

static void one_that_hangs_is_killed_with_what_it_started(void **state)
{
    struct bench *bench = *state;
    struct command_stats stats;

    run(bench, 0, "sleep 1000 & wait", "", FL_SECOND / 5, 1);
    wait_done(bench, 1);
    assert_int_equal(bench->status[1], COMMAND_STATUS_FAILED);
    command_runner_stats(bench->runner, &stats);
    assert_int_equal(stats.killed, 1);
}

static void one_lane_runs_one_at_a_time_in_order_and_lanes_side_by_side(void **state)
{
    struct bench *bench = *state;

    /* the first of lane 0 ends only when lane 1 has written */
    run(bench, 0, "until grep -q b \"$0\"; do sleep 0.02; done; printf a >>\"$0\"", "", PATIENCE,
        0);
    run(bench, 0, "printf c >>\"$0\"", "", PATIENCE, 1);
    run(bench, 1, "printf b >>\"$0\"", "", PATIENCE, 2);
    wait_done(bench, 3);
    assert_file(bench, "bac");
}

static void the_oldest_gives_way_when_too_many_wait(void **state)
{
    struct bench *bench = *state;
    struct command_stats stats;

    for (uint64_t i = 0; i < COMMAND_QUEUE + 3; i++)
        run(bench, 0, "exit 0", "", PATIENCE, i);
    wait_done(bench, COMMAND_QUEUE);
    command_runner_stats(bench->runner, &stats);
    assert_int_equal(stats.dropped, 3);
    assert_int_equal(stats.started, COMMAND_QUEUE);
}

static void one_that_is_not_there_is_said_to_have_failed(void **state)
{
    struct bench *bench = *state;
    char name[] = "/nonexistent/hook";
    char *command[] = {name, NULL};

    fl_log_set_level(FL_LOG_ERROR);
    assert_int_equal(command_runner_run(bench->runner, 0, command, "", PATIENCE, on_done, 3, bench),
                     0);
    wait_done(bench, 1);
    assert_int_equal(bench->status[3], COMMAND_STATUS_FAILED);
    run(bench, 0, "exit 0", "", PATIENCE, 4);
    wait_done(bench, 2);
    assert_int_equal(bench->status[4], 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_program_gets_its_input_and_says_how_it_ended),
        TEST(one_that_does_not_read_its_input_is_no_trouble),
        TEST(one_that_hangs_is_killed_with_what_it_started),
        TEST(one_lane_runs_one_at_a_time_in_order_and_lanes_side_by_side),
        TEST(the_oldest_gives_way_when_too_many_wait),
        TEST(one_that_is_not_there_is_said_to_have_failed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
