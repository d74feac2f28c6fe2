// links: coordinator_trace
/* What a trace says is handed out exactly; what it cannot say is refused by line and reason. */
#include "coordinator/trace/trace_reader.h"
#include "proto/types/fl_name.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define FLEET_HEAD                                                                                 \
    "{\"type\":\"fleet\",\"zones\":[\"a\",\"b\"],\"places\":[\"ebs\"],"                            \
    "\"agents\":[{\"name\":\"a1\",\"zone\":\"a\"},{\"name\":\"b1\",\"zone\":\"b\"}],"              \
    "\"targets\":[{\"name\":\"vol\",\"kind\":\"storage\",\"place\":\"ebs\",\"backend\":\"disks\"," \
    "\"probes\":[{\"name\":\"rw\",\"type\":\"nbd\",\"interval_us\":2000000,\"timeout_us\":"        \
    "1500000}]},"                                                                                  \
    "{\"name\":\"web\",\"kind\":\"service\",\"place\":\"b\","                                      \
    "\"probes\":[{\"name\":\"get\",\"type\":\"http\",\"interval_us\":1000000,\"timeout_us\":"      \
    "900000}]}]"
#define FLEET FLEET_HEAD "}\n"
#define GOOD                                                                             \
    "{\"type\":\"result\",\"t_us\":5,\"took_us\":2,\"agent\":\"a1\",\"target\":\"web\"," \
    "\"probe\":\"get\",\"ok\":true}\n"

static struct trace_record record; /* too large for the stack of a test */
static struct fl_error err;

static struct trace_reader *open_bytes(const void *bytes, size_t size, const char *name)
{
    struct trace_reader *reader = NULL;
    FILE *stream = fmemopen((void *)(uintptr_t)bytes, size, "r");

    assert_non_null(stream);
    if (trace_reader_open_stream(stream, name, &reader, &err) < 0)
        fail_msg("%s", err.message);
    return reader;
}

static struct trace_reader *open_text(const char *text)
{
    return open_bytes(text, strlen(text), "trace");
}

static void expect_error(const char *part)
{
    if (!strstr(err.message, part))
        fail_msg("\"%s\" does not say \"%s\"", err.message, part);
}

static void expect_good(struct trace_reader *reader)
{
    if (trace_reader_next(reader, &record, &err) != 1)
        fail_msg("%s", err.message);
    assert_int_equal(record.type, TRACE_RESULT);
    assert_int_equal(record.rx_us, 7);
}

static const struct fleet_probe *probe_of(const struct fleet *fleet, const char *target,
                                          const char *probe)
{
    uint32_t index = fleet_find_probe(fleet, fl_series_id(target, probe));

    assert_int_not_equal(index, FLEET_NONE);
    return &fleet->probes[index];
}

static void the_first_line_is_the_fleet(void **state)
{
    FL_CLEANUP(trace_reader_freep) struct trace_reader *reader = open_text(FLEET);
    const struct fleet *fleet = trace_reader_fleet(reader);
    const struct fleet_target *volume = &fleet->targets[fleet_find_target(fleet, "vol")];
    const struct fleet_target *web = &fleet->targets[fleet_find_target(fleet, "web")];

    (void)state;
    assert_int_equal(fleet->n_zones, 2);
    assert_int_equal(fleet->n_places, 3);
    assert_int_equal(fleet->n_agents, 2);
    assert_string_equal(fleet->places[fleet->agents[1].zone].name, "b");
    assert_int_equal(volume->kind, TARGET_STORAGE);
    assert_string_equal(fleet->places[volume->place].name, "ebs");
    assert_string_equal(fleet->backends[volume->backend].name, "disks");
    assert_int_equal(web->kind, TARGET_SERVICE);
    assert_int_equal(web->backend, FLEET_NONE);
    assert_int_equal(probe_of(fleet, "web", "get")->timeout_us, 900000);
    assert_int_equal(trace_reader_next(reader, &record, &err), 0);
}

