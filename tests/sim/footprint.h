/* Where a fault can show: the series (agent and probe, or an agent's being heard) that touch its
 * component and are able to show its effect. Components with the same footprint cannot be told
 * apart by anybody who has nothing but these results. */
#pragma once

#include "tests/sim/sim.h"

struct footprint {
    size_t n_series, n;  /* of the fleet, and in the footprint */
    double rate_hz;      /* probes a second that touch it */
    int64_t interval_us; /* the shortest of their intervals */
    uint8_t *in;         /* by agent * (probes + 1) + probe; the last is the agent's own */
};

int footprint_new(const struct sim *sim, const struct sim_fault *fault, struct footprint *ret);
void footprint_done(struct footprint *footprint);

/* Share of the smaller one that both have. */
double footprint_overlap(const struct footprint *x, const struct footprint *y);

/* Every component with this footprint, the fault's own first. Returns how many. */
#define FOOTPRINT_MAX_SAME 8
size_t footprint_same(const struct sim *sim, const struct sim_fault *fault,
                      const struct footprint *footprint, struct component same[FOOTPRINT_MAX_SAME]);
