// links: coordinator_http
/* Results in the names of the blackbox exporter. */
#include "coordinator/http/probe_metrics.h"
#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

static struct engine_series_state result(bool ok, int64_t took_us)
{
    struct engine_series_state state = {
        .seen = true, .fresh = true, .ok = ok, .took_us = took_us, .facts = fl_facts_absent};

    for (int i = 0; i < FL_LAYERS; i++)
        state.phase_us[i] = FL_ABSENT;
    return state;
}

static void modules_are_named_as_for_the_exporter(void **state)
{
    (void)state;
    assert_true(probe_metrics_is_module("http_2xx", "get", "http"));
    assert_true(probe_metrics_is_module("http_2xx", "get", "https"));
    assert_true(probe_metrics_is_module("https", "get", "https"));
    assert_true(probe_metrics_is_module("tcp_connect", "open", "tcp"));
    assert_true(probe_metrics_is_module("icmp", "ping", "icmp"));
    assert_true(probe_metrics_is_module("rw", "rw", "nbd"));
    assert_false(probe_metrics_is_module("https", "get", "http"));
    assert_false(probe_metrics_is_module("tcpdump", "open", "tcp"));
    assert_false(probe_metrics_is_module("http_2xx", "open", "tcp"));
}

static void the_middle_is_what_most_agents_say(void **state)
{
    struct engine_series_state three[] = {result(false, 10), result(true, 300), result(true, 200)};
    struct engine_series_state two[] = {result(true, 10), result(false, 5)};
    struct engine_series_state failing[] = {result(false, 1), result(true, 500), result(false, 2)};

    (void)state;
    assert_int_equal(probe_metrics_middle(three, 3)->took_us, 300);
    assert_false(probe_metrics_middle(two, 2)->ok);
    assert_false(probe_metrics_middle(failing, 3)->ok);
}

static void label_zone(struct metrics_text *text, const void *arg)
{
    metrics_text_label(text, "zone", arg);
}

/* Everything that the table says of a result; the caller frees it. */
static char *written(const char *type, const struct engine_series_state *state)
{
    struct metrics_text *text;
    const char *bytes;
    char *copy;
    size_t size;

    assert_int_equal(metrics_text_new(METRICS_PROMETHEUS, 65536, &text), 0);
    for (const struct probe_metric *metric = probe_metric_table; metric->name; metric++) {
        metrics_text_family(text, METRICS_GAUGE, metric->name, metric->help);
        probe_metrics_layers(text, metric, type, state, label_zone, "a");
    }
    bytes = metrics_text_end(text, &size);
    copy = strndup(bytes, size);
    metrics_text_free(text);
    return copy;
}

static void layers_are_said_by_type_and_only_those_that_were_passed(void **state)
{
    struct engine_series_state probed = result(true, 3000);
    char *http, *icmp;

    (void)state;
    probed.phase_us[FL_LAYER_RESOLVE] = 100;
    probed.phase_us[FL_LAYER_CONNECT] = 250;
    probed.phase_us[FL_LAYER_OPERATE] = 2000;
    http = written("https", &probed);
    icmp = written("icmp", &probed);
    assert_non_null(strstr(http, "\nprobe_dns_lookup_time_seconds{zone=\"a\"} 0.000100\n"));
    assert_non_null(
        strstr(http, "\nprobe_http_duration_seconds{zone=\"a\",phase=\"processing\"} 0.002000\n"));
    assert_null(strstr(http, "phase=\"tls\""));
    assert_null(strstr(http, "probe_icmp"));
    assert_non_null(
        strstr(icmp, "\nprobe_icmp_duration_seconds{zone=\"a\",phase=\"rtt\"} 0.000250\n"));
    assert_null(strstr(icmp, "probe_http"));
    free(http);
    free(icmp);
}

/* Everything that is said of what the far side said; the caller frees it. */
static char *facts_written(const char *type, const struct engine_series_state *state)
{
    struct metrics_text *text;
    const char *bytes;
    char *copy;
    size_t size;

    assert_int_equal(metrics_text_new(METRICS_PROMETHEUS, 65536, &text), 0);
    for (const struct probe_fact *fact = probe_fact_table; fact->name; fact++) {
        metrics_text_family(text, METRICS_GAUGE, fact->name, fact->help);
        probe_metrics_fact(text, fact, type, state, label_zone, "a");
    }
    bytes = metrics_text_end(text, &size);
    copy = strndup(bytes, size);
    metrics_text_free(text);
    return copy;
}

static void a_version_of_tls_is_said_only_when_it_is_known(void **state)
{
    const int64_t unknown[] = {FL_ABSENT, INT64_MAX, -1, 0, 0x02ff, 0x0305, 0xfeff};
    struct engine_series_state probed = result(true, 3000);
    char *said;

    (void)state;
    probed.facts.tls_version = 0x0304;
    said = facts_written("tls", &probed);
    assert_non_null(strstr(said, "{zone=\"a\",version=\"TLS 1.3\"} 1\n"));
    free(said);
    for (size_t i = 0; i < FL_COUNT(unknown); i++) {
        probed.facts.tls_version = unknown[i];
        said = facts_written("tls", &probed);
        assert_null(strstr(said, "probe_"));
        free(said);
    }
}

static void an_answer_of_http_is_said_as_the_exporter_does(void **state)
{
    struct engine_series_state probed = result(true, 3000);
    char *said;

    (void)state;
    probed.facts.http_status = 204;
    probed.facts.http_version = 11;
    probed.facts.http_redirects = 2;
    probed.phase_us[FL_LAYER_TLS] = 5;
    said = facts_written("https", &probed);
    assert_non_null(strstr(said, "\nprobe_http_status_code{zone=\"a\"} 204\n"));
    assert_non_null(strstr(said, "\nprobe_http_version{zone=\"a\"} 1.100000\n"));
    assert_non_null(strstr(said, "\nprobe_http_redirects{zone=\"a\"} 2\n"));
    assert_non_null(strstr(said, "\nprobe_http_ssl{zone=\"a\"} 1\n"));
    free(said);
    said = facts_written("grpc", &probed);
    assert_null(strstr(said, "probe_http"));
    free(said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modules_are_named_as_for_the_exporter),
        cmocka_unit_test(the_middle_is_what_most_agents_say),
        cmocka_unit_test(layers_are_said_by_type_and_only_those_that_were_passed),
        cmocka_unit_test(a_version_of_tls_is_said_only_when_it_is_known),
        cmocka_unit_test(an_answer_of_http_is_said_as_the_exporter_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
