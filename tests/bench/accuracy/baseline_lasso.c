/* Deepview (NSDI 2018): the logarithm of a way's success is the sum of its
 * components' b, none above 0; least squares with own[0] times the sum of |b|,
 * one component after the other; a component is at fault when its share of
 * failures, 1 - exp(b), is at least own[1]. */
#include "tests/bench/accuracy/baseline.h"

#include <math.h>
#include <string.h>

#define ROUNDS 15
#define STILL 1e-4

static double seen(const struct pair *pair)
{
    return log(1 - (pair->bad + 0.5) / (pair->n + 1)) - log(1 - 0.5 / (pair->n + 1));
}

size_t blame_lasso(const struct evidence *evidence, const double own[BASELINE_OWN_SETTINGS],
                   uint32_t blamed[BASELINE_MAX_BLAMED])
{
    double *b = evidence->scratch, *left = b + evidence->n_components, moved = 1;
    size_t n = 0;

    memset(b, 0, evidence->n_components * sizeof(*b));
    for (size_t i = 0; i < evidence->n_pairs; i++)
        left[i] = evidence->pairs[i].n > 0 ? seen(&evidence->pairs[i]) : 0;
    for (int round = 0; round < ROUNDS && moved > STILL; round++) {
        moved = 0;
        for (uint32_t c = 0; c < evidence->n_components; c++) {
            uint32_t from = evidence->first[c], to = evidence->first[c + 1];
            double sum = 0, ways = 0, best;

            for (uint32_t i = from; i < to; i++) {
                if (evidence->pairs[evidence->cover[i]].n <= 0)
                    continue;
                sum += left[evidence->cover[i]] + b[c];
                ways++;
            }
            best = ways > 0 ? fmin((sum + own[0]) / ways, 0) : 0;
            for (uint32_t i = from; i < to; i++)
                left[evidence->cover[i]] += b[c] - best;
            moved = fmax(moved, fabs(best - b[c]));
            b[c] = best;
        }
    }
    for (uint32_t c = 0; c < evidence->n_components && n < BASELINE_MAX_BLAMED; c++)
        if (1 - exp(b[c]) >= own[1])
            blamed[n++] = c;
    return n;
}
