#include "coordinator/core/correlator.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HORIZONS 5
#define MAX_CANDIDATES 256
#define LEAST_SCORE 3.0 /* nats over the price before anything is said */
#define RECOVERED 6.0   /* nats of good news since the last bad one: it is over */
#define TEMPERATURE 1.6 /* probes are not independent: doubt more than the sum says */
#define TEMPER 0.75     /* the same, for each observation */
#define EXPLAINS 0.02   /* a mode explains a symbol from this share on */

/* How far back a hypothesis may begin, in intervals. */
static const double horizon_intervals[HORIZONS] = {2.5, 5, 10, 22, 60};
static const double rhos[] = {0.08, 0.25, 0.6, 0.97};

/* One series as seen in one explanation. */
struct view {
    const struct window *window;
    uint16_t count[HORIZONS][SYMBOLS];
    double p[SYMBOLS]; /* P(symbol) under the explanation so far */
    bool bad;
};

struct correlator {
    const struct fleet *fleet;
    struct view *views;
    size_t room, n;
    struct component candidates[MAX_CANDIDATES];
    size_t n_candidates;
};

struct best {
    enum mode mode;
    double rho, score;
    int horizon;
};

int correlator_new(const struct fleet *fleet, struct correlator **ret)
{
    struct correlator *correlator = calloc(1, sizeof(*correlator));

    if (!correlator)
        return -ENOMEM;
    correlator->fleet = fleet;
    *ret = correlator;
    return 0;
}

struct correlator *correlator_free(struct correlator *correlator)
{
    if (!correlator)
        return NULL;
    free(correlator->views);
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

bool correlator_explains(enum mode mode, enum symbol_family family, enum symbol symbol)
{
    return symbol_is_bad(symbol) && mode_predicts(mode, family, symbol) >= EXPLAINS;
}

static void view_reset(struct view *view)
{
    for (int s = 0; s < SYMBOLS; s++)
        view->p[s] = normal_predicts(view->window->family, (enum symbol)s);
}

static void view_fill(struct view *view, fl_time now_us, int64_t interval_us)
{
    const struct window *window = view->window;

    memset(view->count, 0, sizeof(view->count));
    view->bad = false;
    for (uint32_t i = 0; i < window->n; i++) {
        const struct observation *o = window_at(window, i);
        double age = (double)(now_us - o->t_us - 2 * FL_SECOND) / (double)interval_us;

        if (o->t_us < window->floor_us)
            continue;
        for (int h = 0; h < HORIZONS; h++)
            if (age <= horizon_intervals[h])
                view->count[h][o->symbol]++;
        view->bad |= symbol_is_bad((enum symbol)o->symbol) && age <= horizon_intervals[3];
    }
    view_reset(view);
}

static void add_candidate(struct correlator *correlator, const struct component *component)
{
    size_t i = 0;

    while (i < correlator->n_candidates &&
           component_compare(&correlator->candidates[i], component) < 0)
        i++;
    if (i < correlator->n_candidates && component_equal(&correlator->candidates[i], component))
        return;
    if (correlator->n_candidates == MAX_CANDIDATES)
        return;
    memmove(&correlator->candidates[i + 1], &correlator->candidates[i],
            (correlator->n_candidates - i) * sizeof(*component));
    correlator->candidates[i] = *component;
    correlator->n_candidates++;
}

/* Only components that touch a series with something bad can be at fault. */
static void collect_candidates(struct correlator *correlator)
{
    correlator->n_candidates = 0;
    for (size_t i = 0; i < correlator->n; i++) {
        const struct window *window = correlator->views[i].window;
        struct component own[COMPONENTS_PER_SERIES];
        size_t n;

        if (!correlator->views[i].bad)
            continue;
        n = components_of(correlator->fleet, window->agent, window->probe, own);
        for (size_t k = 0; k < n; k++)
            add_candidate(correlator, &own[k]);
    }
}

/* A resolver is touched only by what it is asked for; other modes leave the resolve layer be. */
static double gain_of_view(const struct view *view, enum mode mode, double rho, int horizon)
{
    enum symbol_family family = view->window->family;
    double gain = 0;

    for (int s = 0; s < SYMBOLS; s++)
        if (view->count[horizon][s] > 0)
            gain += view->count[horizon][s] *
                    log(1 - rho + rho * mode_predicts(mode, family, (enum symbol)s) / view->p[s]);
    return gain;
}

/* Can this mode show on that series at all? An echo knows no certificate. */
static bool mode_reaches(const struct fleet *fleet, const struct window *window,
                         const struct component *component, enum mode mode)
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
    (void)fleet;
    return mode != MODE_SILENT;
}

