/* Random fleets and random faults with known truth, all from a seed: 2 to 8 zones, uneven numbers
 * of agents, storage places with backends, services, an outside; intervals of 1 to 10 seconds. */
#pragma once

#include "tests/sim/sim.h"

enum scenario_family {
    SCENARIO_NONE,
    SCENARIO_BLIP, /* shorter than an interval: nothing is to be said */
    SCENARIO_NETWORK,
    SCENARIO_STORAGE,
    SCENARIO_SERVICE,
    SCENARIO_DNS,
    SCENARIO_TLS,
    SCENARIO_HOST,
    SCENARIO_MONITORING,
    SCENARIO_DOUBLE,
    SCENARIO_TRIPLE,
    SCENARIO_FAMILIES
};
const char *scenario_family_name(enum scenario_family family);

#define SCENARIO_MAX_FAULTS 3

struct scenario_truth {
    struct sim_fault fault;
    enum verdict_class class, other_class; /* either is right */
    enum verdict_cause causes[3];          /* any of them is right; CAUSE_NONE: no more */
};

struct scenario {
    struct sim *sim;
    int64_t interval_us;
    fl_time end_us;
    size_t n_truths;
    struct scenario_truth truths[SCENARIO_MAX_FAULTS];
};

int scenario_new(enum scenario_family family, uint64_t seed, struct scenario *ret);
void scenario_done(struct scenario *scenario);

/* Is the component the truth's, or one that touches exactly the same probes? */
bool scenario_accepts(const struct scenario *scenario, const struct scenario_truth *truth,
                      const char *component);
