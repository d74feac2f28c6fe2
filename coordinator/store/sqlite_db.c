/* Batches stay as they came over the wire: nobody asks for single results here, and a blob a
 * batch costs a fiftieth of a row a result. Verdicts are JSON, as the API prints them. */
#include "coordinator/store/sqlite_db.h"

#include "coordinator/store/sqlite_decisions.h"
#include "coordinator/trace/verdict_json.h"
#include "coordinator/trace/verdict_parse.h"

#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA_VERSION 1
#define BUSY_MS 5000

static const char pragmas[] = "PRAGMA journal_mode=WAL;"
                              "PRAGMA synchronous=FULL;"
                              "PRAGMA journal_size_limit=67108864;";

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS batches("
    " id INTEGER PRIMARY KEY, agent TEXT NOT NULL, boot INTEGER NOT NULL,"
    " sequence INTEGER NOT NULL, rx_us INTEGER NOT NULL, n_results INTEGER NOT NULL,"
    " bytes BLOB NOT NULL, UNIQUE(agent, boot, sequence));"
    "CREATE INDEX IF NOT EXISTS batches_by_rx ON batches(rx_us);"
    "CREATE TABLE IF NOT EXISTS incidents("
    " id INTEGER PRIMARY KEY, opened_us INTEGER NOT NULL, updated_us INTEGER NOT NULL,"
    " closed_us INTEGER, n_events INTEGER NOT NULL, verdict TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS events("
    " id INTEGER PRIMARY KEY, incident INTEGER NOT NULL, t_us INTEGER NOT NULL,"
    " event TEXT NOT NULL, verdict TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS events_by_incident ON events(incident, id);"
    "PRAGMA user_version=1;"
    "COMMIT;";

enum statement {
    PUT_BATCH,
    PUT_INCIDENT,
    PUT_EVENT,
    EXPIRE,
    LAST_INCIDENT,
    COUNT_ALL,
    COUNT_AGENT,
    INCIDENTS,
    INCIDENT,
    EVENTS,
    STATEMENTS
};

static const char *const statements[STATEMENTS] = {
    [PUT_BATCH] = "INSERT OR IGNORE INTO batches(agent, boot, sequence, rx_us, n_results, bytes)"
                  " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [PUT_INCIDENT] = "INSERT INTO incidents(id, opened_us, updated_us, closed_us, n_events,"
                     " verdict) VALUES(?1, ?2, ?2, ?3, 1, ?4)"
                     " ON CONFLICT(id) DO UPDATE SET updated_us = excluded.updated_us,"
                     " closed_us = excluded.closed_us, n_events = n_events + 1,"
                     " verdict = excluded.verdict",
    [PUT_EVENT] = "INSERT INTO events(incident, t_us, event, verdict) VALUES(?1, ?2, ?3, ?4)",
    [EXPIRE] = "DELETE FROM batches WHERE id IN"
               " (SELECT id FROM batches WHERE rx_us < ?1 ORDER BY rx_us LIMIT ?2)",
    [LAST_INCIDENT] = "SELECT coalesce(max(id), 0) FROM incidents",
    [COUNT_ALL] = "SELECT coalesce(sum(n_results), 0) FROM batches",
    [COUNT_AGENT] = "SELECT coalesce(sum(n_results), 0) FROM batches WHERE agent = ?1",
    [INCIDENTS] = "SELECT opened_us, updated_us, closed_us, n_events, verdict FROM incidents"
                  " WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
    [INCIDENT] = "SELECT opened_us, updated_us, closed_us, n_events, verdict FROM incidents"
                 " WHERE id = ?1",
    [EVENTS] = "SELECT t_us, event, verdict FROM events WHERE incident = ?1 ORDER BY id LIMIT ?2",
};

static const char close_orphans[] =
    "INSERT INTO events(incident, t_us, event, verdict)"
    " SELECT id, max(%lld, updated_us), 'close', verdict FROM incidents WHERE closed_us IS NULL"
    " ORDER BY id;"
    "UPDATE incidents SET closed_us = max(%lld, updated_us), updated_us = max(%lld, updated_us),"
    " n_events = n_events + 1 WHERE closed_us IS NULL;";

struct sqlite_db {
    sqlite3 *sqlite;
    sqlite3_stmt *statements[STATEMENTS];
};

static int failed(struct sqlite_db *db, struct fl_error *err, const char *what)
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

int sqlite_db_failed(struct sqlite_db *db, struct fl_error *err, const char *what)
{
    return failed(db, err, what);
}

struct sqlite3 *sqlite_db_handle(const struct sqlite_db *db)
{
    return db->sqlite;
}

static int execute(struct sqlite_db *db, const char *sql, const char *what, struct fl_error *err)
{
    return sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : failed(db, err, what);
}

static int read_version(struct sqlite_db *db, int *ret, struct fl_error *err)
{
    sqlite3_stmt *statement = NULL;
    int r = 0;

    if (sqlite3_prepare_v2(db->sqlite, "PRAGMA user_version", -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        r = failed(db, err, "be opened");
    else
        *ret = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return r;
}

static int prepare(struct sqlite_db *db, struct fl_error *err)
{
    int version = 0, r = read_version(db, &version, err);

    if (r < 0)
        return r;
    if (version > SCHEMA_VERSION)
        return fl_error_set(err, -EPROTONOSUPPORT,
                            "history was written by a newer version (its schema is %d, this "
                            "program knows up to %d); use that version or move the file away",
                            version, SCHEMA_VERSION);
    r = execute(db, pragmas, "be opened", err);
    if (r == 0 && version < SCHEMA_VERSION)
        r = execute(db, schema, "be created", err);
    if (r == 0)
        r = execute(db, sqlite_decisions_schema, "be created", err);
    for (size_t i = 0; r == 0 && i < STATEMENTS; i++)
        if (sqlite3_prepare_v3(db->sqlite, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &db->statements[i], NULL) != SQLITE_OK)
            r = failed(db, err, "be opened");
    return r;
}

int sqlite_db_open(const char *path, struct sqlite_db **ret, struct fl_error *err)
{
    FL_CLEANUP(sqlite_db_freep) struct sqlite_db *db = calloc(1, sizeof(*db));
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int r;

    if (!db)
        return fl_error_set(err, -ENOMEM, "no memory");
    if (sqlite3_open_v2(path, &db->sqlite, flags, NULL) != SQLITE_OK) {
        if (!db->sqlite)
            return fl_error_set(err, -ENOMEM, "no memory");
        return fl_error_prefix(err, failed(db, err, "be opened"), "\"%s\"", path);
    }
    (void)sqlite3_busy_timeout(db->sqlite, BUSY_MS);
    r = prepare(db, err);
    if (r < 0)
        return fl_error_prefix(err, r, "\"%s\"", path);
    *ret = FL_TAKE(db);
    return 0;
}

struct sqlite_db *sqlite_db_free(struct sqlite_db *db)
{
    if (!db)
        return NULL;
    for (size_t i = 0; i < STATEMENTS; i++)
        (void)sqlite3_finalize(db->statements[i]);
    (void)sqlite3_close(db->sqlite);
    free(db);
    return NULL;
}

int sqlite_db_begin(struct sqlite_db *db, struct fl_error *err)
{
    return execute(db, "BEGIN IMMEDIATE", "begin a transaction", err);
}

int sqlite_db_commit(struct sqlite_db *db, struct fl_error *err)
{
    return execute(db, "COMMIT", "be written", err);
}

void sqlite_db_rollback(struct sqlite_db *db)
{
    /* after a full disk SQLite has already rolled back, and then this has nothing to do */
    (void)sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
}

/* Run a statement that returns no rows. */
static int run(struct sqlite_db *db, sqlite3_stmt *statement, struct fl_error *err)
{
    int r = sqlite3_step(statement) == SQLITE_DONE ? 0 : failed(db, err, "be written");

    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return r;
}

int sqlite_db_put_batch(struct sqlite_db *db, const struct sqlite_batch *batch,
                        struct fl_error *err)
{
    sqlite3_stmt *statement = db->statements[PUT_BATCH];
    int r;

    (void)sqlite3_bind_text(statement, 1, batch->agent, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(statement, 2, (sqlite3_int64)batch->boot);
    (void)sqlite3_bind_int64(statement, 3, (sqlite3_int64)batch->sequence);
    (void)sqlite3_bind_int64(statement, 4, batch->rx_us);
    (void)sqlite3_bind_int64(statement, 5, (sqlite3_int64)batch->n_results);
    (void)sqlite3_bind_blob64(statement, 6, batch->bytes, batch->size, SQLITE_STATIC);
    r = run(db, statement, err);
    return r < 0 ? r : sqlite3_changes(db->sqlite) > 0;
}

static int put_verdict(struct sqlite_db *db, const struct verdict_event *event, const char *text,
                       struct fl_error *err)
{
    sqlite3_stmt *incident = db->statements[PUT_INCIDENT], *row = db->statements[PUT_EVENT];
    int r;

    (void)sqlite3_bind_int64(incident, 1, (sqlite3_int64)event->verdict.id);
    (void)sqlite3_bind_int64(incident, 2, event->t_us);
    if (event->type == VERDICT_CLOSE)
        (void)sqlite3_bind_int64(incident, 3, event->t_us);
    (void)sqlite3_bind_text(incident, 4, text, -1, SQLITE_STATIC);
    r = run(db, incident, err);
    if (r < 0)
        return r;
    (void)sqlite3_bind_int64(row, 1, (sqlite3_int64)event->verdict.id);
    (void)sqlite3_bind_int64(row, 2, event->t_us);
    (void)sqlite3_bind_text(row, 3, verdict_event_name(event->type), -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(row, 4, text, -1, SQLITE_STATIC);
    return run(db, row, err);
}

int sqlite_db_put_verdict(struct sqlite_db *db, const struct verdict_event *event,
                          struct fl_error *err)
{
    json_t *json = verdict_json(&event->verdict);
    char *text = json ? json_dumps(json, VERDICT_JSON_FLAGS) : NULL;
    int r = text ? put_verdict(db, event, text, err)
                 : fl_error_set(err, -ENOMEM, "no memory for a verdict");

    free(text);
    json_decref(json);
    return r;
}

int sqlite_db_expire(struct sqlite_db *db, fl_time before_us, int limit, struct fl_error *err)
{
    sqlite3_stmt *statement = db->statements[EXPIRE];
    int r;

    (void)sqlite3_bind_int64(statement, 1, before_us);
    (void)sqlite3_bind_int(statement, 2, limit);
    r = run(db, statement, err);
    return r < 0 ? r : sqlite3_changes(db->sqlite);
}

int sqlite_db_close_orphans(struct sqlite_db *db, fl_time t_us, struct fl_error *err)
{
    long long t = t_us;
    char *sql = sqlite3_mprintf(close_orphans, t, t, t);
    int r = sql ? sqlite_db_begin(db, err) : fl_error_set(err, -ENOMEM, "no memory");

    if (r == 0) {
        r = execute(db, sql, "close what was open", err);
        if (r == 0)
            r = sqlite_db_commit(db, err);
        if (r < 0)
            sqlite_db_rollback(db);
    }
    sqlite3_free(sql);
    return r;
}

static int read_number(struct sqlite_db *db, sqlite3_stmt *statement, uint64_t *ret,
                       struct fl_error *err)
{
    int r = 0;

    if (sqlite3_step(statement) == SQLITE_ROW)
        *ret = (uint64_t)sqlite3_column_int64(statement, 0);
    else
        r = failed(db, err, "be read");
    (void)sqlite3_reset(statement);
    return r;
}

int sqlite_db_last_incident(struct sqlite_db *db, uint64_t *ret, struct fl_error *err)
{
    return read_number(db, db->statements[LAST_INCIDENT], ret, err);
}

int sqlite_db_count_results(struct sqlite_db *db, const char *agent, uint64_t *ret,
                            struct fl_error *err)
{
    sqlite3_stmt *statement = db->statements[agent ? COUNT_AGENT : COUNT_ALL];

    if (agent)
        (void)sqlite3_bind_text(statement, 1, agent, -1, SQLITE_TRANSIENT);
    return read_number(db, statement, ret, err);
}

static int verdict_column(sqlite3_stmt *statement, int column, struct verdict *ret,
                          struct fl_error *err)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    json_t *json = text ? json_loads(text, 0, NULL) : NULL;
    int r = json ? verdict_parse(json, ret) : -EBADMSG;

    json_decref(json);
    return r < 0 ? fl_error_set(err, r, "history holds a verdict that cannot be read") : 0;
}

static int incident_row(sqlite3_stmt *statement, struct store_incident *ret, struct fl_error *err)
{
    ret->opened_us = sqlite3_column_int64(statement, 0);
    ret->updated_us = sqlite3_column_int64(statement, 1);
    ret->closed_us = sqlite3_column_type(statement, 2) == SQLITE_NULL
                         ? FL_ABSENT
                         : sqlite3_column_int64(statement, 2);
    ret->n_events = (uint32_t)sqlite3_column_int64(statement, 3);
    return verdict_column(statement, 4, &ret->verdict, err);
}

int sqlite_db_incidents(struct sqlite_db *db, uint64_t before_id, size_t limit,
                        struct store_incident **ret, size_t *ret_n, struct fl_error *err)
{
    sqlite3_stmt *statement = db->statements[INCIDENTS];
    struct store_incident *incidents = calloc(limit + 1, sizeof(*incidents));
    size_t n = 0;
    int r = 0, step = SQLITE_ROW;

    if (!incidents)
        return fl_error_set(err, -ENOMEM, "no memory for %zu incidents", limit);
    (void)sqlite3_bind_int64(statement, 1,
                             before_id == 0 || before_id > INT64_MAX ? INT64_MAX
                                                                     : (sqlite3_int64)before_id);
    (void)sqlite3_bind_int64(statement, 2, (sqlite3_int64)limit);
    while (r == 0 && (step = sqlite3_step(statement)) == SQLITE_ROW)
        r = incident_row(statement, &incidents[n++], err);
    if (r == 0 && step != SQLITE_DONE)
        r = failed(db, err, "be read");
    (void)sqlite3_reset(statement);
    if (r < 0) {
        free(incidents);
        return r;
    }
    *ret = incidents;
    *ret_n = n;
    return 0;
}

int sqlite_db_incident(struct sqlite_db *db, uint64_t id, struct store_incident *ret,
                       struct fl_error *err)
{
    sqlite3_stmt *statement = db->statements[INCIDENT];
    int r, step;

    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)id);
    step = sqlite3_step(statement);
    if (step == SQLITE_ROW)
        r = incident_row(statement, ret, err);
    else if (step == SQLITE_DONE)
        r = fl_error_set(err, -ENOENT, "there is no incident %llu", (unsigned long long)id);
    else
        r = failed(db, err, "be read");
    (void)sqlite3_reset(statement);
    return r;
}

static int event_row(sqlite3_stmt *statement, struct verdict_event *ret, struct fl_error *err)
{
    const char *name = (const char *)sqlite3_column_text(statement, 1);
    int type = name ? verdict_event_parse(name) : -1;

    if (type < 0)
        return fl_error_set(err, -EBADMSG, "history holds an event that cannot be read");
    ret->t_us = sqlite3_column_int64(statement, 0);
    ret->type = (enum verdict_event_type)type;
    return verdict_column(statement, 2, &ret->verdict, err);
}

int sqlite_db_events(struct sqlite_db *db, uint64_t id, size_t limit, struct verdict_event **ret,
                     size_t *ret_n, struct fl_error *err)
{
    sqlite3_stmt *statement = db->statements[EVENTS];
    struct verdict_event *events = calloc(limit + 1, sizeof(*events));
    size_t n = 0;
    int r = 0, step = SQLITE_ROW;

    if (!events)
        return fl_error_set(err, -ENOMEM, "no memory for %zu events", limit);
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)id);
    (void)sqlite3_bind_int64(statement, 2, (sqlite3_int64)limit);
    while (r == 0 && (step = sqlite3_step(statement)) == SQLITE_ROW)
        r = event_row(statement, &events[n++], err);
    if (r == 0 && step != SQLITE_DONE)
        r = failed(db, err, "be read");
    (void)sqlite3_reset(statement);
    if (r < 0) {
        free(events);
        return r;
    }
    *ret = events;
    *ret_n = n;
    return 0;
}
