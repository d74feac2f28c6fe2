// links: coordinator_http
/* Metrics as text, in both formats and at the limit. */
#include "coordinator/http/metrics_text.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <string.h>

#define ROOM 65536

static void write_two_families(struct metrics_text *text)
{
    metrics_text_family(text, METRICS_GAUGE, "a_seconds", "How long");
    metrics_text_label(text, "zone", "a");
    metrics_text_label(text, "say", "x\"y\\z\nend");
    metrics_text_millionths(text, -1500000);
    metrics_text_family(text, METRICS_GAUGE, "nothing", "Never said");
    metrics_text_family(text, METRICS_COUNTER, "b", "How many");
    metrics_text_count(text, UINT64_MAX);
}

static void assert_written(enum metrics_format format, const char *expected)
{
    struct metrics_text *text;
    char all[1024];
    const char *bytes;
    size_t size;

    assert_int_equal(metrics_text_new(format, ROOM, &text), 0);
    write_two_families(text);
    bytes = metrics_text_end(text, &size);
    assert_in_range(size, 1, sizeof(all) - 1);
    memcpy(all, bytes, size);
    all[size] = '\0';
    assert_string_equal(all, expected);
    metrics_text_free(text);
}

#define HEAD                                              \
    "# HELP a_seconds How long\n# TYPE a_seconds gauge\n" \
    "a_seconds{zone=\"a\",say=\"x\\\"y\\\\z\\nend\"} -1.500000\n"
#define TAIL                                                                              \
    "# HELP faultline_metrics_dropped_samples Samples that this answer had no room for\n" \
    "# TYPE faultline_metrics_dropped_samples gauge\nfaultline_metrics_dropped_samples 0\n"

static void prometheus_text_names_a_counter_with_its_ending(void **state)
{
    (void)state;
    assert_written(METRICS_PROMETHEUS, HEAD "# HELP b_total How many\n# TYPE b_total counter\n"
                                            "b_total 18446744073709551615\n" TAIL);
}

static void openmetrics_names_the_family_and_ends_with_eof(void **state)
{
    (void)state;
    assert_written(METRICS_OPENMETRICS, HEAD "# HELP b How many\n# TYPE b counter\n"
                                             "b_total 18446744073709551615\n" TAIL "# EOF\n");
}

static void what_has_no_room_is_left_out_whole_and_counted(void **state)
{
    struct metrics_text *text;
    const char *bytes;
    char last[80];
    size_t size;

    (void)state;
    assert_int_equal(metrics_text_new(METRICS_PROMETHEUS, 300, &text), 0);
    metrics_text_family(text, METRICS_GAUGE, "many", "So many");
    for (uint64_t i = 0; i < 1000; i++)
        metrics_text_count(text, i);
    (void)snprintf(last, sizeof(last), "\nfaultline_metrics_dropped_samples %u\n",
                   (unsigned)metrics_text_dropped(text));
    assert_in_range(metrics_text_dropped(text), 900, 999);
    bytes = metrics_text_end(text, &size);
    assert_in_range(size, 300, 700);
    assert_memory_equal(bytes + size - strlen(last), last, strlen(last));
    metrics_text_free(text);
}

static void labels_too_long_lose_their_sample_only(void **state)
{
    struct metrics_text *text;
    char value[8192];
    size_t size;

    (void)state;
    memset(value, '"', sizeof(value));
    value[sizeof(value) - 1] = '\0';
    assert_int_equal(metrics_text_new(METRICS_PROMETHEUS, ROOM, &text), 0);
    metrics_text_family(text, METRICS_GAUGE, "one", "One");
    metrics_text_label(text, "long", value);
    metrics_text_count(text, 1);
    metrics_text_label(text, "short", "x");
    metrics_text_count(text, 1);
    assert_int_equal(metrics_text_dropped(text), 1);
    assert_non_null(strstr(metrics_text_end(text, &size), "one{short=\"x\"} 1\n"));
    metrics_text_free(text);
}

static void the_format_is_the_one_preferred(void **state)
{
    static const struct {
        const char *accept;
        enum metrics_format format;
    } rows[] = {
        {NULL, METRICS_PROMETHEUS},
        {"*/*", METRICS_PROMETHEUS},
        {"text/plain", METRICS_PROMETHEUS},
        {"application/openmetrics-text", METRICS_OPENMETRICS},
        {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
         "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
         METRICS_OPENMETRICS},
        {"application/openmetrics-text;q=0.3,text/plain;q=0.5", METRICS_PROMETHEUS},
        {"application/openmetrics-text;q=0", METRICS_PROMETHEUS},
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(rows); i++)
        assert_int_equal(metrics_format_of(rows[i].accept), rows[i].format);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prometheus_text_names_a_counter_with_its_ending),
        cmocka_unit_test(openmetrics_names_the_family_and_ends_with_eof),
        cmocka_unit_test(what_has_no_room_is_left_out_whole_and_counted),
        cmocka_unit_test(labels_too_long_lose_their_sample_only),
        cmocka_unit_test(the_format_is_the_one_preferred),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
