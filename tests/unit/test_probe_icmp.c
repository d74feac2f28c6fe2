// links: agent_probe
/* The real packet goes over loopback, whose kernel answers. What an answer must be is tested
 * with packets made here, through the type's own code. */
#include "agent/probe/icmp.c"
#include "tests/support/probe_lab.h"

static struct lab lab;

static int open_lab(void **state)
{
    (void)state;
    lab_open(&lab);
    return 0;
}

static int close_lab(void **state)
{
    (void)state;
    lab_close(&lab);
    return 0;
}

static void the_own_host_answers(void **state)
{
    const struct fl_result *result = LAB_PROBE(&lab, "icmp", FL_SECOND, "address", "127.0.0.1");

    (void)state;
    lab_assert_ok(result);
    assert_true(result->phase_us[FL_LAYER_CONNECT] >= 0);
    assert_int_equal(result->phase_us[FL_LAYER_RESOLVE], FL_ABSENT);
    lab_assert_ok(LAB_PROBE(&lab, "icmp", FL_SECOND, "address", "127.0.0.1", "size", "1400"));
    lab_assert_ok(LAB_PROBE(&lab, "icmp", FL_SECOND, "address", "127.0.0.1", "size", "17"));
}

static void the_own_host_answers_over_the_sixth_version_too(void **state)
{
    (void)state;
    lab_assert_ok(LAB_PROBE(&lab, "icmp", FL_SECOND, "address", "::1"));
}

static void a_name_is_looked_up(void **state)
{
    const struct fl_result *result = LAB_PROBE(&lab, "icmp", FL_SECOND, "address", "localhost");

    (void)state;
    lab_assert_ok(result);
    assert_true(result->phase_us[FL_LAYER_RESOLVE] > 0);
}

static void a_burst_over_loopback_is_well(void **state)
{
    const struct fl_result *result = LAB_PROBE(&lab, "icmp", FL_SECOND, "address", "127.0.0.1",
                                               "count", "5", "spacing", "1ms", "max_jitter", "1s");

    (void)state;
    lab_assert_ok(result);
    assert_true(result->phase_us[FL_LAYER_CONNECT] > 0);
    assert_true(result->took_us >= 4 * FL_MS);
    lab_assert_ok(LAB_PROBE(&lab, "icmp", FL_SECOND, "address", "::1", "count", "3", "size", "4096",
                            "fragments", "true"));
}

/* Judge a burst of five with these times, 0 for a reply that did not come. */
static struct fl_result burst(const struct icmp_settings *settings, const int64_t took_us[5])
{
    const struct probe_instance instance = {.settings = settings};
    struct probe_run *run = calloc(1, sizeof(*run) + 5 * sizeof(run->shots[0]));
    struct fl_result result;

    assert_non_null(run);
    run->instance = &instance;
    run->n_sent = 5;
    fl_result_init(&run->last);
    for (int i = 0; i < 5; i++)
        run->shots[i].took_us = took_us[i] > 0 ? took_us[i] : FL_ABSENT;
    judge_burst(run, &result);
    free(run);
    return result;
}

static void loss_and_jitter_are_judged(void **state)
{
    static const int64_t steady[] = {100, 110, 90, 100, 105}, lossy[] = {100, 0, 90, 100, 105};
    static const int64_t shaky[] = {100, 900, 100, 900, 100}, none[] = {0, 0, 0, 0, 0};
    struct icmp_settings settings = {.count = 5, .max_jitter_us = 50};
    struct fl_result result = burst(&settings, steady);

    (void)state;
    lab_assert_ok(&result);
    assert_int_equal(result.phase_us[FL_LAYER_CONNECT], 100);
    result = burst(&settings, shaky);
    lab_assert_failed(&result, FL_LAYER_CONNECT, FL_FAILURE_CONTENT);
    result = burst(&settings, lossy);
    lab_assert_failed(&result, FL_LAYER_CONNECT, FL_FAILURE_TIMEOUT);
    settings.max_loss = 19;
    result = burst(&settings, lossy);
    lab_assert_failed(&result, FL_LAYER_CONNECT, FL_FAILURE_TIMEOUT);
    settings.max_loss = 20;
    result = burst(&settings, lossy);
    lab_assert_ok(&result);
    settings.max_loss = 99;
    result = burst(&settings, none);
    lab_assert_failed(&result, FL_LAYER_CONNECT, FL_FAILURE_TIMEOUT);
}