static bool mode_seen(struct view *const *touched, size_t n, enum mode mode)
{
    for (size_t i = 0; i < n; i++)
        for (int s = SYMBOL_OK + 1; s < SYMBOLS; s++)
            if (touched[i]->count[HORIZONS - 1][s] > 0 &&
                correlator_explains(mode, touched[i]->window->family, (enum symbol)s))
                return true;
    return false;
}

static size_t touched_views(struct correlator *correlator, const struct component *component,
                            struct view **touched)
{
    size_t n = 0;

    for (size_t i = 0; i < correlator->n; i++)
        if (correlator_touches(correlator->fleet, correlator->views[i].window, component))
            touched[n++] = &correlator->views[i];
    return n;
}

static void try_mode(struct correlator *correlator, const struct component *component,
                     enum mode mode, struct view *const *touched, size_t n, struct best *best)
{
    for (int h = 0; h < HORIZONS; h++)
        for (size_t k = 0; k < FL_COUNT(rhos); k++) {
            double score = 0;

            for (size_t i = 0; i < n; i++)
                if (mode_reaches(correlator->fleet, touched[i]->window, component, mode))
                    score += gain_of_view(touched[i], mode, rhos[k], h);
            score *= TEMPER;
            if (score > best->score + 1e-9)
                *best = (struct best){mode, rhos[k], score, h};
        }
}

/* Best mode of a component against the explanation so far; score without the price. */
static struct best best_of(struct correlator *correlator, const struct component *component,
                           struct view **scratch)
{
    size_t n = touched_views(correlator, component, scratch);
    struct best best = {MODE_CUT, 0, 0, 0};

    for (int m = 0; m < MODES; m++)
        if (mode_applies((enum mode)m, component->type) && mode_seen(scratch, n, (enum mode)m))
            try_mode(correlator, component, (enum mode)m, scratch, n, &best);
    return best;
}

/* Good news since the last bad one, in the series that suffered. */
static bool recovered(struct correlator *correlator, const struct component *component,
                      const struct best *best, struct view **scratch)
{
    size_t n = touched_views(correlator, component, scratch);
    double good = 0;

    for (size_t i = 0; i < n; i++) {
        const struct window *window = scratch[i]->window;
        uint32_t run = 0;
        bool suffered = false;

        for (uint32_t k = 0; k < window->n && !suffered; k++) {
            const struct observation *o = window_at(window, k);

            suffered = o->t_us >= window->floor_us &&
                       correlator_explains(best->mode, window->family, (enum symbol)o->symbol);
            run += !suffered && o->symbol == SYMBOL_OK;
        }
        if (suffered)
            good -= run * log(1 - best->rho * 0.99);
    }
    return good > RECOVERED;
}

static void apply(struct correlator *correlator, const struct finding *finding,
                  struct view **scratch)
{
    size_t n = touched_views(correlator, &finding->component, scratch);

    for (size_t i = 0; i < n; i++)
        if (mode_reaches(correlator->fleet, scratch[i]->window, &finding->component, finding->mode))
            for (int s = 0; s < SYMBOLS; s++)
                scratch[i]->p[s] =
                    (1 - finding->rho) * scratch[i]->p[s] +
                    finding->rho *
                        mode_predicts(finding->mode, scratch[i]->window->family, (enum symbol)s);
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
static void measure(struct correlator *correlator, struct finding *finding, fl_time oldest_us,
                    struct view **scratch)
{
    size_t n = touched_views(correlator, &finding->component, scratch);

