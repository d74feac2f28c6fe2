/* Weighs explanations. Greedy search over sets of (component, mode, rho) with their
 * log-likelihood against the normal behaviour of every series that a component touches, minus a
 * price a component; successes count as much as failures. After the greedy rise each member is
 * weighed against its rivals: what they would have reached in its stead is the doubt. The search
 * rises from nothing and from what incidents are open on, and takes the better. The form
 * of the search follows Flock (PACMNET 2023): joint likelihood, re-scored only where a component
 * touches. */
#pragma once

#include "coordinator/core/evidence.h"
#include "coordinator/core/fit.h"

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
    double rho;             /* share of the touching probes that are hit */
    double score;           /* nats over its price */
    double confidence;      /* against its rivals and against nothing being wrong */
    double cautious;        /* the same with more doubt, to open a verdict by */
    fl_time since_us;       /* first observation that it explains */
    fl_time last_us;        /* newest one */
    fl_time from_us, to_us; /* the time it covers, */
    fl_time spell_us;       /* and since when without a break */
    int64_t span_us;        /* between the first and the newest since then */
    uint32_t witness;       /* the one agent that sees it; FLEET_NONE: several do */
    unsigned occasions;     /* intervals in which something went wrong that it explains */
    double scattered;       /* how many there would be if those probes were hit independently */
    int64_t fastest_us;     /* intervals of the series that it explains */
    int64_t slowest_us;
    bool over; /* it explains the past; the present is better without it */
    size_t n_rivals;
    struct rival rivals[CORRELATOR_MAX_RIVALS];
};

struct correlator;

/* The evidence is borrowed. */
int correlator_new(const struct fleet *fleet, struct evidence *evidence, struct correlator **ret);
struct correlator *correlator_free(struct correlator *correlator);

/* Explain the evidence as of now. Components of open incidents pay half the price, so that a
 * verdict does not flicker. Findings come in order of score. */
size_t correlator_explain(struct correlator *correlator, fl_time now_us,
                          struct finding found[CORRELATOR_MAX_FOUND]);
