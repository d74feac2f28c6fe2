/* Decisions are few, so their statements are prepared when they are needed. */
#include "coordinator/store/sqlite_db.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

const char sqlite_decisions_schema[] =
    "CREATE TABLE IF NOT EXISTS decisions("
    " id INTEGER PRIMARY KEY, t_us INTEGER NOT NULL, type TEXT NOT NULL,"
    " service_group TEXT NOT NULL, zone TEXT NOT NULL, json TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS decisions_by_group ON decisions(service_group, id);";

static const char put[] = "INSERT INTO decisions(t_us, type, service_group, zone, json)"
                          " VALUES(?1, ?2, ?3, ?4, ?5)";

static const char read_group[] = "SELECT id, t_us, type, service_group, zone, json FROM decisions"
                                 " WHERE service_group = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";

int sqlite_put_decision(struct db *connection, const struct store_decision *decision,
                        struct fl_error *err)
{
    struct sqlite_db *db = sqlite_db_of(connection);
    sqlite3_stmt *statement = NULL;
    int r = 0;

    if (sqlite3_prepare_v2(db->sqlite, put, -1, &statement, NULL) != SQLITE_OK)
        return sqlite_db_failed(db, err, "be written");
    (void)sqlite3_bind_int64(statement, 1, decision->t_us);
    (void)sqlite3_bind_text(statement, 2, decision->type, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(statement, 3, decision->group, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(statement, 4, decision->zone, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(statement, 5, decision->json, -1, SQLITE_STATIC);
    if (sqlite3_step(statement) != SQLITE_DONE)
        r = sqlite_db_failed(db, err, "be written");
    (void)sqlite3_finalize(statement);
    return r;
}

static void copy_text(sqlite3_stmt *statement, int column, char *text, size_t size)
{
    const char *from = (const char *)sqlite3_column_text(statement, column);

    (void)snprintf(text, size, "%s", from ? from : "");
}

static void read_row(sqlite3_stmt *statement, struct store_decision *ret)
{
    ret->id = (uint64_t)sqlite3_column_int64(statement, 0);
    ret->t_us = sqlite3_column_int64(statement, 1);
    copy_text(statement, 2, ret->type, sizeof(ret->type));
    copy_text(statement, 3, ret->group, sizeof(ret->group));
    copy_text(statement, 4, ret->zone, sizeof(ret->zone));
    copy_text(statement, 5, ret->json, sizeof(ret->json));
}

int sqlite_decisions(struct db *connection, const char *group, uint64_t before_id, size_t limit,
                     struct store_decision **ret, size_t *ret_n, struct fl_error *err)
{
    struct sqlite_db *db = sqlite_db_of(connection);
    struct store_decision *rows = calloc(limit + 1, sizeof(*rows));
    sqlite3_stmt *statement = NULL;
    int r = 0, step = SQLITE_ROW;
    size_t n = 0;

    if (!rows)
        return fl_error_set(err, -ENOMEM, "no memory for %zu decisions", limit);
    if (sqlite3_prepare_v2(db->sqlite, read_group, -1, &statement, NULL) != SQLITE_OK) {
        free(rows);
        return sqlite_db_failed(db, err, "be read");
    }
    (void)sqlite3_bind_text(statement, 1, group, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(statement, 2,
                             before_id == 0 || before_id > INT64_MAX ? INT64_MAX
                                                                     : (sqlite3_int64)before_id);
    (void)sqlite3_bind_int64(statement, 3, (sqlite3_int64)limit);
    while (n < limit && (step = sqlite3_step(statement)) == SQLITE_ROW)
        read_row(statement, &rows[n++]);
    if (step != SQLITE_DONE && step != SQLITE_ROW)
        r = sqlite_db_failed(db, err, "be read");
    (void)sqlite3_finalize(statement);
    if (r < 0) {
        free(rows);
        return r;
    }
    *ret = rows;
    *ret_n = n;
    return 0;
}
