// links: fl_codec
#include "proto/codec/fl_codec.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Encode, decode, and hand out what came back. */
static struct fl_message round_trip(const struct fl_message *message)
{
    struct fl_message back = {0};
    uint8_t *bytes = NULL;
    size_t size = 0;

    assert_int_equal(fl_codec_encode(message, &bytes, &size, NULL), 0);
    assert_int_equal(fl_codec_decode(bytes, size, &back, NULL), 0);
    assert_int_equal(back.type, message->type);
    free(bytes);
    return back;
}

static struct fl_result some_result(uint32_t i)
{
    struct fl_result result;

    fl_result_init(&result);
    result.series = 1000 + i;
    result.t_us = 1700000000000000 + (i % 2 == 0 ? 500 : -300) * (int64_t)i;
    result.took_us = 700 + i;
    if (i % 3 == 0) {
        result.layer = FL_LAYER_OPERATE;
        result.failure = FL_FAILURE_TIMEOUT;
        result.step = FL_STEP_FLUSH;
        result.stalled_us = 5 * FL_SECOND;
        result.step_us[FL_STEP_WRITE] = 0;
    } else {
        result.ok = true;
        result.layer = FL_LAYER_NONE;
        result.failure = FL_FAILURE_NONE;
        result.step = FL_STEP_NONE;
        result.phase_us[FL_LAYER_OPERATE] = 400;
    }
    result.phase_us[FL_LAYER_CONNECT] = 0;
    result.tcp.retrans = i;
    result.tcp.rx_bytes = 1 << 20;
    return result;
}

static void assert_same_result(const struct fl_result *a, const struct fl_result *b)
{
    assert_int_equal(a->series, b->series);
    assert_int_equal(a->t_us, b->t_us);
    assert_int_equal(a->took_us, b->took_us);
    assert_int_equal(a->ok, b->ok);
    assert_int_equal(a->layer, b->layer);
    assert_int_equal(a->failure, b->failure);
    assert_int_equal(a->step, b->step);
    assert_int_equal(a->stalled_us, b->stalled_us);
    assert_memory_equal(a->phase_us, b->phase_us, sizeof(a->phase_us));
    assert_memory_equal(a->step_us, b->step_us, sizeof(a->step_us));
    assert_memory_equal(&a->tcp, &b->tcp, sizeof(a->tcp));
}

static void a_batch_keeps_every_field_of_every_result(void **state)
{
    static struct fl_result results[100];
    struct fl_host_sample hosts[2];
    struct fl_message message = {.type = FL_MESSAGE_BATCH}, back;

    (void)state;
    for (uint32_t i = 0; i < 100; i++)
        results[i] = some_result(i);
    for (size_t i = 0; i < 2; i++) {
        fl_host_sample_init(&hosts[i]);
        hosts[i].t_us = 1700000000000000;
        hosts[i].values[FL_HOST_CLOCK_OFFSET_US] = -12345;
        hosts[i].values[FL_HOST_RX_BPS] = 0;
        hosts[i].n_disks = 1;
        hosts[i].disks[0] = (struct fl_disk_sample){"vdb", "vol-1", 220, 700, 120000, 3};
    }
    message.batch = (struct fl_batch){"a1", 7, 42, 99, 5, 6, 3, 17, 100, results, 2, hosts};
    back = round_trip(&message);
    assert_string_equal(back.batch.agent, "a1");
    assert_int_equal(back.batch.boot, 7);
    assert_int_equal(back.batch.sequence, 42);
    assert_int_equal(back.batch.plan_version, 99);
    assert_int_equal(back.batch.dropped_results, 5);
    assert_int_equal(back.batch.dropped_batches, 6);
    assert_int_equal(back.batch.skipped, 3);
    assert_int_equal(back.batch.lost_results, 17);
    assert_int_equal(back.batch.n_results, 100);
    for (size_t i = 0; i < 100; i++) {
        assert_same_result(&results[i], &back.batch.results[i]);
        assert_int_equal(back.batch.results[i].rx_us, FL_ABSENT);
    }
    assert_int_equal(back.batch.n_hosts, 2);
    assert_memory_equal(back.batch.hosts[1].values, hosts[1].values, sizeof(hosts[1].values));
    assert_string_equal(back.batch.hosts[1].disks[0].target, "vol-1");
    assert_int_equal(back.batch.hosts[1].disks[0].util_ppm, 120000);
    fl_message_done(&back);
}

