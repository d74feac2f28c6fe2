/* The spool's file: SQLite in WAL mode, one row a batch, oldest first by id. Every call may wait
 * for the disk; spool.c keeps that away from the loop. */
#pragma once

#include "proto/types/fl_cleanup.h"
#include "proto/types/fl_error.h"
#include "proto/types/fl_time.h"

#include <stdbool.h>
#include <stddef.h>

struct spool_file;

struct spool_row {
    int64_t id;
    uint64_t boot;
    uint64_t sequence;
    uint32_t n_results;
    uint64_t lost;    /* results that it says were lost */
    uint64_t skipped; /* sequences before it that it stands for */
    bool gone;        /* a record in the place of what was dropped */
    fl_time t_us;     /* when it was spooled */
    const uint8_t *bytes;
    size_t size;
};

/* What was lost from this spool since it was first made. */
struct spool_dropped {
    uint64_t results;
    uint64_t batches;
};

/* Open or make. A file that is damaged, or no spool of ours, is moved to PATH.bad (one is kept)
 * and a new one made; `notice` then says so, else it is "". */
int spool_file_open(const char *path, bool full_sync, struct fl_error *notice,
                    struct spool_file **ret, struct fl_error *err);
/* A second handle on a spool that is open, to read beside the writer. */
int spool_file_open_reader(const char *path, struct spool_file **ret, struct fl_error *err);
struct spool_file *spool_file_free(struct spool_file *file);
FL_DEFINE_FREEP(struct spool_file, spool_file)

/* Call `row` for every row, oldest first, without its bytes but with their size. */
int spool_file_each(struct spool_file *file, void (*row)(const struct spool_row *row, void *arg),
                    void *arg, struct fl_error *err);

/* The bytes of one row, freed by the caller. -ENOENT when it is not there. */
int spool_file_read(struct spool_file *file, int64_t id, uint8_t **ret_bytes, size_t *ret_size,
                    struct fl_error *err);

/* One transaction of any of the calls below. What fails leaves it to spool_file_rollback. */
int spool_file_begin(struct spool_file *file, struct fl_error *err);
int spool_file_commit(struct spool_file *file, struct fl_error *err);
void spool_file_rollback(struct spool_file *file);

int spool_file_insert(struct spool_file *file, const struct spool_row *row, struct fl_error *err);
/* In the place of the row with this id. */
int spool_file_replace(struct spool_file *file, const struct spool_row *row, struct fl_error *err);
/* `*ret` receives what it was, without its bytes; 1: deleted, 0: was not there. */
int spool_file_delete(struct spool_file *file, int64_t id, struct spool_row *ret,
                      struct fl_error *err);
/* Rows without their bytes; 1: there is one, 0: there is none. The oldest batch from `id` on, the
 * oldest record of what was dropped, and what lies right before `id`. */
int spool_file_oldest(struct spool_file *file, int64_t id, struct spool_row *ret,
                      struct fl_error *err);
int spool_file_oldest_gone(struct spool_file *file, struct spool_row *ret, struct fl_error *err);
int spool_file_before(struct spool_file *file, int64_t id, struct spool_row *ret,
                      struct fl_error *err);

/* What was lost, and how many results were acknowledged and removed. */
int spool_file_load_totals(struct spool_file *file, struct spool_dropped *ret,
                           uint64_t *ret_settled, struct fl_error *err);
int spool_file_save_totals(struct spool_file *file, const struct spool_dropped *dropped,
                           uint64_t settled, struct fl_error *err);
