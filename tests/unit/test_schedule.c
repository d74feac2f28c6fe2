// links: agent_core
#include "agent/core/schedule.h"
#include "proto/types/fl_name.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBES 50

/* fl_plan's functions are not needed to make a plan to read from */
static struct fl_probe_spec specs[PROBES];
static const struct fl_plan plan = {.version = 1, .n_specs = PROBES, .specs = specs};

static int make_plan(void **state)
{
    (void)state;
    for (size_t i = 0; i < PROBES; i++) {
        snprintf(specs[i].target, sizeof(specs[i].target), "target-%zu", i);
        specs[i].series = fl_series_id(specs[i].target, "p");
        specs[i].interval_us = FL_SECOND;
    }
    return 0;
}

static struct schedule *scheduled(const char *agent)
{
    struct schedule *schedule = NULL;

    assert_int_equal(schedule_new(agent, 0, &schedule), 0);
    assert_int_equal(schedule_set_plan(schedule, &plan, 0), 0);
    return schedule;
}

/* Run on time until `end_us`; starts[i] counts the starts of probe i, first[i] is its first. */
static void run(struct schedule *schedule, int64_t end_us, int starts[], int64_t first[])
{
    for (int64_t now; (now = schedule_deadline(schedule)) < end_us;) {
        size_t index;

        while (schedule_next(schedule, now, &index))
            if (starts[index]++ == 0)
                first[index] = now;
    }
}

static size_t start_all_due(struct schedule *schedule, int64_t now_us, size_t indexes[PROBES])
{
    size_t n = 0;

    while (n < PROBES && schedule_next(schedule, now_us, &indexes[n]))
        n++;
    return n;
}

static void close_probes_start_four_by_four_at_even_distances(void **state)
{
    FL_CLEANUP(schedule_freep) struct schedule *schedule = scheduled("a1");
    const int wakes = (PROBES + 3) / 4;
    size_t indexes[PROBES];
    int64_t last = -1;

    (void)state;
    for (int n = 0; n < 3 * wakes; n++) {
        int64_t due = schedule_deadline(schedule);

        assert_in_range(start_all_due(schedule, due, indexes), PROBES % 4, 4);
        if (last >= 0)
            assert_in_range(due - last, FL_SECOND / wakes, FL_SECOND / wakes + 1);
        last = due;
    }
}

static void what_starts_together_is_of_one_type(void **state)
{
    static const char *const types[] = {"https", "dns", "file"};
    FL_CLEANUP(schedule_freep) struct schedule *schedule = NULL;
    size_t indexes[PROBES];
    int mixed = 0;

    (void)state;
    for (int i = 0; i < PROBES; i++)
        snprintf(specs[i].type, sizeof(specs[i].type), "%s", types[i % 3]);
    schedule = scheduled("a1");
    for (int64_t due; (due = schedule_deadline(schedule)) < FL_SECOND;) {
        size_t n = start_all_due(schedule, due, indexes);

        for (size_t i = 1; i < n; i++)
            mixed += indexes[i] % 3 != indexes[0] % 3;
    }
    assert_in_range(mixed, 0, 2 * 3); /* where one type ends and the next begins */
}

static void few_probes_start_one_by_one(void **state)
{
    const struct fl_plan few = {.version = 1, .n_specs = 10, .specs = specs};
    FL_CLEANUP(schedule_freep) struct schedule *schedule = scheduled("a1");
    int64_t last = -1;
    size_t index;

    (void)state;
    assert_int_equal(schedule_set_plan(schedule, &few, 0), 0);
    for (int n = 0; n < 30; n++) {
        int64_t due = schedule_deadline(schedule);

        assert_true(schedule_next(schedule, due, &index));
        assert_false(schedule_next(schedule, due, &index));
        if (last >= 0)
            assert_int_equal(due - last, FL_SECOND / 10);
        last = due;
    }
}

static void every_probe_runs_once_an_interval(void **state)
{
    FL_CLEANUP(schedule_freep) struct schedule *schedule = scheduled("a1");
    int starts[PROBES] = {0};
    int64_t first[PROBES];

    (void)state;
    run(schedule, 10 * FL_SECOND, starts, first);
    for (int i = 0; i < PROBES; i++)
        assert_int_equal(starts[i], 10);
    assert_int_equal(schedule_skipped(schedule), 0);
}

