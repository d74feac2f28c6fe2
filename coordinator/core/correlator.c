#include "coordinator/core/correlator.h"

#include "coordinator/core/view.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_SCORE 3.0  /* nats over the price before anything is said */
#define OVER 5.0         /* nats by which an end in the past must be the better explanation */
#define LEAST_ODDS 1e-3  /* against the finding: a rival below is not worth a word */
#define MODEL_DOUBT 0.01 /* what no model knows of: nothing is ever certain */
#define TEMPERATURE 1.6  /* probes are not independent: doubt more than the sum says */
#define TEMPER 0.75      /* the same, for each observation */

static const double rhos[] = {0.04, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 0.97};

/* A component that touches something bad, and the most nats that it could explain. */
struct candidate {
    struct component component;
    double promise;
};

struct correlator {
    const struct fleet *fleet;
    struct predictions predictions;
    struct view *views;
    struct view **touched; /* those of one component: room for all */
    size_t room, n;
    struct candidate *candidates; /* room for all components of all views */
    size_t n_candidates;
};

/* The best a component can do: how it fails, how often, from when until when. */
struct fit {
    enum mode mode;
    double rho;
    double score; /* without the price */
    struct span span;
    bool over; /* it explains the past and not the present */
};

int correlator_new(const struct fleet *fleet, struct correlator **ret)
{
    struct correlator *correlator = calloc(1, sizeof(*correlator));

    if (!correlator)
        return -ENOMEM;
    correlator->fleet = fleet;
    predictions_fill(&correlator->predictions);
    *ret = correlator;
    return 0;
}

struct correlator *correlator_free(struct correlator *correlator)
{
    if (!correlator)
        return NULL;
    free(correlator->views);
    free(correlator->touched);
    free(correlator->candidates);
    free(correlator);
    return NULL;
}

bool correlator_touches(const struct fleet *fleet, const struct window *window,
                        const struct component *component)
{
    struct component own[COMPONENTS_PER_SERIES];
    size_t n = components_of(fleet, window->agent, window->probe, own);

    for (size_t i = 0; i < n; i++)
        if (component_equal(&own[i], component))
            return true;
    return false;
}

static int compare_candidates(const void *x, const void *y)
{
    return component_compare(&((const struct candidate *)x)->component,
                             &((const struct candidate *)y)->component);
}

/* Only components that touch a series with something bad can be at fault. */
static void collect_candidates(struct correlator *correlator)
{
    struct candidate *all = correlator->candidates;
    size_t n = 0, kept = 0;

    for (size_t i = 0; i < correlator->n; i++) {
        const struct view *view = &correlator->views[i];
        struct component own[COMPONENTS_PER_SERIES];
        size_t n_own;

        if (!view->seen)
            continue;
        n_own = components_of(correlator->fleet, view->window->agent, view->window->probe, own);
        for (size_t k = 0; k < n_own; k++)
            all[n++] = (struct candidate){own[k], view_promise(view)};
    }
    qsort(all, n, sizeof(*all), compare_candidates);
    for (size_t i = 0; i < n; i++)
        if (kept > 0 && component_equal(&all[kept - 1].component, &all[i].component))
            all[kept - 1].promise += all[i].promise;
        else
            all[kept++] = all[i];
    correlator->n_candidates = kept;
}

/* Can this mode show on that series at all? An echo knows no certificate. */
static bool mode_reaches(const struct window *window, const struct component *component,
                         enum mode mode)
{
    bool named = window->last.phase_us[FL_LAYER_RESOLVE] != FL_ABSENT ||
                 window->last.layer == FL_LAYER_RESOLVE;

    if (component->type == COMPONENT_RESOLVER)
        return named;
    if (window->family == FAMILY_AGENT)
        return mode == MODE_CUT || mode == MODE_DOWN || mode == MODE_SILENT || mode == MODE_STARVED;
    /* a dead host makes itself silent; it does not break its own probes, it stops them */
    if (component->type == COMPONENT_HOST && mode == MODE_DOWN)
        return window->agent != component->a;
    return mode != MODE_SILENT;
}

static size_t find_touched(struct correlator *correlator, const struct component *component)
{
    size_t n = 0;

    for (size_t i = 0; i < correlator->n; i++)
        if (correlator_touches(correlator->fleet, correlator->views[i].window, component))
            correlator->touched[n++] = &correlator->views[i];
    return n;
}

static bool mode_seen(const struct correlator *correlator, size_t n_touched, enum mode mode)
{
    for (size_t i = 0; i < n_touched; i++) {
        const struct view *view = correlator->touched[i];

        if ((view->seen & correlator->predictions.explained[mode][view->window->family]) != 0)
            return true;
    }
    return false;
}

