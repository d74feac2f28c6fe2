// links: coordinator_core
#include "coordinator/core/account.h"
#include "tests/support/unit.h"

static void what_is_on_its_way_is_not_missing(void **state)
{
    const struct account_state now = {.produced = 100, .undelivered = 30, .stored = 60, .lost = 10};
    struct account account = account_of(&now);

    (void)state;
    assert_int_equal(account.produced, 100);
    assert_int_equal(account.spooled, 30);
    assert_int_equal(account.balance, 0);
}

static void what_is_stored_and_not_yet_known_to_be_counts_once(void **state)
{
    const struct account_state now = {.produced = 100, .undelivered = 30, .stored = 85, .lost = 10};
    struct account account = account_of(&now);

    (void)state;
    assert_int_equal(account.spooled, 5);
    assert_int_equal(account.balance, 0);
}

static void what_was_acknowledged_and_is_nowhere_shows(void **state)
{
    const struct account_state now = {.produced = 100, .undelivered = 30, .stored = 60, .lost = 3};

    (void)state;
    assert_int_equal(account_of(&now).balance, 7);
}

static void what_is_stored_twice_shows(void **state)
{
    const struct account_state now = {.produced = 100, .undelivered = 30, .stored = 99, .lost = 3};

    (void)state;
    assert_int_equal(account_of(&now).spooled, 0);
    assert_int_equal(account_of(&now).balance, -2);
}

static void an_account_that_is_new_here_balances(void **state)
{
    struct account_state now = {.produced = 1000, .undelivered = 30};

    (void)state;
    now.base = account_base(&now);
    assert_int_equal(account_of(&now).produced, 30);
    assert_int_equal(account_of(&now).spooled, 30);
    assert_int_equal(account_of(&now).balance, 0);
    now = (struct account_state){.produced = 5, .undelivered = 5, .stored = 900, .lost = 9};
    now.base = account_base(&now); /* an agent that began anew */
    assert_int_equal(account_of(&now).produced, 914);
    assert_int_equal(account_of(&now).spooled, 5);
    assert_int_equal(account_of(&now).balance, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_on_its_way_is_not_missing),
        cmocka_unit_test(what_is_stored_and_not_yet_known_to_be_counts_once),
        cmocka_unit_test(what_was_acknowledged_and_is_nowhere_shows),
        cmocka_unit_test(what_is_stored_twice_shows),
        cmocka_unit_test(an_account_that_is_new_here_balances),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
