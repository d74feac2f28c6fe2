// links: fl_types
#include "proto/types/fl_limits.h"
#include "proto/types/fl_result.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <string.h>

static struct fl_result good(void)
{
    struct fl_result result;

    fl_result_init(&result);
    result.t_us = 1700000000000000;
    result.took_us = 900;
    result.ok = true;
    return result;
}

static struct fl_result failed(void)
{
    struct fl_result result = good();

    result.ok = false;
    result.layer = FL_LAYER_CONNECT;
    result.failure = FL_FAILURE_REFUSED;
    return result;
}

static void a_new_result_says_nothing(void **state)
{
    struct fl_result result;

    (void)state;
    memset(&result, 0x5a, sizeof(result));
    fl_result_init(&result);
    assert_int_equal(result.rx_us, FL_ABSENT);
    assert_false(result.ok);
    assert_int_equal(result.layer, FL_LAYER_NONE);
    assert_int_equal(result.failure, FL_FAILURE_NONE);
    assert_int_equal(result.step, FL_STEP_NONE);
    assert_int_equal(result.stalled_us, 0);
    for (int i = 0; i < FL_LAYERS; i++)
        assert_int_equal(result.phase_us[i], FL_ABSENT);
    for (int i = 0; i < FL_STEPS; i++)
        assert_int_equal(result.step_us[i], FL_ABSENT);
    assert_true(fl_tcp_absent(&result.tcp));
    assert_int_equal(fl_result_check(&result, NULL), -EINVAL);
}

static void what_a_probe_can_have_made_is_taken(void **state)
{
    struct fl_result result = good();

    (void)state;
    assert_int_equal(fl_result_check(&result, NULL), 0);
    result.took_us = FL_MAX_INTERVAL_US;
    result.t_us = result.rx_us = FL_MAX_TIME_US;
    result.phase_us[FL_LAYER_TLS] = 0;
    result.tcp.rx_bytes = FL_MAX_COUNTER;
    assert_int_equal(fl_result_check(&result, NULL), 0);
    result = failed();
    assert_int_equal(fl_result_check(&result, NULL), 0);
    result.step = FL_STEP_FLUSH;
    result.stalled_us = 3 * 24 * FL_HOUR; /* a mount may hang for days */
    assert_int_equal(fl_result_check(&result, NULL), 0);
}

static void assert_refused(const struct fl_result *result, const char *word)
{
    struct fl_error err = {{0}};

    assert_int_equal(fl_result_check(result, &err), -EINVAL);
    assert_non_null(strstr(err.message, word));
}

static void a_failure_has_a_layer_and_an_error_and_a_success_neither(void **state)
{
    struct fl_result result = failed();

    (void)state;
    result.layer = FL_LAYER_NONE;
    assert_refused(&result, "a failed one has a layer");
    result = failed();
    result.failure = FL_FAILURE_NONE;
    assert_refused(&result, "a failed one has a layer");
    result = good();
    result.layer = FL_LAYER_OPERATE;
    assert_refused(&result, "a failed one has a layer");
    result = good();
    result.failure = FL_FAILURE_TIMEOUT;
    assert_refused(&result, "a failed one has a layer");
}

static void words_that_there_are_not_are_refused(void **state)
{
    struct fl_result result = failed();

    (void)state;
    result.layer = (enum fl_layer)(FL_LAYER_NONE + 1);
    assert_refused(&result, "unknown");
    result = failed();
    result.failure = FL_FAILURES;
    assert_refused(&result, "unknown");
    result = failed();
    result.step = (enum fl_step)(FL_STEP_NONE + 1);
    assert_refused(&result, "unknown");
}

static void times_and_durations_out_of_range_are_refused(void **state)
{
    static const int64_t bad_times[] = {-1, FL_MAX_TIME_US + 1, INT64_MAX};
    static const int64_t bad_durations[] = {-1, FL_MAX_INTERVAL_US + 1, INT64_MAX};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(bad_times); i++) {
        struct fl_result start = good(), arrival = good(), stall = failed(), took = good(),
                         phase = good(), step = good();

        start.t_us = bad_times[i];
        assert_refused(&start, "start");
        arrival.rx_us = bad_times[i];
        assert_refused(&arrival, "arrival");
        stall.stalled_us = bad_times[i];
        assert_refused(&stall, "stall");
        took.took_us = bad_durations[i];
        assert_refused(&took, "duration");
        phase.phase_us[FL_LAYER_LOGIN] = bad_durations[i];
        assert_refused(&phase, "\"login\"");
        step.step_us[FL_STEP_READ] = bad_durations[i];
        assert_refused(&step, "\"read\"");
    }
}

