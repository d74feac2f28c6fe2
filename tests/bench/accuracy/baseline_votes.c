/* 007 (NSDI 2018): a bad probe gives each component on its way one over the
 * length of the way; the one with most votes is at fault while it has the share
 * `own[0]` of all and at least `own[1]` votes; what it explains is taken away
 * and the votes counted again. */
#include "tests/bench/accuracy/baseline.h"

#include <string.h>

static bool touches(const struct pair *pair, uint32_t component)
{
    for (size_t i = 0; i < pair->n_touched; i++)
        if (pair->touched[i] == component)
            return true;
    return false;
}

static uint32_t most_votes(const struct evidence *evidence, const double *bad, double *votes,
                           double *ret_sum)
{
    uint32_t best = 0;

    *ret_sum = 0;
    memset(votes, 0, evidence->n_components * sizeof(*votes));
    for (size_t i = 0; i < evidence->n_pairs; i++) {
        const struct pair *pair = &evidence->pairs[i];

        for (size_t k = 0; k < pair->n_touched; k++)
            votes[pair->touched[k]] += bad[i] / (double)pair->n_touched;
        *ret_sum += bad[i];
    }
    for (uint32_t c = 1; c < evidence->n_components; c++)
        if (votes[c] > votes[best])
            best = c;
    return best;
}

size_t blame_votes(const struct evidence *evidence, const double own[BASELINE_OWN_SETTINGS],
                   uint32_t blamed[BASELINE_MAX_BLAMED])
{
    double *votes = evidence->scratch, *bad = votes + evidence->n_components, sum;
    size_t n = 0;

    for (size_t i = 0; i < evidence->n_pairs; i++)
        bad[i] = evidence->pairs[i].bad;
    while (n < BASELINE_MAX_BLAMED && evidence->n_components > 0) {
        uint32_t best = most_votes(evidence, bad, votes, &sum);

        if (sum <= 0 || votes[best] < own[0] * sum || votes[best] < own[1])
            break;
        blamed[n++] = best;
        for (size_t i = 0; i < evidence->n_pairs; i++)
            if (touches(&evidence->pairs[i], best))
                bad[i] = 0;
    }
    return n;
}
