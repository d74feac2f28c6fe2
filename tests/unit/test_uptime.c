// links: coordinator_core
#include "coordinator/core/uptime.h"
#include "tests/support/unit.h"

#include <string.h>

static struct uptime_observer seen(uint64_t samples, uint64_t ok)
{
    struct uptime_observer observer = {.looked = false};

    uptime_look(&observer, samples, ok);
    return observer;
}

static struct uptime_times minute_of(struct uptime_observer a, struct uptime_observer b,
                                     int64_t maintenance_us)
{
    struct uptime_minute minute = {.looked = false};
    struct uptime_times times = {0};

    uptime_join(&minute, &a);
    uptime_join(&minute, &b);
    uptime_count(&times, &minute, maintenance_us);
    return times;
}

static void what_all_see_fail_is_down(void **state)
{
    struct uptime_times times = minute_of(seen(60, 45), seen(60, 30), 0);

    (void)state;
    assert_true(times.down_us == 15 * FL_SECOND);
    assert_true(times.disputed_us == 15 * FL_SECOND);
    assert_true(times.up_us == 30 * FL_SECOND);
    times = minute_of(seen(60, 0), seen(12, 0), 0);
    assert_true(times.down_us == FL_MINUTE && times.up_us == 0 && times.disputed_us == 0);
}

static void what_only_one_sees_fail_is_disputed(void **state)
{
    struct uptime_times times = minute_of(seen(60, 60), seen(60, 0), 0);

    (void)state;
    assert_true(times.disputed_us == FL_MINUTE && times.up_us == 0 && times.down_us == 0);
    assert_true(uptime_share(&times) < 0);
}

static void who_does_not_look_says_nothing(void **state)
{
    struct uptime_times times = minute_of(seen(0, 0), seen(60, 57), 0);

    (void)state;
    assert_true(times.down_us == 3 * FL_SECOND && times.up_us == 57 * FL_SECOND);
    assert_true(uptime_share(&times) > 0.9499 && uptime_share(&times) < 0.9501);
    times = minute_of(seen(0, 0), seen(0, 0), 0);
    assert_true(times.up_us + times.down_us + times.disputed_us + times.maintenance_us == 0);
    assert_true(uptime_blind(&times, FL_HOUR, FL_HOUR + FL_MINUTE) == FL_MINUTE);
}

static void the_worst_probe_speaks_for_its_target(void **state)
{
    struct uptime_observer observer = seen(60, 60);
    struct uptime_times times;

    (void)state;
    uptime_look(&observer, 60, 0);
    uptime_look(&observer, 60, 60);
    times = minute_of(observer, seen(0, 0), 0);
    assert_true(times.down_us == FL_MINUTE);
}

static void announced_work_is_neither_up_nor_down(void **state)
{
    static const struct uptime_work works[] = {{"web", 90 * FL_SECOND, 5 * FL_MINUTE},
                                               {"web", FL_MINUTE, 2 * FL_MINUTE - 45 * FL_SECOND},
                                               {"vol", 0, FL_HOUR}};
    struct uptime_times times = minute_of(seen(60, 30), seen(60, 30), 20 * FL_SECOND), sum = {0};

    (void)state;
    assert_true(times.maintenance_us == 20 * FL_SECOND && times.down_us == 20 * FL_SECOND &&
                times.up_us == 20 * FL_SECOND);
    uptime_add(&sum, &times);
    uptime_add(&sum, &times);
    assert_true(sum.maintenance_us == 40 * FL_SECOND);
    assert_true(uptime_worked(works, 3, "web", 0) == 0);
    assert_true(uptime_worked(works, 3, "web", FL_MINUTE) == 30 * FL_SECOND);
    assert_true(uptime_worked(works, 3, "web", 4 * FL_MINUTE) == FL_MINUTE);
    assert_true(uptime_worked(works, 3, "web", 5 * FL_MINUTE) == 0);
    assert_true(uptime_worked(works, 3, "other", FL_MINUTE) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_all_see_fail_is_down),
        cmocka_unit_test(what_only_one_sees_fail_is_disputed),
        cmocka_unit_test(who_does_not_look_says_nothing),
        cmocka_unit_test(the_worst_probe_speaks_for_its_target),
        cmocka_unit_test(announced_work_is_neither_up_nor_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