static void take_better(struct fit *fit, enum mode mode, double rho, const struct span *span,
                        bool over)
{
    if (TEMPER * span->sum > fit->score + 1e-9)
        *fit = (struct fit){mode, rho, TEMPER * span->sum, *span, over};
}

/* Best fit of a component against the explanation so far. */
static struct fit fit_component(struct correlator *correlator, const struct component *component)
{
    struct fit now = {.score = 0}, ever = {.score = 0};
    size_t n = find_touched(correlator, component);

    for (int m = 0; m < MODES; m++) {
        if (!mode_applies((enum mode)m, component->type) || !mode_seen(correlator, n, (enum mode)m))
            continue;
        for (size_t k = 0; k < FL_COUNT(rhos); k++) {
            double gains[VIEW_BINS] = {0};
            struct span to_now, at_all;

            for (size_t i = 0; i < n; i++)
                if ((correlator->touched[i]->explained & mode_likes((enum mode)m)) == 0 &&
                    mode_reaches(correlator->touched[i]->window, component, (enum mode)m))
                    view_gains(correlator->touched[i], &correlator->predictions, (enum mode)m,
                               rhos[k], gains);
            span_best(gains, &to_now, &at_all);
            take_better(&now, (enum mode)m, rhos[k], &to_now, false);
            take_better(&ever, (enum mode)m, rhos[k], &at_all, true);
        }
    }
    return ever.score - now.score > OVER ? ever : now;
}

/* Take a finding into the explanation. */
static void apply(struct correlator *correlator, const struct finding *finding)
{
    size_t n = find_touched(correlator, &finding->component);

    for (size_t i = 0; i < n; i++)
        if (mode_reaches(correlator->touched[i]->window, &finding->component, finding->mode))
            view_apply(correlator->touched[i], &correlator->predictions, finding->mode,
                       finding->rho, finding->newest_bin, finding->oldest_bin);
}

static double price_of(const struct correlator *correlator, const struct component *component,
                       const struct component *open, size_t n_open)
{
    double price = component_price(correlator->fleet, component);

    for (size_t i = 0; i < n_open; i++)
        if (component_equal(&open[i], component))
            return price / 2;
    return price;
}

/* First, newest and number of the observations that the finding explains. */
static void measure(struct correlator *correlator, struct finding *finding, fl_time now_us,
                    int64_t interval_us)
{
    size_t n = find_touched(correlator, &finding->component);
    int64_t width_us = interval_us / VIEW_BINS_PER_INTERVAL;
    fl_time oldest_us = now_us - (finding->oldest_bin + 1) * width_us;

    finding->since_us = INT64_MAX;
    finding->last_us = INT64_MIN;
    for (size_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < correlator->touched[i]->window->n; k++) {
            const struct window *window = correlator->touched[i]->window;
            const struct observation *o = window_at(window, k);

            if (o->t_us < oldest_us || o->t_us < window->floor_us ||
                !mode_explains(finding->mode, window->family, (enum symbol)o->symbol))
                continue;
            finding->since_us = o->t_us < finding->since_us ? o->t_us : finding->since_us;
            finding->last_us = o->t_us > finding->last_us ? o->t_us : finding->last_us;
        }
}

static bool already(const struct finding *found, size_t n, const struct component *component)
{
    for (size_t i = 0; i < n; i++)
        if (component_equal(&found[i].component, component))
            return true;
    return false;
}

static void rebuild(struct correlator *correlator, const struct finding *found, size_t n,
                    size_t without)
{
    for (size_t i = 0; i < correlator->n; i++)
        view_reset(&correlator->views[i]);
    for (size_t i = 0; i < n; i++)
        if (i != without)
            apply(correlator, &found[i]);
}

static void insert_rival(struct finding *finding, const struct rival *rival)
{
    size_t i = finding->n_rivals;

    if (i == CORRELATOR_MAX_RIVALS && finding->rivals[i - 1].confidence >= rival->confidence)
        return;
    if (i == CORRELATOR_MAX_RIVALS)
        i--;
    else
        finding->n_rivals++;
    while (i > 0 && finding->rivals[i - 1].confidence < rival->confidence) {
        finding->rivals[i] = finding->rivals[i - 1];
        i--;
    }
    finding->rivals[i] = *rival;
}

static double odds_of(double score, const struct finding *against)
{
    return exp((score - against->score) / TEMPERATURE);
}

