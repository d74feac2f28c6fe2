/* Results as the metrics that the Prometheus blackbox exporter has for them. Pure. */
#pragma once

#include "coordinator/core/engine.h"
#include "coordinator/http/metrics_text.h"

#define PROBE_METRICS_PHASES 5

/* One metric of a kind of result. */
struct probe_metric {
    const char *name;
    const char *help;
    const char *type;  /* of probe, where http is https as well; NULL: any */
    const char *label; /* what its phases are called; NULL: there is one, without a label */
    struct {
        const char *phase; /* NULL ends them */
        enum fl_layer layer;
    } phases[PROBE_METRICS_PHASES];
};

/* Those that say how long a layer took; ends with a name of NULL. */
extern const struct probe_metric probe_metric_table[];

/* The samples of one metric for one result. `label` writes the labels of each sample before. */
void probe_metrics_layers(struct metrics_text *text, const struct probe_metric *metric,
                          const char *type, const struct engine_series_state *state,
                          void (*label)(struct metrics_text *text, const void *arg),
                          const void *arg);

/* When the first certificate of the server's chain expires, where that is known. */
#define PROBE_METRIC_CERTIFICATE "probe_ssl_earliest_cert_expiry"
#define PROBE_METRIC_CERTIFICATE_HELP \
    "When the first certificate of the server's chain expires, in seconds since 1970"
void probe_metrics_certificate(struct metrics_text *text, const struct engine_series_state *state,
                               void (*label)(struct metrics_text *text, const void *arg),
                               const void *arg);

/* The version of TLS that client and server agreed on, where there was a handshake. */
#define PROBE_METRIC_TLS_VERSION "probe_tls_version_info"
#define PROBE_METRIC_TLS_VERSION_HELP "The version of TLS that was agreed on; always 1"
void probe_metrics_tls_version(struct metrics_text *text, const struct engine_series_state *state,
                               void (*label)(struct metrics_text *text, const void *arg),
                               const void *arg);

/* Does a module's name, in the way of the exporter's examples (http_2xx, tcp_connect, icmp), mean
 * this probe? It does when it is the probe's name or its type, or begins with type and "_";
 * https is meant by http as well. */
bool probe_metrics_is_module(const char *module, const char *probe, const char *type);

/* Of several results of one probe the middle one, when those that failed count as slower than any
 * that did not. `n` is not 0; their order is changed. */
const struct engine_series_state *probe_metrics_middle(struct engine_series_state *states,
                                                       size_t n);
