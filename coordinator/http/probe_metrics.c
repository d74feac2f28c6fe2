#include "coordinator/http/probe_metrics.h"

#include <stdlib.h>
#include <string.h>

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

void probe_metrics_layers(struct metrics_text *text, const struct probe_metric *metric,
                          const char *type, const struct engine_series_state *state,
                          void (*label)(struct metrics_text *text, const void *arg),
                          const void *arg)
{
    if (metric->type && strcmp(metric->type, usual_type(type)) != 0)
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

void probe_metrics_certificate(struct metrics_text *text, const struct engine_series_state *state,
                               void (*label)(struct metrics_text *text, const void *arg),
                               const void *arg)
{
    if (state->facts.cert_end_s == FL_ABSENT)
        return;
    label(text, arg);
    metrics_text_count(text, (uint64_t)state->facts.cert_end_s);
}

/* As the exporter writes it; NULL: this is not known. */
static const char *version_name(int64_t tls_version)
{
    static const char *const names[] = {"SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"};
    const int64_t newest = SSL_3_0 + (int64_t)FL_COUNT(names) - 1;

    return tls_version >= SSL_3_0 && tls_version <= newest ? names[tls_version - SSL_3_0] : NULL;
}

void probe_metrics_tls_version(struct metrics_text *text, const struct engine_series_state *state,
                               void (*label)(struct metrics_text *text, const void *arg),
                               const void *arg)
{
    const char *name = version_name(state->facts.tls_version);

    if (!name)
        return;
    label(text, arg);
    metrics_text_label(text, "version", name);
    metrics_text_count(text, 1);
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
