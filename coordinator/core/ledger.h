/* Which batches of one start (boot) of an agent are in the history: runs of sequence numbers, so
 * that what comes twice is stored once, long after the batches themselves were packed. Pure; kept
 * as a few bytes in the store. Bounded: where there are more gaps than room, the oldest gap is
 * given up and counts as stored, for it is what the agent's spool dropped. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEDGER_RUNS 128
#define LEDGER_BYTES (LEDGER_RUNS * 20 + 10) /* at most, encoded */

struct ledger {
    size_t n;
    struct ledger_run {
        uint64_t first, last;
    } runs[LEDGER_RUNS]; /* ascending, with gaps between */
};

/* True when it is new, and then it is in from now on. */
bool ledger_add(struct ledger *ledger, uint64_t sequence);

/* Returns the number of bytes written. */
size_t ledger_encode(const struct ledger *ledger, uint8_t bytes[LEDGER_BYTES]);
/* 0 or -EBADMSG. No bytes: nothing is in. */
int ledger_decode(struct ledger *ledger, const uint8_t *bytes, size_t size);
