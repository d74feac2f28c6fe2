#include "agent/spool_file.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCHEMA_VERSION 2
#define BUSY_MS 2000 /* the other handle holds its locks for microseconds */

#define SQL_SCHEMA                                                                            \
    "CREATE TABLE batch (id INTEGER PRIMARY KEY, boot INTEGER, sequence INTEGER,"             \
    " results INTEGER, t_us INTEGER, bytes BLOB) STRICT;"                                     \
    "CREATE TABLE dropped (id INTEGER PRIMARY KEY, results INTEGER, batches INTEGER) STRICT;" \
    "INSERT INTO dropped VALUES (1, 0, 0);" SQL_FROM_1

/* Version 1 did not say what was lost, nor kept the account. */
#define SQL_FROM_1                                                       \
    "ALTER TABLE batch ADD COLUMN lost INTEGER NOT NULL DEFAULT 0;"      \
    "ALTER TABLE batch ADD COLUMN skipped INTEGER NOT NULL DEFAULT 0;"   \
    "ALTER TABLE batch ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;"      \
    "ALTER TABLE dropped ADD COLUMN settled INTEGER NOT NULL DEFAULT 0;" \
    "PRAGMA user_version = 2;"

#define SQL_ROW \
    "SELECT id, boot, sequence, results, t_us, length(bytes), lost, skipped, gone FROM batch"

enum statement {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_INSERT,
    STATEMENT_REPLACE,
    STATEMENT_DELETE,
    STATEMENT_OLDEST,
    STATEMENT_OLDEST_GONE,
    STATEMENT_BEFORE,
    STATEMENT_EACH,
    STATEMENT_READ,
    STATEMENT_LOAD_TOTALS,
    STATEMENT_SAVE_TOTALS,
    STATEMENTS
};

static const char *const sql[STATEMENTS] = {
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_INSERT] = "INSERT INTO batch(id, boot, sequence, results, t_us, bytes, lost,"
                         " skipped, gone) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [STATEMENT_REPLACE] = "UPDATE batch SET boot = ?2, sequence = ?3, results = ?4, t_us = ?5,"
                          " bytes = ?6, lost = ?7, skipped = ?8, gone = ?9 WHERE id = ?1",
    [STATEMENT_DELETE] = "DELETE FROM batch WHERE id = ? RETURNING id, boot, sequence, results,"
                         " t_us, length(bytes), lost, skipped, gone",
    [STATEMENT_OLDEST] = SQL_ROW " WHERE id >= ? AND NOT gone ORDER BY id LIMIT 1",
    [STATEMENT_OLDEST_GONE] = SQL_ROW " WHERE gone ORDER BY id LIMIT 1",
    [STATEMENT_BEFORE] = SQL_ROW " WHERE id < ? ORDER BY id DESC LIMIT 1",
    [STATEMENT_EACH] = SQL_ROW " ORDER BY id",
    [STATEMENT_READ] = "SELECT bytes FROM batch WHERE id = ?",
    [STATEMENT_LOAD_TOTALS] = "SELECT results, batches, settled FROM dropped WHERE id = 1",
    [STATEMENT_SAVE_TOTALS] =
        "UPDATE dropped SET results = ?, batches = ?, settled = ? WHERE id = 1",
};

struct spool_file {
    char *path;
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
};

static int code_of(int sqlite_code)
{
    switch (sqlite_code & 0xff) {
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EUCLEAN;
    case SQLITE_BUSY:
        return -EBUSY;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
        return -EACCES;
    default:
        return -EIO;
    }
}

static int failed(const struct spool_file *file, const char *doing, struct fl_error *err)
{
    int code = sqlite3_extended_errcode(file->db);

    return fl_error_set(err, code_of(code), "cannot %s the spool %s: %s; %s", doing, file->path,
                        sqlite3_errmsg(file->db),
                        (code & 0xff) == SQLITE_FULL ? "make room on its file system"
                                                     : "look at its disk and its permissions");
}

/* Prepared when first used, kept until the end. */
static sqlite3_stmt *prepared(struct spool_file *file, enum statement which)
{
    sqlite3_stmt **statement = &file->statements[which];

    if (!*statement)
        (void)sqlite3_prepare_v3(file->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, statement,
                                 NULL);
    return *statement;
}