/* An agent of before sends no column of what it does not know. */
static void a_batch_without_the_latest_columns_is_read(void **state)
{
    struct fl_result result = some_result(1), late = result;
    struct fl_message message = {.type = FL_MESSAGE_BATCH}, back;
    uint8_t *bytes = NULL, *more = NULL;
    size_t size = 0, longer = 0;

    (void)state;
    strcpy(message.batch.agent, "a1");
    message.batch.n_results = 1;
    message.batch.results = &result;
    back = round_trip(&message);
    assert_int_equal(back.batch.results[0].tcp.tx_bytes, FL_ABSENT);
    assert_int_equal(back.batch.results[0].tcp.tx_acked, FL_ABSENT);
    fl_message_done(&back);

    late.tcp.tx_bytes = late.tcp.tx_acked = 5;
    assert_int_equal(fl_codec_encode(&message, &bytes, &size, NULL), 0);
    message.batch.results = &late;
    assert_int_equal(fl_codec_encode(&message, &more, &longer, NULL), 0);
    assert_int_equal(longer - size, 2 * 4); /* two tags of two bytes, a length, a value */
    free(bytes);
    free(more);
}

static void an_empty_batch_is_a_batch(void **state)
{
    struct fl_message message = {.type = FL_MESSAGE_BATCH}, back;

    (void)state;
    strcpy(message.batch.agent, "a1");
    back = round_trip(&message);
    assert_int_equal(back.batch.n_results, 0);
    fl_message_done(&back);
}

static void a_plan_comes_back_equal(void **state)
{
    struct fl_message message = {.type = FL_MESSAGE_PLAN}, back;
    struct fl_probe_spec *spec;

    (void)state;
    fl_plan_init(&message.plan);
    message.plan.version = 3;
    memset(message.plan.mesh_key, 7, FL_MESH_KEY_SIZE);
    spec = fl_plan_add(&message.plan, "vol-1", "rw", "nbd", FL_SECOND, 2 * FL_SECOND);
    assert_int_equal(fl_probe_spec_set(spec, "address", "10.0.0.1:10809"), 0);
    assert_int_equal(fl_probe_spec_set(spec, "export", ""), 0);
    assert_non_null(
        fl_plan_add(&message.plan, "agent:b1", "mesh", "udp", FL_SECOND, 2 * FL_SECOND));
    back = round_trip(&message);
    assert_true(fl_plan_equal(&message.plan, &back.plan));
    fl_message_done(&back);
    fl_message_done(&message);
}

static void a_hello_comes_back(void **state)
{
    struct fl_message message = {
        .type = FL_MESSAGE_HELLO,
        .hello = {"a1", "a", 0xfedcba9876543210, "0.1.0", 2, {"tcp", "nbd"}, 17, 3, true}};
    struct fl_message back = round_trip(&message);

    (void)state;
    assert_memory_equal(&back.hello, &message.hello, sizeof(message.hello));
    fl_message_done(&back);
}

static void the_small_messages_come_back(void **state)
{
    uint64_t sequences[] = {1, 2, UINT64_MAX};
    struct fl_message ack = {.type = FL_MESSAGE_ACK, .ack = {9, 3, sequences}};
    struct fl_message plan_ack = {.type = FL_MESSAGE_PLAN_ACK, .plan_ack = {4, "no such type"}};
    struct fl_message heartbeat = {.type = FL_MESSAGE_HEARTBEAT,
                                   .heartbeat = {1, 2, 3, 4, 5, 6, 8, 7}};
    struct fl_message reply = {.type = FL_MESSAGE_HEARTBEAT_REPLY, .heartbeat_reply = {1, 2, 3, 4}};
    struct fl_message refusal = {.type = FL_MESSAGE_REFUSAL, .refusal = {"wrong zone"}};
    struct fl_message back;

    (void)state;
    back = round_trip(&ack);
    assert_int_equal(back.ack.n_sequences, 3);
    assert_memory_equal(back.ack.sequences, sequences, sizeof(sequences));
    fl_message_done(&back);
    back = round_trip(&plan_ack);
    assert_string_equal(back.plan_ack.error, "no such type");
    back = round_trip(&heartbeat);
    assert_memory_equal(&back.heartbeat, &heartbeat.heartbeat, sizeof(back.heartbeat));
    back = round_trip(&reply);
    assert_memory_equal(&back.heartbeat_reply, &reply.heartbeat_reply,
                        sizeof(back.heartbeat_reply));
    back = round_trip(&refusal);
    assert_string_equal(back.refusal.reason, "wrong zone");
}