static void two_agents_visit_a_target_at_different_times(void **state)
{
    FL_CLEANUP(schedule_freep) struct schedule *one = scheduled("a1");
    FL_CLEANUP(schedule_freep) struct schedule *two = scheduled("a2");
    int starts[2][PROBES] = {0};
    int64_t first[2][PROBES];
    int same = 0;

    (void)state;
    run(one, FL_SECOND, starts[0], first[0]);
    run(two, FL_SECOND, starts[1], first[1]);
    for (int i = 0; i < PROBES; i++)
        same += llabs(first[0][i] - first[1][i]) < 1000;
    assert_true(same < PROBES / 5);
}

static void the_same_plan_again_changes_nothing(void **state)
{
    FL_CLEANUP(schedule_freep) struct schedule *schedule = scheduled("a1");
    int64_t due = schedule_deadline(schedule);

    (void)state;
    assert_int_equal(schedule_set_plan(schedule, &plan, 0), 0);
    assert_int_equal(schedule_deadline(schedule), due);
}

static void a_late_wake_up_makes_no_burst(void **state)
{
    FL_CLEANUP(schedule_freep) struct schedule *schedule = scheduled("a1");
    int starts[PROBES] = {0}, at_once = 0;
    int64_t first[PROBES];
    int64_t late = 5 * FL_SECOND + 700 * FL_MS;
    size_t index;

    (void)state;
    run(schedule, 2 * FL_SECOND, starts, first);
    while (schedule_next(schedule, late, &index))
        at_once++;
    assert_in_range(at_once, 1, 5);
    /* each missed three or four whole turns; each turn is either started or counted */
    memset(starts, 0, sizeof(starts));
    run(schedule, 7 * FL_SECOND, starts, first);
    for (int i = 0; i < PROBES; i++)
        assert_in_range(starts[i], 1, 2);
    assert_in_range(schedule_skipped(schedule), 3 * PROBES, 4 * PROBES);
}

static void a_short_lateness_is_made_up_for_at_a_bounded_pace(void **state)
{
    FL_CLEANUP(schedule_freep) struct schedule *schedule = scheduled("a1");
    int starts[PROBES] = {0};
    int64_t first[PROBES], now = 2 * FL_SECOND + 300 * FL_MS, ended;
    size_t index;
    int n = 0;

    (void)state;
    run(schedule, 2 * FL_SECOND, starts, first);
    for (ended = now; ended < now + 80 * FL_MS; ended += FL_MS)
        while (schedule_next(schedule, ended, &index))
            n++;
    /* a quarter of the planned distance of 20 ms, and once the four that may start at once */
    assert_in_range(n, 10, 20);
    assert_int_equal(schedule_skipped(schedule), 0);
}

static void without_probes_nothing_is_due(void **state)
{
    FL_CLEANUP(schedule_freep) struct schedule *schedule = scheduled("a1");
    const struct fl_plan none = {0};
    size_t index;

    (void)state;
    assert_int_equal(schedule_set_plan(schedule, &none, 0), 0);
    assert_true(schedule_deadline(schedule) == SCHEDULE_NEVER);
    assert_false(schedule_next(schedule, FL_HOUR, &index));
}

static void long_and_short_intervals_go_together(void **state)
{
    FL_CLEANUP(schedule_freep) struct schedule *schedule = scheduled("a1");
    int starts[PROBES] = {0};
    int64_t first[PROBES];

    (void)state;
    specs[7].interval_us = FL_MAX_INTERVAL_US;
    specs[8].interval_us = FL_MIN_INTERVAL_US;
    assert_int_equal(schedule_set_plan(schedule, &plan, 0), 0);
    run(schedule, 10 * FL_SECOND, starts, first);
    assert_in_range(starts[7], 0, 1);
    assert_in_range(starts[8], 99, 101);
    make_plan(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(close_probes_start_four_by_four_at_even_distances),
        cmocka_unit_test(what_starts_together_is_of_one_type),
        cmocka_unit_test(few_probes_start_one_by_one),
        cmocka_unit_test(every_probe_runs_once_an_interval),
        cmocka_unit_test(two_agents_visit_a_target_at_different_times),
        cmocka_unit_test(the_same_plan_again_changes_nothing),
        cmocka_unit_test(a_late_wake_up_makes_no_burst),
        cmocka_unit_test(a_short_lateness_is_made_up_for_at_a_bounded_pace),
        cmocka_unit_test(without_probes_nothing_is_due),
        cmocka_unit_test(long_and_short_intervals_go_together),
    };

    return cmocka_run_group_tests(tests, make_plan, NULL);
}
