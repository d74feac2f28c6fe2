// links: coordinator_core
/* The tests of the gate, and how it behaves over thousands of simulated releases. */
#include "coordinator/core/gate.h"
#include "tests/support/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ZONES 3
#define RUNS 20000

static struct gate_limits usual = {0.001, 250000, 300, 0, 0};

/* splitmix64 */
static uint64_t seed;

static double draw(void)
{
    uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

/* A release that errs so often in each zone, probed in all zones in turn. */
static enum gate_state play(const struct gate_limits *limits, const double errs[ZONES],
                            uint64_t *ret_probes)
{
    struct gate_zone zones[ZONES] = {0};
    enum gate_reason reason;

    for (uint64_t i = 0; i < limits->planned; i++)
        for (int zone = 0; zone < ZONES; zone++) {
            gate_add(&zones[zone], limits, draw() >= errs[zone], 1000);
            if (gate_judge(&zones[zone], limits, false, &reason) == GATE_FAIL) {
                *ret_probes = i + 1;
                return GATE_FAIL;
            }
        }
    for (int zone = 0; zone < ZONES; zone++)
        if (gate_judge(&zones[zone], limits, true, &reason) != GATE_PASS)
            return GATE_UNSURE;
    return GATE_PASS;
}

static double share_failed(const struct gate_limits *limits, double a, double b, double c)
{
    const double errs[ZONES] = {a, b, c};
    double failed = 0, probes = 0;

    for (int i = 0; i < RUNS; i++) {
        uint64_t n = 0;

        failed += play(limits, errs, &n) == GATE_FAIL;
        probes += (double)n;
    }
    (void)printf("errs on %.2f %% %.2f %% %.2f %%: failed in %.2f %% of %d, after %.0f probes a "
                 "zone\n",
                 100 * a, 100 * b, 100 * c, 100 * failed / RUNS, RUNS,
                 failed > 0 ? probes / failed : 0);
    return failed / RUNS;
}

static void a_release_that_errs_in_one_zone_is_caught(void **state)
{
    (void)state;
    assert_true(share_failed(&usual, 0, 0.03, 0) >= 0.99);
    assert_true(share_failed(&usual, 0.0002, 0.0002, 0.03) >= 0.99);
    assert_true(share_failed(&usual, 0.5, 0, 0) >= 0.9999);
}

/* At the limit itself no test of 300 probes can catch 3 % in 99 of 100 and fail in 1 of 200. */
static void a_good_release_fails_at_most_once_in_two_hundred(void **state)
{
    (void)state;
    assert_true(share_failed(&usual, 0, 0, 0) <= 0);
    assert_true(share_failed(&usual, 0.0002, 0.0002, 0.0002) <= 0.005);
    assert_true(share_failed(&usual, 0.0005, 0.0005, 0.0005) <= 0.005);
    assert_true(share_failed(&usual, 0.001, 0.001, 0.001) <= 3 * GATE_ALPHA);
}

static void more_probes_catch_less(void **state)
{
    struct gate_limits longer = {0.001, 0, 3000, 0, 0};

    (void)state;
    gate_plan(&longer);
    assert_true(gate_detects(&longer, 3000) < gate_detects(&usual, 300) / 2);
    assert_true(gate_detects(&usual, 300) < 0.03);
}

static void the_tail_is_the_binomial_one(void **state)
{
    (void)state;
    assert_true(fabs(gate_tail(2, 1, 0.5) - 0.75) < 1e-12);
    assert_true(fabs(gate_tail(300, 3, 0.001) - 0.0035712) < 1e-6);
    assert_true(fabs(gate_tail(300, 3, 0.03) - 0.9943) < 1e-3);
    assert_true(gate_tail(10, 0, 0) == 1);
    assert_true(gate_tail(10, 11, 0.9) == 0);
    assert_true(gate_tail(10, 1, 0) == 0);
    assert_true(gate_tail(10, 10, 1) == 1);
    assert_true(fabs(gate_tail(100000, 5000, 0.05) - 0.5) < 0.01);
}

static void two_samples_are_compared_exactly(void **state)
{
    (void)state;
    /* the lady tasting tea: 4 of 4 against 0 of 4 is 1 in 70 */
    assert_true(fabs(gate_same(4, 4, 4, 0) - 1.0 / 70) < 1e-12);
    assert_true(gate_same(300, 0, 300, 0) > 0.99);
    assert_true(gate_same(300, 9, 3000, 3) < 1e-6);
}

static void it_is_unsure_with_too_few_probes(void **state)
{
    struct gate_zone zone = {0};
    enum gate_reason reason;

    (void)state;
    for (int i = 0; i < 60; i++)
        gate_add(&zone, &usual, true, 1000);
    assert_int_equal(gate_judge(&zone, &usual, false, &reason), GATE_GOING);
    assert_int_equal(gate_judge(&zone, &usual, true, &reason), GATE_UNSURE);
    assert_int_equal(reason, GATE_TOO_FEW);
    for (int i = 0; i < 240; i++)
        gate_add(&zone, &usual, true, 1000);
    assert_int_equal(gate_judge(&zone, &usual, true, &reason), GATE_PASS);
}

static void late_answers_fail_it(void **state)
{
    struct gate_zone zone = {0};
    enum gate_reason reason;
    int i = 0;

    (void)state;
    for (; gate_judge(&zone, &usual, false, &reason) == GATE_GOING && i < 300; i++)
        gate_add(&zone, &usual, true, i % 10 == 0 ? 300000 : 1000);
    assert_int_equal(reason, GATE_LATE);
    assert_in_range(i, 50, 200);
    zone = (struct gate_zone){0};
    for (i = 0; i < 300; i++)
        gate_add(&zone, &usual, true, i % 100 == 0 ? 300000 : 1000);
    assert_int_equal(gate_judge(&zone, &usual, true, &reason), GATE_PASS);
}

static void what_erred_before_cannot_be_judged(void **state)
{
    struct gate_zone zone = {.before = {600, 12, 20000}};
    enum gate_reason reason;

    (void)state;
    assert_int_equal(gate_judge(&zone, &usual, false, &reason), GATE_UNSURE);
    assert_int_equal(reason, GATE_BAD_BEFORE);
    zone.before = (struct gate_before){600, 0, 260000};
    assert_int_equal(gate_judge(&zone, &usual, false, &reason), GATE_UNSURE);
    zone.before = (struct gate_before){600, 1, 20000};
    assert_int_equal(gate_judge(&zone, &usual, false, &reason), GATE_GOING);
}

static void what_is_worse_than_before_fails_within_a_wide_limit(void **state)
{
    struct gate_limits wide = {0.10, 0, 300, 0, 0};
    struct gate_zone zone = {.before = {3000, 3, 20000}};
    enum gate_reason reason;

    (void)state;
    gate_plan(&wide);
    for (int i = 0; i < 300; i++)
        gate_add(&zone, &wide, i % 20 != 0, 1000);
    assert_int_equal(gate_judge(&zone, &wide, true, &reason), GATE_FAIL);
    assert_int_equal(reason, GATE_WORSE);
    zone = (struct gate_zone){.before = {3000, 3, 20000}};
    for (int i = 0; i < 300; i++)
        gate_add(&zone, &wide, true, i % 20 == 0 ? 31000 : 29000);
    assert_int_equal(gate_judge(&zone, &wide, true, &reason), GATE_FAIL);
    assert_int_equal(reason, GATE_LATER_BEFORE);
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_release_that_errs_in_one_zone_is_caught),
        cmocka_unit_test(a_good_release_fails_at_most_once_in_two_hundred),
        cmocka_unit_test(more_probes_catch_less),
        cmocka_unit_test(the_tail_is_the_binomial_one),
        cmocka_unit_test(two_samples_are_compared_exactly),
        cmocka_unit_test(it_is_unsure_with_too_few_probes),
        cmocka_unit_test(late_answers_fail_it),
        cmocka_unit_test(what_erred_before_cannot_be_judged),
        cmocka_unit_test(what_is_worse_than_before_fails_within_a_wide_limit),
    };

    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 4711;
    gate_plan(&usual);
    (void)printf("seed %llu\n", (unsigned long long)seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
