/* Chunks and rollups, and how long they are kept. */
#include "coordinator/core/rollup.h"
#include "coordinator/store/sqlite_db.h"

#include <errno.h>

#define EXPIRE_STEP 2000 /* rows at once, so that nobody waits long */

static int put_name(struct sqlite_db *db, int64_t series, const char *target, const char *probe,
                    struct fl_error *err)
{
    static const char sql[] = "INSERT OR REPLACE INTO names(series, target, probe)"
                              " VALUES(?1, ?2, ?3)";
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, sql, &statement, err);

    if (r < 0)
        return r;
    (void)sqlite3_bind_int64(statement, 1, series);
    (void)sqlite3_bind_text(statement, 2, target, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(statement, 3, probe, -1, SQLITE_STATIC);
    return sqlite_db_run(db, statement, err);
}

static int put_zone(struct sqlite_db *db, const char *agent, const char *zone, struct fl_error *err)
{
    static const char sql[] = "INSERT INTO agents(name, zone) VALUES(?1, ?2)"
                              " ON CONFLICT(name) DO UPDATE SET zone = excluded.zone";
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, sql, &statement, err);

    if (r < 0)
        return r;
    (void)sqlite3_bind_text(statement, 1, agent, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(statement, 2, zone, -1, SQLITE_STATIC);
    return sqlite_db_run(db, statement, err);
}

int sqlite_put_fleet(struct db *base, const struct fleet *fleet, struct fl_error *err)
{
    struct sqlite_db *db = sqlite_db_of(base);
    int r = 0;

    for (size_t i = 0; r == 0 && i < fleet->n_agents; i++)
        r = put_zone(db, fleet->agents[i].name, fleet->places[fleet->agents[i].zone].name, err);
    for (size_t i = 0; r == 0 && i < fleet->n_probes; i++)
        r = put_name(db, fleet->probes[i].series, fleet->targets[fleet->probes[i].target].name,
                     fleet->probes[i].name, err);
    return r;
}

int sqlite_put_chunks(struct db *base, int64_t agent, const struct db_chunk *chunks, size_t n,
                      struct fl_error *err)
{
    static const char sql[] = "INSERT INTO chunks(hour, agent, series, begins_us, span_us, n,"
                              " bytes) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    struct sqlite_db *db = sqlite_db_of(base);
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, sql, &statement, err);

    for (size_t i = 0; r == 0 && i < n; i++) {
        const struct db_chunk *chunk = &chunks[i];
        const int64_t numbers[] = {
            chunk->first_us / FL_HOUR,        agent,   chunk->series, chunk->first_us % FL_HOUR,
            chunk->last_us - chunk->first_us, chunk->n};

        sqlite_db_bind(statement, 6, numbers);
        (void)sqlite3_bind_blob64(statement, 7, chunk->bytes, chunk->size, SQLITE_STATIC);
        r = sqlite_db_run(db, statement, err);
    }
    return r;
}

int sqlite_read_chunks(struct db *base, int64_t agent, uint32_t series, fl_time from_us,
                       fl_time to_us, db_chunk_cb visit, void *arg, struct fl_error *err)
{
    static const char sql[] = "SELECT begins_us, span_us, n, bytes FROM chunks"
                              " WHERE hour = ?1 AND agent = ?2 AND series = ?3 ORDER BY id";
    struct sqlite_db *db = sqlite_db_of(base);
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, sql, &statement, err);

    /* one that began in the hour before may reach into this one */
    for (int64_t hour = from_us / FL_HOUR - 1; r >= 0 && hour * FL_HOUR < to_us; hour++) {
        const int64_t numbers[] = {hour, agent, series};

        sqlite_db_bind(statement, 3, numbers);
        while ((r = sqlite_db_step(db, statement, err)) > 0) {
            fl_time first_us = hour * FL_HOUR + sqlite3_column_int64(statement, 0);
            struct db_chunk chunk = {.series = series,
                                     .first_us = first_us,
                                     .last_us = first_us + sqlite3_column_int64(statement, 1),
                                     .n = (uint32_t)sqlite3_column_int64(statement, 2),
                                     .bytes = sqlite3_column_blob(statement, 3),
                                     .size = (size_t)sqlite3_column_bytes(statement, 3)};

            r = chunk.last_us < from_us || first_us >= to_us ? 0 : visit(&chunk, arg);
            if (r < 0)
                break;
        }
    }
    (void)sqlite3_reset(statement);
    return r < 0 ? r : 0;
}

