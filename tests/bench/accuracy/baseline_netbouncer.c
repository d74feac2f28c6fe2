/* NetBouncer (NSDI 2019): the success of a way is the product of its
 * components' x; minimise the squared difference to what was seen, plus own[0]
 * times the sum of x (1 - x), one component after the other; a component is at
 * fault when 1 - x is at least own[1]. */
#include "tests/bench/accuracy/baseline.h"

#include <math.h>

#define ROUNDS 15
#define STILL 1e-4

static double seen(const struct pair *pair)
{
    return 1 - pair->bad / pair->n;
}

/* Start: mean success of the ways through it. */
static double start(const struct evidence *evidence, uint32_t component)
{
    double sum = 0, n = 0;

    for (uint32_t i = evidence->first[component]; i < evidence->first[component + 1]; i++) {
        const struct pair *pair = &evidence->pairs[evidence->cover[i]];

        if (pair->n > 0) {
            sum += seen(pair);
            n++;
        }
    }
    return n > 0 ? sum / n : 1;
}

/* The best x of one component while the others stay: t is a way's estimate
 * without it. */
static double best_of(const struct evidence *evidence, const double *x, uint32_t component,
                      double lambda)
{
    double ty = 0, tt = 0;

    for (uint32_t i = evidence->first[component]; i < evidence->first[component + 1]; i++) {
        const struct pair *pair = &evidence->pairs[evidence->cover[i]];
        double t = 1;

        if (pair->n <= 0)
            continue;
        for (size_t k = 0; k < pair->n_touched; k++)
            t *= pair->touched[k] == component ? 1 : x[pair->touched[k]];
        ty += t * seen(pair);
        tt += t * t;
    }
    if (tt <= lambda) /* the end where the objective is less; well, if both are alike */
        return tt - 2 * ty > 0 ? 0 : 1;
    return fmin(fmax((2 * ty - lambda) / (2 * (tt - lambda)), 0), 1);
}

size_t blame_netbouncer(const struct evidence *evidence, const double own[BASELINE_OWN_SETTINGS],
                        uint32_t blamed[BASELINE_MAX_BLAMED])
{
    double *x = evidence->scratch, moved = 1;
    size_t n = 0;

    for (uint32_t c = 0; c < evidence->n_components; c++)
        x[c] = start(evidence, c);
    for (int round = 0; round < ROUNDS && moved > STILL; round++) {
        moved = 0;
        for (uint32_t c = 0; c < evidence->n_components; c++) {
            double best = best_of(evidence, x, c, own[0]);

            moved = fmax(moved, fabs(best - x[c]));
            x[c] = best;
        }
    }
    for (uint32_t c = 0; c < evidence->n_components && n < BASELINE_MAX_BLAMED; c++)
        if (1 - x[c] >= own[1])
            blamed[n++] = c;
    return n;
}
