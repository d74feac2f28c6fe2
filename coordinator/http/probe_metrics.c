#include "coordinator/http/probe_metrics.h"

#include <stdlib.h>
#include <string.h>

#define MILLION 1000000
#define SSL_3_0 0x0300 /* TLS counts on from it: RFC 8446, 4.1.2 */

const struct probe_metric probe_metric_table[] = {
    {"probe_dns_lookup_time_seconds",
     "How long the probe took to look the name up",
     NULL,
     NULL,
     {{"resolve", FL_LAYER_RESOLVE}}},
    {"probe_http_duration_seconds",
     "How long each phase of the HTTP request took",
     "http",
     "phase",
     {{"resolve", FL_LAYER_RESOLVE},
      {"connect", FL_LAYER_CONNECT},
      {"tls", FL_LAYER_TLS},
      {"processing", FL_LAYER_OPERATE}}},
    {"probe_dns_duration_seconds",
     "How long each phase of the DNS query took",
     "dns",
     "phase",
     {{"resolve", FL_LAYER_RESOLVE}, {"request", FL_LAYER_OPERATE}}},
    {"probe_icmp_duration_seconds",
     "How long each phase of the echo took",
     "icmp",
     "phase",
     {{"resolve", FL_LAYER_RESOLVE}, {"rtt", FL_LAYER_CONNECT}}},
    {"faultline_probe_layer_duration_seconds",
     "How long each layer of the probe took that it passed",
     NULL,
     "layer",
     {{"resolve", FL_LAYER_RESOLVE},
      {"connect", FL_LAYER_CONNECT},
      {"tls", FL_LAYER_TLS},
      {"login", FL_LAYER_LOGIN},
      {"operate", FL_LAYER_OPERATE}}},
    {0},
};

/* As the exporter has it, where http is https as well. */
static const char *usual_type(const char *type)
{
    return strcmp(type, "https") == 0 ? "http" : type;
}

/* NULL is any. */
static bool is_of_type(const char *wanted, const char *type)
{
    return !wanted || strcmp(wanted, usual_type(type)) == 0;
}

void probe_metrics_layers(struct metrics_text *text, const struct probe_metric *metric,
                          const char *type, const struct engine_series_state *state,
                          void (*label)(struct metrics_text *text, const void *arg),
                          const void *arg)
{
    if (!is_of_type(metric->type, type))
        return;
    for (size_t i = 0; i < PROBE_METRICS_PHASES && metric->phases[i].phase; i++) {
        int64_t took_us = state->phase_us[metric->phases[i].layer];

        if (took_us == FL_ABSENT)
            continue;
        label(text, arg);
        if (metric->label)
            metrics_text_label(text, metric->label, metric->phases[i].phase);
        metrics_text_millionths(text, took_us);
    }
}

static int64_t certificate_end(const struct engine_series_state *state)
{
    return state->facts.cert_end_s;
}

/* As the exporter writes it. */
static const char *tls_version(const struct engine_series_state *state)
{
    static const char *const names[] = {"SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"};
    const int64_t version = state->facts.tls_version;
    const int64_t newest = SSL_3_0 + (int64_t)FL_COUNT(names) - 1;

    return version >= SSL_3_0 && version <= newest ? names[version - SSL_3_0] : NULL;
}

static int64_t http_status(const struct engine_series_state *state)
{
    return state->facts.http_status;
}

static int64_t http_version(const struct engine_series_state *state)
{
    return state->facts.http_version;
}

static int64_t http_redirects(const struct engine_series_state *state)
{
    return state->facts.http_redirects;
}

/* Of what answered: a redirect may lead from plain HTTP to TLS, never back. */
static int64_t http_tls(const struct engine_series_state *state)
{
    return state->facts.http_status == FL_ABSENT ? FL_ABSENT
                                                 : state->phase_us[FL_LAYER_TLS] != FL_ABSENT;
}

const struct probe_fact probe_fact_table[] = {
    {"probe_ssl_earliest_cert_expiry",
     "When the first certificate of the server's chain expires, in seconds since 1970", NULL, NULL,
     1, certificate_end, NULL},
    {"probe_tls_version_info", "The version of TLS that was agreed on; always 1", NULL, "version",
     1, NULL, tls_version},
    {"probe_http_status_code", "The status of the answer", "http", NULL, 1, http_status, NULL},
    {"probe_http_version", "The version of HTTP of the answer", "http", NULL, 10, http_version,
     NULL},
    {"probe_http_redirects", "How many redirects were followed", "http", NULL, 1, http_redirects,
     NULL},
    {"probe_http_ssl", "Whether the answer came over TLS", "http", NULL, 1, http_tls, NULL},
    {0},
};

void probe_metrics_fact(struct metrics_text *text, const struct probe_fact *fact, const char *type,
                        const struct engine_series_state *state,
                        void (*label)(struct metrics_text *text, const void *arg), const void *arg)
{
    const char *said = fact->text ? fact->text(state) : NULL;
    const int64_t value = fact->value ? fact->value(state) : FL_ABSENT;

    if ((!said && value == FL_ABSENT) || !is_of_type(fact->type, type))
        return;
    label(text, arg);
    if (said) {
        metrics_text_label(text, fact->label, said);
        metrics_text_count(text, 1);
    } else if (fact->divisor > 1) {
        metrics_text_millionths(text, value * MILLION / fact->divisor);
    } else {
        metrics_text_count(text, (uint64_t)value);
    }
}

static bool is_named_after(const char *module, const char *type)
{
    size_t length = strlen(type);

    return strncmp(module, type, length) == 0 && (module[length] == '\0' || module[length] == '_');
}

bool probe_metrics_is_module(const char *module, const char *probe, const char *type)
{
    return strcmp(module, probe) == 0 || is_named_after(module, type) ||
           is_named_after(module, usual_type(type));
}

static int by_outcome(const void *a, const void *b)
{
    const struct engine_series_state *one = a, *other = b;

    if (one->ok != other->ok)
        return one->ok ? -1 : 1;
    return (one->took_us > other->took_us) - (one->took_us < other->took_us);
}

const struct engine_series_state *probe_metrics_middle(struct engine_series_state *states, size_t n)
{
    qsort(states, n, sizeof(*states), by_outcome);
    return &states[n / 2];
}
