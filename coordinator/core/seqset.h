/* Which batches of each agent were already judged: ranges of sequence numbers for each start
 * (boot) of an agent. An agent sends again what was not acknowledged, and what comes twice must
 * count once. Bounded: where an agent leaves more gaps than there is room for, the oldest gap is
 * given up and counts as seen, for what would fill it is history and no longer news. */
#pragma once

#include "proto/types/fl_cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEQSET_BOOTS 4  /* starts of one agent that are told apart; the spool holds older ones */
#define SEQSET_RANGES 8 /* runs of sequences without a gap, for each start */

struct seqset;

/* 0 or -ENOMEM. */
int seqset_new(size_t n_agents, struct seqset **ret);
struct seqset *seqset_free(struct seqset *set);
FL_DEFINE_FREEP(struct seqset, seqset)

/* True when it is new, and then it is seen from now on. */
bool seqset_add(struct seqset *set, size_t agent, uint64_t boot, uint64_t sequence);

/* Gaps and starts that were given up. */
uint64_t seqset_forgotten(const struct seqset *set);
