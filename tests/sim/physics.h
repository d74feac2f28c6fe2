/* What one probe meets on its way: a small model of TCP and datagrams over a network that loses,
 * delays and swallows large packets by direction, and of the far side. Retransmission times and
 * the signs that the kernel leaves follow what real connections were measured to do; sim_physics.c
 * holds the model to those figures. */
#pragma once

#include "proto/types/fl_result.h"
#include "tests/sim/draw.h"

#define PHYSICS_STEP_ALL 7u /* every step of a storage operation, one bit each by enum fl_step */

/* The network, by direction: there from the agent to the target, back the other way. */
struct weather {
    double loss_there, loss_back; /* share of packets lost */
    int64_t rtt_us;               /* of the way, delay included */
    int64_t min_rtt_us;           /* of the way when nothing queues */
    double jitter;                /* spread of the round trip in log space */
    bool small_there, small_back; /* packets above 1,000 bytes are swallowed without a word */
    bool local_drop;              /* the own host drops what it sends */

    bool named;              /* the probe resolves a name first */
    enum fl_failure resolve; /* what the resolver answers; FL_FAILURE_NONE: fine */

    bool listener_full;    /* no new connection is taken */
    bool refused;          /* the far host answers that nobody listens */
    enum fl_failure error; /* what the far side answers; FL_FAILURE_NONE: fine */
    bool stalled;          /* the far side takes the request and never answers */
    double slowness;       /* factor on the far side's own time; 0 counts as 1 */
    double inner_loss;     /* share of packets lost within the far side's own network */
    unsigned steps;        /* the steps that error, stall and slowness hit; 0: all */

    int64_t think_us;    /* the far side's own time, usually */
    int64_t reply_bytes; /* of the operation's answer */
    bool has_tls;        /* for http: over TLS */
    bool by_steps;       /* a storage operation is write, flush and read, each timed */
    int64_t lag_us;      /* how late the agent's own timers fire */
    bool thin_tcp;       /* the kernel says no more than rtt, retrans and unacked */
};

/* Fill everything of `result` but series, start and arrival. */
void physics_probe(struct draw *draw, const struct weather *weather, const char *type,
                   int64_t timeout_us, struct fl_result *result);
