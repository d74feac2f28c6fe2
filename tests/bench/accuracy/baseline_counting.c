/* Alerting rules on an exporter: a pair fails when the share `own[1]` of its
 * probes is bad; a component is at fault when the share `own[0]` of its pairs
 * fails, at least two of them; the widest label speaks first and silences what
 * is within. */
#include "tests/bench/accuracy/baseline.h"

#include <string.h>

#define LEAST_PAIRS 2

static const enum component_type widest_first[] = {COMPONENT_PLACE,   COMPONENT_ZONE,
                                                   COMPONENT_BACKEND, COMPONENT_HOST,
                                                   COMPONENT_TARGET,  COMPONENT_PATH};

static void count(const struct evidence *evidence, double least, double *pairs, double *failing)
{
    memset(pairs, 0, evidence->n_components * sizeof(*pairs));
    memset(failing, 0, evidence->n_components * sizeof(*failing));
    for (size_t i = 0; i < evidence->n_pairs; i++) {
        const struct pair *pair = &evidence->pairs[i];

        for (size_t k = 0; pair->n > 0 && k < pair->n_touched; k++) {
            pairs[pair->touched[k]]++;
            failing[pair->touched[k]] += pair->bad >= least * pair->n;
        }
    }
}

static bool touches_any(const struct pair *pair, const uint32_t *blamed, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < pair->n_touched; k++)
            if (pair->touched[k] == blamed[i])
                return true;
    return false;
}

/* Failing pairs of the component that nothing blamed so far explains. */
static double unexplained(const struct evidence *evidence, uint32_t component, double least,
                          const uint32_t *blamed, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < evidence->n_pairs; i++) {
        const struct pair *pair = &evidence->pairs[i];

        if (pair->n > 0 && pair->bad >= least * pair->n && touches_any(pair, &component, 1))
            sum += !touches_any(pair, blamed, n);
    }
    return sum;
}

size_t blame_counting(const struct evidence *evidence, const double own[BASELINE_OWN_SETTINGS],
                      uint32_t blamed[BASELINE_MAX_BLAMED])
{
    double *pairs = evidence->scratch, *failing = pairs + evidence->n_components;
    size_t n = 0;

    count(evidence, own[1], pairs, failing);
    for (size_t t = 0; t < FL_COUNT(widest_first); t++)
        for (uint32_t c = 0; c < evidence->n_components && n < BASELINE_MAX_BLAMED; c++)
            if (evidence->components[c].type == widest_first[t] && failing[c] >= LEAST_PAIRS &&
                failing[c] >= own[0] * pairs[c] &&
                unexplained(evidence, c, own[1], blamed, n) >= LEAST_PAIRS)
                blamed[n++] = c;
    return n;
}
