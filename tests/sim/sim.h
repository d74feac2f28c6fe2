/* A fleet in virtual time with known truth: every agent probes every target at its interval,
 * faults change what the probes meet, and results go through the real engine in the order in
 * which a coordinator would receive them. All chance comes from a seed. */
#pragma once

#include "coordinator/core/engine.h"
#include "coordinator/core/hypothesis.h"

#define SIM_EPOCH_US INT64_C(1700000000000000) /* when a simulation starts */

enum sim_effect {
    SIM_CUT,        /* nothing gets through */
    SIM_LOSS,       /* `share` of the packets is lost on each faulty way */
    SIM_DELAY,      /* `extra_us` more */
    SIM_CONGESTION, /* both */
    SIM_FLOOD,      /* both, and the hosts within see the datagrams */
    SIM_MTU,        /* packets above 1,000 bytes are swallowed */
    SIM_DOWN,       /* a host: neither heard nor answering; a target: does not answer at all */
    SIM_SILENT,     /* a link: results arrive when it is over */
    SIM_PAUSE,      /* the coordinator: likewise for all agents; the component does not matter */
    SIM_STARVED,    /* a host: its timers fire `extra_us` late */
    SIM_CLOCK,      /* a host: its clock is `extra_us` ahead */
    SIM_LOCAL,      /* a host: drops what it sends */
    SIM_STALL,      /* `share` of the operations are never answered */
    SIM_SLOW,       /* the far side takes `factor` as long */
    SIM_INNER_LOSS, /* `share` of the packets is lost in the far side's own network */
    SIM_SYN_FLOOD,  /* a listener takes no new connections */
    SIM_REFUSED,
    SIM_FAILURE,       /* `share` of the operations end in `failure` */
    SIM_RESOLVE_FAILS, /* name lookups end in `failure` */
    SIM_EFFECTS
};

/* Which way is faulty, as seen from the component: from the first end of a path to the second,
 * or out of a host, zone or place. */
enum sim_direction { SIM_BOTH, SIM_OUT, SIM_IN };

struct sim_fault {
    struct component component;
    enum sim_effect effect;
    double share; /* of packets or operations */
    int64_t extra_us;
    double factor;
    enum fl_failure failure;
    fl_time from_us, until_us; /* since the start of the simulation */
    enum sim_direction direction;
    double flows;    /* share of the five-tuples that it hits; 0: all */
    unsigned steps;  /* of a storage operation, one bit each by enum fl_step; 0: all */
    fl_time ramp_us; /* grows to its full size within this time */
    fl_time on_us;   /* comes and goes: there for this long, */
    fl_time off_us;  /* gone for this long; 0: there all the time */
    bool witnessed;  /* a SYN flood: an agent of the target's zone runs on the same host */
};

/* What the kernel, the network and the far sides are like when nothing is wrong. */
struct sim_life {
    int64_t burst_every_us;    /* mean time between two bursts of loss on one path; 0: none */
    int64_t step_every_us;     /* mean time between two changes of a path's latency; 0: none */
    int64_t job_every_us;      /* time between two runs of a periodic job on a target; 0: none */
    int64_t agent_pause_us;    /* mean time between two restarts of an agent; 0: none */
    int64_t target_restart_us; /* mean time between two restarts of a target; 0: none */
    int64_t coordinator_us;    /* mean time between two pauses of the coordinator; 0: none */
};

/* What a target is like. */
struct sim_target {
    bool named;    /* probed by name */
    bool has_tls;  /* for http */
    bool by_steps; /* storage: write, flush and read, each timed */
    int64_t think_us;
    int64_t reply_bytes;
};

struct sim;

/* The fleet is taken over, also on failure. Without further word every agent probes every
 * target, round trips are those of one region, and nothing but the lightest loss disturbs. */
int sim_new(struct fleet *fleet, uint64_t seed, struct sim **ret);
struct sim *sim_free(struct sim *sim);
FL_DEFINE_FREEP(struct sim, sim)

const struct fleet *sim_fleet(const struct sim *sim);
int sim_add_fault(struct sim *sim, const struct sim_fault *fault);
void sim_set_life(struct sim *sim, const struct sim_life *life);
/* Bursts of loss of less than a second, everywhere, as every network has them: mean time between
 * two on one path. 0 (as at the start): none. */
void sim_set_bursts(struct sim *sim, int64_t every_us);
void sim_set_rtt(struct sim *sim, uint32_t zone, uint32_t place, int64_t rtt_us);
void sim_set_target(struct sim *sim, uint32_t target, const struct sim_target *like);
const struct sim_target *sim_target(const struct sim *sim, uint32_t target);
/* Before the first run: the agent does not run this probe. */
void sim_unplan(struct sim *sim, uint32_t agent, uint32_t probe);
bool sim_plans(const struct sim *sim, uint32_t agent, uint32_t probe);
/* The place through which agents reach the coordinator; FLEET_NONE (as at the start): a network
 * of its own. What cuts an agent off from the place makes it silent until it is over. */
void sim_set_coordinator(struct sim *sim, uint32_t place);
uint32_t sim_coordinator(const struct sim *sim);
/* The kernels say no more of a connection than rtt, retrans and unacked. */
void sim_set_thin_tcp(struct sim *sim, bool thin);

/* Called for every result and host sample in the order of arrival, before the engine has it. */
typedef void sim_observer(void *arg, const struct engine_event *event);
void sim_observe(struct sim *sim, sim_observer *observer, void *arg);
/* Off: results go to the observer only. */
void sim_set_engine(struct sim *sim, bool on);

void sim_run(struct sim *sim, fl_time until_us); /* since the start */
/* Verdict events so far, with times since the start. */
size_t sim_events(const struct sim *sim, const struct verdict_event **ret);
size_t sim_open(const struct sim *sim, const struct verdict **ret);
uint64_t sim_results(const struct sim *sim);
const struct engine *sim_engine(const struct sim *sim); /* its times begin at SIM_EPOCH_US */
