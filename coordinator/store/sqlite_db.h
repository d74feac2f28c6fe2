/* One connection to the history file: its schema and every statement. For store_sqlite.c only,
 * which has one connection for its writer's thread and one for the readers'. */
#pragma once

#include "coordinator/store/store.h"

#include <stdbool.h>

struct sqlite_db;

/* A batch as it is kept: the bytes of the wire and what is asked of it. */
struct sqlite_batch {
    char agent[FL_NAME_SIZE];
    uint64_t boot, sequence;
    fl_time rx_us;
    size_t n_results;
    uint8_t *bytes;
    size_t size;
};

/* All return 0 or more, or: -EBADMSG the file is damaged or is no database, -ENOSPC the disk is
 * full, -EAGAIN it is locked, -ENOMEM, -EIO. */
int sqlite_db_open(const char *path, struct sqlite_db **ret, struct fl_error *err);
struct sqlite_db *sqlite_db_free(struct sqlite_db *db);
FL_DEFINE_FREEP(struct sqlite_db, sqlite_db)

/* For the statements of sqlite_decisions.c, and what a failure of one of them is. */
struct sqlite3 *sqlite_db_handle(const struct sqlite_db *db);
int sqlite_db_failed(struct sqlite_db *db, struct fl_error *err, const char *what);

int sqlite_db_begin(struct sqlite_db *db, struct fl_error *err);
int sqlite_db_commit(struct sqlite_db *db, struct fl_error *err);
void sqlite_db_rollback(struct sqlite_db *db);

/* 1: stored. 0: it is there already. */
int sqlite_db_put_batch(struct sqlite_db *db, const struct sqlite_batch *batch,
                        struct fl_error *err);
int sqlite_db_put_verdict(struct sqlite_db *db, const struct verdict_event *event,
                          struct fl_error *err);
/* Delete up to `limit` batches received before `before_us`; returns how many. */
int sqlite_db_expire(struct sqlite_db *db, fl_time before_us, int limit, struct fl_error *err);

int sqlite_db_close_orphans(struct sqlite_db *db, fl_time t_us, struct fl_error *err);
int sqlite_db_last_incident(struct sqlite_db *db, uint64_t *ret, struct fl_error *err);
int sqlite_db_count_results(struct sqlite_db *db, const char *agent, uint64_t *ret,
                            struct fl_error *err);
int sqlite_db_incidents(struct sqlite_db *db, uint64_t before_id, size_t limit,
                        struct store_incident **ret, size_t *ret_n, struct fl_error *err);
int sqlite_db_incident(struct sqlite_db *db, uint64_t id, struct store_incident *ret,
                       struct fl_error *err);
int sqlite_db_events(struct sqlite_db *db, uint64_t id, size_t limit, struct verdict_event **ret,
                     size_t *ret_n, struct fl_error *err);
