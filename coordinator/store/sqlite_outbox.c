/* The outbox is a file of its own: it is small, and what it must survive is another thing than
 * what the history must. */
#include "coordinator/store/outbox.h"
#include "proto/runtime/fl_daemon.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUSY_MS 5000

struct outbox {
    sqlite3 *sqlite;
    char id[OUTBOX_ID_SIZE];
};

static const char schema[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS box(id TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS outbox("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT NOT NULL, incident INTEGER NOT NULL,"
    " message INTEGER NOT NULL DEFAULT 0, event TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS outbox_by_receiver ON outbox(receiver, message, id);"
    "CREATE TABLE IF NOT EXISTS open_incidents(incident INTEGER PRIMARY KEY, event TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS dropped(receiver TEXT PRIMARY KEY, n INTEGER NOT NULL);"
    "COMMIT;";

static int failed(struct outbox *outbox, struct fl_error *err, const char *what)
{
    return fl_error_set(err, -EIO, "the outbox cannot be %s: %s", what,
                        sqlite3_errmsg(outbox->sqlite));
}

static int execute(struct outbox *outbox, const char *sql, struct fl_error *err)
{
    return sqlite3_exec(outbox->sqlite, sql, NULL, NULL, NULL) == SQLITE_OK
               ? 0
               : failed(outbox, err, "written");
}

static int prepare(struct outbox *outbox, const char *sql, sqlite3_stmt **ret, struct fl_error *err)
{
    return sqlite3_prepare_v2(outbox->sqlite, sql, -1, ret, NULL) == SQLITE_OK
               ? 0
               : failed(outbox, err, "read");
}

/* Run one that returns no rows, and end it. */
static int finish(struct outbox *outbox, sqlite3_stmt *statement, struct fl_error *err)
{
    int r = sqlite3_step(statement) == SQLITE_DONE ? 0 : failed(outbox, err, "written");

    (void)sqlite3_finalize(statement);
    return r;
}

/* All that was done since BEGIN, or nothing of it. */
static int commit(struct outbox *outbox, int r, struct fl_error *err)
{
    if (r == 0)
        r = execute(outbox, "COMMIT", err);
    if (r < 0)
        (void)sqlite3_exec(outbox->sqlite, "ROLLBACK", NULL, NULL, NULL);
    return r;
}

static int make_id(struct outbox *outbox, struct fl_error *err)
{
    uint8_t bytes[(OUTBOX_ID_SIZE - 1) / 2];
    sqlite3_stmt *statement;
    int r = fl_daemon_random(bytes, sizeof(bytes), err);

    for (size_t i = 0; i < sizeof(bytes); i++)
        (void)snprintf(outbox->id + 2 * i, 3, "%02x", bytes[i]);
    if (r == 0)
        r = prepare(outbox, "INSERT INTO box SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM box)",
                    &statement, err);
    if (r < 0)
        return r;
    (void)sqlite3_bind_text(statement, 1, outbox->id, -1, SQLITE_STATIC);
    r = finish(outbox, statement, err);
    if (r == 0)
        r = prepare(outbox, "SELECT id FROM box", &statement, err);
    if (r < 0)
        return r;
    if (sqlite3_step(statement) == SQLITE_ROW)
        (void)snprintf(outbox->id, sizeof(outbox->id), "%s",
                       (const char *)sqlite3_column_text(statement, 0));
    (void)sqlite3_finalize(statement);
    return 0;
}

int outbox_open(const char *path, struct outbox **ret, struct fl_error *err)
{
    FL_CLEANUP(outbox_freep) struct outbox *outbox = calloc(1, sizeof(*outbox));
    int r;

    if (!outbox)
        return fl_error_set(err, -ENOMEM, "no memory for the outbox");
    if (sqlite3_open(path, &outbox->sqlite) != SQLITE_OK)
        return fl_error_set(err, -EIO, "the outbox \"%s\" cannot be opened: %s", path,
                            sqlite3_errmsg(outbox->sqlite));
    (void)sqlite3_busy_timeout(outbox->sqlite, BUSY_MS);
    r = execute(outbox, schema, err);
    if (r == 0)
        r = make_id(outbox, err);
    if (r == 0)
        *ret = FL_TAKE(outbox);
    return r;
}

struct outbox *outbox_free(struct outbox *outbox)
{
    if (outbox)
        (void)sqlite3_close(outbox->sqlite);
    free(outbox);
    return NULL;
}

const char *outbox_id(const struct outbox *outbox)
{
    return outbox->id;
}

static int put_one(struct outbox *outbox, const char *receiver, uint64_t incident,
                   const char *event, struct fl_error *err)
{
    sqlite3_stmt *statement;
    int r = prepare(outbox, "INSERT INTO outbox(receiver, incident, event) VALUES(?1, ?2, ?3)",
                    &statement, err);

    if (r < 0)
        return r;
    (void)sqlite3_bind_text(statement, 1, receiver, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(statement, 2, (int64_t)incident);
    (void)sqlite3_bind_text(statement, 3, event, -1, SQLITE_STATIC);
    return finish(outbox, statement, err);
}

/* The oldest give way that no message has taken yet. */
static int make_room(struct outbox *outbox, const char *receiver, struct fl_error *err)
{
    sqlite3_stmt *statement;
    int64_t gone;
    int r = prepare(outbox,
                    "DELETE FROM outbox WHERE receiver = ?1 AND message = 0 AND id <= (SELECT id"
                    " FROM outbox WHERE receiver = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                    &statement, err);

    if (r < 0)
        return r;
    (void)sqlite3_bind_text(statement, 1, receiver, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(statement, 2, OUTBOX_MAX_ROWS);
    r = finish(outbox, statement, err);
    gone = r == 0 ? sqlite3_changes(outbox->sqlite) : 0;
    if (gone == 0)
        return r;
    r = prepare(outbox,
                "INSERT INTO dropped VALUES(?1, ?2) ON CONFLICT(receiver) DO UPDATE SET n = n + ?2",
                &statement, err);
    if (r < 0)
        return r;
    (void)sqlite3_bind_text(statement, 1, receiver, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(statement, 2, gone);
    return finish(outbox, statement, err);
}

static int remember(struct outbox *outbox, uint64_t incident, bool is_open, const char *event,
                    struct fl_error *err)
{
    sqlite3_stmt *statement;
    int r = prepare(outbox,
                    is_open ? "INSERT OR REPLACE INTO open_incidents VALUES(?1, ?2)"
                            : "DELETE FROM open_incidents WHERE incident = ?1",
                    &statement, err);

    if (r < 0)
        return r;
    (void)sqlite3_bind_int64(statement, 1, (int64_t)incident);
    if (is_open)
        (void)sqlite3_bind_text(statement, 2, event, -1, SQLITE_STATIC);
    return finish(outbox, statement, err);
}

int outbox_put(struct outbox *outbox, const char *const *receivers, size_t n_receivers,
               uint64_t incident, bool is_open, const char *event, struct fl_error *err)
{
    int r = execute(outbox, "BEGIN IMMEDIATE", err);

    if (r < 0)
        return r;
    for (size_t i = 0; r == 0 && i < n_receivers; i++) {
        r = put_one(outbox, receivers[i], incident, event, err);
        if (r == 0)
            r = make_room(outbox, receivers[i], err);
    }
    if (r == 0 && incident != 0)
        r = remember(outbox, incident, is_open, event, err);
    return commit(outbox, r, err);
}

void outbox_rows_done(struct outbox_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(rows[i].event);
}

int outbox_read(struct outbox *outbox, const char *receiver, struct outbox_row rows[OUTBOX_ROWS],
                size_t *ret_n, struct fl_error *err)
{
    sqlite3_stmt *statement;
    size_t n = 0;
    int r = prepare(outbox,
                    "SELECT id, incident, message, event FROM outbox WHERE receiver = ?1 AND"
                    " message = (SELECT max(message) FROM outbox WHERE receiver = ?1)"
                    " ORDER BY id LIMIT ?2",
                    &statement, err);

    *ret_n = 0;
    if (r < 0)
        return r;
    (void)sqlite3_bind_text(statement, 1, receiver, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(statement, 2, OUTBOX_ROWS);
    while (n < OUTBOX_ROWS && (r = sqlite3_step(statement)) == SQLITE_ROW) {
        rows[n].id = sqlite3_column_int64(statement, 0);
        rows[n].incident = (uint64_t)sqlite3_column_int64(statement, 1);
        rows[n].message = sqlite3_column_int64(statement, 2);
        rows[n].event = strdup((const char *)sqlite3_column_text(statement, 3));
        n++;
    }
    (void)sqlite3_finalize(statement);
    *ret_n = n;
    return r == SQLITE_DONE || r == SQLITE_ROW ? 0 : failed(outbox, err, "read");
}

int outbox_seal(struct outbox *outbox, const int64_t *ids, const bool *superseded, size_t n,
                struct fl_error *err)
{
    int r = execute(outbox, "BEGIN IMMEDIATE", err);

    if (r < 0)
        return r;
    for (size_t i = 0; r == 0 && i < n; i++) {
        sqlite3_stmt *statement;

        r = prepare(outbox,
                    superseded[i] ? "DELETE FROM outbox WHERE id = ?1"
                                  : "UPDATE outbox SET message = ?2 WHERE id = ?1",
                    &statement, err);
        if (r < 0)
            break;
        (void)sqlite3_bind_int64(statement, 1, ids[i]);
        if (!superseded[i])
            (void)sqlite3_bind_int64(statement, 2, ids[n - 1]);
        r = finish(outbox, statement, err);
    }
    return commit(outbox, r, err);
}

int outbox_delete(struct outbox *outbox, const char *receiver, int64_t message,
                  struct fl_error *err)
{
    sqlite3_stmt *statement;
    int r =
        prepare(outbox, "DELETE FROM outbox WHERE receiver = ?1 AND message = ?2", &statement, err);

    if (r < 0)
        return r;
    (void)sqlite3_bind_text(statement, 1, receiver, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(statement, 2, message);
    return finish(outbox, statement, err);
}

int outbox_waits(struct outbox *outbox, uint64_t incident, bool *ret, struct fl_error *err)
{
    sqlite3_stmt *statement;
    int r = prepare(outbox, "SELECT 1 FROM outbox WHERE incident = ?1 LIMIT 1", &statement, err);

    if (r < 0)
        return r;
    (void)sqlite3_bind_int64(statement, 1, (int64_t)incident);
    r = sqlite3_step(statement);
    *ret = r == SQLITE_ROW;
    (void)sqlite3_finalize(statement);
    return r == SQLITE_ROW || r == SQLITE_DONE ? 0 : failed(outbox, err, "read");
}

int outbox_clear(struct outbox *outbox, struct fl_error *err)
{
    return execute(outbox, "DELETE FROM outbox; DELETE FROM open_incidents", err);
}

int outbox_each_open(struct outbox *outbox,
                     int (*visit)(uint64_t incident, const char *event, void *arg), void *arg,
                     struct fl_error *err)
{
    sqlite3_stmt *statement;
    int step = SQLITE_DONE;
    int r = prepare(outbox, "SELECT incident, event FROM open_incidents ORDER BY incident",
                    &statement, err);

    if (r < 0)
        return r;
    while (r == 0 && (step = sqlite3_step(statement)) == SQLITE_ROW)
        r = visit((uint64_t)sqlite3_column_int64(statement, 0),
                  (const char *)sqlite3_column_text(statement, 1), arg);
    (void)sqlite3_finalize(statement);
    return r < 0 || step == SQLITE_DONE ? r : failed(outbox, err, "read");
}

int outbox_take_dropped(struct outbox *outbox, const char *receiver, uint64_t *ret,
                        struct fl_error *err)
{
    sqlite3_stmt *statement;
    int r = prepare(outbox, "DELETE FROM dropped WHERE receiver = ?1 RETURNING n", &statement, err);

    *ret = 0;
    if (r < 0)
        return r;
    (void)sqlite3_bind_text(statement, 1, receiver, -1, SQLITE_STATIC);
    while ((r = sqlite3_step(statement)) == SQLITE_ROW)
        *ret += (uint64_t)sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    return r == SQLITE_DONE ? 0 : failed(outbox, err, "read");
}
