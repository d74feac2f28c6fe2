/* Flock (PACMNET 2023) on known ways: a component at fault makes the share
 * own[0] of its probes bad, a healthy way the share GOOD; add the component
 * that raises the likelihood most while it gains more than its price own[1],
 * re-scoring only what it touches. */
#include "tests/bench/accuracy/baseline.h"

#include <math.h>
#include <string.h>

#define GOOD 0.005

static bool touches(const struct pair *pair, uint32_t component)
{
    for (size_t i = 0; i < pair->n_touched; i++)
        if (pair->touched[i] == component)
            return true;
    return false;
}

size_t blame_flock(const struct evidence *evidence, const double own[BASELINE_OWN_SETTINGS],
                   uint32_t blamed[BASELINE_MAX_BLAMED])
{
    double *gains = evidence->scratch, *of = gains + evidence->n_components;
    double bad = log(own[0] / GOOD), good = log((1 - own[0]) / (1 - GOOD));
    size_t n = 0;

    memset(gains, 0, evidence->n_components * sizeof(*gains));
    for (size_t i = 0; i < evidence->n_pairs; i++) {
        const struct pair *pair = &evidence->pairs[i];

        of[i] = pair->bad * bad + (pair->n - pair->bad) * good;
        for (size_t k = 0; k < pair->n_touched; k++)
            gains[pair->touched[k]] += of[i];
    }
    while (n < BASELINE_MAX_BLAMED && evidence->n_components > 0) {
        uint32_t best = 0;

        for (uint32_t c = 1; c < evidence->n_components; c++)
            if (gains[c] > gains[best])
                best = c;
        if (gains[best] <= own[1])
            break;
        blamed[n++] = best;
        for (size_t i = 0; i < evidence->n_pairs; i++) {
            const struct pair *pair = &evidence->pairs[i];

            for (size_t k = 0; touches(pair, best) && k < pair->n_touched; k++)
                gains[pair->touched[k]] -= of[i];
            if (touches(pair, best))
                of[i] = 0;
        }
    }
    return n;
}
