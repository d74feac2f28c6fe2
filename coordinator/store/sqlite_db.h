/* One connection to the history file, for the files that hold its statements: sqlite_inbox.c,
 * sqlite_series.c, sqlite_uptime.c, sqlite_incidents.c and sqlite_decisions.c. */
#pragma once

#include "coordinator/store/db.h"

#include <sqlite3.h>

#define SQLITE_DB_STATEMENTS 64

struct sqlite_db {
    struct db db;
    sqlite3 *sqlite;
    size_t n_statements;
    struct {
        const char *sql; /* where the text lies is its identity */
        sqlite3_stmt *statement;
    } statements[SQLITE_DB_STATEMENTS];
};

extern const struct db_type sqlite_db_type;

static inline struct sqlite_db *sqlite_db_of(struct db *db)
{
    return (struct sqlite_db *)db;
}

/* Say what failed, by SQLite's own words; returns what db.h has for it. */
int sqlite_db_failed(struct sqlite_db *db, struct fl_error *err, const char *what);
/* SQL without results. */
int sqlite_db_execute(struct sqlite_db *db, const char *sql, const char *what,
                      struct fl_error *err);
/* A statement whose text is a constant: prepared once, then reset at each call. */
int sqlite_db_statement(struct sqlite_db *db, const char *sql, sqlite3_stmt **ret,
                        struct fl_error *err);
/* Run one that returns no rows. */
int sqlite_db_run(struct sqlite_db *db, sqlite3_stmt *statement, struct fl_error *err);
/* Bind what is not text to ?1, ?2, ... */
void sqlite_db_bind(sqlite3_stmt *statement, int n, const int64_t *numbers);
/* Step through rows: 1 a row, 0 no more; what is read is reset at the end. */
int sqlite_db_step(struct sqlite_db *db, sqlite3_stmt *statement, struct fl_error *err);
/* The first column of the first row; -ENOENT when there is none. */
int sqlite_db_number(struct sqlite_db *db, sqlite3_stmt *statement, int64_t *ret,
                     struct fl_error *err);

/* sqlite_schema.c: 0 when it is there in this version, created or migrated. */
int sqlite_schema_prepare(struct sqlite_db *db, struct fl_error *err);

/* sqlite_decisions.c */
extern const char sqlite_decisions_schema[];
int sqlite_put_decision(struct db *db, const struct store_decision *decision, struct fl_error *err);
/* The caller frees `ret`. */
int sqlite_decisions(struct db *db, const char *group, uint64_t before_id, size_t limit,
                     struct store_decision **ret, size_t *ret_n, struct fl_error *err);

/* sqlite_inbox.c */
int sqlite_put_batches(struct db *db, struct db_batch *const *batches, size_t n,
                       struct fl_error *err);
int sqlite_inbox_newest(struct db *db, int64_t *ret, struct fl_error *err);
int sqlite_inbox_agent(struct db *db, int64_t after, int64_t up_to, struct db_agent *ret,
                       struct fl_error *err);
int sqlite_inbox_read(struct db *db, const struct db_agent *agent, int64_t up_to,
                      size_t max_results, db_letter_cb visit, void *arg, struct fl_error *err);
int sqlite_set_packed(struct db *db, int64_t agent, int64_t up_to, struct fl_error *err);
int sqlite_inbox_delete(struct db *db, int64_t up_to, int limit, struct fl_error *err);
int sqlite_find_agent(struct db *db, const char *name, struct db_agent *ret, struct fl_error *err);
int sqlite_put_account(struct db *db, const struct store_account *account, struct fl_error *err);
int sqlite_accounts(struct db *db, db_account_cb visit, void *arg, struct fl_error *err);
int sqlite_count_results(struct db *db, const char *agent, uint64_t *ret, struct fl_error *err);

/* sqlite_series.c */
int sqlite_put_fleet(struct db *db, const struct fleet *fleet, struct fl_error *err);
int sqlite_put_chunks(struct db *db, int64_t agent, const struct db_chunk *chunks, size_t n,
                      struct fl_error *err);
int sqlite_agent_rollups(struct db *db, unsigned level, int64_t agent, fl_time start_us,
                         db_rollup_cb visit, void *arg, struct fl_error *err);
int sqlite_put_rollups(struct db *db, unsigned level, const struct db_rollup *rows, size_t n,
                       struct fl_error *err);
int sqlite_expire(struct db *db, const struct store_keep *keep, fl_time now_us,
                  struct fl_error *err);
int sqlite_read_chunks(struct db *db, int64_t agent, uint32_t series, fl_time from_us,
                       fl_time to_us, db_chunk_cb visit, void *arg, struct fl_error *err);
int sqlite_read_rollups(struct db *db, unsigned level, int64_t agent, uint32_t series,
                        fl_time from_us, fl_time to_us, db_rollup_cb visit, void *arg,
                        struct fl_error *err);

/* sqlite_uptime.c */
int sqlite_mark_stale(struct db *db, fl_time start_us, struct fl_error *err);
int sqlite_next_stale(struct db *db, fl_time *ret_start_us, struct fl_error *err);
int sqlite_clear_stale(struct db *db, fl_time start_us, struct fl_error *err);
int sqlite_seen_at(struct db *db, fl_time start_us, db_seen_cb visit, void *arg,
                   struct fl_error *err);
int sqlite_put_uptime(struct db *db, const struct db_uptime *uptime, struct fl_error *err);
int sqlite_uptime(struct db *db, fl_time from_us, fl_time to_us, struct store_uptime **ret,
                  size_t *ret_n, struct fl_error *err);

/* sqlite_incidents.c */
int sqlite_put_verdict(struct db *db, const struct verdict_event *event, struct fl_error *err);
int sqlite_last_incident(struct db *db, uint64_t *ret, struct fl_error *err);
int sqlite_incidents(struct db *db, uint64_t before_id, size_t limit, struct store_incident **ret,
                     size_t *ret_n, struct fl_error *err);
int sqlite_incident(struct db *db, uint64_t id, struct store_incident *ret, struct fl_error *err);
int sqlite_events(struct db *db, uint64_t id, size_t limit, struct verdict_event **ret,
                  size_t *ret_n, struct fl_error *err);
int sqlite_close_orphans(struct db *db, fl_time t_us, struct fl_error *err);
