/* The decider against the usual rule of load balancers, over the same random lives: fewer needless
 * moves, by far, and no more harm to users. `tests/bench/decisions` plays thousands of faults. */
#include "tests/sim/failover.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>

#define LIVES 1
#define TIMES_FEWER 20

static void needless_moves_are_far_fewer_and_users_suffer_no_more(void **state)
{
    const char *given = getenv("SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 1;
    struct failover_tally tally = {0};

    (void)state;
    print_message("SEED=%llu\n", (unsigned long long)seed);
    for (uint64_t i = 0; i < LIVES; i++)
        assert_int_equal(failover_play(seed + i, &tally), 0);
    failover_print(&tally);
    assert_true(tally.worth > 0 && tally.faults == LIVES * FAILOVER_FAULTS);
    assert_true(tally.rules[RULE_DECIDER].moves > 0);
    assert_true(tally.rules[RULE_DECIDER].needless * TIMES_FEWER <=
                tally.rules[RULE_CHECKER].needless);
    assert_int_equal(tally.rules[RULE_DECIDER].to_nowhere, 0);
    assert_true(tally.rules[RULE_DECIDER].impact_s <= tally.rules[RULE_CHECKER].impact_s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(needless_moves_are_far_fewer_and_users_suffer_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
