/* Lateness: a value is late when it lies four deviations and a factor above the series' own normal,
 * and at least 2 ms: below that timers and schedulers speak, not networks. What is late is learned
 * as slowly from the start as later, or a young series would take a fault for its normal while the
 * evidence gathers. */
#include "coordinator/core/window.h"

#include <math.h>

#define LEARN_FIRST 8       /* values before a baseline may judge */
#define LEARN_SLOWEST 200.0 /* weight of a new value in the long run: 1/200 */
#define LATE_DEVIATIONS 4.0
#define LATE_FACTOR_WAY 1.8 /* another route may nearly double the way */
#define LATE_FACTOR_FAR 1.6
#define LEAST_FAR_SHARE 4 /* the far side's own time is at least this part of an operation's */
#define LATE_LEAST_US 2000.0
#define DEVIATION_FLOOR 0.12 /* in natural log: 12 per cent */

static bool baseline_late(const struct baseline *baseline, int64_t us, double factor)
{
    double value, normal;

    if (us == FL_ABSENT || baseline->n < LEARN_FIRST)
        return false;
    value = log((double)us + 1);
    normal = exp(baseline->mean);
    return value - baseline->mean > fmax(LATE_DEVIATIONS * baseline->deviation, log(factor)) &&
           (double)us - normal > LATE_LEAST_US;
}

static void baseline_learn(struct baseline *baseline, int64_t us, bool late)
{
    double value, step, weight, clip;

    if (us == FL_ABSENT)
        return;
    value = log((double)us + 1);
    if (baseline->n == 0) {
        *baseline = (struct baseline){value, 0.3, 1};
        return;
    }
    weight = late ? 1.0 / LEARN_SLOWEST : 1.0 / fmin((double)baseline->n + 1, LEARN_SLOWEST);
    clip = 3 * fmax(baseline->deviation, DEVIATION_FLOOR);
    step = fmax(-clip, fmin(clip, value - baseline->mean));
    baseline->mean += weight * step;
    baseline->deviation += weight * (fabs(step) - baseline->deviation);
    baseline->deviation = fmax(baseline->deviation, DEVIATION_FLOOR / 2);
    baseline->n++;
}

static int64_t net_time(const struct fl_result *result, enum symbol_family family)
{
    if (family == FAMILY_ECHO && result->ok && result->phase_us[FL_LAYER_CONNECT] == FL_ABSENT)
        return result->took_us;
    return result->phase_us[FL_LAYER_CONNECT];
}

/* The far side's own time for the operation: less what the way took longer than usual, once for
 * each step, so that another route does not make the far side look slow. */
static int64_t far_time(const struct window *window, const struct fl_result *result)
{
    int64_t operate = result->phase_us[FL_LAYER_OPERATE], steps = 0;
    int64_t way = result->phase_us[FL_LAYER_CONNECT], far;

    if (operate == FL_ABSENT || way == FL_ABSENT || window->net.n < LEARN_FIRST)
        return operate;
    way -= (int64_t)exp(window->net.mean);
    if (way <= 0)
        return operate;
    for (int i = 0; i < FL_STEPS; i++)
        steps += result->step_us[i] != FL_ABSENT;
    far = operate - (steps > 1 ? steps : 1) * way;
    return far > operate / LEAST_FAR_SHARE ? far : operate / LEAST_FAR_SHARE;
}

void window_init(struct window *window, const struct fleet *fleet, uint32_t agent, uint32_t probe)
{
    *window = (struct window){.agent = agent, .probe = probe, .family = FAMILY_AGENT};
    window->last.facts = fl_facts_absent;
    window->interval_us = FL_SECOND; /* who is heard is looked at each second */
    if (probe != FLEET_NONE) {
        window->family = symbol_family(fleet->probes[probe].type);
        window->interval_us = fleet->probes[probe].interval_us;
        window->timeout_us = fleet->probes[probe].timeout_us;
    }
    window->n_touches = (uint32_t)component_touches(fleet, agent, probe, window->touches);
}

enum symbol window_judge(struct window *window, const struct fl_result *result, bool frozen)
{
    int64_t net = net_time(result, window->family);
    int64_t far = far_time(window, result);
    bool late_net = baseline_late(&window->net, net, LATE_FACTOR_WAY);
    bool late_op = baseline_late(&window->far, far, LATE_FACTOR_FAR);
    int64_t shown_s = window->last.facts.cert_end_s;

    if (!frozen && result->ok) {
        baseline_learn(&window->net, net, late_net);
        baseline_learn(&window->far, far, late_op);
    }
    window->last = *result;
    if (result->facts.cert_end_s == FL_ABSENT) /* who cannot be reached has the one it had */
        window->last.facts.cert_end_s = shown_s;
    return symbol_of(result, window->family, late_net, late_op);
}

void window_inherit(struct window *window, const struct window *from)
{
    window->over_from_us = from->over_from_us;
    window->floor_us = from->floor_us;
    window->rates = from->rates;
    window->net = from->net;
    window->far = from->far;
    window->last = from->last;
    window->last_rx_us = from->last_rx_us;
}

bool window_push(struct window *window, const struct observation *observation,
                 struct observation *ret_gone)
{
    bool full = window->n == WINDOW_SIZE;

    if (full) {
        *ret_gone = window->ring[window->next];
        window->n_bad -= symbol_is_bad((enum symbol)ret_gone->symbol);
    } else {
        window->n++;
    }
    window->ring[window->next] = *observation;
    window->n_bad += symbol_is_bad((enum symbol)observation->symbol);
    window->next = (window->next + 1) % WINDOW_SIZE;
    return full;
}

bool observation_within(const struct observation *observation, fl_time from_us, fl_time to_us)
{
    fl_time begun_us = observation->t_us - (fl_time)observation->hung_ms * FL_MS;

    return begun_us >= from_us && begun_us < to_us &&
           (observation->t_us < to_us || observation->t_us - to_us < to_us - from_us);
}

bool window_forgot(const struct window *window, const struct observation *observation)
{
    return observation->t_us < window->floor_us ||
           observation_within(observation, window->over_from_us, window->floor_us);
}

const struct observation *window_at(const struct window *window, uint32_t i)
{
    return &window->ring[(window->next + 2 * WINDOW_SIZE - 1 - i) % WINDOW_SIZE];
}

bool window_touches(const struct window *window, uint32_t component, enum side *ret_side)
{
    for (uint32_t i = 0; i < window->n_touches; i++)
        if (window->touches[i].id == component) {
            *ret_side = window->touches[i].side;
            return true;
        }
    return false;
}
