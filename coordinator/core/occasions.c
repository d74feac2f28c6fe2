#include "coordinator/core/occasions.h"

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

/* What is left is counted by interval; a coarse bin counts as one. */
unsigned occasions_count(struct occasions *occasions)
{
    unsigned n = take_whole(occasions);

    for (unsigned first = 0; first < TRACK_BINS;) {
        unsigned end = first < TRACK_FINE ? first + TRACK_PER_INTERVAL : first + 1;
        double bad = 0;

        for (; first < end; first++)
            bad += occasions->bad[first];
        n += bad > 0;
    }
    return n;
}
