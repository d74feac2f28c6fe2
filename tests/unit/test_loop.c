// links: fl_runtime
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_loop.h"
#include "tests/support/unit.h"

#include <event2/event.h>
#include <signal.h>
#include <unistd.h>

struct seen {
    struct fl_loop *loop;
    unsigned reloads;
    unsigned timeouts;
};

static void on_reload(void *arg)
{
    struct seen *seen = arg;

    seen->reloads++;
    fl_loop_stop(seen->loop);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
    struct seen *seen = arg;

    (void)fd;
    (void)what;
    seen->timeouts++;
    fl_loop_stop(seen->loop);
}

static struct seen arrange(void)
{
    struct seen seen = {0};
    struct fl_error err;

    assert_int_equal(fl_loop_new(&seen.loop, &err), 0);
    return seen;
}

static void a_loop_runs_until_it_is_stopped(void **state)
{
    struct seen seen = arrange();
    const struct timeval now = {0, 0};

    (void)state;
    assert_int_equal(
        event_base_once(fl_loop_base(seen.loop), -1, EV_TIMEOUT, on_timeout, &seen, &now), 0);
    assert_int_equal(fl_loop_run(seen.loop), 0);
    assert_int_equal(seen.timeouts, 1);
    fl_loop_free(seen.loop);
}

static void a_stop_before_the_run_ends_it_at_once(void **state)
{
    struct seen seen = arrange();

    (void)state;
    fl_loop_stop(seen.loop);
    assert_int_equal(fl_loop_run(seen.loop), 0);
    fl_loop_free(seen.loop);
}

static void sigterm_and_sigint_end_the_run(void **state)
{
    struct seen seen = arrange();

    (void)state;
    assert_int_equal(raise(SIGTERM), 0);
    assert_int_equal(fl_loop_run(seen.loop), 0);
    assert_int_equal(raise(SIGINT), 0);
    assert_int_equal(fl_loop_run(seen.loop), 0);
    fl_loop_free(seen.loop);
}

static void sighup_calls_reload(void **state)
{
    struct seen seen = arrange();

    (void)state;
    fl_loop_on_reload(seen.loop, on_reload, &seen);
    assert_int_equal(raise(SIGHUP), 0);
    assert_int_equal(fl_loop_run(seen.loop), 0);
    assert_int_equal(seen.reloads, 1);
    fl_loop_free(seen.loop);
}

static void a_write_to_a_closed_pipe_does_not_kill(void **state)
{
    struct seen seen = arrange();
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    (void)close(ends[0]);
    assert_int_equal(write(ends[1], "x", 1), -1);
    (void)close(ends[1]);
    fl_loop_free(seen.loop);
}

static void the_steady_clock_starts_at_the_wall_clock_and_goes_on(void **state)
{
    fl_time before = fl_clock_wall();
    fl_time first = fl_clock_steady();
    int64_t start = fl_clock_monotonic();
    fl_time second;

    (void)state;
    assert_true(first >= before - FL_SECOND && first <= fl_clock_wall() + FL_SECOND);
    while (fl_clock_monotonic() == start)
        continue;
    second = fl_clock_steady();
    assert_true(second > first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loop_runs_until_it_is_stopped),
        cmocka_unit_test(a_stop_before_the_run_ends_it_at_once),
        cmocka_unit_test(sigterm_and_sigint_end_the_run),
        cmocka_unit_test(sighup_calls_reload),
        cmocka_unit_test(a_write_to_a_closed_pipe_does_not_kill),
        cmocka_unit_test(the_steady_clock_starts_at_the_wall_clock_and_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
