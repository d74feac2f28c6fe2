/* What is still to be told to whom, on disk: kill -9 loses nothing, and what was being sent is
 * sent again as the same message under the same key. One connection a thread. */
#pragma once

#include "proto/types/fl_cleanup.h"
#include "proto/types/fl_error.h"
#include "proto/types/fl_time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTBOX_MAX_ROWS 1000 /* of one receiver; the oldest gives way */
#define OUTBOX_ROWS 64       /* in one message */
#define OUTBOX_ID_SIZE 33

struct outbox;

struct outbox_row {
    int64_t id;
    uint64_t incident; /* 0: a test */
    int64_t message;   /* it belongs to; 0: none yet */
    char *event;       /* JSON, owned */
};

int outbox_open(const char *path, struct outbox **ret, struct fl_error *err);
struct outbox *outbox_free(struct outbox *outbox);
FL_DEFINE_FREEP(struct outbox, outbox)

/* Of this file, made at random when it began: keys of messages begin with it. */
const char *outbox_id(const struct outbox *outbox);

/* All or nothing, for each of the receivers. `is_open`: the incident is open after this, so that
 * outbox_each_open knows it. What had no room is counted as dropped. */
int outbox_put(struct outbox *outbox, const char *const *receivers, size_t n_receivers,
               uint64_t incident, bool is_open, const char *event, struct fl_error *err);

/* The message that is being sent to a receiver, or what waits, up to OUTBOX_ROWS. */
int outbox_read(struct outbox *outbox, const char *receiver, struct outbox_row rows[OUTBOX_ROWS],
                size_t *ret_n, struct fl_error *err);
void outbox_rows_done(struct outbox_row *rows, size_t n);
/* From now on these, and no others, are one message; those that are superseded go. */
int outbox_seal(struct outbox *outbox, const int64_t *ids, const bool *superseded, size_t n,
                struct fl_error *err);
/* It has arrived, or never will. */
int outbox_delete(struct outbox *outbox, const char *receiver, int64_t message,
                  struct fl_error *err);

/* Is something of it still to be brought to anybody? */
int outbox_waits(struct outbox *outbox, uint64_t incident, bool *ret, struct fl_error *err);
/* Nothing waits any more, and no incident is open. */
int outbox_clear(struct outbox *outbox, struct fl_error *err);
/* The last event of each incident that is open. */
int outbox_each_open(struct outbox *outbox,
                     int (*visit)(uint64_t incident, const char *event, void *arg), void *arg,
                     struct fl_error *err);
/* How many were dropped since the last call. */
int outbox_take_dropped(struct outbox *outbox, const char *receiver, uint64_t *ret,
                        struct fl_error *err);
