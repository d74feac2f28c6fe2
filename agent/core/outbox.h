/* Gathers results and host samples into batches. While all is well one a second is enough: a
 * coordinator lets a success count only once a probe begun with it could have failed by its
 * timeout, so a batch may wait as long as the plan's shortest timeout, and that is its patience.
 * What somebody waits for (a failure, a retransmission, a slow answer) hurries it, and keeps the
 * batches short for a while. While no coordinator listens nothing hurries. Takes its memory once.
 * Times are monotonic. */
#pragma once

#include "proto/types/fl_cleanup.h"
#include "proto/types/fl_host.h"
#include "proto/types/fl_result.h"

#define OUTBOX_NEVER INT64_MAX
#define OUTBOX_RESULTS 1024 /* of one batch; below FL_MAX_BATCH_RESULTS and FL_MAX_MESSAGE */
#define OUTBOX_HOSTS 8

#define OUTBOX_DELAY_US INT64_C(200000)   /* after the first result; patience makes it longer */
#define OUTBOX_CALM_US INT64_C(1000000)   /* the longest patience */
#define OUTBOX_HURRY_US INT64_C(50000)    /* after what somebody waits for */
#define OUTBOX_SLOW_US INT64_C(200000)    /* a success that took longer hurries too */
#define OUTBOX_ALERT_US INT64_C(10000000) /* so long after that no patience is had */
#define OUTBOX_AWAY_DELAY_US INT64_C(1000000)

struct outbox;

/* One batch, borrowed until the next add. */
struct outbox_batch {
    uint64_t sequence; /* from 1, of this boot */
    size_t n_results;
    struct fl_result *results;
    size_t n_hosts;
    struct fl_host_sample *hosts;
};

int outbox_new(struct outbox **ret);
struct outbox *outbox_free(struct outbox *outbox);
FL_DEFINE_FREEP(struct outbox, outbox)

/* Copied. false: the batch is full and this one is lost, for the caller to count. */
bool outbox_add_result(struct outbox *outbox, const struct fl_result *result, int64_t now_us);
bool outbox_add_host(struct outbox *outbox, const struct fl_host_sample *sample, int64_t now_us);

/* The shortest timeout of the plan; until this is said there is no patience. */
void outbox_set_shortest_timeout(struct outbox *outbox, int64_t timeout_us);

/* Does any coordinator listen? */
void outbox_set_away(struct outbox *outbox, bool away);

/* When the batch is due; OUTBOX_NEVER while it is empty. */
int64_t outbox_deadline(const struct outbox *outbox);

/* Take what there is as the next batch. false when there is nothing. */
bool outbox_take(struct outbox *outbox, struct outbox_batch *ret);
