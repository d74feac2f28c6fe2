/* Puts snapshots into a bucket of an object store that speaks S3, on a thread of its own: a store
 * that is slow or away delays nothing. Only what is newest is put, and of that only the files that
 * are not there yet as they are; what fails is tried again until something newer comes. */
#pragma once

#include "coordinator/config_bucket.h"
#include "coordinator/status/snapshot.h"
#include "proto/types/fl_cleanup.h"
#include "proto/types/fl_time.h"

struct snapshot_bucket;

struct snapshot_bucket_stats {
    uint64_t put;               /* snapshots that are whole in the bucket, since start */
    uint64_t failed;            /* attempts that were not */
    uint64_t overtaken;         /* snapshots that a newer one came before */
    fl_time good_us;            /* when the last one was there; 0: never */
    struct fl_error last_error; /* of the last attempt; "": it was good, or there was none */
};

int snapshot_bucket_new(struct snapshot_bucket **ret);
/* What is under way is given up within a second. */
struct snapshot_bucket *snapshot_bucket_free(struct snapshot_bucket *bucket);
FL_DEFINE_FREEP(struct snapshot_bucket, snapshot_bucket)

/* Have `snapshot`, which is taken over, put where the settings (copied) say. 0 or -ENOMEM. */
int snapshot_bucket_put(struct snapshot_bucket *bucket, const struct config_bucket *settings,
                        struct snapshot *snapshot);
void snapshot_bucket_stats(struct snapshot_bucket *bucket, struct snapshot_bucket_stats *ret);
