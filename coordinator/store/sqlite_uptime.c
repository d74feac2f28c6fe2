/* Uptime: by row of minutes while late results may still change it, and by day for good. */
#include "coordinator/core/rollup.h"
#include "coordinator/store/sqlite_db.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ROW_US (10 * FL_MINUTE)

static int run_with(struct sqlite_db *db, const char *sql, int n, const int64_t *numbers,
                    struct fl_error *err)
{
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, sql, &statement, err);

    if (r < 0)
        return r;
    sqlite_db_bind(statement, n, numbers);
    return sqlite_db_run(db, statement, err);
}

int sqlite_mark_stale(struct db *db, fl_time start_us, struct fl_error *err)
{
    static const char sql[] = "INSERT OR IGNORE INTO stale(minute) VALUES(?1)";
    const int64_t minute = start_us / FL_MINUTE;

    return run_with(sqlite_db_of(db), sql, 1, &minute, err);
}

int sqlite_next_stale(struct db *base, fl_time *ret_start_us, struct fl_error *err)
{
    static const char sql[] = "SELECT minute FROM stale ORDER BY minute LIMIT 1";
    struct sqlite_db *db = sqlite_db_of(base);
    sqlite3_stmt *statement;
    int64_t minute = 0;
    int r = sqlite_db_statement(db, sql, &statement, err);

    if (r == 0)
        r = sqlite_db_number(db, statement, &minute, err);
    *ret_start_us = minute * FL_MINUTE;
    return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

int sqlite_clear_stale(struct db *db, fl_time start_us, struct fl_error *err)
{
    static const char sql[] = "DELETE FROM stale WHERE minute = ?1";
    const int64_t minute = start_us / FL_MINUTE;

    return run_with(sqlite_db_of(db), sql, 1, &minute, err);
}

int sqlite_seen_at(struct db *base, fl_time start_us, db_seen_cb visit, void *arg,
                   struct fl_error *err)
{
    static const char sql[] =
        "SELECT target, zone, agent, bytes FROM rollups"
        " JOIN agents ON agents.id = agent JOIN names ON names.series = rollups.series"
        " WHERE level = ?1 AND minute = ?2 AND target NOT LIKE 'agent:%'"
        " ORDER BY target, zone, agent";
    const int64_t numbers[] = {ROLLUP_MINUTES, start_us / FL_MINUTE};
    struct sqlite_db *db = sqlite_db_of(base);
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, sql, &statement, err);

    if (r < 0)
        return r;
    sqlite_db_bind(statement, 2, numbers);
    while ((r = sqlite_db_step(db, statement, err)) > 0) {
        const struct db_seen seen = {.target = (const char *)sqlite3_column_text(statement, 0),
                                     .zone = (const char *)sqlite3_column_text(statement, 1),
                                     .agent = sqlite3_column_int64(statement, 2),
                                     .bytes = sqlite3_column_blob(statement, 3),
                                     .size = (size_t)sqlite3_column_bytes(statement, 3)};

        r = visit(&seen, arg);
        if (r < 0)
            break;
    }
    (void)sqlite3_reset(statement);
    return r < 0 ? r : 0;
}

/* Numbers from ?1 on, then target and zone. */
static void bind_names(sqlite3_stmt *statement, int n, const int64_t *numbers,
                       const struct db_uptime *uptime)
{
    sqlite_db_bind(statement, n, numbers);
    (void)sqlite3_bind_text(statement, n + 1, uptime->target, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(statement, n + 2, uptime->zone, -1, SQLITE_STATIC);
}

/* What the day has of this row now is taken off. */
static int read_row(struct sqlite_db *db, const struct db_uptime *uptime, struct uptime_times *ret,
                    struct fl_error *err)
{
    static const char sql[] = "SELECT up_us, down_us, disputed_us, maintenance_us FROM uptime_rows"
                              " WHERE minute = ?1 AND target = ?2 AND zone = ?3";
    const int64_t minute = uptime->start_us / FL_MINUTE;
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, sql, &statement, err);

    *ret = (struct uptime_times){0};
    if (r < 0)
        return r;
    bind_names(statement, 1, &minute, uptime);
    r = sqlite_db_step(db, statement, err);
    if (r > 0)
        *ret = (struct uptime_times){
            sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 1),
            sqlite3_column_int64(statement, 2), sqlite3_column_int64(statement, 3)};
    (void)sqlite3_reset(statement);
    return r < 0 ? r : 0;
}

