/* One life of a service group with many faults, played for two rules side by side: the decider,
 * and what load balancers do, "away after three failures in a row, back after two that are fine",
 * seen by one checker or by any agent. The users are the probes: each agent asks each zone's
 * target, and what fails counts as far as its zone is served from. */
#pragma once

#include "tests/sim/sim.h"

enum failover_rule { RULE_DECIDER, RULE_CHECKER, RULE_ANYBODY, RULES };

struct failover_tally {
    uint64_t faults, worth; /* worth: moving would have helped */
    struct {
        uint64_t moves;      /* away */
        uint64_t needless;   /* where moving did not help */
        uint64_t to_nowhere; /* after which no zone was served from */
        double impact_s;     /* seconds for which all users together were not served */
    } rules[RULES];
};

#define FAILOVER_FAULTS 20 /* in one life */

/* Adds to the tally. */
int failover_play(uint64_t seed, struct failover_tally *tally);
/* On standard output. */
void failover_print(const struct failover_tally *tally);
const char *failover_rule_name(enum failover_rule rule);
