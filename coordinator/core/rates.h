/* How often a series normally goes wrong, by kind of trouble: learned, not configured.
 *
 * Each kind has a rate with a conjugate prior worth RATES_PRIOR observations, so that a fault that
 * was there from the start, or the first losses of a new one, are not taken for normal; what is
 * learned is halved from time to time, so that it follows slow change. A symbol's rarity says, in
 * powers of two, how much commoner it is here than the prior has it. */
#pragma once

#include "coordinator/core/symbol.h"

#define RATES_PRIOR 200.0
#define RATES_MEMORY 8192.0 /* observations after which the past is halved */

#define RARITY_LEAST (-1)
#define RARITY_MOST 7
#define RARITIES (RARITY_MOST - RARITY_LEAST + 1)

enum trouble {
    TROUBLE_LOST,
    TROUBLE_RETRANS,
    TROUBLE_LATE_NET,
    TROUBLE_LATE_OP,
    TROUBLE_ANSWER, /* an answer, and a wrong one */
    TROUBLES
};

struct rates {
    float n;
    float seen[TROUBLES];
};

void rates_learn(struct rates *rates, enum symbol symbol);
int8_t rates_rarity(const struct rates *rates, enum symbol_family family, enum symbol symbol);
/* P(symbol | nothing wrong) where it is that rare. */
double rates_normal(enum symbol_family family, enum symbol symbol, int rarity);
