/* What is true at a time: the fleet's geography, its faults and its normal life, and from them
 * what one probe meets, what a host sees of itself and when a message arrives. */
#pragma once

#include "tests/sim/life.h"
#include "tests/sim/physics.h"

#define WORLD_MAX_FAULTS 24

struct world {
    struct fleet *fleet; /* owned by the sim */
    uint64_t seed;
    struct sim_fault faults[WORLD_MAX_FAULTS];
    size_t n_faults;
    struct sim_life life;
    struct life spells;
    struct sim_target *targets;
    int64_t *rtt_us; /* zone * places + place */
    bool *unplanned; /* agent * probes + probe */
    uint32_t coordinator;
    bool thin_tcp;
};

/* Ways on which a fault does harm to a probe: from the agent, and back to it. */
struct sim_ways {
    bool there, back;
};

int world_init(struct world *world, struct fleet *fleet, uint64_t seed);
void world_done(struct world *world);

struct weather world_weather(const struct world *world, struct draw *draw, uint32_t agent,
                             uint32_t probe, fl_time now_us);
/* Does the agent run at all? */
bool world_runs(const struct world *world, uint32_t agent, fl_time now_us);
/* When what leaves the agent at t_us is received. */
fl_time world_arrival(const struct world *world, struct draw *draw, uint32_t agent, fl_time t_us);
/* How far the agent's clock is ahead. */
int64_t world_clock_us(const struct world *world, uint32_t agent, fl_time now_us);
void world_host(const struct world *world, struct draw *draw, uint32_t agent, fl_time now_us,
                struct fl_host_sample *host);
