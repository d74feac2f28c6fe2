/* Which batches of one start (boot) of an agent are in the history: runs of sequence numbers, so
 * that what comes twice is stored once, long after the batches themselves were packed. Pure; kept
 * as a few bytes in the store. Bounded: where there are more gaps than room, what would make one
 * more is refused until one is filled. Each is filled in time, for an agent sends a record in the
 * place of what it drops. */
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

/* A batch that stands for the sequences `first` to `last`. 1: the last is new, and all are in from
 * now on; 0: the last was in before; -ENOSPC: one gap too many, not in. */
int ledger_add(struct ledger *ledger, uint64_t first, uint64_t last);

/* Returns the number of bytes written. */
size_t ledger_encode(const struct ledger *ledger, uint8_t bytes[LEDGER_BYTES]);
/* 0 or -EBADMSG. No bytes: nothing is in. */
int ledger_decode(struct ledger *ledger, const uint8_t *bytes, size_t size);