/* Run one that gives no row. */
static int run(struct spool_file *file, enum statement which, const char *doing,
               struct fl_error *err)
{
    sqlite3_stmt *statement = prepared(file, which);
    int r = 0;

    if (!statement || sqlite3_step(statement) != SQLITE_DONE)
        r = failed(file, doing, err);
    if (statement)
        sqlite3_reset(statement);
    return r;
}

int spool_file_begin(struct spool_file *file, struct fl_error *err)
{
    return run(file, STATEMENT_BEGIN, "write to", err);
}

int spool_file_commit(struct spool_file *file, struct fl_error *err)
{
    return run(file, STATEMENT_COMMIT, "write to", err);
}

void spool_file_rollback(struct spool_file *file)
{
    if (!sqlite3_get_autocommit(file->db))
        (void)sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
}

static int put(struct spool_file *file, enum statement which, const struct spool_row *row,
               struct fl_error *err)
{
    sqlite3_stmt *statement = prepared(file, which);
    int r;

    if (!statement)
        return failed(file, "write to", err);
    sqlite3_bind_int64(statement, 1, row->id);
    sqlite3_bind_int64(statement, 2, (int64_t)row->boot);
    sqlite3_bind_int64(statement, 3, (int64_t)row->sequence);
    sqlite3_bind_int64(statement, 4, row->n_results);
    sqlite3_bind_int64(statement, 5, row->t_us);
    sqlite3_bind_blob64(statement, 6, row->bytes, row->size, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 7, (int64_t)row->lost);
    sqlite3_bind_int64(statement, 8, (int64_t)row->skipped);
    sqlite3_bind_int64(statement, 9, row->gone);
    r = run(file, which, "write to", err);
    sqlite3_clear_bindings(statement);
    return r;
}

int spool_file_insert(struct spool_file *file, const struct spool_row *row, struct fl_error *err)
{
    return put(file, STATEMENT_INSERT, row, err);
}

int spool_file_replace(struct spool_file *file, const struct spool_row *row, struct fl_error *err)
{
    return put(file, STATEMENT_REPLACE, row, err);
}

static struct spool_row row_of(sqlite3_stmt *statement)
{
    return (struct spool_row){
        .id = sqlite3_column_int64(statement, 0),
        .boot = (uint64_t)sqlite3_column_int64(statement, 1),
        .sequence = (uint64_t)sqlite3_column_int64(statement, 2),
        .n_results = (uint32_t)sqlite3_column_int64(statement, 3),
        .t_us = sqlite3_column_int64(statement, 4),
        .size = (size_t)sqlite3_column_int64(statement, 5),
        .lost = (uint64_t)sqlite3_column_int64(statement, 6),
        .skipped = (uint64_t)sqlite3_column_int64(statement, 7),
        .gone = sqlite3_column_int(statement, 8) != 0,
    };
}

/* The one row of a statement whose parameter, if it has one, is an id. */
static int one_row(struct spool_file *file, enum statement which, int64_t id, const char *doing,
                   struct spool_row *ret, struct fl_error *err)
{
    sqlite3_stmt *statement = prepared(file, which);
    int code = SQLITE_ERROR, r = 0;

    if (statement) {
        (void)sqlite3_bind_int64(statement, 1, id);
        code = sqlite3_step(statement);
    }
    if (code == SQLITE_ROW) {
        *ret = row_of(statement);
        r = 1;
        code = sqlite3_step(statement);
    }
    if (code != SQLITE_DONE)
        r = failed(file, doing, err);
    if (statement)
        sqlite3_reset(statement);
    return r;
}

int spool_file_delete(struct spool_file *file, int64_t id, struct spool_row *ret,
                      struct fl_error *err)
{
    return one_row(file, STATEMENT_DELETE, id, "delete from", ret, err);
}

int spool_file_oldest(struct spool_file *file, int64_t id, struct spool_row *ret,
                      struct fl_error *err)
{
    return one_row(file, STATEMENT_OLDEST, id, "read", ret, err);
}