static int write_row(struct sqlite_db *db, const struct db_uptime *uptime, struct fl_error *err)
{
    static const char sql[] =
        "INSERT OR REPLACE INTO uptime_rows(minute, up_us, down_us, disputed_us, maintenance_us,"
        " target, zone) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    const struct uptime_times *times = &uptime->times;
    const int64_t numbers[] = {uptime->start_us / FL_MINUTE, times->up_us, times->down_us,
                               times->disputed_us, times->maintenance_us};
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, sql, &statement, err);

    if (r < 0)
        return r;
    bind_names(statement, 5, numbers, uptime);
    return sqlite_db_run(db, statement, err);
}

static int add_to_day(struct sqlite_db *db, const struct db_uptime *uptime,
                      const struct uptime_times *before, struct fl_error *err)
{
    static const char sql[] =
        "INSERT INTO uptime_days(day, first_us, last_us, up_us, down_us, disputed_us,"
        " maintenance_us, target, zone) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
        " ON CONFLICT(day, target, zone) DO UPDATE SET"
        " first_us = min(first_us, excluded.first_us), last_us = max(last_us, excluded.last_us),"
        " up_us = up_us + excluded.up_us, down_us = down_us + excluded.down_us,"
        " disputed_us = disputed_us + excluded.disputed_us,"
        " maintenance_us = maintenance_us + excluded.maintenance_us";
    const struct uptime_times *now = &uptime->times;
    const int64_t numbers[] = {uptime->start_us / UPTIME_DAY,
                               uptime->start_us,
                               uptime->start_us + ROW_US,
                               now->up_us - before->up_us,
                               now->down_us - before->down_us,
                               now->disputed_us - before->disputed_us,
                               now->maintenance_us - before->maintenance_us};
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, sql, &statement, err);

    if (r < 0)
        return r;
    bind_names(statement, 7, numbers, uptime);
    return sqlite_db_run(db, statement, err);
}

int sqlite_put_uptime(struct db *base, const struct db_uptime *uptime, struct fl_error *err)
{
    struct sqlite_db *db = sqlite_db_of(base);
    struct uptime_times before;
    int r = read_row(db, uptime, &before, err);

    if (r == 0)
        r = add_to_day(db, uptime, &before, err);
    return r < 0 ? r : write_row(db, uptime, err);
}

static void day_row(sqlite3_stmt *statement, struct store_uptime *ret)
{
    (void)snprintf(ret->target, sizeof(ret->target), "%s",
                   (const char *)sqlite3_column_text(statement, 0));
    (void)snprintf(ret->zone, sizeof(ret->zone), "%s",
                   (const char *)sqlite3_column_text(statement, 1));
    ret->day_us = sqlite3_column_int64(statement, 2) * UPTIME_DAY;
    ret->first_us = sqlite3_column_int64(statement, 3);
    ret->last_us = sqlite3_column_int64(statement, 4);
    ret->times = (struct uptime_times){
        sqlite3_column_int64(statement, 5), sqlite3_column_int64(statement, 6),
        sqlite3_column_int64(statement, 7), sqlite3_column_int64(statement, 8)};
}

int sqlite_uptime(struct db *base, fl_time from_us, fl_time to_us, struct store_uptime **ret,
                  size_t *ret_n, struct fl_error *err)
{
    static const char sql[] =
        "SELECT target, zone, day, first_us, last_us, up_us, down_us, disputed_us, maintenance_us"
        " FROM uptime_days WHERE day >= ?1 AND day < ?2 ORDER BY target, zone, day";
    const int64_t days[] = {(from_us + UPTIME_DAY - 1) / UPTIME_DAY,
                            (to_us + UPTIME_DAY - 1) / UPTIME_DAY};
    struct sqlite_db *db = sqlite_db_of(base);
    struct store_uptime *rows = NULL;
    sqlite3_stmt *statement;
    size_t n = 0, room = 0;
    int r = sqlite_db_statement(db, sql, &statement, err);

    if (r < 0)
        return r;
    sqlite_db_bind(statement, 2, days);
    while ((r = sqlite_db_step(db, statement, err)) > 0) {
        if (n == room) {
            struct store_uptime *more;

            room = room ? 2 * room : 256;
            more = realloc(rows, room * sizeof(*rows));
            if (!more) {
                r = fl_error_set(err, -ENOMEM, "no memory for %zu days", room);
                break;
            }
            rows = more;
        }
        day_row(statement, &rows[n++]);
    }
    (void)sqlite3_reset(statement);
    if (r < 0) {
        free(rows);
        return r;
    }
    *ret = rows;
    *ret_n = n;
    return 0;
}
