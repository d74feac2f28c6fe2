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

enum symbol window_add(struct window *window, const struct fl_result *result, fl_time start_us,
                       bool frozen)
{
    int64_t net = net_time(result, window->family);
    int64_t operate = result->phase_us[FL_LAYER_OPERATE];
    bool late_net = baseline_late(&window->net, net);
    bool late_op = baseline_late(&window->operate, operate);
    enum symbol symbol = symbol_of(result, window->family, late_net, late_op);

    if (!frozen && result->ok) {
        baseline_learn(&window->net, net);
        baseline_learn(&window->operate, operate);
    }
    window_push(window, start_us, symbol);
    window->last = *result;
    return symbol;
}

void window_push(struct window *window, fl_time t_us, enum symbol symbol)
{
    window->ring[window->next] = (struct observation){t_us, (uint8_t)symbol};
    window->next = (window->next + 1) % WINDOW_SIZE;
    if (window->n < WINDOW_SIZE)
        window->n++;
}

const struct observation *window_at(const struct window *window, uint32_t i)
{
    return &window->ring[(window->next + 2 * WINDOW_SIZE - 1 - i) % WINDOW_SIZE];
}
