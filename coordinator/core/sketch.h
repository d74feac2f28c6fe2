/* Durations as counts in buckets, sixteen to each doubling: a quantile read from it is off by at
 * most a thirty-second part, and two of them add up to what one of both would have been. Pure. */
#pragma once

#include "coordinator/core/varint.h"

#define SKETCH_BUCKETS 560 /* up to a day and a half in microseconds */
#define SKETCH_WORDS ((SKETCH_BUCKETS + 63) / 64)
#define SKETCH_BYTES (SKETCH_BUCKETS * 12 + 10) /* at most, encoded */

struct sketch {
    uint64_t total;
    uint64_t used[SKETCH_WORDS]; /* a bit for each bucket that is not empty */
    uint32_t counts[SKETCH_BUCKETS];
};

/* Cheap when little is in it; a new one is all zero. */
void sketch_clear(struct sketch *sketch);
/* Negative ones count as 0, larger ones as the largest. */
void sketch_add(struct sketch *sketch, int64_t value);
void sketch_merge(struct sketch *sketch, const struct sketch *other);

/* The value with a share of `quantile` (0 to 1) at or below it; -1 when nothing is in. */
int64_t sketch_quantile(const struct sketch *sketch, double quantile);

/* Returns where the next thing goes; there must be room for SKETCH_BYTES. */
uint8_t *sketch_encode(const struct sketch *sketch, uint8_t *to);
/* Add what was encoded. 0 or -EBADMSG. */
int sketch_decode(struct sketch *sketch, struct varint_reader *reader);
