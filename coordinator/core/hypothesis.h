/* What can be wrong: components and modes of failure, and what each predicts.
 *
 * A mode says, by family of probe, how the symbols of a probe that it hits are spread; a
 * hypothesis (component, mode, rho) hits a share rho of the probes that touch the component (of
 * those over TCP; of the others as many as mode_share says):
 * P(symbol) = (1 - rho) P_before(symbol) + rho f_mode(symbol). The prices (in nats, paid once a
 * component) say how rare each kind of component is as a culprit: one host or target is commoner
 * than a whole place. */
#pragma once

#include "coordinator/core/component.h"
#include "coordinator/core/symbol.h"
#include "coordinator/core/verdict.h"

enum mode {
    MODE_CUT,
    MODE_LOSS,
    MODE_LATE,
    MODE_MTU,       /* small packets pass, large ones do not */
    MODE_CONGESTED, /* a full queue: packets wait as well as vanish */
    MODE_DOWN,      /* a host, or a target that does not answer at all */
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
    MODE_CLOCK,
    MODE_SILENT,
    MODES
};

/* Modes, one bit each, that may not explain once more what this one explains: they show the same
 * way, and a packet is lost only once. */
uint32_t mode_excludes(enum mode mode);
bool mode_applies(enum mode mode, enum component_type type);
/* Does it break the way, so that every probe across a component speaks for or against it? */
bool mode_of_network(enum mode mode);
/* The least share of the probes that it hits: who is down is not down now and then. */
double mode_least_rho(enum mode mode);
/* The share of a family's probes that it hits when it hits this share of those over TCP. */
double mode_share(enum mode mode, enum symbol_family family, double rho);
/* Does it delay, and little else? */
bool mode_of_lateness(enum mode mode);
/* Can the mode of such a component show to probes of that family from that side? */
bool mode_reaches(enum mode mode, enum component_type type, enum side side,
                  enum symbol_family family);
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
