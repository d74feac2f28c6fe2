// links: coordinator_core
#include "coordinator/core/credit.h"
#include "tests/support/unit.h"

static void few_agents_have_all_that_fills_their_way(void **state)
{
    (void)state;
    assert_int_equal(credit_of(1024, 1024, 1), CREDIT_MOST);
    assert_int_equal(credit_of(1024, 1024, 24), CREDIT_MOST);
    assert_int_equal(credit_of(1024, 1024, 0), CREDIT_MOST);
}

static void many_share_what_is_left(void **state)
{
    (void)state;
    assert_int_equal(credit_of(1024, 1024, 100), 7);
    assert_int_equal(credit_of(512, 1024, 100), 2);
    assert_int_equal(credit_of(1024, 1024, 10000), 1);
}

static void a_quarter_of_the_queue_is_for_what_is_new(void **state)
{
    (void)state;
    assert_int_equal(credit_of(257, 1024, 1), 1);
    assert_int_equal(credit_of(256, 1024, 1), 0);
    assert_int_equal(credit_of(0, 1024, 1), 0);
    assert_int_equal(credit_of(0, 0, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_agents_have_all_that_fills_their_way),
        cmocka_unit_test(many_share_what_is_left),
        cmocka_unit_test(a_quarter_of_the_queue_is_for_what_is_new),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