int spool_file_oldest_gone(struct spool_file *file, struct spool_row *ret, struct fl_error *err)
{
    return one_row(file, STATEMENT_OLDEST_GONE, 0, "read", ret, err);
}

int spool_file_before(struct spool_file *file, int64_t id, struct spool_row *ret,
                      struct fl_error *err)
{
    return one_row(file, STATEMENT_BEFORE, id, "read", ret, err);
}

int spool_file_each(struct spool_file *file, void (*row)(const struct spool_row *row, void *arg),
                    void *arg, struct fl_error *err)
{
    sqlite3_stmt *statement = prepared(file, STATEMENT_EACH);
    int code = SQLITE_ERROR;

    while (statement && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct spool_row one = row_of(statement);

        row(&one, arg);
    }
    if (code != SQLITE_DONE) {
        int r = failed(file, "read", err);

        sqlite3_reset(statement);
        return r;
    }
    sqlite3_reset(statement);
    return 0;
}

static int copy_blob(sqlite3_stmt *statement, uint8_t **ret_bytes, size_t *ret_size)
{
    const void *blob = sqlite3_column_blob(statement, 0);
    size_t size = (size_t)sqlite3_column_bytes(statement, 0);
    uint8_t *copy = malloc(size ? size : 1);

    if (!copy)
        return -ENOMEM;
    if (size > 0)
        memcpy(copy, blob, size);
    *ret_bytes = copy;
    *ret_size = size;
    return 0;
}

int spool_file_read(struct spool_file *file, int64_t id, uint8_t **ret_bytes, size_t *ret_size,
                    struct fl_error *err)
{
    sqlite3_stmt *statement = prepared(file, STATEMENT_READ);
    int r, code = SQLITE_ERROR;

    if (statement) {
        sqlite3_bind_int64(statement, 1, id);
        code = sqlite3_step(statement);
    }
    if (code == SQLITE_ROW)
        r = copy_blob(statement, ret_bytes, ret_size);
    else if (code == SQLITE_DONE)
        r = fl_error_set(err, -ENOENT, "batch %lld is not in the spool", (long long)id);
    else
        r = failed(file, "read", err);
    sqlite3_reset(statement);
    return r;
}

int spool_file_load_totals(struct spool_file *file, struct spool_dropped *ret,
                           uint64_t *ret_settled, struct fl_error *err)
{
    sqlite3_stmt *statement = prepared(file, STATEMENT_LOAD_TOTALS);
    int r = 0;

    if (statement && sqlite3_step(statement) == SQLITE_ROW) {
        ret->results = (uint64_t)sqlite3_column_int64(statement, 0);
        ret->batches = (uint64_t)sqlite3_column_int64(statement, 1);
        *ret_settled = (uint64_t)sqlite3_column_int64(statement, 2);
    } else {
        r = failed(file, "read", err);
    }
    sqlite3_reset(statement);
    return r;
}

int spool_file_save_totals(struct spool_file *file, const struct spool_dropped *dropped,
                           uint64_t settled, struct fl_error *err)
{
    sqlite3_stmt *statement = prepared(file, STATEMENT_SAVE_TOTALS);

    if (!statement)
        return failed(file, "write to", err);
    sqlite3_bind_int64(statement, 1, (int64_t)dropped->results);
    sqlite3_bind_int64(statement, 2, (int64_t)dropped->batches);
    sqlite3_bind_int64(statement, 3, (int64_t)settled);
    return run(file, STATEMENT_SAVE_TOTALS, "write to", err);
}

