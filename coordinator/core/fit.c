#include "coordinator/core/fit.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CLUMP_NATS 8.0  /* what goes wrong at one time shares its fate: surprise beyond these, */
#define CLUMP_SHARE 0.3 /* in one interval, counts for less */
#define LATE_NATS 4.0   /* the same for lateness: jobs come in clumps in normal life */
#define LATE_SHARE 0.3
#define OVER 5.0 /* nats by which an end in the past must be the better explanation */

static const double rhos[] = {0.04, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 0.97};
#define RHOS FL_COUNT(rhos)

struct fit_tables {
    double hit[MODES][FAMILIES][SYMBOLS]; /* P(symbol | hit by the mode) */
    uint32_t explains[MODES][FAMILIES];   /* symbols, one bit each */
    double fine[MODES][FAMILIES][RHOS];   /* nats that a fine observation gains (loses) */
    double bad[MODES][FAMILIES][RHOS][SYMBOLS][RARITIES];
    float surprise[FAMILIES][SYMBOLS][RARITIES]; /* nats of what is normal and that rare */
};

static void fill(struct fit_tables *tables, enum mode mode, enum symbol_family family)
{
    for (int s = 0; s < SYMBOLS; s++) {
        tables->hit[mode][family][s] = mode_predicts(mode, family, (enum symbol)s);
        if (mode_explains(mode, family, (enum symbol)s))
            tables->explains[mode][family] |= 1u << s;
    }
    for (size_t k = 0; k < RHOS; k++) {
        tables->fine[mode][family][k] = log(1 - rhos[k] +
                                            rhos[k] * tables->hit[mode][family][SYMBOL_OK] /
                                                normal_predicts(family, SYMBOL_OK));
        for (int s = 0; s < SYMBOLS; s++)
            for (int r = 0; r < RARITIES; r++)
                tables->bad[mode][family][k][s][r] =
                    log(1 - rhos[k] +
                        rhos[k] * tables->hit[mode][family][s] /
                            rates_normal(family, (enum symbol)s, r + RARITY_LEAST));
    }
}

int fit_tables_new(struct fit_tables **ret)
{
    struct fit_tables *tables = calloc(1, sizeof(*tables));

    if (!tables)
        return -ENOMEM;
    for (int m = 0; m < MODES; m++)
        for (int f = 0; f < FAMILIES; f++)
            fill(tables, (enum mode)m, (enum symbol_family)f);
    for (int f = 0; f < FAMILIES; f++)
        for (int s = 0; s < SYMBOLS; s++)
            for (int r = 0; r < RARITIES; r++)
                tables->surprise[f][s][r] = (float)-log(
                    rates_normal((enum symbol_family)f, (enum symbol)s, r + RARITY_LEAST));
    *ret = tables;
    return 0;
}

struct fit_tables *fit_tables_free(struct fit_tables *tables)
{
    free(tables);
    return NULL;
}

bool fit_explains(const struct fit_tables *tables, enum mode mode, enum symbol_family family,
                  enum symbol symbol)
{
    return (tables->explains[mode][family] >> symbol & 1) != 0;
}

double fit_explained(const struct fit_tables *tables, enum mode mode, double rho,
                     enum symbol_family family, enum symbol symbol, double p)
{
    return (1 - rho) * p + rho * tables->hit[mode][family][symbol];
}

/* Which (side, family) one mode speaks of, and whether anything that it explains was seen. */
struct reach {
    bool lanes[SIDES][FAMILIES];
    bool seen;
};

static struct reach reach_of(const struct fit_tables *tables, enum component_type type,
                             enum mode mode, const struct fact *facts, size_t n_facts)
{
    bool seen[SIDES][FAMILIES] = {0};
    struct reach reach = {0};

    for (size_t i = 0; i < n_facts; i++)
        if (fit_explains(tables, mode, (enum symbol_family)facts[i].family,
                         (enum symbol)facts[i].symbol))
            seen[facts[i].side][facts[i].family] = true;
    for (int side = 0; side < SIDES; side++)
        for (int family = 0; family < FAMILIES; family++) {
            bool reached = mode_reaches(mode, type, (enum side)side, (enum symbol_family)family);

            reach.seen |= reached && seen[side][family];
            /* what is wrong at the far end shows only to probes that ask for it */
            reach.lanes[side][family] =
                reached &&
                (mode_of_network(mode) || seen[SIDE_NEAR][family] || seen[SIDE_FAR][family]);
        }
    return reach;
}

