/* Batches that not every coordinator has acknowledged, kept on disk so that neither a coordinator
 * that is away nor a crash of the agent loses them.
 *
 * A thread of its own writes, so that a sick disk never holds the loop up: a batch is handed
 * over in memory, is readable at once and is on disk milliseconds later. What that promises: with
 * spool_sync normal a batch survives the death of the agent (kill -9) once it is written, with
 * full also the loss of power. While the disk cannot be written to, batches stay in memory, up to
 * SPOOL_HELD_BYTES. What exceeds a limit is dropped, oldest first, and counted for ever.
 *
 * What is dropped leaves a record in its place, a batch of the same sequence that says how many
 * results are lost: it is sent and acknowledged as any other, so that a coordinator that had the
 * batch already takes the record for what came twice. Neighbours that never left are one record.
 *
 * The account: produced = settled + in the spool + in the hands of the caller + homeless. */
#pragma once

#include "agent/spool_file.h"

#define SPOOL_HELD_BYTES (4 << 20) /* not yet written */
#define SPOOL_ROW_BYTES 64         /* what a row costs beside its bytes */

struct spool;

struct spool_settings {
    int64_t max_bytes;
    int64_t max_age_us;
    size_t max_batches; /* without records of what was dropped, */
    size_t max_records; /* of which there may be so many; the oldest becomes homeless again */
    bool full_sync;
    const char *agent; /* its name, copied */
};

/* Open DIRECTORY/spool.db; only one process may. `notice` as in spool_file_open; `row` is called
 * for every batch that is there, oldest first. */
int spool_open(const char *directory, const struct spool_settings *settings,
               void (*row)(const struct spool_row *row, void *arg), void *arg,
               struct fl_error *notice, struct spool **ret, struct fl_error *err);
struct spool *spool_free(struct spool *spool); /* writes what is left first */
FL_DEFINE_FREEP(struct spool, spool)

/* Keep a batch (copied; row->id is not read). Ids grow. -ENOMEM, or -ENOBUFS while the
 * disk refuses and memory is full: not kept, for the caller to count. */
int spool_add(struct spool *spool, const struct spool_row *row, int64_t *ret_id);

/* Its bytes to be sent, freed by the caller. -ENOENT: it was dropped; -EBUSY: not now. */
int spool_read(struct spool *spool, int64_t id, uint8_t **ret_bytes, size_t *ret_size,
               struct fl_error *err);

/* Nobody needs it any more, nor the results in it or lost with it. */
void spool_remove(struct spool *spool, int64_t id, uint64_t results);

/* Wait until all that was handed over is on disk; negative when the disk refuses. */
int spool_flush(struct spool *spool, struct fl_error *err);

/* Results that were lost before they reached the spool count here too. */
void spool_count_lost(struct spool *spool, uint64_t n_results, uint64_t n_batches);

/* Probes gave so many results. */
void spool_count_produced(struct spool *spool, uint64_t n);

/* Results that were produced and never came into the spool nor are among the `waiting` that the
 * caller still has: it lost them, now or when the agent died. The next batch is to say so. */
uint64_t spool_homeless(struct spool *spool, uint64_t waiting);

struct spool_account {
    uint64_t number;   /* drawn when it was begun */
    uint64_t produced; /* results since then */
    uint64_t settled;  /* of these, stored by all coordinators, or lost and told to all */
};
void spool_get_account(struct spool *spool, struct spool_account *ret);

struct spool_state {
    size_t n_batches; /* on disk and in memory */
    int64_t bytes;
    int64_t gone_from, gone_to; /* rows from the one to before the other are there no more */
    struct spool_dropped dropped;
    bool failing; /* the disk refuses; `failure` says how */
    struct fl_error failure;
};
void spool_get_state(struct spool *spool, struct spool_state *ret);
