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
    double share[MODES][FAMILIES][RHOS];  /* of the probes that are hit */
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
        double share = mode_share(mode, family, rhos[k]);

        tables->share[mode][family][k] = share;
        tables->fine[mode][family][k] =
            log(1 - share +
                share * tables->hit[mode][family][SYMBOL_OK] / normal_predicts(family, SYMBOL_OK));
        for (int s = 0; s < SYMBOLS; s++)
            for (int r = 0; r < RARITIES; r++)
                tables->bad[mode][family][k][s][r] =
                    log(1 - share +
                        share * tables->hit[mode][family][s] /
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
    double share = mode_share(mode, family, rho);

    return (1 - share) * p + share * tables->hit[mode][family][symbol];
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

/* The bins in which something bad lies, newest first. Between them all was fine, so a stretch of
 * time that gains most begins and ends at one of them. */
struct moments {
    unsigned n;
    uint16_t bin[TRACK_BINS];
    uint16_t of[TRACK_BINS]; /* moment of a bin */
};

/* Fine observations of one lane, by moment: in its bin, and since it, up to the next newer one. */
struct counts {
    float at[TRACK_BINS], after[TRACK_BINS];
};

/* Bursts and jobs hit several probes at once, which then tell less than as many independent ones.
 * How much less depends on how surprising all of them are, not on the mode, so that modes remain
 * comparable. */
struct weights {
    float of[2][2][TRACK_BINS]; /* [late][explained][moment] */
};

/* What is known of the component that is fitted. */
struct sight {
    const struct fit_tables *tables;
    const struct track *track;
    const struct fact *facts;
    size_t n_facts;
    unsigned n_bins;
    struct moments moments;
    struct weights weights;
    struct counts lanes[SIDES][FAMILIES];
    bool counted[SIDES][FAMILIES];
};

static void find_moments(struct sight *sight)
{
    bool bad[TRACK_BINS] = {0};
    struct moments *moments = &sight->moments;

    for (size_t i = 0; i < sight->n_facts; i++)
        if (sight->facts[i].bin < sight->n_bins)
            bad[sight->facts[i].bin] = true;
    moments->n = 0;
    for (unsigned bin = 0; bin < sight->n_bins; bin++)
        if (bad[bin]) {
            moments->of[bin] = (uint16_t)moments->n;
            moments->bin[moments->n++] = (uint16_t)bin;
        }
}

static bool is_late(const struct fact *fact)
{
    return fact->symbol == SYMBOL_OK_LATE_OP || fact->symbol == SYMBOL_OK_LATE_NET;
}

/* Bins of one clump in time have the same number. */
static unsigned clump_of(unsigned bin, unsigned clump)
{
    return bin < TRACK_FINE ? bin / clump : TRACK_FINE + bin;
}

/* Surprise by moment becomes the share of it that counts. */
static void temper(float of[TRACK_BINS], const struct moments *moments, unsigned clump, float nats,
                   float share)
{
    for (unsigned first = 0, end; first < moments->n; first = end) {
        unsigned own = clump_of(moments->bin[first], clump);
        float most = moments->bin[first] < TRACK_FINE
                         ? nats
                         : nats * fmaxf(1, (float)TRACK_COARSENING / (float)clump);
        float sum = 0, weight;

        for (end = first; end < moments->n && clump_of(moments->bin[end], clump) == own; end++)
            sum += of[end];
        weight = sum > most ? (most + share * (sum - most)) / sum : 1;
        for (unsigned i = first; i < end; i++)
            of[i] = weight;
    }
}

static void weigh(struct sight *sight, unsigned clump)
{
    struct weights *weights = &sight->weights;
    size_t size = sight->moments.n * sizeof(float);

    for (int kind = 0; kind < 4; kind++)
        memset(weights->of[kind / 2][kind % 2], 0, size);
    for (size_t i = 0; i < sight->n_facts; i++) {
        const struct fact *f = &sight->facts[i];

        if (f->bin < sight->n_bins && f->family != FAMILY_AGENT)
            weights->of[is_late(f)][f->explained][sight->moments.of[f->bin]] +=
                (float)f->n *
                sight->tables->surprise[f->family][f->symbol][f->rarity - RARITY_LEAST];
    }
    for (int explained = 0; explained < 2; explained++) {
        temper(weights->of[0][explained], &sight->moments, clump, (float)CLUMP_NATS,
               (float)CLUMP_SHARE);
        temper(weights->of[1][explained], &sight->moments, clump, (float)LATE_NATS,
               (float)LATE_SHARE);
    }
}

/* The lane's counts, made when they are first asked for. */
static const struct counts *counts_of(struct sight *sight, int side, int family)
{
    const struct moments *moments = &sight->moments;
    struct counts *counts = &sight->lanes[side][family];
    double all[TRACK_BINS];
    unsigned bin = 0;

    if (sight->counted[side][family])
        return counts;
    sight->counted[side][family] = true;
    memset(all, 0, sight->n_bins * sizeof(*all));
    track_counts(sight->track, sight->track->lanes[side][family], sight->n_bins, all);
    for (unsigned i = 0; i < moments->n; i++) {
        double after = 0;

        for (; bin < moments->bin[i]; bin++)
            after += all[bin];
        counts->after[i] = (float)after;
        counts->at[i] = (float)all[bin++];
    }
    return counts;
}

/* Nats by moment for one mode and rho. */
struct gains {
    double weighed[TRACK_BINS], whole[TRACK_BINS]; /* at the moment */
    double after[TRACK_BINS];                      /* since it, up to the next newer one */
};

/* The bad observations' gains; returns the sum of what speaks for the mode. */
static double bad_gains(const struct sight *sight, enum mode mode, size_t k,
                        const struct reach *reach, struct gains *gains)
{
    const struct fit_tables *tables = sight->tables;
    double promise = 0;

    memset(gains->weighed, 0, sight->moments.n * sizeof(*gains->weighed));
    memset(gains->whole, 0, sight->moments.n * sizeof(*gains->whole));
    for (size_t i = 0; i < sight->n_facts; i++) {
        const struct fact *f = &sight->facts[i];
        double gain, share;
        unsigned at;

        if (f->bin >= sight->n_bins || (f->excluded >> mode & 1) != 0 ||
            !reach->lanes[f->side][f->family])
            continue;
        at = sight->moments.of[f->bin];
        share = tables->share[mode][f->family][k];
        gain = f->n * (f->explained
                           ? log(1 - share + share * tables->hit[mode][f->family][f->symbol] / f->p)
                           : tables->bad[mode][f->family][k][f->symbol][f->rarity - RARITY_LEAST]);
        gains->whole[at] += gain;
        if (f->family != FAMILY_AGENT)
            gain *= (double)sight->weights.of[is_late(f)][f->explained][at];
        gains->weighed[at] += gain;
        promise += gain > 0 ? gain : 0;
    }
    return promise;
}

/* Families whose fine observations tell equally much. */
enum group { GROUP_STREAM, GROUP_DATAGRAM, GROUP_AGENT, GROUPS };

static enum group group_of(enum symbol_family family)
{
    switch (family) {
    case FAMILY_AGENT:
        return GROUP_AGENT;
    case FAMILY_ECHO:
    case FAMILY_DNS:
        return GROUP_DATAGRAM;
    default:
        return GROUP_STREAM;
    }
}

static const enum symbol_family group_family[GROUPS] = {
    [GROUP_STREAM] = FAMILY_STREAM, [GROUP_DATAGRAM] = FAMILY_ECHO, [GROUP_AGENT] = FAMILY_AGENT};

/* What was fine speaks against the mode. */
static void add_fine(const struct fit_tables *tables, enum mode mode, size_t k, unsigned n,
                     const struct counts counts[GROUPS], struct gains *gains)
{
    double each[GROUPS];

    for (int group = 0; group < GROUPS; group++)
        each[group] = tables->fine[mode][group_family[group]][k];
    for (unsigned i = 0; i < n; i++) {
        double at = 0, after = 0;

        for (int group = 0; group < GROUPS; group++) {
            at += (double)counts[group].at[i] * each[group];
            after += (double)counts[group].after[i] * each[group];
        }
        gains->weighed[i] += at;
        gains->whole[i] += at;
        gains->after[i] = after;
    }
}

/* A run of moments and its sum. */
struct span {
    double sum;
    unsigned newest, oldest;
    bool to_now;
};

/* The runs with the greatest sum: of those that reach to now, and of all. */
static void best_spans(const struct gains *gains, unsigned n, struct span *ret_now,
                       struct span *ret_ever)
{
    struct span now = {0, 0, 0, true}, ever = {0, 0, 0, false};
    double total = 0, sum = 0;
    unsigned newest = 0;

    for (unsigned i = 0; i < n; i++) {
        total += gains->after[i] + gains->weighed[i];
        sum += gains->after[i];
        if (sum <= 0 || i == 0) {
            sum = 0;
            newest = i;
        }
        sum += gains->weighed[i];
        if (total > now.sum)
            now = (struct span){total, 0, i, true};
        if (sum > ever.sum)
            ever = (struct span){sum, newest, i, false};
    }
    *ret_now = now;
    *ret_ever = ever;
}

static double whole_of(const struct gains *gains, const struct span *span)
{
    double sum = 0;

    for (unsigned i = span->newest; i <= span->oldest; i++)
        sum += gains->whole[i] + (i > span->newest || span->to_now ? gains->after[i] : 0);
    return sum;
}

struct best {
    struct fit now, ever;
    struct span now_span, ever_span; /* in moments */
};

static void take_better(struct fit *fit, struct span *fit_span, const struct sight *sight,
                        enum mode mode, double rho, const struct span *span)
{
    const uint16_t *bin = sight->moments.bin;

    if (FIT_TEMPER * span->sum <= fit->score + 1e-9)
        return;
    *fit_span = *span;
    *fit = (struct fit){
        .mode = mode,
        .rho = rho,
        .score = FIT_TEMPER * span->sum,
        .from_us = track_bin_begins(sight->track, bin[span->oldest]),
        .spell_us = track_bin_begins(sight->track, bin[span->oldest]),
        .to_us = span->to_now ? INT64_MAX : track_bin_ends(sight->track, bin[span->newest]),
        .over = !span->to_now,
    };
}

/* Fine observations that the mode can show to. */
static void sum_counts(struct sight *sight, const struct reach *reach, struct counts sums[GROUPS])
{
    size_t size = sight->moments.n * sizeof(float);

    for (int group = 0; group < GROUPS; group++) {
        memset(sums[group].at, 0, size);
        memset(sums[group].after, 0, size);
    }
    for (int side = 0; side < SIDES; side++)
        for (int family = 0; family < FAMILIES; family++) {
            struct counts *sum = &sums[group_of((enum symbol_family)family)];
            const struct counts *counts;

            if (!reach->lanes[side][family] || !sight->track->lanes[side][family])
                continue;
            counts = counts_of(sight, side, family);
            for (unsigned i = 0; i < sight->moments.n; i++) {
                sum->at[i] += counts->at[i];
                sum->after[i] += counts->after[i];
            }
        }
}

static void fit_mode(struct sight *sight, enum mode mode, const struct reach *reach,
                     struct best *best)
{
    struct counts counts[GROUPS];
    struct gains gains;

    sum_counts(sight, reach, counts);
    for (size_t k = 0; k < RHOS; k++) {
        struct span to_now, at_all;

        if (rhos[k] < mode_least_rho(mode))
            continue;
        if (FIT_TEMPER * bad_gains(sight, mode, k, reach, &gains) <= best->now.score)
            continue;
        add_fine(sight->tables, mode, k, sight->moments.n, counts, &gains);
        best_spans(&gains, sight->moments.n, &to_now, &at_all);
        take_better(&best->now, &best->now_span, sight, mode, rhos[k], &to_now);
        take_better(&best->ever, &best->ever_span, sight, mode, rhos[k], &at_all);
    }
}

/* Before clumps are tempered another share may fit best: what is bad is tempered, and what is fine
 * is not. */
static void judge_whole(struct sight *sight, enum component_type type, const struct span *span,
                        struct fit *fit)
{
    struct reach reach = reach_of(sight->tables, type, fit->mode, sight->facts, sight->n_facts);
    struct counts counts[GROUPS];
    struct gains gains;

    if (fit->score <= 0)
        return;
    sum_counts(sight, &reach, counts);
    for (size_t k = 0; k < RHOS; k++) {
        double whole;

        (void)bad_gains(sight, fit->mode, k, &reach, &gains);
        add_fine(sight->tables, fit->mode, k, sight->moments.n, counts, &gains);
        whole = FIT_TEMPER * whole_of(&gains, span);
        if (whole > fit->whole)
            fit->whole = whole;
    }
}

struct fit fit_component(const struct fit_tables *tables, enum component_type type,
                         const struct track *track, unsigned clump, const struct fact *facts,
                         size_t n_facts, unsigned n_bins)
{
    struct best best = {.now = {.score = 0}, .ever = {.score = 0}};
    struct sight sight;
    unsigned oldest = 0;

    for (size_t i = 0; i < n_facts; i++)
        if (facts[i].bin >= oldest)
            oldest = facts[i].bin + 1u;
    sight.tables = tables;
    sight.track = track;
    sight.facts = facts;
    sight.n_facts = n_facts;
    sight.n_bins = oldest < n_bins ? oldest : n_bins;
    memset(sight.counted, 0, sizeof(sight.counted));
    find_moments(&sight);
    weigh(&sight, clump);
    for (int m = 0; m < MODES; m++) {
        struct reach reach;

        if (!mode_applies((enum mode)m, type))
            continue;
        reach = reach_of(tables, type, (enum mode)m, facts, n_facts);
        if (reach.seen)
            fit_mode(&sight, (enum mode)m, &reach, &best);
    }
    if (best.ever.score - best.now.score > OVER) {
        judge_whole(&sight, type, &best.ever_span, &best.ever);
        return best.ever;
    }
    judge_whole(&sight, type, &best.now_span, &best.now);
    return best.now;
}