static struct fl_message some_ask(void)
{
    struct fl_message message = {.type = FL_MESSAGE_ASK};
    struct fl_probe_spec *spec;

    fl_ask_init(&message.ask);
    message.ask.id = UINT64_MAX;
    message.ask.deadline_us = 3 * FL_SECOND;
    assert_non_null(fl_ask_add(&message.ask, "agent:b1", "mesh", "", 3, 20 * FL_MS, 0));
    spec = fl_ask_add(&message.ask, "net", "ping", "", 7, FL_SECOND, 2 * FL_SECOND);
    assert_int_equal(fl_probe_spec_set(spec, "size", "1400"), 0);
    spec = fl_ask_add(&message.ask, "ask", "tcp", "tcp", 1, FL_SECOND, FL_SECOND);
    assert_int_equal(fl_probe_spec_set(spec, "address", "192.0.2.1:80"), 0);
    return message;
}

static void an_ask_comes_back_equal(void **state)
{
    struct fl_message message = some_ask(), back = round_trip(&message);

    (void)state;
    assert_true(back.ask.id == UINT64_MAX);
    assert_int_equal(back.ask.deadline_us, 3 * FL_SECOND);
    assert_true(fl_plan_equal(&message.ask.orders, &back.ask.orders));
    assert_memory_equal(message.ask.repeats, back.ask.repeats, sizeof(back.ask.repeats));
    assert_true(fl_ask_of_plan(&back.ask.orders.specs[1]));
    assert_false(fl_ask_of_plan(&back.ask.orders.specs[2]));
    fl_message_done(&back);
    fl_message_done(&message);
}

static void an_answer_keeps_results_orders_and_refusals(void **state)
{
    struct fl_result results[3] = {some_result(1), some_result(3), some_result(2)};
    uint32_t orders[3] = {0, 15, 2};
    struct fl_message message = {.type = FL_MESSAGE_ANSWER}, back;

    (void)state;
    message.answer = (struct fl_answer){.id = 5,
                                        .done = true,
                                        .missed = 4,
                                        .n_refusals = 1,
                                        .refusals = {{15, "it is too much"}},
                                        .n_results = 3,
                                        .orders = orders,
                                        .results = results};
    back = round_trip(&message);
    assert_int_equal(back.answer.id, 5);
    assert_true(back.answer.done);
    assert_int_equal(back.answer.missed, 4);
    assert_int_equal(back.answer.n_refusals, 1);
    assert_int_equal(back.answer.refusals[0].order, 15);
    assert_string_equal(back.answer.refusals[0].reason, "it is too much");
    assert_int_equal(back.answer.n_results, 3);
    assert_memory_equal(back.answer.orders, orders, sizeof(orders));
    for (size_t i = 0; i < 3; i++)
        assert_same_result(&results[i], &back.answer.results[i]);
    fl_message_done(&back);
}

static size_t put_number(uint8_t *bytes, size_t at, size_t number)
{
    for (; number > 127; number >>= 7)
        bytes[at++] = (uint8_t)((number & 0x7f) | 0x80);
    bytes[at++] = (uint8_t)number;
    return at;
}

static void assert_refused(const uint8_t *bytes, size_t size, int code, const char *word)
{
    struct fl_message message;
    struct fl_error err = {{0}};

    assert_int_equal(fl_codec_decode(bytes, size, &message, &err), code);
    assert_non_null(strstr(err.message, word));
}

static void what_is_not_ours_is_refused(void **state)
{
    static const uint8_t noise[] = {0xff, 0x00, 0x13, 0x37};
    static const uint8_t newer[] = {0x08, 0x02, 0x4a, 0x00}; /* version 2, an empty refusal */
    static const uint8_t bodiless[] = {0x08, 0x01};

    (void)state;
    assert_refused(noise, sizeof(noise), -EBADMSG, "not a message");
    assert_refused(newer, sizeof(newer), -EPROTONOSUPPORT, "version 2");
    assert_refused(bodiless, sizeof(bodiless), -EBADMSG, "without a body");
    assert_refused(noise, 0, -EPROTONOSUPPORT, "version 0");
}

static void a_message_cut_anywhere_never_decodes_to_something_else(void **state)
{
    static struct fl_result results[3];
    struct fl_message message = {.type = FL_MESSAGE_BATCH}, back;
    uint8_t *bytes = NULL;
    size_t size = 0, taken = 0;

    (void)state;
    for (uint32_t i = 0; i < 3; i++)
        results[i] = some_result(i);
    message.batch = (struct fl_batch){"a1", 7, 42, 99, 5, 6, 0, 0, 3, results, 0, NULL};
    assert_int_equal(fl_codec_encode(&message, &bytes, &size, NULL), 0);
    for (size_t cut = 0; cut < size; cut++)
        if (fl_codec_decode(bytes, cut, &back, NULL) == 0) {
            taken++;
            fl_message_done(&back);
        }
    assert_int_equal(taken, 0);
    free(bytes);
}

