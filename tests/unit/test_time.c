// links: fl_types
#include "proto/types/fl_limits.h"
#include "proto/types/fl_time.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <string.h>

static void a_sum_of_times_never_wraps(void **state)
{
    (void)state;
    assert_int_equal(fl_time_add(2, 3), 5);
    assert_int_equal(fl_time_add(-2, 3), 1);
    assert_int_equal(fl_time_add(INT64_MAX, 1), INT64_MAX);
    assert_int_equal(fl_time_add(1, INT64_MAX), INT64_MAX);
    assert_int_equal(fl_time_add(INT64_MAX, INT64_MAX), INT64_MAX);
    assert_int_equal(fl_time_add(INT64_MAX, INT64_MIN), -1);
}

static void a_sum_that_is_too_low_is_not_taken_for_an_absent_one(void **state)
{
    (void)state;
    assert_int_equal(fl_time_add(INT64_MIN + 1, -1), INT64_MIN);
    assert_int_equal(fl_time_add(INT64_MIN + 1, -2), FL_ABSENT + 1);
    assert_int_equal(fl_time_add(INT64_MIN, INT64_MIN), FL_ABSENT + 1);
}

static void a_duration_is_a_number_and_a_unit(void **state)
{
    static const struct {
        const char *text;
        int64_t us;
    } rows[] = {
        {"90us", 90},   {"250ms", 250 * FL_MS},  {"2s", 2 * FL_SECOND}, {"1.5s", 1500 * FL_MS},
        {"0.1ms", 100}, {"10m", 10 * FL_MINUTE}, {"24h", 24 * FL_HOUR}, {"7d", 7 * 24 * FL_HOUR},
        {"0s", 0},      {"0.0004ms", 0},         {"0.0006ms", 1},
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(rows); i++) {
        int64_t us = -1;

        assert_int_equal(fl_duration_parse(rows[i].text, &us, NULL), 0);
        assert_int_equal(us, rows[i].us);
    }
}

static void what_is_no_duration_is_refused_and_changes_nothing(void **state)
{
    static const char *const bad[] = {"",           "s",
                                      "2",          " 2s",
                                      "2 s",        "2s ",
                                      "-2s",        "+2s",
                                      ".5s",        "2sec",
                                      "2S",         "0x2s",
                                      "1e3s",       "inf",
                                      "nans",       "1..s",
                                      "1.2.3s",     "1,5s",
                                      "2s3",        "2ms2s",
                                      "2\n",        "999999999999999999d",
                                      "9e99d",      "two",
                                      "9999999999h"};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(bad); i++) {
        struct fl_error err = {{0}};
        int64_t us = 77;

        assert_int_equal(fl_duration_parse(bad[i], &us, &err), -EINVAL);
        assert_int_equal(us, 77);
        assert_non_null(strstr(err.message, bad[i]));
        assert_non_null(strstr(err.message, "250ms"));
    }
}

static void a_duration_is_written_as_a_person_says_it(void **state)
{
    static const struct {
        int64_t us;
        const char *text;
    } rows[] = {
        {0, "0 us"},
        {850, "850 us"},
        {1500, "1.5 ms"},
        {12 * FL_MS, "12 ms"},
        {999999, "999 ms"},
        {3400 * FL_MS, "3.4 s"},
        {125 * FL_SECOND, "2 min 5 s"},
        {FL_HOUR + 2 * FL_MINUTE, "1 h 2 min"},
        {-850, "-850 us"},
    };
    char text[FL_DURATION_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < FL_COUNT(rows); i++)
        assert_string_equal(fl_duration_format(rows[i].us, text), rows[i].text);
}

static void the_longest_and_the_least_duration_fit_their_text(void **state)
{
    char text[FL_DURATION_TEXT_SIZE];

    (void)state;
    assert_string_equal(fl_duration_format(INT64_MAX, text), "2562047788 h 0 min");
    assert_string_equal(fl_duration_format(INT64_MIN, text), "-9223372036854775808 us");
}

static void a_time_is_written_in_utc_to_the_microsecond(void **state)
{
    char text[FL_TIME_TEXT_SIZE];

    (void)state;
    assert_string_equal(fl_time_format(0, text), "1970-01-01T00:00:00.000000Z");
    assert_string_equal(fl_time_format(1700000000000001, text), "2023-11-14T22:13:20.000001Z");
    assert_string_equal(fl_time_format(951782400999999, text), "2000-02-29T00:00:00.999999Z");
    assert_string_equal(fl_time_format(FL_MAX_TIME_US, text), "9999-12-31T23:59:59.999999Z");
}

static void a_time_that_is_none_is_a_dash(void **state)
{
    char text[FL_TIME_TEXT_SIZE];

    (void)state;
    assert_string_equal(fl_time_format(-1, text), "-");
    assert_string_equal(fl_time_format(FL_ABSENT, text), "-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sum_of_times_never_wraps),
        cmocka_unit_test(a_sum_that_is_too_low_is_not_taken_for_an_absent_one),
        cmocka_unit_test(a_duration_is_a_number_and_a_unit),
        cmocka_unit_test(what_is_no_duration_is_refused_and_changes_nothing),
        cmocka_unit_test(a_duration_is_written_as_a_person_says_it),
        cmocka_unit_test(the_longest_and_the_least_duration_fit_their_text),
        cmocka_unit_test(a_time_is_written_in_utc_to_the_microsecond),
        cmocka_unit_test(a_time_that_is_none_is_a_dash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
