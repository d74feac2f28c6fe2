/* What an engineer would say of a verdict at three in the morning: what it is in one sentence,
 * what to do, and what to leave alone. Pure: tables of words. */
#pragma once

#include "coordinator/core/verdict.h"

#include <stddef.h>

#define ADVICE_LINES 4
#define ADVICE_SENTENCE_SIZE 512

struct advice {
    enum verdict_class class;
    enum verdict_cause cause; /* CAUSE_NONE: whatever the cause */
    const char *to_do[ADVICE_LINES];
    const char *not_to_do[ADVICE_LINES];
};

/* What holds for the class; there is one for each. */
const struct advice *advice_of_class(enum verdict_class class);
/* What holds for this cause in addition, or NULL. */
const struct advice *advice_of_cause(enum verdict_class class, enum verdict_cause cause);

/* "path:a~b" as "the way between a and b". */
void advice_component(const char *component, char text[ADVICE_SENTENCE_SIZE]);
/* "It is the network: the way between a and b lets nothing through." */
void advice_sentence(const struct verdict *verdict, char text[ADVICE_SENTENCE_SIZE]);
/* That it is this class, wherever: the verdict and the alternatives of its class. */
double advice_class_confidence(const struct verdict *verdict);
/* What would tell whether an alternative is the truth; never NULL. */
const char *advice_test(enum verdict_class class, const char *component);