static void results_that_no_probe_can_have_made_are_refused(void **state)
{
    struct fl_result result = some_result(0);
    struct fl_message message = {.type = FL_MESSAGE_BATCH};
    uint8_t *bytes = NULL;
    size_t size = 0;

    (void)state;
    message.batch = (struct fl_batch){"a1", 7, 42, 99, 5, 6, 0, 0, 1, &result, 0, NULL};
    result.failure = FL_FAILURE_NONE;
    assert_int_equal(fl_codec_encode(&message, &bytes, &size, NULL), 0);
    assert_refused(bytes, size, -EBADMSG, "batch");
    free(bytes);
    result = some_result(0);
    strcpy(message.batch.agent, "two words");
    assert_int_equal(fl_codec_encode(&message, &bytes, &size, NULL), 0);
    assert_refused(bytes, size, -EBADMSG, "agent");
    free(bytes);
}

static void a_message_over_the_limit_is_not_even_sent(void **state)
{
    size_t n = FL_MAX_MESSAGE / 4;
    uint64_t *sequences = calloc(n, sizeof(*sequences));
    struct fl_message message = {.type = FL_MESSAGE_ACK, .ack = {1, n, sequences}};
    struct fl_error err = {{0}};
    uint8_t *bytes = NULL;
    size_t size = 0;

    (void)state;
    assert_non_null(sequences);
    for (size_t i = 0; i < n; i++)
        sequences[i] = UINT64_MAX;
    assert_int_equal(fl_codec_encode(&message, &bytes, &size, &err), -E2BIG);
    assert_non_null(strstr(err.message, "1048576"));
    free(sequences);
}

/* Two bytes an empty disk on the wire, a hundred in memory. */
static void small_bytes_cannot_ask_for_much_memory(void **state)
{
    static uint8_t bytes[900000];
    size_t n = 400000, at = 0;

    (void)state;
    at = put_number(bytes, at, 1 << 3); /* version */
    at = put_number(bytes, at, FL_WIRE_VERSION);
    at = put_number(bytes, at, 5 << 3 | 2); /* batch */
    at = put_number(bytes, at, 2 * n + 5);
    at = put_number(bytes, at, 40 << 3 | 2); /* hosts */
    at = put_number(bytes, at, 2 * n);
    for (size_t i = 0; i < n; i++) {
        bytes[at++] = 4 << 3 | 2; /* disks */
        bytes[at++] = 0;
    }
    assert_refused(bytes, at, -EBADMSG, "not a message");
}

static void every_way_to_fail_comes_back(void **state)
{
    static struct fl_result results[FL_LAYERS * (FL_FAILURES - 1) * (FL_STEPS + 1)];
    struct fl_message message = {.type = FL_MESSAGE_BATCH}, back;
    size_t n = 0;

    (void)state;
    for (int layer = 0; layer < FL_LAYERS; layer++)
        for (int failure = FL_FAILURE_NONE + 1; failure < FL_FAILURES; failure++)
            for (int step = 0; step <= FL_STEP_NONE; step++) {
                results[n] = some_result(0);
                results[n].layer = (enum fl_layer)layer;
                results[n].failure = (enum fl_failure)failure;
                results[n++].step = (enum fl_step)step;
            }
    message.batch = (struct fl_batch){"a1", 7, 42, 99, 5, 6, 0, 0, n, results, 0, NULL};
    back = round_trip(&message);
    assert_int_equal(back.batch.n_results, n);
    for (size_t i = 0; i < n; i++)
        assert_same_result(&results[i], &back.batch.results[i]);
    fl_message_done(&back);
}

static void assert_encodes_but_is_refused(const struct fl_message *message, const char *word)
{
    uint8_t *bytes = NULL;
    size_t size = 0;

    assert_int_equal(fl_codec_encode(message, &bytes, &size, NULL), 0);
    assert_refused(bytes, size, -EBADMSG, word);
    free(bytes);
}

