#include "coordinator/core/occasions.h"

#include <math.h>
#include <string.h>

#define WHOLE 0.6     /* share of the probes of a bin from which all of them count as hit; */
#define WHOLE_LEAST 3 /* this many in a row of such bins are one occasion */

void occasions_reset(struct occasions *occasions, int64_t width_us, int64_t unsettled_us)
{
    memset(occasions, 0, sizeof(*occasions));
    occasions->width_us = width_us;
    occasions->unsettled_us = unsettled_us;
}

void occasions_bad(struct occasions *occasions, unsigned bin, uint32_t n)
{
    if (bin < TRACK_BINS)
        occasions->bad[bin] += n;
}

static bool is_whole(const struct occasions *occasions, unsigned bin)
{
    double bad = occasions->bad[bin];

    return bad > 0 && bad >= WHOLE * (bad + occasions->fine[bin]) &&
           (bin >= TRACK_FINE || bin * occasions->width_us >= occasions->unsettled_us);
}

/* Count the spells in which all that ran was hit, and take them out with their edges. */
static unsigned take_whole(struct occasions *occasions)
{
    unsigned n = 0;

    for (unsigned bin = 0; bin < TRACK_BINS; bin++) {
        unsigned end = bin;
        double bad = 0;

        while (end < TRACK_BINS && is_whole(occasions, end))
            bad += occasions->bad[end++];
        if (bad >= WHOLE_LEAST) {
            n++;
            for (unsigned i = bin > 0 ? bin - 1 : 0; i <= end && i < TRACK_BINS; i++)
                occasions->bad[i] = 0;
        }
        if (end > bin)
            bin = end - 1;
    }
    return n;
}

/* What is left, by interval; a coarse bin counts as one. Returns how many there are. */
static unsigned by_interval(const struct occasions *occasions, double bad[TRACK_BINS],
                            double all[TRACK_BINS])
{
    unsigned n = 0;

    for (unsigned first = 0; first < TRACK_BINS; n++) {
        unsigned end = first < TRACK_FINE ? first + TRACK_PER_INTERVAL : first + 1;

        bad[n] = all[n] = 0;
        for (; first < end; first++) {
            bad[n] += occasions->bad[first];
            all[n] += occasions->bad[first] + occasions->fine[first];
        }
    }
    return n;
}

unsigned occasions_count(struct occasions *occasions, double *ret_expected)
{
    const unsigned n_whole = take_whole(occasions);
    double bad[TRACK_BINS], all[TRACK_BINS], sum_bad = 0, sum_all = 0;
    unsigned n = by_interval(occasions, bad, all), n_hit = 0;

    for (unsigned i = 0; i < n; i++) {
        n_hit += bad[i] > 0;
        sum_bad += bad[i];
        sum_all += all[i];
    }
    *ret_expected = n_whole;
    for (unsigned i = 0; i < n && sum_bad > 0; i++)
        *ret_expected += 1 - pow(1 - sum_bad / sum_all, all[i]);
    return n_whole + n_hit;
}
