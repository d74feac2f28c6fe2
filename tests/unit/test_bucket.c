// links: fl_types
#include "proto/types/fl_bucket.h"
#include "tests/support/unit.h"

static int take_all(struct fl_bucket *bucket, int64_t now_us)
{
    int n = 0;

    while (fl_bucket_take(bucket, now_us))
        n++;
    return n;
}

static void a_full_one_gives_its_burst_and_then_its_rate(void **state)
{
    struct fl_bucket bucket;
    int later = 0;

    (void)state;
    fl_bucket_init(&bucket, 10, 25, 1000);
    assert_int_equal(take_all(&bucket, 1000), 25);
    for (int64_t now = 1000; now <= 1000 + 10000000; now += 7000)
        later += take_all(&bucket, now);
    assert_in_range(later, 99, 100);
}

static void it_never_holds_more_than_its_burst(void **state)
{
    struct fl_bucket bucket;

    (void)state;
    fl_bucket_init(&bucket, 1000000, 3, 0);
    assert_int_equal(take_all(&bucket, INT64_MAX / 2), 3);
    assert_int_equal(take_all(&bucket, INT64_MAX / 2 + 1000000), 3);
}

static void a_clock_that_goes_back_gives_nothing(void **state)
{
    struct fl_bucket bucket;

    (void)state;
    fl_bucket_init(&bucket, 10, 2, 5000000);
    assert_int_equal(take_all(&bucket, 5000000), 2);
    assert_int_equal(take_all(&bucket, 1000), 0);
    assert_int_equal(take_all(&bucket, 5000000), 0);
    assert_int_equal(take_all(&bucket, 5100000), 1);
}

static void a_rate_of_nothing_gives_nothing(void **state)
{
    struct fl_bucket bucket;

    (void)state;
    fl_bucket_init(&bucket, 0, 100, 0);
    assert_false(fl_bucket_has(&bucket, 1000000000));
    assert_false(fl_bucket_take(&bucket, 1000000000));
}

static void asking_whether_there_is_one_takes_none(void **state)
{
    struct fl_bucket bucket;

    (void)state;
    fl_bucket_init(&bucket, 1, 1, 0);
    assert_true(fl_bucket_has(&bucket, 0));
    assert_true(fl_bucket_has(&bucket, 0));
    assert_true(fl_bucket_take(&bucket, 0));
    assert_false(fl_bucket_has(&bucket, 999999));
    assert_true(fl_bucket_has(&bucket, 1000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_one_gives_its_burst_and_then_its_rate),
        cmocka_unit_test(it_never_holds_more_than_its_burst),
        cmocka_unit_test(a_clock_that_goes_back_gives_nothing),
        cmocka_unit_test(a_rate_of_nothing_gives_nothing),
        cmocka_unit_test(asking_whether_there_is_one_takes_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
