#include "coordinator/core/rates.h"

#include "coordinator/core/hypothesis.h"

#include <math.h>

#define MOST_NORMAL 0.5 /* what happens more often than not tells nothing */

static enum trouble trouble_of(enum symbol symbol)
{
    switch (symbol) {
    case SYMBOL_OK_RETRANS:
        return TROUBLE_RETRANS;
    case SYMBOL_OK_LATE_NET:
        return TROUBLE_LATE_NET;
    case SYMBOL_OK_LATE_OP:
        return TROUBLE_LATE_OP;
    case SYMBOL_CONNECT_TIMEOUT:
    case SYMBOL_NET_TIMEOUT:
    case SYMBOL_REPLY_LOST:
    case SYMBOL_STALL:
    case SYMBOL_OPAQUE_TIMEOUT:
    case SYMBOL_RESOLVE_TIMEOUT:
        return TROUBLE_LOST;
    default:
        return TROUBLE_ANSWER;
    }
}

void rates_learn(struct rates *rates, enum symbol symbol)
{
    rates->n++;
    if (symbol_is_bad(symbol))
        rates->seen[trouble_of(symbol)]++;
    if ((double)rates->n < RATES_MEMORY)
        return;
    rates->n /= 2;
    for (int i = 0; i < TROUBLES; i++)
        rates->seen[i] /= 2;
}

/* The prior rate of a kind of trouble: that of its commonest symbol, for a series knows one or two
 * of many. */
static double prior_of(enum symbol_family family, enum trouble trouble)
{
    double most = 0;

    for (int s = SYMBOL_OK + 1; s < SYMBOLS; s++)
        if (trouble_of((enum symbol)s) == trouble)
            most = fmax(most, normal_predicts(family, (enum symbol)s));
    return trouble == TROUBLE_LOST || trouble == TROUBLE_ANSWER ? 2 * most : most;
}

int8_t rates_rarity(const struct rates *rates, enum symbol_family family, enum symbol symbol)
{
    enum trouble trouble = trouble_of(symbol);
    double prior = prior_of(family, trouble);
    double rate =
        (RATES_PRIOR * prior + (double)rates->seen[trouble]) / (RATES_PRIOR + (double)rates->n);
    double rarity = round(log2(rate / prior));

    /* lateness comes in clumps: a series that was never late yet may be so at any time */
    if (trouble == TROUBLE_LATE_NET || trouble == TROUBLE_LATE_OP)
        rarity = fmax(0, rarity);
    return (int8_t)fmax(RARITY_LEAST, fmin(RARITY_MOST, rarity));
}

double rates_normal(enum symbol_family family, enum symbol symbol, int rarity)
{
    double p = normal_predicts(family, symbol);

    return symbol_is_bad(symbol) ? fmin(MOST_NORMAL, ldexp(p, rarity)) : p;
}