/* The first value of a pragma, -1 for none. `text` (may be NULL) receives it as text. */
static int64_t pragma(struct spool_file *file, const char *what, char text[32])
{
    sqlite3_stmt *statement = NULL;
    int64_t value = -1;

    if (sqlite3_prepare_v2(file->db, what, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        value = sqlite3_column_int64(statement, 0);
        if (text)
            (void)snprintf(text, 32, "%s", (const char *)sqlite3_column_text(statement, 0));
    }
    sqlite3_finalize(statement);
    return value;
}

static int connect(const char *path, struct spool_file **ret, struct fl_error *err)
{
    FL_CLEANUP(spool_file_freep) struct spool_file *file = calloc(1, sizeof(*file));

    if (!file || !(file->path = strdup(path)))
        return fl_error_set(err, -ENOMEM, "no memory for the spool");
    if (sqlite3_open_v2(path, &file->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
        SQLITE_OK)
        return failed(file, "open", err);
    sqlite3_busy_timeout(file->db, BUSY_MS);
    (void)sqlite3_exec(file->db, "PRAGMA cache_size = -256", NULL, NULL, NULL);
    *ret = FL_TAKE(file);
    return 0;
}

/* Set up, and make the tables in an empty file. -EUCLEAN: not a sound spool of this version. */
static int prepare(struct spool_file *file, bool full_sync, struct fl_error *err)
{
    char check[32] = "";
    int64_t version;

    if (sqlite3_exec(file->db, "PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = 8388608",
                     NULL, NULL, NULL) != SQLITE_OK)
        return failed(file, "open", err);
    (void)sqlite3_exec(file->db,
                       full_sync ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
                       NULL, NULL, NULL);
    version = pragma(file, "PRAGMA user_version", NULL);
    if (version == 0 && pragma(file, "PRAGMA schema_version", NULL) == 0 &&
        sqlite3_exec(file->db, "BEGIN;" SQL_SCHEMA "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        return failed(file, "open", err);
    version = pragma(file, "PRAGMA user_version", NULL);
    if (version == 1 &&
        sqlite3_exec(file->db, "BEGIN;" SQL_FROM_1 "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        return failed(file, "open", err);
    version = pragma(file, "PRAGMA user_version", NULL);
    if (version != SCHEMA_VERSION)
        return fl_error_set(err, -EUCLEAN, "it is of version %lld, this program writes %d",
                            (long long)version, SCHEMA_VERSION);
    (void)pragma(file, "PRAGMA quick_check(1)", check);
    if (strcmp(check, "ok") != 0)
        return fl_error_set(err, -EUCLEAN, "it is damaged");
    return 0;
}

static int move_aside(const char *path, struct fl_error *err)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char from[4096], to[4096];

    for (size_t i = 0; i < FL_COUNT(suffixes); i++) {
        (void)snprintf(from, sizeof(from), "%s%s", path, suffixes[i]);
        (void)snprintf(to, sizeof(to), "%s.bad%s", path, suffixes[i]);
        if (rename(from, to) < 0 && errno != ENOENT)
            return fl_error_set(err, -errno, "cannot move the damaged spool %s aside: %s", from,
                                strerror(errno));
    }
    return 0;
}

static int open_sound(const char *path, bool full_sync, struct spool_file **ret,
                      struct fl_error *err)
{
    FL_CLEANUP(spool_file_freep) struct spool_file *file = NULL;
    struct spool_dropped dropped;
    uint64_t settled;
    int r = connect(path, &file, err);

    if (r < 0)
        return r;
    r = prepare(file, full_sync, err);
    if (r < 0)
        return r;
    if (spool_file_load_totals(file, &dropped, &settled, NULL) < 0)
        return fl_error_set(err, -EUCLEAN, "its tables are not those of a spool");
    *ret = FL_TAKE(file);
    return 0;
}

int spool_file_open(const char *path, bool full_sync, struct fl_error *notice,
                    struct spool_file **ret, struct fl_error *err)
{
    struct fl_error why = {""};
    int r = open_sound(path, full_sync, ret, &why);

    notice->message[0] = '\0';
    if (r == 0)
        return 0;
    if (r != -EUCLEAN) {
        if (err)
            *err = why;
        return r;
    }
    r = move_aside(path, err);
    if (r < 0)
        return r;
    fl_error_set(notice, 0,
                 "the spool %s cannot be used (%s); it was moved to %s.bad and a new one is "
                 "begun, what it held is lost to the coordinators",
                 path, why.message, path);
    return open_sound(path, full_sync, ret, err);
}

int spool_file_open_reader(const char *path, struct spool_file **ret, struct fl_error *err)
{
    return connect(path, ret, err);
}

struct spool_file *spool_file_free(struct spool_file *file)
{
    if (!file)
        return NULL;
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(file->statements[i]);
    sqlite3_close(file->db);
    free(file->path);
    free(file);
    return NULL;
}
