// links: coordinator_core
/* What a peer may say in a time, from the first byte on. */
#include "coordinator/core/allowance.h"
#include "tests/support/unit.h"

#define NOW INT64_C(1700000000000000)
#define MIB 1048576u

static size_t taken(struct allowance *allowance, size_t size, fl_time now_us)
{
    size_t n = 0;

    while (n < 100000 && allowance_take(allowance, size, now_us))
        n++;
    return n;
}

static void a_burst_is_let_through_and_no_more(void **state)
{
    struct allowance allowance = {0};

    (void)state;
    assert_int_equal(taken(&allowance, MIB - ALLOWANCE_MESSAGE_BYTES, NOW), 8);
    assert_false(allowance_take(&allowance, 0, NOW));
}

static void small_messages_are_bounded_by_their_number(void **state)
{
    struct allowance allowance = {0};

    (void)state;
    assert_int_equal(taken(&allowance, 0, NOW), ALLOWANCE_BURST_BYTES / ALLOWANCE_MESSAGE_BYTES);
}

static void what_was_used_comes_back_with_time(void **state)
{
    struct allowance allowance = {0};

    (void)state;
    (void)taken(&allowance, 0, NOW);
    assert_int_equal(taken(&allowance, 0, NOW + FL_SECOND), 2048);
    assert_int_equal(taken(&allowance, 0, NOW + FL_HOUR), 8192);
}

static void many_short_moments_bring_no_more_than_one_long_one(void **state)
{
    struct allowance allowance = {0};
    size_t n = 0;

    (void)state;
    (void)taken(&allowance, 0, NOW);
    for (int i = 1; i <= 1000; i++)
        n += taken(&allowance, 0, NOW + i * FL_MS);
    assert_in_range(n, 2046, 2048);
}

static void a_clock_that_goes_back_brings_nothing(void **state)
{
    struct allowance allowance = {0};

    (void)state;
    (void)taken(&allowance, 0, NOW);
    assert_int_equal(taken(&allowance, 0, NOW - FL_HOUR), 0);
    assert_int_equal(taken(&allowance, 0, NOW), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_is_let_through_and_no_more),
        cmocka_unit_test(small_messages_are_bounded_by_their_number),
        cmocka_unit_test(what_was_used_comes_back_with_time),
        cmocka_unit_test(many_short_moments_bring_no_more_than_one_long_one),
        cmocka_unit_test(a_clock_that_goes_back_brings_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
