#include "coordinator/core/view.h"

#include <math.h>
#include <string.h>

#define ARRIVAL_US (300 * FL_MS) /* batching and travel of a result */

void predictions_fill(struct predictions *predictions)
{
    *predictions = (struct predictions){0};
    for (int m = 0; m < MODES; m++)
        for (int f = 0; f < FAMILIES; f++)
            for (int s = 0; s < SYMBOLS; s++) {
                enum symbol_family family = (enum symbol_family)f;

                predictions->p[m][f][s] = mode_predicts((enum mode)m, family, (enum symbol)s);
                if (mode_explains((enum mode)m, family, (enum symbol)s))
                    predictions->explained[m][f] |= 1u << s;
            }
}

void view_fill(struct view *view, const struct fleet *fleet, const struct window *window,
               fl_time now_us, int64_t interval_us)
{
    int64_t width_us = interval_us / VIEW_BINS_PER_INTERVAL;
    int64_t settled_us =
        window->probe == FLEET_NONE ? 0 : fleet->probes[window->probe].timeout_us + ARRIVAL_US;

    *view = (struct view){.window = window};
    for (uint32_t i = 0; i < window->n; i++) {
        const struct observation *o = window_at(window, i);
        int64_t age_us = now_us > o->t_us ? now_us - o->t_us : 0;

        if (o->t_us < window->floor_us || age_us / width_us >= VIEW_BINS)
            continue;
        if (o->symbol == SYMBOL_OK && age_us < settled_us)
            continue;
        view->bin[view->n] = (uint16_t)(age_us / width_us);
        view->symbol[view->n++] = o->symbol;
        if (symbol_is_bad((enum symbol)o->symbol))
            view->seen |= 1u << o->symbol;
    }
    view_reset(view);
}

void view_reset(struct view *view)
{
    view->explained = 0;
    for (uint32_t i = 0; i < view->n; i++)
        view->p[i] = normal_predicts(view->window->family, (enum symbol)view->symbol[i]);
}

void view_gains(const struct view *view, const struct predictions *predictions, enum mode mode,
                double rho, double gains[VIEW_BINS])
{
    const double *hit = predictions->p[mode][view->window->family];
    double last_p = 0, last_gain = 0;
    int last_symbol = -1;

    for (uint32_t i = 0; i < view->n; i++) {
        /* most observations are like the one before: one logarithm does for a run */
        if (view->symbol[i] != last_symbol || view->p[i] > last_p || view->p[i] < last_p) {
            last_symbol = view->symbol[i];
            last_p = view->p[i];
            last_gain = log(1 - rho + rho * hit[last_symbol] / last_p);
        }
        gains[view->bin[i]] += last_gain;
    }
}

double view_promise(const struct view *view)
{
    double promise = 0;

    for (uint32_t i = 0; i < view->n; i++)
        if (symbol_is_bad((enum symbol)view->symbol[i]))
            promise -= log(view->p[i]);
    return promise;
}

void view_apply(struct view *view, const struct predictions *predictions, enum mode mode,
                double rho, unsigned newest, unsigned oldest)
{
    const double *hit = predictions->p[mode][view->window->family];

    view->explained |= 1u << mode;
    for (uint32_t i = 0; i < view->n; i++)
        if (view->bin[i] >= newest && view->bin[i] <= oldest)
            view->p[i] = (1 - rho) * view->p[i] + rho * hit[view->symbol[i]];
}

void span_best(const double gains[VIEW_BINS], struct span *ret_now, struct span *ret_ever)
{
    struct span now = {0, 0, 0}, ever = {0, 0, 0};
    double total = 0, sum = 0;
    unsigned newest = 0;

    for (unsigned i = 0; i < VIEW_BINS; i++) {
        if (sum < 0) {
            sum = 0;
            newest = i;
        }
        sum += gains[i];
        total += gains[i];
        if (total > now.sum)
            now = (struct span){total, 0, i};
        if (sum > ever.sum)
            ever = (struct span){sum, newest, i};
    }
    *ret_now = now;
    *ret_ever = ever;
}
