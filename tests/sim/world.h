/* A simulated fleet in virtual time with known truth: three zones with an agent each, two volumes
 * of one array, a service in each zone, two targets outside, and the mesh. Probes run each second
 * at fixed phases; a fault changes what they meet; results go through the real engine. Random
 * parts come from a seed. */
#pragma once

#include "coordinator/core/engine.h"

enum world_fault {
    WORLD_FINE,
    WORLD_FLOOD, /* UDP fills zone a's link to the storage place: loss, delay, host counters */
    WORLD_STALL, /* vol-1 accepts requests and answers none */
    WORLD_ARRAY_STALL,   /* both volumes, so what they share */
    WORLD_SYN_FLOOD,     /* web-b takes no new connections; its host counts listener drops */
    WORLD_OUTSIDE_CUT,   /* nobody reaches the outside */
    WORLD_OUTSIDE_CUT_A, /* zone a does not */
    WORLD_IO_ERRORS,     /* half of vol-2's operations fail */
    WORLD_CERT_EXPIRED,  /* ext-1 */
    WORLD_LINK_CUT,      /* agent b1 is not heard; the mesh reaches it */
    WORLD_HOST_DOWN,     /* agent b1 is not heard and does not answer */
    WORLD_ONE_LOST,      /* a single probe fails */
};

struct world;

int world_new(uint64_t seed, struct world **ret);
struct world *world_free(struct world *world);

/* Let time pass under a fault. */
void world_run(struct world *world, enum world_fault fault, int64_t us);

fl_time world_now(const struct world *world);

/* Events since the world began; valid until the next run. */
size_t world_events(const struct world *world, const struct verdict_event **ret);
size_t world_open(const struct world *world, const struct verdict **ret);
