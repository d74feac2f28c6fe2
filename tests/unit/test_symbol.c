// links: coordinator_core
#include "coordinator/core/symbol.h"
#include "tests/support/unit.h"

static struct fl_result timed_out(enum fl_layer layer)
{
    struct fl_result result;

    fl_result_init(&result);
    result.layer = layer;
    result.failure = FL_FAILURE_TIMEOUT;
    return result;
}

static enum symbol over_tcp(int64_t unacked, int64_t op_retrans, int64_t rx_bytes)
{
    struct fl_result result = timed_out(FL_LAYER_OPERATE);

    result.tcp = (struct fl_tcp){
        .rtt_us = 600, .op_retrans = op_retrans, .unacked = unacked, .rx_bytes = rx_bytes};
    return symbol_of(&result, FAMILY_STREAM, false, false);
}

static void a_request_acknowledged_without_an_answer_is_a_stall(void **state)
{
    (void)state;
    assert_int_equal(over_tcp(0, 0, 0), SYMBOL_STALL);
}

static void bytes_unacknowledged_are_the_network(void **state)
{
    (void)state;
    assert_int_equal(over_tcp(2, 0, 0), SYMBOL_NET_TIMEOUT);
}

static void an_acknowledged_request_that_was_sent_again_may_have_lost_its_reply(void **state)
{
    (void)state;
    assert_int_equal(over_tcp(0, 1, 0), SYMBOL_REPLY_LOST);
    assert_int_equal(over_tcp(0, 0, 100), SYMBOL_REPLY_LOST);
}

static void without_a_connection_a_timeout_says_little(void **state)
{
    struct fl_result result = timed_out(FL_LAYER_OPERATE);

    (void)state;
    assert_int_equal(symbol_of(&result, FAMILY_FILE, false, false), SYMBOL_OPAQUE_TIMEOUT);
    assert_int_equal(symbol_of(&result, FAMILY_STREAM, false, false), SYMBOL_OPAQUE_TIMEOUT);
}

static void the_layer_tells_a_name_from_a_connection(void **state)
{
    struct fl_result resolve = timed_out(FL_LAYER_RESOLVE), connect = timed_out(FL_LAYER_CONNECT);

    (void)state;
    assert_int_equal(symbol_of(&resolve, FAMILY_STREAM, false, false), SYMBOL_RESOLVE_TIMEOUT);
    assert_int_equal(symbol_of(&connect, FAMILY_STREAM, false, false), SYMBOL_CONNECT_TIMEOUT);
}

static void a_success_is_plain_late_or_retransmitted(void **state)
{
    struct fl_result result;

    (void)state;
    fl_result_init(&result);
    result.ok = true;
    result.failure = FL_FAILURE_NONE;
    assert_int_equal(symbol_of(&result, FAMILY_STREAM, false, false), SYMBOL_OK);
    assert_int_equal(symbol_of(&result, FAMILY_STREAM, true, true), SYMBOL_OK_LATE_NET);
    assert_int_equal(symbol_of(&result, FAMILY_STREAM, false, true), SYMBOL_OK_LATE_OP);
    result.tcp.retrans = 1;
    assert_int_equal(symbol_of(&result, FAMILY_STREAM, true, true), SYMBOL_OK_RETRANS);
}

static void every_symbol_has_words_and_only_ok_is_not_bad(void **state)
{
    (void)state;
    for (int s = 0; s < SYMBOLS; s++) {
        assert_string_not_equal(symbol_words((enum symbol)s), "unknown");
        assert_int_equal(symbol_is_bad((enum symbol)s), s != SYMBOL_OK);
    }
    assert_false(symbol_is_failed(SYMBOL_OK_LATE_OP));
    assert_true(symbol_is_failed(SYMBOL_LOCAL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_acknowledged_without_an_answer_is_a_stall),
        cmocka_unit_test(bytes_unacknowledged_are_the_network),
        cmocka_unit_test(an_acknowledged_request_that_was_sent_again_may_have_lost_its_reply),
        cmocka_unit_test(without_a_connection_a_timeout_says_little),
        cmocka_unit_test(the_layer_tells_a_name_from_a_connection),
        cmocka_unit_test(a_success_is_plain_late_or_retransmitted),
        cmocka_unit_test(every_symbol_has_words_and_only_ok_is_not_bad),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