/* What is summed later must not wrap there. */
static void numbers_near_the_edge_of_64_bits_are_refused(void **state)
{
    struct fl_result result = some_result(1);
    struct fl_host_sample host;
    struct fl_message batch = {.type = FL_MESSAGE_BATCH};
    struct fl_message heartbeat = {.type = FL_MESSAGE_HEARTBEAT, .heartbeat = {.sent_us = -1}};
    struct fl_message reply = {.type = FL_MESSAGE_HEARTBEAT_REPLY,
                               .heartbeat_reply = {1, FL_MAX_TIME_US + 1, 3, 4}};

    (void)state;
    fl_host_sample_init(&host);
    batch.batch = (struct fl_batch){"a1", 7, 42, 99, 5, 6, 0, 0, 1, &result, 1, &host};
    host.values[FL_HOST_UDP_RX_PPS] = INT64_MAX;
    assert_encodes_but_is_refused(&batch, "udp_rx_pps");
    host.values[FL_HOST_UDP_RX_PPS] = FL_ABSENT;
    host.values[FL_HOST_CLOCK_OFFSET_US] = INT64_MIN + 1;
    assert_encodes_but_is_refused(&batch, "clock_offset_us");
    host.values[FL_HOST_CLOCK_OFFSET_US] = FL_ABSENT;
    host.t_us = INT64_MAX;
    assert_encodes_but_is_refused(&batch, "time");
    host.t_us = 0;
    result.t_us = INT64_MAX;
    assert_encodes_but_is_refused(&batch, "start");
    result = some_result(1);
    result.stalled_us = INT64_MAX;
    assert_encodes_but_is_refused(&batch, "stall");
    assert_encodes_but_is_refused(&heartbeat, "heartbeat");
    assert_encodes_but_is_refused(&reply, "heartbeat reply");
}

static void more_results_than_the_limit_are_refused(void **state)
{
    struct fl_result *results = calloc(FL_MAX_BATCH_RESULTS + 1, sizeof(*results));
    struct fl_message message = {.type = FL_MESSAGE_BATCH}, back;

    (void)state;
    assert_non_null(results);
    for (uint32_t i = 0; i <= FL_MAX_BATCH_RESULTS; i++)
        results[i] = some_result(1);
    message.batch =
        (struct fl_batch){"a1", 7, 42, 9, 5, 6, 0, 0, FL_MAX_BATCH_RESULTS, results, 0, NULL};
    back = round_trip(&message);
    assert_int_equal(back.batch.n_results, FL_MAX_BATCH_RESULTS);
    fl_message_done(&back);
    message.batch.n_results++;
    assert_encodes_but_is_refused(&message, "too many results");
    free(results);
}

static void more_host_samples_than_the_limit_are_refused(void **state)
{
    struct fl_host_sample *hosts = calloc(FL_MAX_BATCH_HOSTS + 1, sizeof(*hosts));
    struct fl_message message = {.type = FL_MESSAGE_BATCH};

    (void)state;
    assert_non_null(hosts);
    for (size_t i = 0; i <= FL_MAX_BATCH_HOSTS; i++)
        fl_host_sample_init(&hosts[i]);
    message.batch =
        (struct fl_batch){"a1", 7, 42, 9, 5, 6, 0, 0, 0, NULL, FL_MAX_BATCH_HOSTS + 1, hosts};
    assert_encodes_but_is_refused(&message, "host samples");
    free(hosts);
}

static void a_plan_that_breaks_a_rule_is_refused(void **state)
{
    struct fl_message message = {.type = FL_MESSAGE_PLAN};
    struct fl_probe_spec *spec;

    (void)state;
    fl_plan_init(&message.plan);
    spec = fl_plan_add(&message.plan, "vol-1", "rw", "nbd", FL_MIN_INTERVAL_US - 1, FL_SECOND);
    assert_non_null(spec);
    assert_encodes_but_is_refused(&message, "interval of vol-1/rw");
    spec->interval_us = FL_SECOND;
    strcpy(spec->target, "vol 1");
    assert_encodes_but_is_refused(&message, "no name");
    fl_message_done(&message);
}