static void a_result_without_its_start_or_duration_is_refused(void **state)
{
    struct fl_result result = good();

    (void)state;
    result.took_us = FL_ABSENT;
    assert_refused(&result, "duration");
    result = good();
    result.t_us = FL_ABSENT;
    assert_refused(&result, "start");
}

static void each_tcp_field_is_held_to_its_range_by_name(void **state)
{
    (void)state;
    for (int i = 0; i < FL_TCP_FIELDS; i++) {
        struct fl_result result = good();

        *fl_tcp_field(&result.tcp, i) = -1;
        assert_refused(&result, fl_tcp_name(i));
        *fl_tcp_field(&result.tcp, i) = FL_MAX_COUNTER + 1;
        assert_refused(&result, fl_tcp_name(i));
        *fl_tcp_field(&result.tcp, i) = 100 + i;
        assert_int_equal(fl_tcp_get(&result.tcp, i), 100 + i);
        assert_false(fl_tcp_absent(&result.tcp));
        assert_int_equal(fl_result_check(&result, NULL), 0);
    }
}

static void the_fields_of_tcp_are_different_ones(void **state)
{
    struct fl_tcp tcp;

    (void)state;
    for (int i = 0; i < FL_TCP_FIELDS; i++)
        *fl_tcp_field(&tcp, i) = i;
    for (int i = 0; i < FL_TCP_FIELDS; i++)
        assert_int_equal(fl_tcp_get(&tcp, i), i);
    assert_int_equal(sizeof(tcp), FL_TCP_FIELDS * sizeof(int64_t));
    assert_int_equal(tcp.rtt_us, 0);
    assert_int_equal(tcp.tx_acked, FL_TCP_FIELDS - 1);
}

static void words_are_read_back_as_what_they_were_written_for(void **state)
{
    (void)state;
    for (int i = 0; i < FL_LAYERS; i++)
        assert_int_equal(fl_layer_parse(fl_layer_name((enum fl_layer)i)), i);
    for (int i = FL_FAILURE_NONE + 1; i < FL_FAILURES; i++)
        assert_int_equal(fl_failure_parse(fl_failure_name((enum fl_failure)i)), i);
    for (int i = 0; i < FL_STEPS; i++)
        assert_int_equal(fl_step_parse(fl_step_name((enum fl_step)i)), i);
    assert_string_equal(fl_layer_name(FL_LAYER_TLS), "tls");
    assert_string_equal(fl_failure_name(FL_FAILURE_LOCAL), "local");
    assert_string_equal(fl_step_name(FL_STEP_FLUSH), "flush");
}

static void none_is_written_but_is_no_word_to_read(void **state)
{
    (void)state;
    assert_string_equal(fl_layer_name(FL_LAYER_NONE), "none");
    assert_string_equal(fl_failure_name(FL_FAILURE_NONE), "none");
    assert_string_equal(fl_step_name(FL_STEP_NONE), "none");
    assert_int_equal(fl_layer_parse("none"), -1);
    assert_int_equal(fl_failure_parse("none"), -1);
    assert_int_equal(fl_step_parse("none"), -1);
    assert_int_equal(fl_layer_parse(""), -1);
    assert_int_equal(fl_failure_parse("TIMEOUT"), -1);
    assert_int_equal(fl_step_parse("fsync"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_result_says_nothing),
        cmocka_unit_test(what_a_probe_can_have_made_is_taken),
        cmocka_unit_test(a_failure_has_a_layer_and_an_error_and_a_success_neither),
        cmocka_unit_test(words_that_there_are_not_are_refused),
        cmocka_unit_test(times_and_durations_out_of_range_are_refused),
        cmocka_unit_test(a_result_without_its_start_or_duration_is_refused),
        cmocka_unit_test(each_tcp_field_is_held_to_its_range_by_name),
        cmocka_unit_test(the_fields_of_tcp_are_different_ones),
        cmocka_unit_test(words_are_read_back_as_what_they_were_written_for),
        cmocka_unit_test(none_is_written_but_is_no_word_to_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
