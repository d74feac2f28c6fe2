/* Deepview (NSDI 2018): the logarithm of a way's success is the sum of its components' b, none
 * above 0; least squares with own[0] times the sum of |b|, by coordinate descent; a component is at
 * fault when its share of failures, 1 - exp(b), is at least own[1]. */
#include "tests/bench/accuracy/baseline.h"

#include <math.h>
#include <string.h>

#define ROUNDS 20
#define STILL 1e-4

static double seen(const struct pair *pair)
{
    return log(1 - (pair->bad + 0.5) / (pair->n + 1)) - log(1 - 0.5 / (pair->n + 1));
}

size_t blame_lasso(const struct evidence *evidence, const double own[BASELINE_OWN_SETTINGS],
                   uint32_t blamed[BASELINE_MAX_BLAMED])
{
    double *b = evidence->scratch, *sum = b + evidence->n_components,
           *ways = sum + evidence->n_components, moved = 1;
    size_t n = 0;

    memset(b, 0, evidence->n_components * sizeof(*b));
    for (int round = 0; round < ROUNDS && moved > STILL; round++) {
        memset(sum, 0, evidence->n_components * sizeof(*sum));
        memset(ways, 0, evidence->n_components * sizeof(*ways));
        for (size_t i = 0; i < evidence->n_pairs; i++) {
            const struct pair *pair = &evidence->pairs[i];
            double left = pair->n > 0 ? seen(pair) : 0;

            for (size_t k = 0; k < pair->n_touched; k++)
                left -= b[pair->touched[k]];
            for (size_t k = 0; pair->n > 0 && k < pair->n_touched; k++) {
                sum[pair->touched[k]] += left + b[pair->touched[k]];
                ways[pair->touched[k]]++;
            }
        }
        moved = 0;
        for (size_t c = 0; c < evidence->n_components; c++) {
            double best = ways[c] > 0 ? fmin((sum[c] + own[0]) / ways[c], 0) : 0;

            /* a part of the step: all move at once, and a way has up to six */
            best = b[c] + (best - b[c]) / 3;
            moved = fmax(moved, fabs(best - b[c]));
            b[c] = best;
        }
    }
    for (uint32_t c = 0; c < evidence->n_components && n < BASELINE_MAX_BLAMED; c++)
        if (1 - exp(b[c]) >= own[1])
            blamed[n++] = c;
    return n;
}
