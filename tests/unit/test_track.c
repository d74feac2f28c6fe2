// links: coordinator_core
#include "coordinator/core/track.h"
#include "tests/support/unit.h"

#define T0 (1700000000 * FL_SECOND)

static const struct cell timeout = {.symbol = SYMBOL_CONNECT_TIMEOUT, .family = FAMILY_STREAM};

static double sum_of_fine(const struct track *track)
{
    double counts[TRACK_BINS] = {0}, sum = 0;

    track_counts(track, track->lanes[SIDE_NEAR][FAMILY_STREAM], TRACK_BINS, counts);
    for (unsigned i = 0; i < TRACK_BINS; i++)
        sum += counts[i];
    return sum;
}

static struct track began(void)
{
    struct track track = {0};

    track_admit(&track, FL_SECOND);
    track_advance(&track, T0);
    return track;
}

static void bins_count_back_from_now(void **state)
{
    struct track track = began();

    (void)state;
    assert_int_equal(track_bin(&track, T0), 0);
    assert_int_equal(track_bin(&track, T0 + FL_MINUTE), 0);
    assert_int_equal(track_bin(&track, T0 - FL_SECOND), TRACK_PER_INTERVAL);
    assert_int_equal(track_bin(&track, T0 - 3600 * FL_SECOND), TRACK_BINS);
    for (unsigned i = 0; i < TRACK_BINS; i++) {
        fl_time inside = track_bin_begins(&track, i) + FL_MS;

        /* the coarse bin that is still filling shares its time with fine ones */
        if (i != TRACK_FINE)
            assert_int_equal(track_bin(&track, inside), i);
        assert_true(track_bin_ends(&track, i) > inside);
    }
    track_clear(&track);
}

static void nothing_is_lost_while_it_grows_old(void **state)
{
    struct track track = began();

    (void)state;
    for (int i = 0; i < 400; i++) {
        fl_time now = T0 + i * FL_SECOND;

        track_advance(&track, now);
        track_fine(&track, SIDE_NEAR, FAMILY_STREAM, now);
        if (i % 10 == 0)
            track_add(&track, &timeout, now);
        assert_true(sum_of_fine(&track) > i && sum_of_fine(&track) < i + 2);
    }
    assert_true(track.n_cells >= 35 && track.n_cells <= 40);
    track_clear(&track);
}

static void what_is_too_old_goes(void **state)
{
    struct track track = began();

    (void)state;
    track_fine(&track, SIDE_NEAR, FAMILY_STREAM, T0);
    track_add(&track, &timeout, T0);
    for (int i = 0; i < 800; i++)
        track_advance(&track, T0 + i * FL_SECOND);
    assert_int_equal(track.n_cells, 0);
    assert_true(sum_of_fine(&track) < 1);
    track_add(&track, &timeout, T0 + 799 * FL_SECOND);
    track_advance(&track, T0 + 36000 * FL_SECOND); /* a long gap at once */
    assert_int_equal(track.n_cells, 0);
    track_clear(&track);
}

static void what_was_added_can_be_removed_also_when_it_is_old(void **state)
{
    struct track track = began();

    (void)state;
    track_add(&track, &timeout, T0);
    track_add(&track, &timeout, T0 + 10 * FL_MS);
    assert_int_equal(track.n_cells, 1);
    assert_int_equal(track.cells[0].n, 2);
    track_advance(&track, T0 + 100 * FL_SECOND);
    track_remove(&track, &timeout, T0);
    assert_int_equal(track.cells[0].n, 1);
    track_remove(&track, &timeout, T0 + 10 * FL_MS);
    assert_int_equal(track.n_cells, 0);
    track_remove(&track, &timeout, T0); /* not there: nothing happens */
    track_clear(&track);
}

static void what_is_too_many_is_counted(void **state)
{
    struct track track = began();

    (void)state;
    for (int i = 0; i < TRACK_MAX_CELLS + 5; i++) {
        struct cell cell = timeout;

        cell.symbol = (uint8_t)(i % SYMBOLS);
        cell.family = (uint8_t)(i / SYMBOLS % FAMILIES);
        track_add(&track, &cell, T0 - i / (SYMBOLS * FAMILIES) * FL_SECOND / TRACK_PER_INTERVAL);
    }
    assert_int_equal(track.n_cells + track.dropped, TRACK_MAX_CELLS + 5);
    assert_true(track.dropped >= 5);
    track_clear(&track);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bins_count_back_from_now),
        cmocka_unit_test(nothing_is_lost_while_it_grows_old),
        cmocka_unit_test(what_is_too_old_goes),
        cmocka_unit_test(what_was_added_can_be_removed_also_when_it_is_old),
        cmocka_unit_test(what_is_too_many_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
