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

/* One metric of what the far side said of itself. */
struct probe_fact {
    const char *name;
    const char *help;
    const char *type;  /* as in struct probe_metric */
    const char *label; /* that `text` is the value of; the sample is 1 then */
    int64_t divisor;   /* of `value` */
    /* One of the two is there. FL_ABSENT and NULL: it is not known. */
    int64_t (*value)(const struct engine_series_state *state);
    const char *(*text)(const struct engine_series_state *state);
};

/* Ends with a name of NULL. */
extern const struct probe_fact probe_fact_table[];

/* The sample, if any, as probe_metrics_layers writes those of a metric. */
void probe_metrics_fact(struct metrics_text *text, const struct probe_fact *fact, const char *type,
                        const struct engine_series_state *state,
                        void (*label)(struct metrics_text *text, const void *arg), const void *arg);

/* Does a module's name, in the way of the exporter's examples (http_2xx, tcp_connect, icmp), mean
 * this probe? It does when it is the probe's name or its type, or begins with type and "_";
 * https is meant by http as well. */
bool probe_metrics_is_module(const char *module, const char *probe, const char *type);

/* Of several results of one probe the middle one, when those that failed count as slower than any
 * that did not. `n` is not 0; their order is changed. */
const struct engine_series_state *probe_metrics_middle(struct engine_series_state *states,
                                                       size_t n);
