/* Weighs explanations. Greedy search over sets of (component, mode, rho) with their
 * log-likelihood against the normal behaviour of every series that a component touches, minus a
 * price a component; successes count as much as failures. After the greedy rise each member is
 * weighed against its rivals: what they would have reached in its stead is the doubt. The form
 * of the search follows Flock (PACMNET 2023): joint likelihood, re-scored only where a component
 * touches. */
#pragma once

#include "coordinator/core/hypothesis.h"
#include "coordinator/core/window.h"

#define CORRELATOR_MAX_FOUND 12
#define CORRELATOR_MAX_RIVALS VERDICT_MAX_ALTERNATIVES

struct rival {
    struct component component;
    enum mode mode;
    double confidence;
};

struct finding {
    struct component component;
    enum mode mode;
    double rho;                      /* share of the touching probes that are hit */
    double score;                    /* nats over its price */
    double confidence;               /* against its rivals and against nothing being wrong */
    fl_time since_us;                /* first observation that it explains */
    fl_time last_us;                 /* newest one */
    bool over;                       /* it explains the past; the present is better without it */
    unsigned newest_bin, oldest_bin; /* the time it covers, see view.h */
    size_t n_rivals;
    struct rival rivals[CORRELATOR_MAX_RIVALS];
};

struct correlator;

int correlator_new(const struct fleet *fleet, struct correlator **ret);
struct correlator *correlator_free(struct correlator *correlator);

/* Explain the windows as of now. `open` are the components of open incidents: they pay half the
 * price, so that a verdict does not flicker. Findings come in order of score. */
size_t correlator_explain(struct correlator *correlator, struct window *const *windows,
                          size_t n_windows, fl_time now_us, const struct component *open,
                          size_t n_open, struct finding found[CORRELATOR_MAX_FOUND]);

/* Does the series touch the component? */
bool correlator_touches(const struct fleet *fleet, const struct window *window,
                        const struct component *component);
