/* The observations of one series as an explanation sees them: when each was, and how likely what
 * is already explained makes it. Time is cut into bins that count back from now. */
#pragma once

#include "coordinator/core/hypothesis.h"
#include "coordinator/core/window.h"

#define VIEW_BINS 256
#define VIEW_BINS_PER_INTERVAL 4

/* P(symbol | hit by the mode) for every family, and which symbols a mode explains, one bit each. */
struct predictions {
    double p[MODES][FAMILIES][SYMBOLS];
    uint32_t explained[MODES][FAMILIES];
};
void predictions_fill(struct predictions *predictions);

struct view {
    const struct window *window;
    uint32_t n;
    uint32_t seen;      /* one bit for each bad symbol */
    uint32_t explained; /* one bit for each mode taken into the explanation */
    uint16_t bin[WINDOW_SIZE];
    uint8_t symbol[WINDOW_SIZE];
    double p[WINDOW_SIZE]; /* P(observation) under the explanation so far */
};

/* Bins cover interval_us / VIEW_BINS_PER_INTERVAL each; what is older than all of them is left
 * out. So is a success younger than the series' timeout: its failed sisters are not heard of
 * yet, and it would look as if the fault were over. */
void view_fill(struct view *view, const struct fleet *fleet, const struct window *window,
               fl_time now_us, int64_t interval_us);

/* Back to the explanation that nothing is wrong. */
void view_reset(struct view *view);

/* Add to each bin the nats that (mode, rho) would gain over the explanation so far. */
void view_gains(const struct view *view, const struct predictions *predictions, enum mode mode,
                double rho, double gains[VIEW_BINS]);

/* The most nats that any further explanation could gain on the bad observations. */
double view_promise(const struct view *view);

/* Take (mode, rho) into the explanation, for the bins newest..oldest. */
void view_apply(struct view *view, const struct predictions *predictions, enum mode mode,
                double rho, unsigned newest, unsigned oldest);

/* A run of bins and its sum. */
struct span {
    double sum;
    unsigned newest, oldest;
};

/* The runs with the greatest sum: of those that reach to now, and of all. */
void span_best(const double gains[VIEW_BINS], struct span *ret_now, struct span *ret_ever);
