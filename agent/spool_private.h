/* What the spool's own files (spool.c, spool_drop.c) share. Nobody else includes this. */
#pragma once

#include "agent/account_file.h"
#include "agent/spool.h"
#include "proto/types/fl_limits.h"

#include <pthread.h>

struct held {
    struct held *next;
    struct account_slot *slot; /* so that it is known of when the agent dies */
    struct spool_row row;      /* row.bytes are `bytes` */
    uint8_t bytes[];
};

/* What the file holds. */
struct spool_totals {
    size_t n_rows, n_gone;
    int64_t bytes;    /* without records of what was dropped */
    uint64_t results; /* in its rows, and lost with them */
    uint64_t settled; /* acknowledged and removed */
    struct spool_dropped dropped;
};

struct spool {
    struct spool_settings settings;
    char agent[FL_NAME_SIZE];
    struct account_file *account_file;
    struct spool_file *writer_file; /* the writer's, after the start */
    struct spool_file *reader_file; /* the loop's */
    int lock_fd;

    pthread_t thread;
    bool thread_started;
    pthread_mutex_t lock; /* what follows is shared */
    pthread_cond_t work, done;
    bool stop, writing;
    struct spool_dropped counted; /* lost, and not yet in the file's count */
    bool hurry;                   /* somebody waits for what is there to be written */
    bool more;                    /* old rows are left to be dropped */
    uint64_t n_attempts;
    struct held *held_first, **held_end;
    struct held *writing_end; /* the writer reads up to this one; NULL: reads none */
    size_t held_bytes, n_held;
    uint64_t removed_results; /* of account->removed */
    uint64_t held_results;
    int64_t now_us;
    struct account_page *account;
    int64_t condemned_from, condemned_to; /* rows that are becoming one record; to 0: none */
    int64_t first_real;                   /* all rows before are records of what was dropped */
    int64_t last_id;                      /* of the file at the start */
    struct spool_totals file;
    struct spool_state state; /* n_batches and bytes: of the file */
};

/* One transaction's work, the writer's alone. */
struct job {
    const struct held *first, *last;
    struct account_removed *removed;
    size_t n_removed;
    int64_t now_us;
    struct spool_dropped counted; /* lost elsewhere since the last one */
    /* outcome */
    struct spool_totals file;
    int64_t first_real;
    int64_t gone_from, gone_to; /* rows that are there no more */
    bool more;                  /* further old rows are to be dropped */
};

int64_t spool_cost(size_t size);

/* spool_drop.c */

/* Drop the oldest rows while the file is over a limit; each leaves a record in its place. Within
 * the writer's transaction. */
int spool_trim(struct spool *spool, struct job *job, struct fl_error *err);

/* The same in memory, for one batch that is not being written. false: there is none to drop. With
 * the lock. */
bool spool_drop_held(struct spool *spool);

/* Records in the place of what was in memory when the agent died. `row` as in spool_open. 0 or
 * -ENOMEM. */
int spool_recover(struct spool *spool, void (*row)(const struct spool_row *row, void *arg),
                  void *arg);

/* spool.c: with the lock. */
void spool_append_held(struct spool *spool, struct held *held);
void spool_unlink_held(struct spool *spool, struct held **at);
