/* Outcomes added up: one for each line of the tables. */
#pragma once

#include "tests/bench/accuracy/judge.h"

struct tally {
    unsigned scenarios, faults, found, right_place, right_class, right_cause;
    unsigned incidents, wrong, again, wrong_first, updates;
    unsigned told, told_right;
    unsigned reachable, reached; /* faults that lasted twice the limit, and those found of them */
    double hours;
    uint64_t results;
    size_t n_times, n_hard, n_limits, n_said, times_room, hard_room, limits_room, said_room;
    /* of what was found, and of the hard faults among it, in intervals; and in limits */
    float *times, *hard, *limits;
    struct said {
        float sure;
        bool right;
    } * said;
};

void tally_add(struct tally *tally, const struct outcome *outcome);
void tally_done(struct tally *tally);

double tally_recall(const struct tally *tally);
double tally_precision(const struct tally *tally);
double tally_f1(const struct tally *tally);
/* The share of `of`; NAN, as of all of these, when there is nothing to divide
 * by. */
double tally_share(unsigned n, unsigned of);
/* Value below which the share lies; sorts. NAN when there is none. */
double tally_quantile(float *values, size_t n, double share);
#define TALLY_TENTHS 10

/* Of the verdicts said, sorted by their confidence, one tenth: mean confidence, share that was
 * right, number. Sorts. */
struct reliability {
    double sure, right;
    unsigned n;
};
struct reliability tally_reliability(struct tally *tally, unsigned tenth);
/* How far the confidence is from the share that was right, over those tenths; and the mean square
 * of both's difference. */
double tally_ece(struct tally *tally);
double tally_brier(const struct tally *tally);