/* A run of bins and its sum. */
struct span {
    double sum;
    unsigned newest, oldest;
};

/* The runs with the greatest sum: of those that reach to now, and of all. */
static void best_spans(const double gains[TRACK_BINS], unsigned n, struct span *ret_now,
                       struct span *ret_ever)
{
    struct span now = {0, 0, 0}, ever = {0, 0, 0};
    double total = 0, sum = 0;
    unsigned newest = 0;

    for (unsigned i = 0; i < n; i++) {
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

struct best {
    struct fit now, ever;
};

static double sum_of(const double gains[TRACK_BINS], const struct span *span)
{
    double sum = 0;

    for (unsigned i = span->newest; i <= span->oldest; i++)
        sum += gains[i];
    return sum;
}

/* `whole` are the gains as of independent observations. */
static void take_better(struct fit *fit, const struct track *track, enum mode mode, double rho,
                        const struct span *span, const double whole[TRACK_BINS], bool over)
{
    if (FIT_TEMPER * span->sum <= fit->score + 1e-9)
        return;
    *fit = (struct fit){.mode = mode,
                        .rho = rho,
                        .score = FIT_TEMPER * span->sum,
                        .whole = FIT_TEMPER * sum_of(whole, span),
                        .from_us = track_bin_begins(track, span->oldest),
                        .spell_us = track_bin_begins(track, span->oldest),
                        .to_us = over ? track_bin_ends(track, span->newest) : INT64_MAX,
                        .over = over};
}

/* Bursts and jobs hit several probes at once, which then tell less than as many independent ones.
 * How much less depends on how surprising all of them are, not on the mode, so that modes remain
 * comparable. */
struct weights {
    float of[2][2][TRACK_BINS]; /* [late][explained][bin] */
};

static bool is_late(const struct fact *fact)
{
    return fact->symbol == SYMBOL_OK_LATE_OP || fact->symbol == SYMBOL_OK_LATE_NET;
}

/* Surprise by bin becomes the share of it that counts. */
static void temper(float of[TRACK_BINS], unsigned n_bins, unsigned clump, float nats, float share)
{
    for (unsigned first = 0; first < n_bins;) {
        unsigned length = first < TRACK_FINE ? clump : 1;
        float most =
            first < TRACK_FINE ? nats : nats * fmaxf(1, (float)TRACK_COARSENING / (float)clump);
        float sum = 0, weight;

        for (unsigned i = first; i < first + length && i < n_bins; i++)
            sum += of[i];
        weight = sum > most ? (most + share * (sum - most)) / sum : 1;
        for (unsigned i = first; i < first + length && i < n_bins; i++)
            of[i] = weight;
        first += length;
    }
}

static void weigh(const struct fit_tables *tables, const struct fact *facts, size_t n_facts,
                  unsigned n_bins, unsigned clump, struct weights *weights)
{
    memset(weights, 0, sizeof(*weights));
    for (size_t i = 0; i < n_facts; i++) {
        const struct fact *f = &facts[i];

        if (f->bin < n_bins && f->family != FAMILY_AGENT)
            weights->of[is_late(f)][f->explained][f->bin] +=
                (float)f->n * tables->surprise[f->family][f->symbol][f->rarity - RARITY_LEAST];
    }
    for (int explained = 0; explained < 2; explained++) {
        temper(weights->of[0][explained], n_bins, clump, (float)CLUMP_NATS, (float)CLUMP_SHARE);
        temper(weights->of[1][explained], n_bins, clump, (float)LATE_NATS, (float)LATE_SHARE);
    }
}

/* Nats by bin, newest first, for one mode and rho. */
struct gains {
    double weighed[TRACK_BINS], whole[TRACK_BINS]; /* of the probes */
    double own[TRACK_BINS];                        /* of the agents' own series */
};

/* The bad observations' gains; returns the sum of what speaks for the mode. */
static double bad_gains(const struct fit_tables *tables, enum mode mode, size_t k,
                        const struct reach *reach, const struct weights *weights,
                        const struct fact *facts, size_t n_facts, unsigned n_bins,
                        struct gains *gains)
{
    double promise = 0;

    memset(gains->weighed, 0, n_bins * sizeof(*gains->weighed));
    memset(gains->whole, 0, n_bins * sizeof(*gains->whole));
    memset(gains->own, 0, n_bins * sizeof(*gains->own));
    for (size_t i = 0; i < n_facts; i++) {
        const struct fact *f = &facts[i];
        double gain;

        if (f->bin >= n_bins || (f->excluded >> mode & 1) != 0 || !reach->lanes[f->side][f->family])
            continue;
        gain = f->n *
               (f->explained
                    ? log(1 - rhos[k] + rhos[k] * tables->hit[mode][f->family][f->symbol] / f->p)
                    : tables->bad[mode][f->family][k][f->symbol][f->rarity - RARITY_LEAST]);
        if (f->family == FAMILY_AGENT) {
            gains->own[f->bin] += gain;
        } else {
            gains->whole[f->bin] += gain;
            gain *= (double)weights->of[is_late(f)][f->explained][f->bin];
            gains->weighed[f->bin] += gain;
        }
        promise += gain > 0 ? gain : 0;
    }
    return promise;
}

static void fit_mode(const struct fit_tables *tables, const struct track *track, enum mode mode,
                     const struct reach *reach, const struct weights *weights,
                     const struct fact *facts, size_t n_facts, unsigned n_bins, struct best *best)
{
    double probes[TRACK_BINS], own[TRACK_BINS];
    struct gains gains;

    memset(probes, 0, n_bins * sizeof(*probes));
    memset(own, 0, n_bins * sizeof(*own));
    for (int side = 0; side < SIDES; side++)
        for (int family = 0; family < FAMILIES; family++)
            if (reach->lanes[side][family] && track->lanes[side][family])
                track_counts(track, track->lanes[side][family], n_bins,
                             family == FAMILY_AGENT ? own : probes);
    for (size_t k = 0; k < RHOS; k++) {
        struct span to_now, at_all;

        if (rhos[k] < mode_least_rho(mode))
            continue;
        if (FIT_TEMPER *
                bad_gains(tables, mode, k, reach, weights, facts, n_facts, n_bins, &gains) <=
            best->now.score)
            continue;
        for (unsigned i = 0; i < n_bins; i++) {
            double fine = gains.own[i] + probes[i] * tables->fine[mode][FAMILY_STREAM][k] +
                          own[i] * tables->fine[mode][FAMILY_AGENT][k];

            gains.weighed[i] += fine;
            gains.whole[i] += fine;
        }
        best_spans(gains.weighed, n_bins, &to_now, &at_all);
        take_better(&best->now, track, mode, rhos[k], &to_now, gains.whole, false);
        take_better(&best->ever, track, mode, rhos[k], &at_all, gains.whole, true);
    }
}

struct fit fit_component(const struct fit_tables *tables, enum component_type type,
                         const struct track *track, unsigned clump, const struct fact *facts,
                         size_t n_facts, unsigned n_bins)
{
    struct best best = {.now = {.score = 0}, .ever = {.score = 0}};
    struct weights weights;
    unsigned oldest = 0;

    for (size_t i = 0; i < n_facts; i++)
        if (facts[i].bin >= oldest)
            oldest = facts[i].bin + 1u;
    if (oldest < n_bins)
        n_bins = oldest; /* nothing bad is older, so no stretch of time gains by it */
    weigh(tables, facts, n_facts, n_bins, clump, &weights);
    for (int m = 0; m < MODES; m++) {
        struct reach reach;

        if (!mode_applies((enum mode)m, type))
            continue;
        reach = reach_of(tables, type, (enum mode)m, facts, n_facts);
        if (reach.seen)
            fit_mode(tables, track, (enum mode)m, &reach, &weights, facts, n_facts, n_bins, &best);
    }
    return best.ever.score - best.now.score > OVER ? best.ever : best.now;
}
