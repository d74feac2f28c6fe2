#include "agent/spool_file.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCHEMA_VERSION 1
#define BUSY_MS 2000 /* the other handle holds its locks for microseconds */

#define SQL_SCHEMA                                                                            \
    "CREATE TABLE batch (id INTEGER PRIMARY KEY, boot INTEGER, sequence INTEGER,"             \
    " results INTEGER, t_us INTEGER, bytes BLOB) STRICT;"                                     \
    "CREATE TABLE dropped (id INTEGER PRIMARY KEY, results INTEGER, batches INTEGER) STRICT;" \
    "INSERT INTO dropped VALUES (1, 0, 0);"                                                   \
    "PRAGMA user_version = 1;"

enum statement {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_INSERT,
    STATEMENT_DELETE,
    STATEMENT_OLDEST,
    STATEMENT_EACH,
    STATEMENT_READ,
    STATEMENT_LOAD_DROPPED,
    STATEMENT_SAVE_DROPPED,
    STATEMENTS
};

static const char *const sql[STATEMENTS] = {
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_INSERT] = "INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?)",
    [STATEMENT_DELETE] = "DELETE FROM batch WHERE id = ? RETURNING length(bytes)",
    [STATEMENT_OLDEST] = "SELECT id, boot, sequence, results, t_us, length(bytes) FROM batch"
                         " ORDER BY id LIMIT 1",
    [STATEMENT_EACH] = "SELECT id, boot, sequence, results, t_us, length(bytes) FROM batch"
                       " ORDER BY id",
    [STATEMENT_READ] = "SELECT bytes FROM batch WHERE id = ?",
    [STATEMENT_LOAD_DROPPED] = "SELECT results, batches FROM dropped WHERE id = 1",
    [STATEMENT_SAVE_DROPPED] = "UPDATE dropped SET results = ?, batches = ? WHERE id = 1",
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

int spool_file_insert(struct spool_file *file, const struct spool_row *row, struct fl_error *err)
{
    sqlite3_stmt *statement = prepared(file, STATEMENT_INSERT);
    int r;

    if (!statement)
        return failed(file, "write to", err);
    sqlite3_bind_int64(statement, 1, row->id);
    sqlite3_bind_int64(statement, 2, (int64_t)row->boot);
    sqlite3_bind_int64(statement, 3, (int64_t)row->sequence);
    sqlite3_bind_int64(statement, 4, row->n_results);
    sqlite3_bind_int64(statement, 5, row->t_us);
    sqlite3_bind_blob64(statement, 6, row->bytes, row->size, SQLITE_STATIC);
    r = run(file, STATEMENT_INSERT, "write to", err);
    sqlite3_clear_bindings(statement);
    return r;
}

int spool_file_delete(struct spool_file *file, int64_t id, size_t *ret_size, struct fl_error *err)
{
    sqlite3_stmt *statement = prepared(file, STATEMENT_DELETE);
    int r, code = SQLITE_ERROR;

    if (statement) {
        sqlite3_bind_int64(statement, 1, id);
        code = sqlite3_step(statement);
    }
    if (code == SQLITE_ROW) {
        *ret_size = (size_t)sqlite3_column_int64(statement, 0);
        code = sqlite3_step(statement);
        r = code == SQLITE_DONE ? 1 : failed(file, "delete from", err);
    } else {
        r = code == SQLITE_DONE ? 0 : failed(file, "delete from", err);
    }
    sqlite3_reset(statement);
    return r;
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
    };
}

int spool_file_oldest(struct spool_file *file, struct spool_row *ret, struct fl_error *err)
{
    sqlite3_stmt *statement = prepared(file, STATEMENT_OLDEST);
    int code = statement ? sqlite3_step(statement) : SQLITE_ERROR;
    int r = 0;

    if (code == SQLITE_ROW) {
        *ret = row_of(statement);
        r = 1;
    } else if (code != SQLITE_DONE) {
        r = failed(file, "read", err);
    }
    sqlite3_reset(statement);
    return r;
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

int spool_file_load_dropped(struct spool_file *file, struct spool_dropped *ret,
                            struct fl_error *err)
{
    sqlite3_stmt *statement = prepared(file, STATEMENT_LOAD_DROPPED);
    int r = 0;

    if (statement && sqlite3_step(statement) == SQLITE_ROW) {
        ret->results = (uint64_t)sqlite3_column_int64(statement, 0);
        ret->batches = (uint64_t)sqlite3_column_int64(statement, 1);
    } else {
        r = failed(file, "read", err);
    }
    sqlite3_reset(statement);
    return r;
}

int spool_file_save_dropped(struct spool_file *file, const struct spool_dropped *dropped,
                            struct fl_error *err)
{
    sqlite3_stmt *statement = prepared(file, STATEMENT_SAVE_DROPPED);

    if (!statement)
        return failed(file, "write to", err);
    sqlite3_bind_int64(statement, 1, (int64_t)dropped->results);
    sqlite3_bind_int64(statement, 2, (int64_t)dropped->batches);
    return run(file, STATEMENT_SAVE_DROPPED, "write to", err);
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
    int r = connect(path, &file, err);

    if (r < 0)
        return r;
    r = prepare(file, full_sync, err);
    if (r < 0)
        return r;
    if (spool_file_load_dropped(file, &dropped, NULL) < 0)
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
