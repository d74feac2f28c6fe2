/* What is kept of a series when its single results are gone: how many there were, how many went
 * wrong at which layer, and the latency of the whole, of each layer and of each storage step, by
 * minute or by hour. Points add up, so an hour is its minutes, and what comes late still counts.
 * Pure. */
#pragma once

#include "coordinator/core/sketch.h"
#include "proto/types/fl_result.h"

/* The whole of those that were fine; each layer and step that completed. */
#define ROLLUP_WHOLE 0
#define ROLLUP_LAYER(layer) (1 + (layer))
#define ROLLUP_STEP(step) (1 + FL_LAYERS + (step))
#define ROLLUP_MEASURES (1 + FL_LAYERS + FL_STEPS)

#define ROLLUP_POINTS 60 /* in a row, at most */
#define ROLLUP_POINT_BYTES (10 * (4 + FL_LAYERS) + ROLLUP_MEASURES * SKETCH_BYTES)
#define ROLLUP_ROW_BYTES (1 << 20) /* the longest row that is taken */

struct rollup_counts {
    uint64_t samples;           /* results, but for those that failed on the agent itself */
    uint64_t ok;                /* of these */
    uint64_t local;             /* failed on the agent itself: nobody looked */
    uint64_t failed[FL_LAYERS]; /* the others by the layer that stopped them */
};

/* One point while it is made or read; all zero when new. */
struct rollup {
    struct rollup_counts counts;
    struct sketch sketches[ROLLUP_MEASURES];
};

void rollup_clear(struct rollup *rollup);
void rollup_add(struct rollup *rollup, const struct fl_result *result);
void rollup_merge(struct rollup *rollup, const struct rollup *other);
const char *rollup_measure_name(unsigned measure); /* "whole", "connect", "write", ... */

/* How points lie on disk: rows of them. */
struct rollup_level {
    const char *name;
    int64_t point_us; /* the time that a point stands for */
    int64_t row_us;   /* that a row holds */
};

enum { ROLLUP_MINUTES, ROLLUP_HOURS, ROLLUP_LEVELS };
extern const struct rollup_level rollup_levels[ROLLUP_LEVELS];

/* A row is written point by point, in order. */
struct rollup_row {
    uint8_t *bytes; /* ROLLUP_ROW_BYTES, the caller's */
    size_t size;
};

/* 0, or -E2BIG when there is no room for it. */
int rollup_row_put(struct rollup_row *row, unsigned index, const struct rollup *point);

/* The next point of a row: its index and its bytes. False at the end; a row that is no row ends
 * with `reader->bad`. */
bool rollup_row_next(struct varint_reader *reader, unsigned *ret_index,
                     struct varint_reader *ret_point);
/* Only what is counted. 0 or -EBADMSG. */
int rollup_point_counts(struct varint_reader point, struct rollup_counts *ret);
/* Add a point that was read. 0 or -EBADMSG. */
int rollup_point_add(struct rollup *rollup, struct varint_reader point);

/* Write what both rows hold; `scratch` is cleared. 0, -EBADMSG or -E2BIG. */
int rollup_rows_merge(const struct rollup_row *a, const struct rollup_row *b,
                      struct rollup *scratch, struct rollup_row *ret);
