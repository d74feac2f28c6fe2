/* How well a component explains what touched it: the mode of failure, the share of the probes that
 * it hits and the stretch of time that together gain most over the explanation so far. */
#pragma once

#include "coordinator/core/hypothesis.h"
#include "coordinator/core/rates.h"
#include "coordinator/core/track.h"

#define FIT_TEMPER 0.75 /* probes are not independent: each counts for less */

struct fit {
    enum mode mode;
    double rho;             /* share of the touching probes that are hit */
    double score;           /* nats, without the price; 0: it explains nothing */
    double whole;           /* the same before clumps in time are tempered, to compare sets by */
    fl_time from_us, to_us; /* the time that it covers, */
    fl_time spell_us;       /* and since when without a break */
    bool over;              /* it explains the past, and the present is better without it */
};

/* Equal observations as the explanation so far leaves them. */
struct fact {
    double n;
    double p;          /* P(observation) so far; only read where `explained` */
    uint32_t excluded; /* modes that may not explain it once more, one bit each */
    uint16_t bin;
    uint8_t symbol, family, side;
    int8_t rarity;
    bool explained; /* else p is what is normal */
    bool goes_on;   /* no more than a look at what hung already; only told where explained */
};

struct fit_tables;

int fit_tables_new(struct fit_tables **ret);
struct fit_tables *fit_tables_free(struct fit_tables *tables);

/* Fit a component of this type. What goes wrong within `clump` fine bins is one occasion, at least
 * in part. Bins from n_bins on are left out. */
struct fit fit_component(const struct fit_tables *tables, enum component_type type,
                         const struct track *track, unsigned clump, const struct fact *facts,
                         size_t n_facts, unsigned n_bins);

/* P(symbol) once (mode, rho) is part of the explanation. */
double fit_explained(const struct fit_tables *tables, enum mode mode, double rho,
                     enum symbol_family family, enum symbol symbol, double p);
bool fit_explains(const struct fit_tables *tables, enum mode mode, enum symbol_family family,
                  enum symbol symbol);
