/* On how many occasions something went wrong. A restart, a job, a burst of loss takes all that runs
 * at one time with it: that is one occasion, however many probes saw it. What goes wrong here and
 * there among probes that are fine is an occasion each interval. */
#pragma once

#include "coordinator/core/track.h"

struct occasions {
    double bad[TRACK_BINS], fine[TRACK_BINS]; /* probes by bin, newest first */
    int64_t width_us;                         /* of a fine bin */
    int64_t unsettled_us;                     /* what was fine is not all known that recently */
};

void occasions_reset(struct occasions *occasions, int64_t width_us, int64_t unsettled_us);
void occasions_bad(struct occasions *occasions, unsigned bin, uint32_t n);
/* Uses them up. `ret_expected` is how many there would be if what is not of a spell in which all
 * was hit had gone wrong independently, at the same rate: with fewer, it came in bunches. */
unsigned occasions_count(struct occasions *occasions, double *ret_expected);
