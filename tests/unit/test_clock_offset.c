// links: agent_core
#include "agent/core/clock_offset.h"
#include "tests/support/unit.h"

#include <errno.h>

#define NOON INT64_C(1790000000000000)

/* A heartbeat at agent's time `t`, `there` and `back` under way, against a clock that is ahead. */
static int beat(struct clock_offset *clock, int64_t t, int64_t ahead, int64_t there, int64_t back)
{
    int64_t received = t + there + ahead;

    return clock_offset_add(clock, t, received, received + 50, t + there + 50 + back);
}

static void before_the_first_answer_nothing_is_known(void **state)
{
    struct clock_offset clock;

    (void)state;
    clock_offset_init(&clock);
    assert_true(clock_offset_get(&clock) == FL_ABSENT);
}

static void an_even_way_gives_the_exact_offset(void **state)
{
    struct clock_offset clock;

    (void)state;
    clock_offset_init(&clock);
    assert_int_equal(beat(&clock, NOON, -123456, 800, 800), 0);
    assert_int_equal(clock_offset_get(&clock), -123456);
}

static void the_sample_with_the_least_round_trip_is_believed(void **state)
{
    struct clock_offset clock;

    (void)state;
    clock_offset_init(&clock);
    beat(&clock, NOON, 5000, 90000, 200);
    beat(&clock, NOON + FL_SECOND, 5000, 300, 300);
    beat(&clock, NOON + 2 * FL_SECOND, 5000, 200, 40000);
    assert_int_equal(clock_offset_get(&clock), 5000);
}

static void old_samples_are_forgotten(void **state)
{
    struct clock_offset clock;

    (void)state;
    clock_offset_init(&clock);
    beat(&clock, NOON, 0, 100, 100);
    for (int i = 1; i <= CLOCK_OFFSET_SAMPLES; i++)
        beat(&clock, NOON + i * FL_SECOND, 900, 400, 400);
    assert_int_equal(clock_offset_get(&clock), 900);
}

static void a_jump_of_the_clock_is_seen_at_once(void **state)
{
    struct clock_offset clock;

    (void)state;
    clock_offset_init(&clock);
    beat(&clock, NOON, 0, 100, 100);
    beat(&clock, NOON + FL_SECOND - 3 * FL_MINUTE, 3 * FL_MINUTE, 7000, 7000);
    assert_int_equal(clock_offset_get(&clock), 3 * FL_MINUTE);
}

static void congestion_is_no_jump(void **state)
{
    struct clock_offset clock;

    (void)state;
    clock_offset_init(&clock);
    beat(&clock, NOON, 0, 100, 100);
    beat(&clock, NOON + FL_SECOND, 0, 800000, 100);
    assert_int_equal(clock_offset_get(&clock), 0);
}

static void impossible_times_are_refused(void **state)
{
    struct clock_offset clock;

    (void)state;
    clock_offset_init(&clock);
    assert_int_equal(clock_offset_add(&clock, NOON, NOON, NOON, NOON - 1), -EINVAL);
    assert_int_equal(clock_offset_add(&clock, NOON, NOON, NOON - 1, NOON + 1), -EINVAL);
    assert_int_equal(clock_offset_add(&clock, NOON, NOON, NOON, NOON + FL_HOUR), -EINVAL);
    assert_int_equal(clock_offset_add(&clock, INT64_MIN, INT64_MAX, INT64_MAX, NOON), -EINVAL);
    assert_true(clock_offset_get(&clock) == FL_ABSENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_the_first_answer_nothing_is_known),
        cmocka_unit_test(an_even_way_gives_the_exact_offset),
        cmocka_unit_test(the_sample_with_the_least_round_trip_is_believed),
        cmocka_unit_test(old_samples_are_forgotten),
        cmocka_unit_test(a_jump_of_the_clock_is_seen_at_once),
        cmocka_unit_test(congestion_is_no_jump),
        cmocka_unit_test(impossible_times_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
