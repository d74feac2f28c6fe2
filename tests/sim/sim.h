/* A fleet in virtual time with known truth: every agent probes every target at its interval,
 * faults change what the probes meet, and results go through the real engine in the order in
 * which a coordinator would receive them. All chance comes from a seed. */
#pragma once

#include "coordinator/core/engine.h"
#include "coordinator/core/hypothesis.h"

enum sim_effect {
    SIM_CUT,        /* nothing gets through */
    SIM_LOSS,       /* `share` of the packets is lost */
    SIM_DELAY,      /* `extra_us` more */
    SIM_CONGESTION, /* both */
    SIM_FLOOD,      /* both, and the hosts within see the datagrams */
    SIM_DOWN,       /* a host: neither heard nor answering */
    SIM_SILENT,     /* a link: results arrive when it is over */
    SIM_STARVED,    /* a host: its timers fire `extra_us` late */
    SIM_STALL,      /* `share` of the operations are never answered */
    SIM_SLOW,       /* the far side takes `factor` as long */
    SIM_SYN_FLOOD,  /* a listener takes no new connections */
    SIM_REFUSED,
    SIM_FAILURE,       /* `share` of the operations end in `failure` */
    SIM_RESOLVE_FAILS, /* name lookups end in `failure` */
    SIM_EFFECTS
};

struct sim_fault {
    struct component component;
    enum sim_effect effect;
    double share; /* of packets or operations */
    int64_t extra_us;
    double factor;
    enum fl_failure failure;
    fl_time from_us, until_us; /* since the start of the simulation */
};

struct sim;

/* The fleet is taken over, also on failure. */
int sim_new(struct fleet *fleet, uint64_t seed, struct sim **ret);
struct sim *sim_free(struct sim *sim);
FL_DEFINE_FREEP(struct sim, sim)

const struct fleet *sim_fleet(const struct sim *sim);
int sim_add_fault(struct sim *sim, const struct sim_fault *fault);
/* Bursts of loss of less than a second, everywhere, as every network has them: mean time between
 * two on one path. 0 (as at the start): none. */
void sim_set_bursts(struct sim *sim, int64_t every_us);

void sim_run(struct sim *sim, fl_time until_us); /* since the start */
/* Verdict events so far, with times since the start. */
size_t sim_events(const struct sim *sim, const struct verdict_event **ret);
size_t sim_open(const struct sim *sim, const struct verdict **ret);
uint64_t sim_results(const struct sim *sim);
