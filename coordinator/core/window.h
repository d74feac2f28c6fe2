/* What is known of one series (agent, probe): its last observations, its normal latency and how
 * often it normally goes wrong. Bounded: a ring, and baselines that forget slowly. A series with
 * agent but no probe says whether the agent is heard. */
#pragma once

#include "coordinator/core/component.h"
#include "coordinator/core/rates.h"
#include "coordinator/core/symbol.h"

#define WINDOW_SIZE 64 /* observations kept one by one */

struct observation {
    fl_time t_us;     /* when the probe started, by the coordinator's clock */
    uint32_t hung_ms; /* how long an operation of an earlier probe had hung by then; 0: none did */
    uint8_t symbol;
    int8_t rarity; /* how usual the symbol is for this series, see rates.h */
    bool named;    /* a name was looked up */
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
    int64_t interval_us, timeout_us;
    uint32_t n, next;
    uint32_t n_bad; /* observations in the ring that are not plain ok */
    uint32_t n_touches;
    struct touch touches[COMPONENTS_PER_SERIES];
    struct observation ring[WINDOW_SIZE];
    fl_time over_from_us, floor_us; /* onset and end of the last incident that is over: what started
                                     * before its end belongs to it */
    struct rates rates;
    struct baseline net;   /* time to connect */
    struct baseline far;   /* the far side's own time */
    struct fl_result last; /* for the matrix */
    fl_time last_rx_us;
    uint32_t view; /* a note of the correlator's, 0 between its steps */
};

/* An empty one; what it touches is looked up in the fleet. */
void window_init(struct window *window, const struct fleet *fleet, uint32_t agent, uint32_t probe);

/* Judge a result against the latency baselines, learn from it unless `frozen` (an incident covers
 * it), and remember it as the last. */
enum symbol window_judge(struct window *window, const struct fl_result *result, bool frozen);

/* Take over what is known of the same series of another fleet, but for what was observed. */
void window_inherit(struct window *window, const struct window *from);

/* Keep an observation. Returns whether another one had to go, which is then in `ret_gone`. */
bool window_push(struct window *window, const struct observation *observation,
                 struct observation *ret_gone);

/* Does what was wrong from from_us to to_us account for when the observation was made? An operation
 * that hangs is one trouble however often it is looked at, and may outlast its reason by as long as
 * that lasted: what was lost is sent again at intervals that double (RFC 6298, 5.5). */
bool observation_within(const struct observation *observation, fl_time from_us, fl_time to_us);

/* Does it belong to an incident that is over? */
bool window_forgot(const struct window *window, const struct observation *observation);

/* i-th newest observation, 0 the newest. */
const struct observation *window_at(const struct window *window, uint32_t i);

/* Does it touch the component with this number, and from which side? */
bool window_touches(const struct window *window, uint32_t component, enum side *ret_side);
