/* What one probe meets on its way: a small model of TCP and datagrams over a network that loses
 * and delays by direction, and of the far side. Retransmission times and the signs that the
 * kernel leaves follow what real connections were measured to do. */
#pragma once

#include "proto/types/fl_result.h"
#include "tests/sim/draw.h"

struct weather {
    double loss_there, loss_back; /* share of packets lost, by direction */
    int64_t rtt_us;               /* of the way, delay included */
    bool listener_full;           /* no new connection is taken */
    bool refused;
    bool named;              /* the probe resolves a name first */
    enum fl_failure resolve; /* what the resolver answers; FL_FAILURE_NONE: fine */
    enum fl_failure error;   /* what the far side answers; FL_FAILURE_NONE: fine */
    bool stalled;            /* the far side takes the request and never answers */
    double slowness;         /* factor on the far side's own time */
    int64_t think_us;        /* the far side's own time, usually */
    int64_t lag_us;          /* how late the agent's own timers fire */
};

/* Fill everything of `result` but series, start and arrival. */
void physics_probe(struct draw *draw, const struct weather *weather, const char *type,
                   int64_t timeout_us, struct fl_result *result);
