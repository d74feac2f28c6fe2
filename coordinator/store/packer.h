/* Makes chunks and rollups of the batches in the inbox, a little at a time, so that the thread
 * that does it gets round to what comes in meanwhile. Each step is one transaction: what it wrote
 * is there once and what it did not will be done again. */
#pragma once

#include "coordinator/store/db.h"

struct packer;

struct packer_stats {
    uint64_t results;    /* packed since start */
    uint64_t unreadable; /* batches that were given up: nothing could read them */
};

int packer_new(const struct store_keep *keep, struct packer **ret);
struct packer *packer_free(struct packer *packer);
FL_DEFINE_FREEP(struct packer, packer)

/* Begin a round at the next whole multiple of their length. */
void packer_wait(struct packer *packer, int64_t monotonic_us, fl_time now_us);
/* When the next step is due, by the monotonic clock. */
int64_t packer_due(const struct packer *packer);
/* Do a step of what is due. `now_us` is the wall clock's. */
int packer_step(struct packer *packer, struct db *db, int64_t monotonic_us, fl_time now_us,
                struct fl_error *err);
/* After a failure, or with another connection: begin with a fresh look then. */
void packer_restart(struct packer *packer, int64_t monotonic_us);
/* Announced work, for the uptime that is made from now on (taken). */
void packer_set_works(struct packer *packer, struct uptime_work *works, size_t n);
void packer_stats(const struct packer *packer, struct packer_stats *ret);
