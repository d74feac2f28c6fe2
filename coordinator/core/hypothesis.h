/* What can be wrong: components and modes of failure, and what each predicts.
 *
 * A mode says, by family of probe, how the symbols of a probe that it hits are spread; a
 * hypothesis (component, mode, rho) hits a share rho of the probes that touch the component:
 * P(symbol) = (1 - rho) P_before(symbol) + rho f_mode(symbol). The prices (in nats, paid once a
 * component) say how rare each kind of component is as a culprit: one host or target is commoner
 * than a whole place. */
#pragma once

#include "coordinator/core/fleet.h"
#include "coordinator/core/symbol.h"
#include "coordinator/core/verdict.h"

enum component_type {
    COMPONENT_LINK,
    COMPONENT_HOST,
    COMPONENT_TARGET,
    COMPONENT_BACKEND,
    COMPONENT_RESOLVER,
    COMPONENT_PATH,
    COMPONENT_ZONE,
    COMPONENT_PLACE,
    COMPONENT_TYPES
};

struct component {
    enum component_type type;
    uint32_t a; /* agent, target, backend, zone or place; the zone of a path */
    uint32_t b; /* the other place of a path; else 0 */
};

bool component_equal(const struct component *x, const struct component *y);
/* A total order that does not depend on memory: ties are broken by it. */
int component_compare(const struct component *x, const struct component *y);
void component_name(const struct fleet *fleet, const struct component *component,
                    char name[FL_COMPONENT_SIZE]);
/* In words: "the way between zone a and storage". */
void component_words(const struct fleet *fleet, const struct component *component, char *words,
                     size_t size);

/* Every component that a series touches; `probe` FLEET_NONE for the agent's own. */
#define COMPONENTS_PER_SERIES 10
size_t components_of(const struct fleet *fleet, uint32_t agent, uint32_t probe,
                     struct component components[COMPONENTS_PER_SERIES]);

enum mode {
    MODE_CUT,
    MODE_LOSS,
    MODE_LATE,
    MODE_DOWN, /* a host, or a target that does not answer at all */
    MODE_STALL,
    MODE_SLOW,
    MODE_REFUSED,
    MODE_ERRORS,
    MODE_CONTENT,
    MODE_IO_ERROR,
    MODE_READ_ONLY,
    MODE_NO_SPACE,
    MODE_CERT_EXPIRED,
    MODE_CERT_INVALID,
    MODE_NXDOMAIN,
    MODE_SERVFAIL,
    MODE_DNS_TIMEOUT,
    MODE_STARVED,
    MODE_SILENT,
    MODES
};

/* Modes that show the same way, one bit each: what one component explains so, no other explains
 * once more, for a packet is lost only once. */
uint32_t mode_likes(enum mode mode);
bool mode_applies(enum mode mode, enum component_type type);
/* P(symbol | hit by the mode), never 0. */
double mode_predicts(enum mode mode, enum symbol_family family, enum symbol symbol);
/* Is the symbol one that the mode brings about more than by accident? */
bool mode_explains(enum mode mode, enum symbol_family family, enum symbol symbol);
/* P(symbol | nothing wrong). */
double normal_predicts(enum symbol_family family, enum symbol symbol);
double component_price(const struct fleet *fleet, const struct component *component);

/* The class and the cause that a mode of a component is reported as. */
enum verdict_class hypothesis_class(const struct fleet *fleet, const struct component *component,
                                    enum mode mode);
enum verdict_cause mode_cause(enum mode mode);