static void a_burst_that_cannot_end_in_time_is_no_setting(void **state)
{
    const struct fl_probe_spec spec = {.timeout_us = 100 * FL_MS};
    const struct icmp_settings settings = {.count = 11, .spacing_us = 10 * FL_MS};
    struct probe_instance *instance = NULL;
    struct fl_error err = {""};

    (void)state;
    assert_true(icmp_open(&lab.env, &spec, &settings, &instance, &err) < 0);
    assert_non_null(strstr(err.message, "longer to send"));
}

static void a_packet_smaller_than_its_cookie_is_no_setting(void **state)
{
    struct fl_plan plan;
    struct fl_probe_spec *spec;
    struct fl_error err = {""};
    void *settings = NULL;

    (void)state;
    fl_plan_init(&plan);
    spec = fl_plan_add(&plan, "web", "ping", "icmp", FL_SECOND, FL_SECOND);
    assert_int_equal(fl_probe_spec_set(spec, "address", "127.0.0.1"), 0);
    assert_int_equal(fl_probe_spec_set(spec, "size", "15"), 0);
    assert_true(probe_settings_parse(&probe_icmp, spec, &settings, &err) < 0);
    assert_non_null(strstr(err.message, "size"));
    fl_plan_done(&plan);
}

/* A raw reply as the kernel would hand it over, from the request that was written. */
struct reply {
    uint8_t bytes[IP4_LEAST + HEADER + 64];
    size_t size;
};

static struct reply reply_to(const struct datagram_exchange *exchange)
{
    struct reply reply = {.bytes = {0x45}};

    reply.size = IP4_LEAST + icmp_request(exchange, reply.bytes + IP4_LEAST);
    reply.bytes[IP4_LEAST] = ICMP_ECHOREPLY;
    return reply;
}

static bool taken(const struct datagram_exchange *exchange, const struct reply *reply, size_t size)
{
    enum fl_failure failure;

    return icmp_answer(exchange, reply->bytes, size, &failure);
}

static void only_the_reply_to_this_request_is_taken(void **state)
{
    const struct icmp_settings settings = {.size = 56};
    struct datagram_exchange exchange = {.arg = &settings, .nonce = "0123456789abcde"};
    const size_t spoiled[] = {0, 1, 4, 5, 6, 7, 8, 23}; /* type, code, id, sequence, cookie */
    struct reply reply;

    (void)state;
    exchange.fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
    assert_true(exchange.fd >= 0); /* the tests of raw sockets want CAP_NET_RAW */
    reply = reply_to(&exchange);
    assert_true(taken(&exchange, &reply, reply.size));
    for (size_t i = 0; i < FL_COUNT(spoiled); i++) {
        reply = reply_to(&exchange);
        reply.bytes[IP4_LEAST + spoiled[i]] ^= 1;
        assert_false(taken(&exchange, &reply, reply.size));
    }
    reply = reply_to(&exchange);
    for (size_t size = 0; size < reply.size; size++)
        assert_false(taken(&exchange, &reply, size));
    reply.bytes[0] = 0x4f; /* a longer IP header than there is */
    assert_false(taken(&exchange, &reply, reply.size));
    close(exchange.fd);
}

static void the_checksum_is_the_internets(void **state)
{
    const uint8_t example[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}; /* RFC 1071 */

    (void)state;
    assert_int_equal(checksum(example, sizeof(example)), (uint16_t)~0xddf2);
    assert_int_equal(checksum(example, 3), (uint16_t) ~(0x0001 + 0xf200));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_own_host_answers),
        cmocka_unit_test(the_own_host_answers_over_the_sixth_version_too),
        cmocka_unit_test(a_name_is_looked_up),
        cmocka_unit_test(a_burst_over_loopback_is_well),
        cmocka_unit_test(loss_and_jitter_are_judged),
        cmocka_unit_test(a_burst_that_cannot_end_in_time_is_no_setting),
        cmocka_unit_test(a_packet_smaller_than_its_cookie_is_no_setting),
        cmocka_unit_test(only_the_reply_to_this_request_is_taken),
        cmocka_unit_test(the_checksum_is_the_internets),
    };

    return cmocka_run_group_tests(tests, open_lab, close_lab);
}