int sqlite_put_rollups(struct db *base, unsigned level, const struct db_rollup *rows, size_t n,
                       struct fl_error *err)
{
    static const char sql[] = "INSERT OR REPLACE INTO rollups(level, minute, agent, series, bytes)"
                              " VALUES(?1, ?2, ?3, ?4, ?5)";
    struct sqlite_db *db = sqlite_db_of(base);
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, sql, &statement, err);

    for (size_t i = 0; r == 0 && i < n; i++) {
        const int64_t numbers[] = {level, rows[i].start_us / FL_MINUTE, rows[i].agent,
                                   rows[i].series};

        sqlite_db_bind(statement, 4, numbers);
        (void)sqlite3_bind_blob64(statement, 5, rows[i].bytes, rows[i].size, SQLITE_STATIC);
        r = sqlite_db_run(db, statement, err);
    }
    return r;
}

/* Rows of: minute, agent, series, bytes. */
static int visit_rollups(struct sqlite_db *db, sqlite3_stmt *statement, db_rollup_cb visit,
                         void *arg, struct fl_error *err)
{
    int r;

    while ((r = sqlite_db_step(db, statement, err)) > 0) {
        struct db_rollup row = {.start_us = sqlite3_column_int64(statement, 0) * FL_MINUTE,
                                .agent = sqlite3_column_int64(statement, 1),
                                .series = (uint32_t)sqlite3_column_int64(statement, 2),
                                .bytes = sqlite3_column_blob(statement, 3),
                                .size = (size_t)sqlite3_column_bytes(statement, 3)};

        r = visit(&row, arg);
        if (r < 0)
            break;
    }
    (void)sqlite3_reset(statement);
    return r < 0 ? r : 0;
}

int sqlite_agent_rollups(struct db *base, unsigned level, int64_t agent, fl_time start_us,
                         db_rollup_cb visit, void *arg, struct fl_error *err)
{
    static const char sql[] = "SELECT minute, agent, series, bytes FROM rollups"
                              " WHERE level = ?1 AND minute = ?2 AND agent = ?3";
    const int64_t numbers[] = {level, start_us / FL_MINUTE, agent};
    struct sqlite_db *db = sqlite_db_of(base);
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, sql, &statement, err);

    if (r < 0)
        return r;
    sqlite_db_bind(statement, 3, numbers);
    return visit_rollups(db, statement, visit, arg, err);
}

int sqlite_read_rollups(struct db *base, unsigned level, int64_t agent, uint32_t series,
                        fl_time from_us, fl_time to_us, db_rollup_cb visit, void *arg,
                        struct fl_error *err)
{
    static const char sql[] = "SELECT minute, agent, series, bytes FROM rollups"
                              " WHERE level = ?1 AND minute = ?2 AND agent = ?3 AND series = ?4";
    int64_t row_us = rollup_levels[level].row_us;
    struct sqlite_db *db = sqlite_db_of(base);
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, sql, &statement, err);

    for (fl_time start = from_us / row_us * row_us; r == 0 && start < to_us; start += row_us) {
        const int64_t numbers[] = {level, start / FL_MINUTE, agent, series};

        sqlite_db_bind(statement, 4, numbers);
        r = visit_rollups(db, statement, visit, arg, err);
    }
    return r;
}

static int delete_some(struct sqlite_db *db, const char *sql, int64_t before, int64_t level,
                       struct fl_error *err)
{
    const int64_t numbers[] = {before, EXPIRE_STEP, level};
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, sql, &statement, err);

    if (r < 0)
        return r;
    sqlite_db_bind(statement, level < 0 ? 2 : 3, numbers);
    r = sqlite_db_run(db, statement, err);
    return r < 0 ? r : sqlite3_changes(db->sqlite) == EXPIRE_STEP;
}

int sqlite_expire(struct db *base, const struct store_keep *keep, fl_time now_us,
                  struct fl_error *err)
{
    static const char chunks[] = "DELETE FROM chunks WHERE id IN"
                                 " (SELECT id FROM chunks WHERE hour < ?1 LIMIT ?2)";
    static const char rollups[] =
        "DELETE FROM rollups WHERE (level, minute, agent, series) IN (SELECT level, minute, agent,"
        " series FROM rollups WHERE level = ?3 AND minute < ?1 LIMIT ?2)";
    static const char uptime[] =
        "DELETE FROM uptime_rows WHERE (minute, target, zone) IN (SELECT minute, target, zone"
        " FROM uptime_rows WHERE minute < ?1 LIMIT ?2)";
    struct sqlite_db *db = sqlite_db_of(base);
    /* a chunk may reach into the hour after its own */
    int more, r = delete_some(db, chunks, (now_us - keep->raw_us) / FL_HOUR - 1, -1, err);

    more = r;
    if (r >= 0)
        r = delete_some(db, rollups, (now_us - keep->minutes_us) / FL_MINUTE, ROLLUP_MINUTES, err);
    more |= r;
    if (r >= 0)
        r = delete_some(db, uptime, (now_us - keep->minutes_us) / FL_MINUTE, -1, err);
    more |= r;
    if (r >= 0)
        r = delete_some(db, rollups, (now_us - keep->hours_us) / FL_MINUTE, ROLLUP_HOURS, err);
    return r < 0 ? r : more | r;
}
