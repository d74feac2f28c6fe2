/* NetBouncer (NSDI 2019): the success of a way is the product of its components' x; minimise the
 * squared difference to what was seen, plus own[0] times the sum of x (1 - x), by coordinate
 * descent; a component is at fault when 1 - x is at least own[1]. */
#include "tests/bench/accuracy/baseline.h"

#include <math.h>
#include <string.h>

#define ROUNDS 20
#define STILL 1e-4

/* Start: mean success of the ways through each. */
static void start(const struct evidence *evidence, double *x, double *weight)
{
    memset(x, 0, evidence->n_components * sizeof(*x));
    memset(weight, 0, evidence->n_components * sizeof(*weight));
    for (size_t i = 0; i < evidence->n_pairs; i++) {
        const struct pair *pair = &evidence->pairs[i];

        for (size_t k = 0; pair->n > 0 && k < pair->n_touched; k++) {
            x[pair->touched[k]] += 1 - pair->bad / pair->n;
            weight[pair->touched[k]]++;
        }
    }
    for (size_t c = 0; c < evidence->n_components; c++)
        x[c] = weight[c] > 0 ? x[c] / weight[c] : 1;
}

/* Sums for each component over its ways: t y and t t, with t the way's estimate without it. */
static void gather(const struct evidence *evidence, const double *x, double *ty, double *tt)
{
    memset(ty, 0, evidence->n_components * sizeof(*ty));
    memset(tt, 0, evidence->n_components * sizeof(*tt));
    for (size_t i = 0; i < evidence->n_pairs; i++) {
        const struct pair *pair = &evidence->pairs[i];

        for (size_t k = 0; pair->n > 0 && k < pair->n_touched; k++) {
            double t = 1;

            for (size_t j = 0; j < pair->n_touched; j++)
                t *= j == k ? 1 : x[pair->touched[j]];
            ty[pair->touched[k]] += t * (1 - pair->bad / pair->n);
            tt[pair->touched[k]] += t * t;
        }
    }
}

size_t blame_netbouncer(const struct evidence *evidence, const double own[BASELINE_OWN_SETTINGS],
                        uint32_t blamed[BASELINE_MAX_BLAMED])
{
    double *x = evidence->scratch, *ty = x + evidence->n_components,
           *tt = ty + evidence->n_components, moved = 1;
    size_t n = 0;

    start(evidence, x, ty);
    for (int round = 0; round < ROUNDS && moved > STILL; round++) {
        gather(evidence, x, ty, tt);
        moved = 0;
        for (size_t c = 0; c < evidence->n_components; c++) {
            double best = tt[c] > own[0]       ? (2 * ty[c] - own[0]) / (2 * (tt[c] - own[0]))
                          : ty[c] < own[0] / 2 ? 0
                                               : 1;

            /* half a step: all move at once */
            best = x[c] + (fmin(fmax(best, 0), 1) - x[c]) / 2;
            moved = fmax(moved, fabs(best - x[c]));
            x[c] = best;
        }
    }
    for (uint32_t c = 0; c < evidence->n_components && n < BASELINE_MAX_BLAMED; c++)
        if (1 - x[c] >= own[1])
            blamed[n++] = c;
    return n;
}