static void an_ask_that_breaks_a_rule_is_refused(void **state)
{
    struct fl_message message = some_ask();

    (void)state;
    message.ask.repeats[0] = FL_MAX_ASK_PROBES;
    assert_encodes_but_is_refused(&message, "probes in one ask");
    message.ask.repeats[0] = 0;
    assert_encodes_but_is_refused(&message, "repeats");
    message.ask.repeats[0] = 1;
    message.ask.orders.specs[0].interval_us = 19999;
    assert_encodes_but_is_refused(&message, "20 ms");
    message.ask.orders.specs[0].interval_us = 20000;
    message.ask.orders.specs[2].timeout_us = 0;
    assert_encodes_but_is_refused(&message, "timeout");
    message.ask.orders.specs[2].timeout_us = FL_SECOND;
    message.ask.deadline_us = FL_MAX_ASK_DEADLINE_US + 1;
    assert_encodes_but_is_refused(&message, "deadline");
    message.ask.deadline_us = FL_SECOND;
    message.ask.orders.specs[0].target[0] = ' ';
    assert_encodes_but_is_refused(&message, "no name");
    fl_message_done(&message);
    message = (struct fl_message){.type = FL_MESSAGE_ASK, .ask = {.deadline_us = FL_SECOND}};
    assert_encodes_but_is_refused(&message, "0 orders");
}

static void an_answer_that_breaks_a_rule_is_refused(void **state)
{
    struct fl_result results[1] = {some_result(1)};
    uint32_t orders[1] = {FL_MAX_ASK_ORDERS};
    struct fl_message message = {.type = FL_MESSAGE_ANSWER};

    (void)state;
    message.answer = (struct fl_answer){.n_results = 1, .orders = orders, .results = results};
    assert_encodes_but_is_refused(&message, "no ask can have");
    orders[0] = 0;
    results[0].took_us = -1;
    assert_encodes_but_is_refused(&message, "duration");
    results[0].took_us = 1;
    message.answer.n_refusals = 1;
    message.answer.refusals[0].order = FL_MAX_ASK_ORDERS;
    assert_encodes_but_is_refused(&message, "no ask can have");
}

static void a_hello_from_nowhere_is_refused(void **state)
{
    struct fl_message message = {.type = FL_MESSAGE_HELLO, .hello = {.agent = "a1"}};

    (void)state;
    assert_encodes_but_is_refused(&message, "zone");
    strcpy(message.hello.zone, "a");
    strcpy(message.hello.agent, "../a1");
    assert_encodes_but_is_refused(&message, "agent");
}

/* One result in the columns that must be there, and `column` with two numbers. */
static void columns_of_different_lengths_are_refused(void **state)
{
    (void)state;
    for (uint8_t column = 10; column <= 30; column++) {
        uint8_t bytes[64] = {1 << 3, FL_WIRE_VERSION, 5 << 3 | 2, 0, 1 << 3 | 2, 2, 'a', '1'};
        size_t at = 8;

        for (uint8_t field = 10; field <= 30; field++) {
            uint8_t wide = field == 10 ? 4 : 1; /* series are four bytes each */

            if (field > 13 && field != column)
                continue;
            at = put_number(bytes, at, (size_t)field << 3 | 2);
            bytes[at++] = (uint8_t)(field == column ? 2 * wide : wide);
            at += bytes[at - 1]; /* all of them 0 */
        }
        bytes[3] = (uint8_t)(at - 4);
        assert_refused(bytes, at, -EBADMSG, "wrong length");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_keeps_every_field_of_every_result),
        cmocka_unit_test(a_batch_without_the_latest_columns_is_read),
        cmocka_unit_test(an_empty_batch_is_a_batch),
        cmocka_unit_test(a_plan_comes_back_equal),
        cmocka_unit_test(a_hello_comes_back),
        cmocka_unit_test(the_small_messages_come_back),
        cmocka_unit_test(an_ask_comes_back_equal),
        cmocka_unit_test(an_answer_keeps_results_orders_and_refusals),
        cmocka_unit_test(an_ask_that_breaks_a_rule_is_refused),
        cmocka_unit_test(an_answer_that_breaks_a_rule_is_refused),
        cmocka_unit_test(what_is_not_ours_is_refused),
        cmocka_unit_test(a_message_cut_anywhere_never_decodes_to_something_else),
        cmocka_unit_test(results_that_no_probe_can_have_made_are_refused),
        cmocka_unit_test(a_message_over_the_limit_is_not_even_sent),
        cmocka_unit_test(small_bytes_cannot_ask_for_much_memory),
        cmocka_unit_test(every_way_to_fail_comes_back),
        cmocka_unit_test(numbers_near_the_edge_of_64_bits_are_refused),
        cmocka_unit_test(more_results_than_the_limit_are_refused),
        cmocka_unit_test(more_host_samples_than_the_limit_are_refused),
        cmocka_unit_test(a_plan_that_breaks_a_rule_is_refused),
        cmocka_unit_test(a_hello_from_nowhere_is_refused),
        cmocka_unit_test(columns_of_different_lengths_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
