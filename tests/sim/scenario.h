/* Random scenarios with known truth, each from its family and seed alone. */
#pragma once

#include "tests/sim/fault_table.h"
#include "tests/sim/footprint.h"

#define SCENARIO_MAX_FAULTS 3

/* A component by its name, and the classes that are right for it, one bit each. */
struct scenario_answer {
    char component[FL_COMPONENT_SIZE];
    unsigned classes;
};

struct scenario_truth {
    struct sim_fault fault;
    const struct fault_kind *kind;
    /* the component, and what nobody can tell from it */
    size_t n_answers;
    struct scenario_answer answers[2 * FOOTPRINT_MAX_SAME];
    int64_t interval_us; /* the shortest of the probes that touch it */
    double rate_hz;      /* of the probes that touch it */
    double limit;        /* probes that it takes at least, see scenario_limit() */
};

struct scenario {
    enum scenario_family family;
    uint64_t seed;
    struct sim *sim;
    int64_t interval_us;
    fl_time end_us;
    size_t n_truths;
    struct scenario_truth truths[SCENARIO_MAX_FAULTS];
};

int scenario_new(enum scenario_family family, uint64_t seed, struct scenario *ret);
void scenario_done(struct scenario *scenario);

/* Is something to be said of its faults? */
bool scenario_counts(const struct scenario *scenario);
bool scenario_is_trap(enum scenario_family family);
/* One of those over which F1 is asked: none, single, double, triple, blips. */
bool scenario_is_mixed(enum scenario_family family);

bool scenario_accepts(const struct scenario_truth *truth, const char *component,
                      enum verdict_class class);
/* The component alone, whatever the class. */
bool scenario_accepts_place(const struct scenario_truth *truth, const char *component);
bool scenario_accepts_cause(const struct scenario_truth *truth, enum verdict_cause cause);

/* Probes that touch a fault until it has gained 12 nats against nothing being wrong: what no
 * correlator can be much quicker than. From how often a probe is bad with and without it. */
double scenario_limit(const struct sim_fault *fault);
