#include "coordinator/store/sqlite_db.h"

#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define BUSY_MS 5000

int sqlite_db_failed(struct sqlite_db *db, struct fl_error *err, const char *what)
{
    int code;

    switch (sqlite3_errcode(db->sqlite) & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        code = -EBADMSG;
        break;
    case SQLITE_FULL:
        code = -ENOSPC;
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        code = -EAGAIN;
        break;
    case SQLITE_NOMEM:
        code = -ENOMEM;
        break;
    default:
        code = -EIO;
    }
    return fl_error_set(err, code, "history cannot %s: %s", what, sqlite3_errmsg(db->sqlite));
}

int sqlite_db_execute(struct sqlite_db *db, const char *sql, const char *what, struct fl_error *err)
{
    return sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL) == SQLITE_OK
               ? 0
               : sqlite_db_failed(db, err, what);
}

int sqlite_db_statement(struct sqlite_db *db, const char *sql, sqlite3_stmt **ret,
                        struct fl_error *err)
{
    size_t i = 0;

    while (i < db->n_statements && db->statements[i].sql != sql)
        i++;
    if (i == SQLITE_DB_STATEMENTS)
        return fl_error_set(err, -ENOMEM, "history has too many statements");
    if (i == db->n_statements) {
        if (sqlite3_prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT,
                               &db->statements[i].statement, NULL) != SQLITE_OK)
            return sqlite_db_failed(db, err, "be opened");
        db->statements[i].sql = sql;
        db->n_statements++;
    }
    *ret = db->statements[i].statement;
    (void)sqlite3_reset(*ret);
    (void)sqlite3_clear_bindings(*ret);
    return 0;
}

int sqlite_db_run(struct sqlite_db *db, sqlite3_stmt *statement, struct fl_error *err)
{
    int r = sqlite3_step(statement) == SQLITE_DONE ? 0 : sqlite_db_failed(db, err, "be written");

    (void)sqlite3_reset(statement);
    return r;
}

void sqlite_db_bind(sqlite3_stmt *statement, int n, const int64_t *numbers)
{
    for (int i = 0; i < n; i++)
        (void)sqlite3_bind_int64(statement, i + 1, numbers[i]);
}

int sqlite_db_step(struct sqlite_db *db, sqlite3_stmt *statement, struct fl_error *err)
{
    int step = sqlite3_step(statement), r;

    if (step == SQLITE_ROW)
        return 1;
    r = step == SQLITE_DONE ? 0 : sqlite_db_failed(db, err, "be read");
    (void)sqlite3_reset(statement);
    return r;
}

int sqlite_db_number(struct sqlite_db *db, sqlite3_stmt *statement, int64_t *ret,
                     struct fl_error *err)
{
    int r = sqlite_db_step(db, statement, err);

    if (r == 1)
        *ret = sqlite3_column_int64(statement, 0);
    (void)sqlite3_reset(statement);
    return r == 0 ? fl_error_set(err, -ENOENT, "there is nothing") : r < 0 ? r : 0;
}

static struct db *sqlite_close(struct db *base)
{
    struct sqlite_db *db = sqlite_db_of(base);

    if (!db)
        return NULL;
    for (size_t i = 0; i < db->n_statements; i++)
        (void)sqlite3_finalize(db->statements[i].statement);
    (void)sqlite3_close(db->sqlite);
    free(db);
    return NULL;
}

static int sqlite_open(const char *path, struct db **ret, struct fl_error *err)
{
    struct sqlite_db *db = calloc(1, sizeof(*db));
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int r;

    if (!db)
        return fl_error_set(err, -ENOMEM, "no memory");
    db->db.type = &sqlite_db_type;
    if (sqlite3_open_v2(path, &db->sqlite, flags, NULL) != SQLITE_OK)
        r = db->sqlite ? sqlite_db_failed(db, err, "be opened")
                       : fl_error_set(err, -ENOMEM, "no memory");
    else
        r = sqlite3_busy_timeout(db->sqlite, BUSY_MS) == SQLITE_OK ? sqlite_schema_prepare(db, err)
                                                                   : -EIO;
    if (r < 0) {
        sqlite_close(&db->db);
        return fl_error_prefix(err, r, "\"%s\"", path);
    }
    *ret = &db->db;
    return 0;
}

/* A file that is damaged is evidence: it is kept beside, and history begins anew. */
static int sqlite_move_aside(const char *path, struct fl_error *err)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    long long now = (long long)(fl_clock_wall() / FL_SECOND);
    char from[4200], to[4300];

    for (size_t i = 0; i < FL_COUNT(suffixes); i++) {
        (void)snprintf(from, sizeof(from), "%s%s", path, suffixes[i]);
        (void)snprintf(to, sizeof(to), "%s.damaged-%lld%s", path, now, suffixes[i]);
        if (rename(from, to) < 0 && (i == 0 || errno != ENOENT))
            return fl_error_prefix(err, -errno, "\"%s\" is damaged and cannot be moved aside",
                                   path);
    }
    fl_log_error("store",
                 "\"%s\" is damaged: it is kept as \"%s.damaged-%lld\" and history begins "
                 "anew",
                 path, path, now);
    return 0;
}

static int sqlite_begin(struct db *db, struct fl_error *err)
{
    return sqlite_db_execute(sqlite_db_of(db), "BEGIN IMMEDIATE", "begin a transaction", err);
}

static int sqlite_begin_reading(struct db *db, struct fl_error *err)
{
    return sqlite_db_execute(sqlite_db_of(db), "BEGIN", "begin a transaction", err);
}

static int sqlite_commit(struct db *db, struct fl_error *err)
{
    return sqlite_db_execute(sqlite_db_of(db), "COMMIT", "be written", err);
}

static void sqlite_rollback(struct db *db)
{
    /* after a full disk SQLite has already rolled back, and then this has nothing to do */
    (void)sqlite3_exec(sqlite_db_of(db)->sqlite, "ROLLBACK", NULL, NULL, NULL);
}

const struct db_type sqlite_db_type = {
    .open = sqlite_open,
    .close = sqlite_close,
    .move_aside = sqlite_move_aside,
    .begin = sqlite_begin,
    .begin_reading = sqlite_begin_reading,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .put_batches = sqlite_put_batches,
    .put_verdict = sqlite_put_verdict,
    .put_decision = sqlite_put_decision,
    .decisions = sqlite_decisions,
    .put_fleet = sqlite_put_fleet,
    .inbox_newest = sqlite_inbox_newest,
    .inbox_agent = sqlite_inbox_agent,
    .inbox_read = sqlite_inbox_read,
    .put_chunks = sqlite_put_chunks,
    .agent_rollups = sqlite_agent_rollups,
    .put_rollups = sqlite_put_rollups,
    .set_packed = sqlite_set_packed,
    .inbox_delete = sqlite_inbox_delete,
    .mark_stale = sqlite_mark_stale,
    .next_stale = sqlite_next_stale,
    .clear_stale = sqlite_clear_stale,
    .seen_at = sqlite_seen_at,
    .put_uptime = sqlite_put_uptime,
    .uptime = sqlite_uptime,
    .expire = sqlite_expire,
    .find_agent = sqlite_find_agent,
    .read_chunks = sqlite_read_chunks,
    .read_rollups = sqlite_read_rollups,
    .last_incident = sqlite_last_incident,
    .incidents = sqlite_incidents,
    .incident = sqlite_incident,
    .events = sqlite_events,
    .close_orphans = sqlite_close_orphans,
    .put_account = sqlite_put_account,
    .accounts = sqlite_accounts,
    .count_results = sqlite_count_results,
};
