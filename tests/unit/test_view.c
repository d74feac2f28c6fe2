// links: coordinator_core
#include "coordinator/core/view.h"
#include "tests/support/unit.h"

#include <math.h>

static void the_best_stretch_is_where_the_gains_are(void **state)
{
    double gains[VIEW_BINS] = {0};
    struct span ever, now;

    (void)state;
    gains[0] = -2;
    gains[8] = -2;
    gains[16] = 3;
    gains[24] = 4;
    gains[32] = -9;
    span_best(gains, &now, &ever);
    assert_true(fabs(ever.sum - 7) < 1e-9);
    assert_int_equal(ever.oldest, 24);
    assert_true(ever.newest > 8 && ever.newest <= 16);
    assert_true(fabs(now.sum - 3) < 1e-9);
    assert_int_equal(now.newest, 0);
    assert_int_equal(now.oldest, 24);
}

static void losses_alone_are_no_stretch(void **state)
{
    double gains[VIEW_BINS] = {0};
    struct span ever, now;

    (void)state;
    gains[3] = -1;
    span_best(gains, &now, &ever);
    assert_true(ever.sum <= 0);
    assert_true(now.sum <= 0);
}

static void what_is_explained_gains_less_the_second_time(void **state)
{
    static struct predictions predictions;
    struct window window = {.probe = FLEET_NONE, .family = FAMILY_STREAM};
    double first[VIEW_BINS] = {0}, second[VIEW_BINS] = {0};
    struct view view;

    (void)state;
    predictions_fill(&predictions);
    window_push(&window, 10 * FL_SECOND, SYMBOL_STALL);
    view_fill(&view, NULL, &window, 12 * FL_SECOND, FL_SECOND);
    assert_int_equal(view.n, 1);
    assert_int_equal(view.bin[0], 2 * VIEW_BINS_PER_INTERVAL);
    view_gains(&view, &predictions, MODE_STALL, 0.97, first);
    assert_true(first[view.bin[0]] > 5);
    view_apply(&view, &predictions, MODE_STALL, 0.97, 0, VIEW_BINS);
    view_gains(&view, &predictions, MODE_STALL, 0.97, second);
    assert_true(second[view.bin[0]] < 0.1);
    view_reset(&view);
    view_apply(&view, &predictions, MODE_STALL, 0.97, 0, view.bin[0] - 1u);
    view_gains(&view, &predictions, MODE_STALL, 0.97, second);
    assert_true(second[view.bin[0]] > 5);
}

static void observations_before_the_floor_are_left_out(void **state)
{
    struct window window = {.probe = FLEET_NONE, .family = FAMILY_AGENT};
    struct view view;

    (void)state;
    window_push(&window, 10 * FL_SECOND, SYMBOL_SILENT);
    window_push(&window, 11 * FL_SECOND, SYMBOL_OK);
    window.floor_us = 11 * FL_SECOND;
    view_fill(&view, NULL, &window, 12 * FL_SECOND, FL_SECOND);
    assert_int_equal(view.n, 1);
    assert_int_equal(view.seen, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_stretch_is_where_the_gains_are),
        cmocka_unit_test(losses_alone_are_no_stretch),
        cmocka_unit_test(what_is_explained_gains_less_the_second_time),
        cmocka_unit_test(observations_before_the_floor_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
