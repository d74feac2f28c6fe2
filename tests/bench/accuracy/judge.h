/* What was said of a scenario, held against its truth. The same for every
 * contender. */
#pragma once

#include "coordinator/core/verdict.h"
#include "tests/sim/scenario.h"

#define JUDGE_MAX_SAID 24
#define JUDGE_HARD 2.5
#define JUDGE_SLOW 5 /* intervals to a verdict beyond which it is late */

struct truth_outcome {
    bool found;       /* an incident ends up with the right component and class */
    bool right_place; /* with the right component */
    bool right_class; /* one that began while the fault lasted has the right class
                       */
    bool right_cause; /* of the incident that found it */
    bool ambiguous;   /* more than one component would be right */
    bool gray;
    bool told;       /* network or storage, and something was said that is one of them:
                      */
    bool told_right; /* and nothing said was the other one */
    bool hard;       /* anybody's probes suffice within JUDGE_HARD intervals */
    bool reachable;  /* it lasted for twice the probes that anybody needs */
    float intervals; /* from its begin to the verdict that was right and stayed so
                      */
    float limits;    /* the same in probes, over those that anybody needs */
};

/* One contender on one scenario: values only, so that processes can share it.
 */
struct outcome {
    bool done;
    enum scenario_family family;
    uint64_t seed;
    uint32_t n_truths, incidents, wrong, again, wrong_first, updates;
    struct truth_outcome truths[SCENARIO_MAX_FAULTS];
    /* every verdict said, at most the first JUDGE_MAX_SAID: how sure, and was it
     * right? */
    uint32_t n_said;
    float sure[JUDGE_MAX_SAID];
    bool right[JUDGE_MAX_SAID];
    double hours; /* simulated */
    uint64_t results;
};

void judge(const struct scenario *scenario, const struct verdict_event *events, size_t n_events,
           struct outcome *ret);
/* Was nothing missed, said late, or said that is not so? */
bool outcome_is_perfect(const struct outcome *outcome);
