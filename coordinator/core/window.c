/* Lateness: a value is late when it lies four deviations and a factor of 1.6 above the series'
 * own normal, and at least 2 ms: below that timers and schedulers speak, not networks. */
#include "coordinator/core/window.h"

#include <math.h>

#define LEARN_FIRST 8       /* values before a baseline may judge */
#define LEARN_SLOWEST 200.0 /* weight of a new value in the long run: 1/200 */
#define LATE_DEVIATIONS 4.0
#define LATE_FACTOR 1.6
#define LATE_LEAST_US 2000.0
#define DEVIATION_FLOOR 0.12 /* in natural log: 12 per cent */

static bool baseline_late(const struct baseline *baseline, int64_t us)
{
    double value, normal;

    if (us == FL_ABSENT || baseline->n < LEARN_FIRST)
        return false;
    value = log((double)us + 1);
    normal = exp(baseline->mean);
    return value - baseline->mean > fmax(LATE_DEVIATIONS * baseline->deviation, log(LATE_FACTOR)) &&
           (double)us - normal > LATE_LEAST_US;
}

static void baseline_learn(struct baseline *baseline, int64_t us)
{
    double value, step, weight, clip;

    if (us == FL_ABSENT)
        return;
    value = log((double)us + 1);
    if (baseline->n == 0) {
        *baseline = (struct baseline){value, 0.3, 1};
        return;
    }
    weight = 1.0 / fmin((double)baseline->n + 1, LEARN_SLOWEST);
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

void window_init(struct window *window, const struct fleet *fleet, uint32_t agent, uint32_t probe)
{
    *window = (struct window){.agent = agent, .probe = probe, .family = FAMILY_AGENT};
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
    int64_t operate = result->phase_us[FL_LAYER_OPERATE];
    bool late_net = baseline_late(&window->net, net);
    bool late_op = baseline_late(&window->operate, operate);

    if (!frozen && result->ok) {
        baseline_learn(&window->net, net);
        baseline_learn(&window->operate, operate);
    }
    window->last = *result;
    return symbol_of(result, window->family, late_net, late_op);
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