static void the_mesh_is_as_slow_as_the_slowest_probe_unless_said(void **state)
{
    FL_CLEANUP(trace_reader_freep) struct trace_reader *unsaid = open_text(FLEET);
    FL_CLEANUP(trace_reader_freep)
    struct trace_reader *said =
        open_text(FLEET_HEAD ",\"mesh\":{\"interval_us\":300000,\"timeout_us\":200000}}\n");

    (void)state;
    assert_int_equal(probe_of(trace_reader_fleet(unsaid), "agent:b1", "mesh")->interval_us,
                     2000000);
    assert_int_equal(probe_of(trace_reader_fleet(unsaid), "agent:b1", "mesh")->timeout_us, 1500000);
    assert_int_equal(probe_of(trace_reader_fleet(said), "agent:b1", "mesh")->interval_us, 300000);
    assert_int_equal(probe_of(trace_reader_fleet(said), "agent:b1", "mesh")->timeout_us, 200000);
}

static void a_failed_result_keeps_every_field(void **state)
{
    FL_CLEANUP(trace_reader_freep)
    struct trace_reader *reader = open_text(
        FLEET "{\"type\":\"result\",\"t_us\":1700000000000000,\"took_us\":2000000,"
              "\"rx_us\":1700000002010000,\"agent\":\"b1\",\"target\":\"vol\",\"probe\":\"rw\","
              "\"ok\":false,\"layer\":\"operate\",\"error\":\"timeout\",\"step\":\"flush\","
              "\"stalled_us\":70,\"phase_us\":{\"resolve\":210,\"connect\":640,\"login\":900},"
              "\"step_us\":{\"write\":44},\"tcp\":{\"rtt_us\":610,\"retrans\":0,\"rx_ooo\":3}}\n");
    const struct fl_result *result = &record.result;

    (void)state;
    assert_int_equal(trace_reader_next(reader, &record, &err), 1);
    assert_int_equal(record.type, TRACE_RESULT);
    assert_int_equal(record.agent, fleet_find_agent(trace_reader_fleet(reader), "b1"));
    assert_int_equal(record.rx_us, 1700000002010000);
    assert_int_equal(result->rx_us, 1700000002010000);
    assert_int_equal(result->t_us, 1700000000000000);
    assert_int_equal(result->took_us, 2000000);
    assert_int_equal(result->series, fl_series_id("vol", "rw"));
    assert_false(result->ok);
    assert_int_equal(result->layer, FL_LAYER_OPERATE);
    assert_int_equal(result->failure, FL_FAILURE_TIMEOUT);
    assert_int_equal(result->step, FL_STEP_FLUSH);
    assert_int_equal(result->stalled_us, 70);
    assert_int_equal(result->phase_us[FL_LAYER_LOGIN], 900);
    assert_int_equal(result->phase_us[FL_LAYER_TLS], FL_ABSENT);
    assert_int_equal(result->step_us[FL_STEP_WRITE], 44);
    assert_int_equal(result->tcp.rtt_us, 610);
    assert_int_equal(result->tcp.retrans, 0);
    assert_int_equal(result->tcp.unacked, FL_ABSENT);
    assert_int_equal(result->tcp.rx_ooo, 3);
}

static void unknown_fields_are_ignored_and_rx_us_may_be_absent(void **state)
{
    FL_CLEANUP(trace_reader_freep)
    struct trace_reader *reader = open_text(
        FLEET "{\"type\":\"result\",\"t_us\":100,\"took_us\":23,\"agent\":\"a1\","
              "\"target\":\"agent:b1\",\"probe\":\"mesh\",\"ok\":true,\"colour\":[{\"x\":null}],"
              "\"phase_us\":{\"connect\":20,\"teleport\":\"soon\"},\"tcp\":{\"cwnd\":1.5}}\n");

    (void)state;
    assert_int_equal(trace_reader_next(reader, &record, &err), 1);
    assert_int_equal(record.rx_us, 123);
    assert_true(record.result.ok);
    assert_int_equal(record.result.layer, FL_LAYER_NONE);
    assert_int_equal(record.result.series, fl_series_id("agent:b1", "mesh"));
    assert_true(fl_tcp_absent(&record.result.tcp));
}