/* What would have explained the same in the finding's stead, and how well. */
static void weigh_rivals(struct correlator *correlator, struct finding *found, size_t n, size_t at,
                         const struct component *open, size_t n_open)
{
    struct finding *own = &found[at];
    double sum = 1 + MODEL_DOUBT + exp(-own->score / TEMPERATURE);

    own->n_rivals = 0;
    rebuild(correlator, found, n, at);
    collect_candidates(correlator);
    for (size_t i = 0; i < correlator->n_candidates; i++) {
        const struct component *component = &correlator->candidates[i].component;
        double price = price_of(correlator, component, open, n_open);
        struct fit fit;
        double odds;

        if (already(found, n, component) ||
            odds_of(TEMPER * correlator->candidates[i].promise - price, own) < LEAST_ODDS)
            continue;
        fit = fit_component(correlator, component);
        odds = odds_of(fit.score - price, own);
        if (fit.score <= 0 || fit.over || odds < LEAST_ODDS)
            continue;
        odds = odds > 1 ? 1 : odds;
        sum += odds;
        insert_rival(own, &(struct rival){*component, fit.mode, odds});
    }
    own->confidence = 1 / sum;
    for (size_t i = 0; i < own->n_rivals; i++)
        own->rivals[i].confidence /= sum;
}

static int64_t horizon_base(struct window *const *windows, size_t n)
{
    int64_t longest = 0;

    for (size_t i = 0; i < n; i++) {
        uint32_t newest = windows[i]->n < 4 ? windows[i]->n : 4;

        for (uint32_t k = 0; k < newest; k++)
            if (symbol_is_bad((enum symbol)window_at(windows[i], k)->symbol) &&
                windows[i]->interval_us > longest)
                longest = windows[i]->interval_us;
    }
    return longest > 0 ? longest : FL_SECOND;
}

static bool make_room(struct correlator *correlator, size_t n)
{
    size_t room = n * 2;

    if (n <= correlator->room)
        return true;
    correlator->room = 0;
    free(correlator->views);
    free(correlator->touched);
    free(correlator->candidates);
    correlator->views = calloc(room, sizeof(*correlator->views));
    correlator->touched = calloc(room, sizeof(struct view *));
    correlator->candidates = calloc(room * COMPONENTS_PER_SERIES, sizeof(*correlator->candidates));
    if (!correlator->views || !correlator->touched || !correlator->candidates)
        return false;
    correlator->room = room;
    return true;
}

static bool load(struct correlator *correlator, struct window *const *windows, size_t n,
                 fl_time now_us, int64_t interval_us)
{
    if (!make_room(correlator, n))
        return false;
    correlator->n = n;
    for (size_t i = 0; i < n; i++)
        view_fill(&correlator->views[i], correlator->fleet, windows[i], now_us, interval_us);
    return true;
}

/* The next best component over its price, or false. */
static bool next_finding(struct correlator *correlator, const struct component *open, size_t n_open,
                         const struct finding *found, size_t n, struct finding *ret)
{
    double most = LEAST_SCORE;
    bool any = false;

    collect_candidates(correlator);
    for (size_t i = 0; i < correlator->n_candidates; i++) {
        const struct component *component = &correlator->candidates[i].component;
        double price = price_of(correlator, component, open, n_open), score;
        struct fit fit;

        if (already(found, n, component) ||
            TEMPER * correlator->candidates[i].promise - price <= most)
            continue;
        fit = fit_component(correlator, component);
        score = fit.score - price;
        if (score <= most)
            continue;
        most = score;
        any = true;
        *ret = (struct finding){.component = *component,
                                .mode = fit.mode,
                                .rho = fit.rho,
                                .score = score,
                                .over = fit.over,
                                .newest_bin = fit.span.newest,
                                .oldest_bin = fit.span.oldest};
    }
    return any;
}

size_t correlator_explain(struct correlator *correlator, struct window *const *windows,
                          size_t n_windows, fl_time now_us, const struct component *open,
                          size_t n_open, struct finding found[CORRELATOR_MAX_FOUND])
{
    int64_t interval_us = horizon_base(windows, n_windows);
    size_t n = 0;

    if (n_windows == 0 || !load(correlator, windows, n_windows, now_us, interval_us))
        return 0;
    while (n < CORRELATOR_MAX_FOUND &&
           next_finding(correlator, open, n_open, found, n, &found[n])) {
        if (!found[n].over)
            found[n].newest_bin = 0;
        measure(correlator, &found[n], now_us, interval_us);
        apply(correlator, &found[n]);
        n++;
    }
    for (size_t i = 0; i < n; i++)
        if (!found[i].over)
            weigh_rivals(correlator, found, n, i, open, n_open);
    return n;
}
