// links: coordinator_http
/* How many requests an address may send. */
#include "coordinator/http/request_rate.h"
#include "proto/types/fl_time.h"
#include "tests/support/unit.h"

static size_t take(struct request_rate *rate, uint64_t client, int64_t now_us, size_t tries)
{
    size_t taken = 0;

    while (tries--)
        taken += request_rate_take(rate, client, now_us);
    return taken;
}

static void a_burst_is_twice_the_rate_and_then_the_rate_holds(void **state)
{
    FL_CLEANUP(request_rate_freep) struct request_rate *rate = NULL;
    int64_t now = FL_HOUR;

    (void)state;
    assert_int_equal(request_rate_new(10, &rate), 0);
    assert_int_equal(take(rate, 1, now, 100), 20);
    assert_int_equal(take(rate, 1, now + FL_SECOND, 100), 10);
    assert_int_equal(take(rate, 1, now + FL_SECOND + 100 * FL_MS, 100), 1);
    assert_int_equal(take(rate, 1, now + FL_HOUR, 100), 20);
}

static void one_address_does_not_use_up_anothers(void **state)
{
    FL_CLEANUP(request_rate_freep) struct request_rate *rate = NULL;

    (void)state;
    assert_int_equal(request_rate_new(10, &rate), 0);
    assert_int_equal(take(rate, 1, FL_HOUR, 100), 20);
    assert_int_equal(take(rate, 2, FL_HOUR, 100), 20);
}

/* More addresses than there are places: each is served, and none without end. */
static void a_crowd_of_addresses_takes_turns(void **state)
{
    FL_CLEANUP(request_rate_freep) struct request_rate *rate = NULL;

    (void)state;
    assert_int_equal(request_rate_new(1, &rate), 0);
    for (uint64_t client = 1; client < 100000; client++)
        assert_int_equal(take(rate, client, FL_HOUR + (int64_t)client, 5), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_is_twice_the_rate_and_then_the_rate_holds),
        cmocka_unit_test(one_address_does_not_use_up_anothers),
        cmocka_unit_test(a_crowd_of_addresses_takes_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