static void a_host_sample_is_scaled_to_integers(void **state)
{
    FL_CLEANUP(trace_reader_freep)
    struct trace_reader *reader = open_text(
        FLEET "{\"type\":\"host\",\"t_us\":1000,\"agent\":\"a1\",\"net\":{\"udp_rx_pps\":12},"
              "\"cpu\":{\"busy\":0.2},\"mem\":{\"free\":1},\"clock_offset_us\":-120,"
              "\"disks\":[{\"name\":\"vdb\",\"target\":\"vol\",\"await_us\":700,\"util\":0.12},"
              "{\"name\":\"sda\"}]}\n");
    const struct fl_host_sample *host = &record.host;

    (void)state;
    assert_int_equal(trace_reader_next(reader, &record, &err), 1);
    assert_int_equal(record.type, TRACE_HOST);
    assert_int_equal(record.rx_us, 1000);
    assert_int_equal(host->values[FL_HOST_UDP_RX_PPS], 12);
    assert_int_equal(host->values[FL_HOST_CPU_BUSY_PPM], 200000);
    assert_int_equal(host->values[FL_HOST_MEM_FREE_PPM], 1000000);
    assert_int_equal(host->values[FL_HOST_CLOCK_OFFSET_US], -120);
    assert_int_equal(host->values[FL_HOST_LINK_BPS], FL_ABSENT);
    assert_int_equal(host->n_disks, 2);
    assert_string_equal(host->disks[0].target, "vol");
    assert_int_equal(host->disks[0].util_ppm, 120000);
    assert_int_equal(host->disks[0].iops, FL_ABSENT);
    assert_string_equal(host->disks[1].target, "");
}

/* A result with `rest` in the place of its outcome. */
#define RESULT(rest)                                                                     \
    "{\"type\":\"result\",\"t_us\":5,\"took_us\":2,\"agent\":\"a1\",\"target\":\"web\"," \
    "\"probe\":\"get\"," rest "}"
#define HOST(rest) "{\"type\":\"host\",\"t_us\":5,\"agent\":\"a1\"," rest "}"

