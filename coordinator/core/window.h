/* What is known of one series (agent, probe): its last observations and its normal latency.
 * Bounded: a ring, and a baseline that forgets slowly. A series with agent but no probe says
 * whether the agent is heard. */
#pragma once

#include "coordinator/core/symbol.h"

#define WINDOW_SIZE 64 /* observations kept: enough for a fault that hits one probe in ten */

struct observation {
    fl_time t_us; /* when the probe started, by the coordinator's clock */
    uint8_t symbol;
};

/* Normal latency in log space: mean and mean deviation, robust by clipping each step. */
struct baseline {
    double mean;
    double deviation;
    uint32_t n;
};

struct window {
    uint32_t agent, probe; /* probe FLEET_NONE: the agent's own pseudo-series */
    enum symbol_family family;
    int64_t interval_us;
    uint32_t n, next;
    struct observation ring[WINDOW_SIZE];
    fl_time floor_us; /* what started earlier belongs to an incident that is over */
    struct baseline net, operate;
    struct fl_result last; /* for the matrix */
    fl_time last_rx_us;
};

/* Judge a result against the baselines, learn from it unless `frozen` (an incident covers it),
 * and keep it. Returns its symbol. */
enum symbol window_add(struct window *window, const struct fl_result *result, fl_time start_us,
                       bool frozen);

/* Keep an observation that is no result. */
void window_push(struct window *window, fl_time t_us, enum symbol symbol);

/* i-th newest observation, 0 the newest. */
const struct observation *window_at(const struct window *window, uint32_t i);
