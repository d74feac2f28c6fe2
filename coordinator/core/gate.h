/* Judges a release while it is probed: does it err, or answer late, oftener than is allowed, in any
 * zone? Exact binomial tests of a number of probes that is fixed beforehand: so many errors may
 * come in all of them, and it fails as soon as one more has, which looking all the time does not
 * make likelier. At the end it passes only where a bad release would have shown. Pure. */
#pragma once

#include "proto/types/fl_time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GATE_ALPHA 0.005 /* of a zone: to fail although it errs no oftener than is allowed */
#define GATE_POWER 0.95  /* to have caught, at the end, */
#define GATE_DETECT 0.05 /* a release that errs on so many, or on ten times what is allowed */
#define GATE_SLOW 0.01   /* the share that may take longer than the p99 that is allowed */
#define GATE_LATER 1.5   /* "later than before" is so many times the p99 of before, */
#define GATE_LATER_LEAST_US (10 * FL_MS) /* and so much more: below it a busy host speaks */

enum gate_state {
    GATE_GOING, /* nothing is certain yet */
    GATE_PASS,
    GATE_FAIL,
    GATE_UNSURE, /* too few probes came through to say */
};

enum gate_reason {
    GATE_NO_REASON,
    GATE_ERRORS,       /* more errors than are allowed */
    GATE_LATE,         /* more late answers than are allowed */
    GATE_WORSE,        /* more errors than before */
    GATE_LATER_BEFORE, /* later than before */
    GATE_TOO_FEW,      /* too few probes */
    GATE_BAD_BEFORE,   /* it erred more than is allowed already before */
};

struct gate_limits {
    double max_errors;     /* a share, 0 to 1 */
    int64_t max_p99_us;    /* 0: any */
    uint64_t planned;      /* probes in each zone */
    uint64_t errors, late; /* that may come in them; see gate_plan */
};

/* What was seen before the release, in the same zone. */
struct gate_before {
    uint64_t n, errors; /* n 0: nothing is known */
    int64_t p99_us;     /* 0: not known */
};

/* What is seen of it in one zone. */
struct gate_zone {
    uint64_t n, errors; /* probes that say something; those of them that failed */
    uint64_t late;      /* successes over max_p99_us */
    uint64_t later;     /* successes later than before */
    uint64_t unheard;   /* probes that say nothing: the agent could not run or report them */
    struct gate_before before;
};

/* Work out what may come in the planned number of probes. More than planned are judged as those. */
void gate_plan(struct gate_limits *limits);

void gate_add(struct gate_zone *zone, const struct gate_limits *limits, bool ok, int64_t took_us);

/* How a zone stands. `over`: no more will come. */
enum gate_state gate_judge(const struct gate_zone *zone, const struct gate_limits *limits,
                           bool over, enum gate_reason *ret_reason);

/* Of `n` probes, how many may go wrong before it is certain that more than the share `allowed`
 * does. */
uint64_t gate_allowance(uint64_t n, double allowed);

/* The share of errors that would have been caught by n probes with GATE_POWER; 1: none would. */
double gate_detects(const struct gate_limits *limits, uint64_t n);

/* P(at least k of n), each with probability p. */
double gate_tail(uint64_t n, uint64_t k, double p);

/* P(a group this large has as many of all errors, were both the same): Fisher's exact test, one
 * side. k of n now, k0 of n0 before. */
double gate_same(uint64_t n, uint64_t k, uint64_t n0, uint64_t k0);
