/* What every agent saw of every target, minute by minute, for as far back as there is room: to look
 * again at how it was, and to draw how long each layer took. What was before the start, or before a
 * new configuration, is read from the history, a few pairs at each look; a minute for which there
 * is no room is read when it is asked for. */
#pragma once

#include "coordinator/coordinator.h"

#define TIMELINE_STEP FL_MINUTE
#define TIMELINE_MINUTES 1440     /* at most */
#define TIMELINE_BYTES (32 << 20) /* at most; a large fleet is kept for fewer minutes */
#define TIMELINE_RECALLS 4        /* minutes that were asked for are kept */

/* One that is probed. */
struct timeline_pair {
    uint32_t agent, probe;
};

enum timeline_state { TIMELINE_UNSEEN, TIMELINE_STALE, TIMELINE_OK, TIMELINE_FAIL };

/* Of a minute: the failure, if there was one in it, else what came last. */
struct timeline_cell {
    uint8_t state;                /* enum timeline_state */
    uint8_t layer, failure;       /* a failure of which single results are gone is NONE */
    uint32_t took_us;             /* UINT32_MAX: none */
    uint32_t phase_us[FL_LAYERS]; /* likewise */
};

struct timeline;

int timeline_new(const struct coordinator *coordinator, struct timeline **ret);
struct timeline *timeline_free(struct timeline *timeline);
FL_DEFINE_FREEP(struct timeline, timeline)

/* Look, once a second. With a new configuration everything is made anew. Calls `changed` for each
 * pair that has a newer result than at the last look. */
void timeline_look(struct timeline *timeline, fl_time now_us,
                   void (*changed)(const struct timeline_pair *pair,
                                   const struct engine_series_state *state, void *arg),
                   void *arg);

/* Pairs in order of probe, then agent. */
size_t timeline_pairs(const struct timeline *timeline, const struct timeline_pair **ret);
/* Minutes that are kept, the oldest first; the last is still being looked at. */
size_t timeline_count(const struct timeline *timeline);
/* The cells of minute i, one for each pair; when it began is in `ret_us`. */
const struct timeline_cell *timeline_minute(const struct timeline *timeline, size_t i,
                                            fl_time *ret_us);

/* What the history has of a time that is not kept here. */
struct timeline_recall {
    fl_time t_us;
    int64_t step_us; /* what is left of it: a minute, or the hour that it lay in */
    size_t n_read;   /* pairs of which the cells are there; all others are unseen */
    const struct timeline_cell *cells;
};

/* Reads for a moment, so a large fleet takes several calls: all is there when n_read is the number
 * of pairs. Valid until the next call. -ENOENT: nothing is kept for so long. */
int timeline_recall(struct timeline *timeline, fl_time t_us, fl_time now_us,
                    struct timeline_recall *ret, struct fl_error *err);