    finding->since_us = INT64_MAX;
    finding->last_us = INT64_MIN;
    finding->n_bad = finding->n_all = 0;
    for (size_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < scratch[i]->window->n; k++) {
            const struct window *window = scratch[i]->window;
            const struct observation *o = window_at(window, k);

            if (o->t_us < oldest_us || o->t_us < window->floor_us)
                continue;
            finding->n_all++;
            if (!correlator_explains(finding->mode, window->family, (enum symbol)o->symbol))
                continue;
            finding->n_bad++;
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
                    size_t without, struct view **scratch)
{
    for (size_t i = 0; i < correlator->n; i++)
        view_reset(&correlator->views[i]);
    for (size_t i = 0; i < n; i++)
        if (i != without)
            apply(correlator, &found[i], scratch);
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

/* What would have explained the same in the finding's stead, and how well. */
static void weigh_rivals(struct correlator *correlator, struct finding *found, size_t n, size_t at,
                         const struct component *open, size_t n_open, struct view **scratch)
{
    struct finding *own = &found[at];
    double sum = 1 + exp(-own->score / TEMPERATURE);

    own->n_rivals = 0;
    rebuild(correlator, found, n, at, scratch);
    for (size_t i = 0; i < correlator->n_candidates; i++) {
        const struct component *component = &correlator->candidates[i];
        struct best best;
        double odds;

        if (already(found, n, component))
            continue;
        best = best_of(correlator, component, scratch);
        odds = exp((best.score - price_of(correlator, component, open, n_open) - own->score) /
                   TEMPERATURE);
        if (best.score <= 0 || odds < 1e-3)
            continue;
        odds = odds > 1 ? 1 : odds;
        sum += odds;
        insert_rival(own, &(struct rival){*component, best.mode, odds});
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

static bool load(struct correlator *correlator, struct window *const *windows, size_t n,
                 fl_time now_us, int64_t interval_us)
{
    if (n > correlator->room) {
        struct view *views = realloc(correlator->views, n * 2 * sizeof(*views));

        if (!views)
            return false;
        correlator->views = views;
        correlator->room = n * 2;
    }
    correlator->n = n;
    for (size_t i = 0; i < n; i++) {
        correlator->views[i].window = windows[i];
        view_fill(&correlator->views[i], now_us, interval_us);
    }
    collect_candidates(correlator);
    return true;
}

/* The next best component over its price, or false. */
static bool next_finding(struct correlator *correlator, const struct component *open, size_t n_open,
                         const struct finding *found, size_t n, struct view **scratch,
                         struct finding *ret, int *ret_horizon)
{
    double most = LEAST_SCORE;
    bool any = false;

    for (size_t i = 0; i < correlator->n_candidates; i++) {
        const struct component *component = &correlator->candidates[i];
        struct best best;
        double score;

        if (already(found, n, component))
            continue;
        best = best_of(correlator, component, scratch);
        score = best.score - price_of(correlator, component, open, n_open);
        if (score <= most || recovered(correlator, component, &best, scratch))
            continue;
        most = score;
        any = true;
        *ret = (struct finding){
            .component = *component, .mode = best.mode, .rho = best.rho, .score = score};
        *ret_horizon = best.horizon;
    }
    return any;
}

size_t correlator_explain(struct correlator *correlator, struct window *const *windows,
                          size_t n_windows, fl_time now_us, const struct component *open,
                          size_t n_open, struct finding found[CORRELATOR_MAX_FOUND])
{
    int64_t interval_us = horizon_base(windows, n_windows);
    struct view **scratch;
    size_t n = 0;
    int horizon;

    if (n_windows == 0 || !load(correlator, windows, n_windows, now_us, interval_us))
        return 0;
    scratch = calloc(n_windows, sizeof(struct view *));
    if (!scratch)
        return 0;
    while (n < CORRELATOR_MAX_FOUND &&
           next_finding(correlator, open, n_open, found, n, scratch, &found[n], &horizon)) {
        measure(correlator, &found[n],
                now_us - 2 * FL_SECOND -
                    (int64_t)(horizon_intervals[horizon] * (double)interval_us),
                scratch);
        apply(correlator, &found[n], scratch);
        n++;
    }
    for (size_t i = 0; i < n; i++)
        weigh_rivals(correlator, found, n, i, open, n_open, scratch);
    free(scratch);
    return n;
}