static void each_line_that_cannot_be_used_says_where_and_why_and_the_next_is_read(void **state)
{
    static const char *const lines[][2] = {
        {"", "no JSON"},
        {"no JSON", "no JSON"},
        {"[1]", "no JSON object"},
        {"{\"type\":\"result\"", "no JSON"},
        {"{\"type\":\"result\",\"type\":\"host\"}", "no JSON"},
        {"{\"t_us\":1}", "\"type\" is missing"},
        {"{\"type\":\"fleet\"}", "\"fleet\""},
        {"{\"type\":\"result\",\"agent\":7}", "\"agent\" is something else"},
        {"{\"type\":\"host\",\"agent\":\"z9\",\"t_us\":1}", "\"z9\" is not of this fleet"},
        {"{\"type\":\"result\",\"agent\":\"a1\",\"target\":\"web\",\"probe\":\"rw\"}",
         "probe \"rw\" of target \"web\" is not of this fleet"},
        {"{\"type\":\"result\",\"agent\":\"a1\",\"target\":\"web\",\"probe\":\"get\",\"t_us\":1}",
         "\"took_us\" is missing"},
        {RESULT("\"took\":1"), "\"ok\" must be true or false"},
        {RESULT("\"ok\":1"), "\"ok\" must be true or false"},
        {RESULT("\"ok\":false"), "has a layer and an error"},
        {RESULT("\"ok\":true,\"layer\":\"connect\",\"error\":\"reset\""), "ok one neither"},
        {RESULT("\"ok\":false,\"layer\":\"warp\",\"error\":\"reset\""), "\"warp\""},
        {RESULT("\"ok\":false,\"layer\":\"connect\",\"error\":\"oops\""), "\"oops\""},
        {RESULT("\"ok\":true,\"rx_us\":1.5"), "\"rx_us\" is no integer"},
        {RESULT("\"ok\":true,\"rx_us\":-1"), "\"rx_us\" is -1"},
        {RESULT("\"ok\":true,\"rx_us\":9223372036854775807"), "\"rx_us\" is 9223372036854775807"},
        {RESULT("\"ok\":true,\"phase_us\":[]"), "\"phase_us\" is no object"},
        {RESULT("\"ok\":true,\"tcp\":{\"retrans\":-3}"), "\"retrans\" is -3"},
        {HOST("\"cpu\":{\"busy\":\"very\"}"), "\"busy\" is no number"},
        {HOST("\"cpu\":{\"busy\":1e300}"), "\"busy\" is 1e+300"},
        {HOST("\"disks\":{}"), "\"disks\" is no list"},
        {HOST("\"disks\":[{}]"), "\"name\" is missing"},
        {HOST("\"disks\":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]"), "lists 17, at most 16"},
    };
    char text[4096];

    (void)state;
    for (size_t i = 0; i < FL_COUNT(lines); i++) {
        FL_CLEANUP(trace_reader_freep) struct trace_reader *reader = NULL;

        assert_in_range(snprintf(text, sizeof(text), FLEET GOOD "%s\n" GOOD, lines[i][0]), 1,
                        sizeof(text) - 1);
        reader = open_text(text);
        expect_good(reader);
        assert_int_equal(trace_reader_next(reader, &record, &err), -EBADMSG);
        assert_int_equal(strncmp(err.message, "trace:3: ", 9), 0);
        expect_error(lines[i][1]);
        expect_good(reader);
        assert_int_equal(trace_reader_next(reader, &record, &err), 0);
    }
}

static void a_line_may_be_as_long_as_allowed_and_no_longer(void **state)
{
    char *text = NULL;
    size_t size, padding = TRACE_MAX_LINE - (sizeof(GOOD) - 2); /* GOOD without its newline */
    FILE *out = open_memstream(&text, &size);
    struct trace_reader *reader;

    (void)state;
    assert_non_null(out);
    assert_true(fputs(FLEET, out) >= 0);
    assert_int_equal(fprintf(out, "%*s" GOOD, (int)padding, ""), TRACE_MAX_LINE + 1);
    assert_int_equal(fprintf(out, "%*s" GOOD, (int)padding + 1, ""), TRACE_MAX_LINE + 2);
    assert_true(fputs(GOOD, out) >= 0);
    assert_int_equal(fclose(out), 0);
    reader = open_bytes(text, size, "trace");
    expect_good(reader);
    assert_int_equal(trace_reader_next(reader, &record, &err), -EBADMSG);
    expect_error("trace:3: the line is longer than the 262144 bytes allowed");
    expect_good(reader);
    assert_int_equal(trace_reader_next(reader, &record, &err), 0);
    trace_reader_free(reader);
    free(text);
}

static void the_last_line_needs_no_newline(void **state)
{
    FL_CLEANUP(trace_reader_freep)
    struct trace_reader *reader = open_bytes(FLEET GOOD, sizeof(FLEET GOOD) - 2, "trace");

    (void)state;
    expect_good(reader);
    assert_int_equal(trace_reader_next(reader, &record, &err), 0);
}

