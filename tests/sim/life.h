/* Normal life: short spells of trouble that come by themselves. Whether there is one at a time is
 * a function of seed, kind, place and time alone, so that nothing has to be remembered. */
#pragma once

#include "tests/sim/draw.h"
#include "tests/sim/sim.h"

enum life_kind {
    LIFE_BURST,        /* half of a path's packets are lost one way */
    LIFE_STEP,         /* a path's latency is another one until the next step */
    LIFE_JOB,          /* a target is busy with something else */
    LIFE_AGENT_PAUSE,  /* an agent restarts */
    LIFE_TARGET_PAUSE, /* a target restarts */
    LIFE_COORDINATOR,  /* the coordinator takes nothing in */
    LIFE_KINDS
};

struct spell {
    fl_time from_us, until_us;
    double severity; /* 0..1, evenly */
};

struct life {
    uint64_t seed;
    int64_t interval_us; /* of most probes */
};

/* The spell that is on at t_us, or the last one before it; from_us is beyond t_us if there was
 * none yet. `every_us` is the mean time between two. */
struct spell life_spell(const struct life *life, enum life_kind kind, uint64_t where,
                        int64_t every_us, fl_time t_us);
/* Is one on? */
bool life_has(const struct life *life, enum life_kind kind, uint64_t where, int64_t every_us,
              fl_time t_us, struct spell *ret_spell);
