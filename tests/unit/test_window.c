// links: coordinator_core
#include "coordinator/core/window.h"
#include "tests/support/unit.h"

static struct fl_result answered(int64_t connect_us)
{
    struct fl_result result;

    fl_result_init(&result);
    result.ok = true;
    result.failure = FL_FAILURE_NONE;
    result.phase_us[FL_LAYER_CONNECT] = connect_us;
    result.took_us = connect_us;
    return result;
}

static enum symbol add(struct window *window, int64_t connect_us, bool frozen)
{
    struct fl_result result = answered(connect_us);

    return window_judge(window, &result, frozen);
}

static struct window learned(void)
{
    struct window window = {.family = FAMILY_STREAM, .interval_us = FL_SECOND};

    for (int i = 0; i < 40; i++)
        (void)add(&window, 600 + i % 5 * 20, false);
    return window;
}

static void a_connection_far_over_its_own_normal_is_late(void **state)
{
    struct window window = learned();

    (void)state;
    assert_int_equal(add(&window, 50 * FL_MS, false), SYMBOL_OK_LATE_NET);
}

static void less_than_two_milliseconds_are_the_scheduler_not_the_network(void **state)
{
    struct window window = learned();

    (void)state;
    assert_int_equal(add(&window, 2000, false), SYMBOL_OK);
}

static void a_baseline_that_has_seen_little_does_not_judge(void **state)
{
    struct window window = {.family = FAMILY_STREAM, .interval_us = FL_SECOND};

    (void)state;
    assert_int_equal(add(&window, 600, false), SYMBOL_OK);
    assert_int_equal(add(&window, 50 * FL_MS, false), SYMBOL_OK);
}

static enum symbol operate(struct window *window, int64_t connect_us, int64_t operate_us)
{
    struct fl_result result = answered(connect_us);

    result.phase_us[FL_LAYER_OPERATE] = operate_us;
    return window_judge(window, &result, false);
}

static void a_longer_way_does_not_make_the_far_side_slow(void **state)
{
    struct window window = {.family = FAMILY_STREAM, .interval_us = FL_SECOND};

    (void)state;
    for (int i = 0; i < 40; i++)
        (void)operate(&window, 20 * FL_MS + i % 5 * 100, 22 * FL_MS);
    assert_int_equal(operate(&window, 34 * FL_MS, 36 * FL_MS), SYMBOL_OK);
    assert_int_equal(operate(&window, 20 * FL_MS, 70 * FL_MS), SYMBOL_OK_LATE_OP);
}

static void a_frozen_window_does_not_take_the_incident_for_normal(void **state)
{
    struct window window = learned();

    (void)state;
    for (int i = 0; i < 200; i++)
        assert_int_equal(add(&window, 50 * FL_MS, true), SYMBOL_OK_LATE_NET);
    assert_int_equal(add(&window, 600, false), SYMBOL_OK);
}

static void a_lasting_change_is_learned_in_the_end(void **state)
{
    struct window window = learned();
    int late = 0;

    (void)state;
    for (int i = 0; i < 3000; i++)
        late += add(&window, 3 * FL_MS, false) == SYMBOL_OK_LATE_NET;
    assert_true(late > 10);
    assert_int_equal(add(&window, 3 * FL_MS, false), SYMBOL_OK);
}

static void a_young_series_takes_no_fault_for_its_normal(void **state)
{
    struct window window = {.family = FAMILY_STREAM, .interval_us = FL_SECOND};

    (void)state;
    for (int i = 0; i < 20; i++)
        (void)operate(&window, 600, 3000 + i % 5 * 200);
    for (int i = 0; i < 60; i++)
        assert_int_equal(operate(&window, 600, 7500 + i % 5 * 200), SYMBOL_OK_LATE_OP);
}

static void the_ring_keeps_the_newest(void **state)
{
    struct window window = {.family = FAMILY_AGENT};

    (void)state;
    for (int i = 0; i < WINDOW_SIZE + 10; i++) {
        struct observation gone = {.t_us = -1};

        assert_int_equal(window_push(&window, &(struct observation){.t_us = i}, &gone),
                         i >= WINDOW_SIZE);
        assert_int_equal(gone.t_us, i - WINDOW_SIZE < 0 ? -1 : i - WINDOW_SIZE);
    }
    assert_int_equal(window.n, WINDOW_SIZE);
    assert_int_equal(window_at(&window, 0)->t_us, WINDOW_SIZE + 9);
    assert_int_equal(window_at(&window, WINDOW_SIZE - 1)->t_us, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_far_over_its_own_normal_is_late),
        cmocka_unit_test(less_than_two_milliseconds_are_the_scheduler_not_the_network),
        cmocka_unit_test(a_baseline_that_has_seen_little_does_not_judge),
        cmocka_unit_test(a_longer_way_does_not_make_the_far_side_slow),
        cmocka_unit_test(a_frozen_window_does_not_take_the_incident_for_normal),
        cmocka_unit_test(a_lasting_change_is_learned_in_the_end),
        cmocka_unit_test(a_young_series_takes_no_fault_for_its_normal),
        cmocka_unit_test(the_ring_keeps_the_newest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
