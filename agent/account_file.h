/* The agent's side of the account, in a file that is mapped: what probes have given, what is in
 * memory only, and what was acknowledged and is still on the disk, survives kill -9 at any instant
 * without a write to the disk. After a loss of power
 * it may be some seconds old. No two threads at once. */
#pragma once

#include "proto/types/fl_cleanup.h"
#include "proto/types/fl_error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ACCOUNT_FILE_SLOTS 1024
#define ACCOUNT_FILE_REMOVED 16384

/* A batch that is in memory only. */
struct account_slot {
    int64_t id; /* of its row; 0: the slot is free */
    uint64_t boot, sequence, skipped;
    uint64_t results; /* in it, and lost with it */
};

/* An acknowledged batch whose row is to be deleted. */
struct account_removed {
    int64_t id;
    uint64_t results; /* in it, and lost with it */
};

struct account_page {
    char magic[8];
    uint64_t number;       /* drawn when the account was begun */
    uint64_t produced;     /* results since then */
    uint64_t settled_held; /* of these, acknowledged before they were written */
    uint64_t settled_file; /* acknowledged after; the spool's own count, for when that is lost */
    int64_t next_id;       /* of the spool's rows */
    int64_t sent_up_to;    /* ids above it never left */
    struct account_slot slots[ACCOUNT_FILE_SLOTS];
    uint64_t n_removed; /* after a crash one may be there twice, or be deleted already */
    struct account_removed removed[ACCOUNT_FILE_REMOVED];
};

struct account_file;

/* Open DIRECTORY/account.bin or begin a new one; one that is not ours is begun anew. `*ret_page` is
 * valid until it is freed. */
int account_file_open(const char *directory, struct account_file **ret,
                      struct account_page **ret_page, struct fl_error *err);
struct account_file *account_file_free(struct account_file *file);
FL_DEFINE_FREEP(struct account_file, account_file)

/* Take a free slot; NULL when there is none. Free it with account_slot_free. */
struct account_slot *account_slot_take(struct account_page *page, const struct account_slot *what);
/* Say something else in its place. */
void account_slot_set(struct account_slot *slot, const struct account_slot *what);
void account_slot_free(struct account_slot *slot);

/* Note an acknowledged batch; false when there is no room. */
bool account_removed_add(struct account_page *page, const struct account_removed *what);
/* Forget the first `n`. */
void account_removed_drop(struct account_page *page, size_t n);