static void a_trace_without_a_usable_fleet_is_refused(void **state)
{
    static const char *const traces[][2] = {
        {"\n", "trace:1: no JSON"},
        {GOOD, "trace:1: the first line must be of type \"fleet\""},
        {"{\"type\":\"fleet\",\"zones\":\"a\"}\n", "\"zones\" is no list"},
        {"{\"type\":\"fleet\",\"zones\":[\"a b\"]}\n", "a b"},
        {"{\"type\":\"fleet\",\"zones\":[\"a\"],\"agents\":[{\"name\":\"a1\",\"zone\":\"q\"}]}\n",
         "\"q\""},
        {"{\"type\":\"fleet\",\"zones\":[\"a\"],\"targets\":[{\"name\":\"t\",\"kind\":\"cake\","
         "\"place\":\"a\"}]}\n",
         "\"cake\""},
        {FLEET_HEAD ",\"mesh\":{\"interval_us\":1}}\n", "\"interval_us\" is 1"},
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(traces); i++) {
        struct trace_reader *reader = NULL;
        FILE *stream = fmemopen((void *)(uintptr_t)traces[i][0], strlen(traces[i][0]), "r");

        assert_non_null(stream);
        assert_true(trace_reader_open_stream(stream, "trace", &reader, &err) < 0);
        assert_null(reader);
        expect_error(traces[i][1]);
    }
    assert_int_equal(trace_reader_open("/dev/null", &(struct trace_reader *){NULL}, &err),
                     -EBADMSG);
    expect_error("/dev/null: is empty");
    assert_int_equal(trace_reader_open("/nonexistent/trace", &(struct trace_reader *){NULL}, &err),
                     -ENOENT);
    expect_error("/nonexistent/trace: cannot be opened");
}

static void a_name_that_ends_in_zst_is_decompressed(void **state)
{
    static const char text[] = FLEET GOOD;
    char packed[2048];
    size_t size = ZSTD_compress(packed, sizeof(packed), text, sizeof(text) - 1, 3);
    struct trace_reader *reader;

    (void)state;
    assert_false(ZSTD_isError(size));
    reader = open_bytes(packed, size, "trace.zst");
    expect_good(reader);
    assert_int_equal(trace_reader_next(reader, &record, &err), 0);
    trace_reader_free(reader);
}

/* The fleet is whole in a frame of its own, the records are not. */
static void compressed_data_that_is_cut_ends_the_trace_for_good(void **state)
{
    char packed[4096];
    size_t head = ZSTD_compress(packed, sizeof(packed), FLEET, sizeof(FLEET) - 1, 3), tail;
    struct trace_reader *reader;

    (void)state;
    assert_false(ZSTD_isError(head));
    tail = ZSTD_compress(packed + head, sizeof(packed) - head, GOOD, sizeof(GOOD) - 1, 3);
    assert_false(ZSTD_isError(tail));
    reader = open_bytes(packed, head + tail - 4, "trace.zst");
    assert_int_equal(trace_reader_next(reader, &record, &err), -EIO);
    expect_error("trace.zst:2: the compressed data ends in the middle");
    assert_int_equal(trace_reader_next(reader, &record, &err), -EIO);
    expect_error("failed before");
    trace_reader_free(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_line_is_the_fleet),
        cmocka_unit_test(the_mesh_is_as_slow_as_the_slowest_probe_unless_said),
        cmocka_unit_test(a_failed_result_keeps_every_field),
        cmocka_unit_test(unknown_fields_are_ignored_and_rx_us_may_be_absent),
        cmocka_unit_test(a_host_sample_is_scaled_to_integers),
        cmocka_unit_test(each_line_that_cannot_be_used_says_where_and_why_and_the_next_is_read),
        cmocka_unit_test(a_line_may_be_as_long_as_allowed_and_no_longer),
        cmocka_unit_test(the_last_line_needs_no_newline),
        cmocka_unit_test(a_trace_without_a_usable_fleet_is_refused),
        cmocka_unit_test(a_name_that_ends_in_zst_is_decompressed),
        cmocka_unit_test(compressed_data_that_is_cut_ends_the_trace_for_good),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
