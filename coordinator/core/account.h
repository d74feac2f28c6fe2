/* Whether what an agent's probes have given is all accounted for: stored here, lost and told so, or
 * still on its way. Pure.
 *
 * What the agent calls undelivered may have been stored here already, for its acknowledgement is
 * on the way or was lost; so of the undelivered only as much counts as on its way as makes the
 * account balance. What is left shows a fault of ours: above 0 something was acknowledged and is
 * neither stored nor lost, below 0 something was stored twice. */
#pragma once

#include <stdint.h>

/* What the agent says, and what the store has at the moment when that comes. */
struct account_state {
    uint64_t produced, undelivered;
    int64_t base; /* of `produced`, what lies elsewhere */
    uint64_t stored, lost;
};

struct account {
    int64_t produced; /* without what lies elsewhere */
    int64_t stored, lost, spooled;
    int64_t balance; /* produced - stored - lost - spooled */
};

struct account account_of(const struct account_state *state);

/* The base with which an account begins that was not known before: it balances then. */
int64_t account_base(const struct account_state *state);
