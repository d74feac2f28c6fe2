/* A random fleet: 2 to 8 zones in one to three regions, uneven numbers of agents, storage places
 * with backends, services, an outside; intervals of 1 to 10 seconds, some targets probed less
 * often or from few zones only. */
#pragma once

#include "tests/sim/draw.h"
#include "tests/sim/sim.h"

struct fleet_draft {
    struct sim *sim;
    int64_t interval_us; /* of the mesh and of most targets; some have a longer one */
};

/* `small`: few zones, for long simulations. */
int fleet_draw(struct draw *draw, uint64_t seed, bool small, struct fleet_draft *ret);
