// links: coordinator_core
#include "coordinator/core/occasions.h"
#include "tests/support/unit.h"

#define WIDTH_US (FL_SECOND / TRACK_PER_INTERVAL)

static struct occasions occasions;
static double expected;

static int setup(void **state)
{
    (void)state;
    occasions_reset(&occasions, WIDTH_US, 0);
    return 0;
}

static void nothing_wrong_is_no_occasion(void **state)
{
    (void)state;
    assert_int_equal(occasions_count(&occasions, &expected), 0);
}

static void a_restart_is_one_occasion_however_many_saw_it(void **state)
{
    (void)state;
    occasions_bad(&occasions, 10, 2); /* its edge, beside fine ones */
    occasions.fine[10] = 5;
    occasions_bad(&occasions, 11, 6);
    occasions_bad(&occasions, 12, 6);
    occasions_bad(&occasions, 13, 1);
    occasions.fine[13] = 5;
    assert_int_equal(occasions_count(&occasions, &expected), 1);
}

static void what_goes_wrong_here_and_there_counts_by_interval(void **state)
{
    (void)state;
    for (unsigned bin = 0; bin < 5 * TRACK_PER_INTERVAL; bin++) {
        occasions_bad(&occasions, bin, 1);
        occasions.fine[bin] = 4;
    }
    assert_int_equal(occasions_count(&occasions, &expected), 5);
}

static void two_probes_are_too_few_to_speak_for_all(void **state)
{
    (void)state;
    occasions_bad(&occasions, 3, 1);
    occasions_bad(&occasions, 4, 1);
    assert_int_equal(occasions_count(&occasions, &expected), 2);
}

static void what_is_not_settled_is_not_taken_for_whole(void **state)
{
    (void)state;
    occasions_reset(&occasions, WIDTH_US, 4 * WIDTH_US);
    occasions_bad(&occasions, 2, 6); /* fine ones may still be under way */
    occasions_bad(&occasions, 6, 1);
    assert_int_equal(occasions_count(&occasions, &expected), 2);
}

static void what_is_too_old_is_left_out(void **state)
{
    (void)state;
    occasions_bad(&occasions, TRACK_BINS, 6);
    assert_int_equal(occasions_count(&occasions, &expected), 0);
}

/* Ten probes an interval; one or two in a hundred go wrong. */
static void what_comes_in_bunches_has_fewer_occasions_than_chance_would(void **state)
{
    (void)state;
    for (unsigned bin = 0; bin < TRACK_FINE; bin++)
        occasions.fine[bin] = bin % TRACK_PER_INTERVAL == 0 ? 10 : 0;
    for (unsigned bin = 0; bin < TRACK_FINE; bin += 8 * TRACK_PER_INTERVAL)
        occasions_bad(&occasions, bin, 2);
    assert_int_equal(occasions_count(&occasions, &expected), 8);
    assert_in_range((int)expected, 13, 15);
    setup(NULL);
    for (unsigned bin = 0; bin < TRACK_FINE; bin++)
        occasions.fine[bin] = bin % TRACK_PER_INTERVAL == 0 ? 10 : 0;
    for (unsigned bin = 0; bin < TRACK_FINE; bin += 4 * TRACK_PER_INTERVAL)
        occasions_bad(&occasions, bin, 1);
    assert_int_equal(occasions_count(&occasions, &expected), 16);
    assert_in_range((int)expected, 13, 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_wrong_is_no_occasion, setup),
        cmocka_unit_test_setup(a_restart_is_one_occasion_however_many_saw_it, setup),
        cmocka_unit_test_setup(what_goes_wrong_here_and_there_counts_by_interval, setup),
        cmocka_unit_test_setup(two_probes_are_too_few_to_speak_for_all, setup),
        cmocka_unit_test_setup(what_is_not_settled_is_not_taken_for_whole, setup),
        cmocka_unit_test_setup(what_is_too_old_is_left_out, setup),
        cmocka_unit_test_setup(what_comes_in_bunches_has_fewer_occasions_than_chance_would, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
