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
    size_t n_times, n_limits, n_said, times_room, limits_room, said_room;
    float *times, *limits; /* of what was found, in intervals and in limits */
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
/* How far the confidence is from the share that was right: over ten bins of
 * equal size; and the mean square of both's difference. Sorts. */
double tally_ece(struct tally *tally);
double tally_brier(const struct tally *tally);
