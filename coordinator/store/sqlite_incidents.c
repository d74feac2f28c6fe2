/* Incidents and their events. Verdicts are JSON, as the API prints them. */
#include "coordinator/store/sqlite_db.h"
#include "coordinator/trace/verdict_json.h"
#include "coordinator/trace/verdict_parse.h"

#include <errno.h>
#include <stdlib.h>

static int put_incident(struct sqlite_db *db, const struct verdict_event *event, const char *text,
                        struct fl_error *err)
{
    static const char sql[] = "INSERT INTO incidents(id, opened_us, updated_us, closed_us,"
                              " n_events, verdict) VALUES(?1, ?2, ?2, ?3, 1, ?4)"
                              " ON CONFLICT(id) DO UPDATE SET updated_us = excluded.updated_us,"
                              " closed_us = excluded.closed_us, n_events = n_events + 1,"
                              " verdict = excluded.verdict";
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, sql, &statement, err);

    if (r < 0)
        return r;
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)event->verdict.id);
    (void)sqlite3_bind_int64(statement, 2, event->t_us);
    if (event->type == VERDICT_CLOSE)
        (void)sqlite3_bind_int64(statement, 3, event->t_us);
    (void)sqlite3_bind_text(statement, 4, text, -1, SQLITE_STATIC);
    return sqlite_db_run(db, statement, err);
}

static int put_event(struct sqlite_db *db, const struct verdict_event *event, const char *text,
                     struct fl_error *err)
{
    static const char sql[] =
        "INSERT INTO events(incident, t_us, event, verdict) VALUES(?1, ?2, ?3, ?4)";
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, sql, &statement, err);

    if (r < 0)
        return r;
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)event->verdict.id);
    (void)sqlite3_bind_int64(statement, 2, event->t_us);
    (void)sqlite3_bind_text(statement, 3, verdict_event_name(event->type), -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(statement, 4, text, -1, SQLITE_STATIC);
    return sqlite_db_run(db, statement, err);
}

int sqlite_put_verdict(struct db *base, const struct verdict_event *event, struct fl_error *err)
{
    struct sqlite_db *db = sqlite_db_of(base);
    json_t *json = verdict_json(&event->verdict);
    char *text = json ? json_dumps(json, VERDICT_JSON_FLAGS) : NULL;
    int r = text ? put_incident(db, event, text, err)
                 : fl_error_set(err, -ENOMEM, "no memory for a verdict");

    if (r == 0)
        r = put_event(db, event, text, err);
    free(text);
    json_decref(json);
    return r;
}

int sqlite_close_orphans(struct db *base, fl_time t_us, struct fl_error *err)
{
    static const char sql[] =
        "INSERT INTO events(incident, t_us, event, verdict)"
        " SELECT id, max(%lld, updated_us), 'close', verdict FROM incidents"
        " WHERE closed_us IS NULL ORDER BY id;"
        "UPDATE incidents SET closed_us = max(%lld, updated_us),"
        " updated_us = max(%lld, updated_us), n_events = n_events + 1 WHERE closed_us IS NULL;";
    struct sqlite_db *db = sqlite_db_of(base);
    long long t = t_us;
    char *text = sqlite3_mprintf(sql, t, t, t);
    int r = text ? db->db.type->begin(base, err) : fl_error_set(err, -ENOMEM, "no memory");

    if (r == 0) {
        r = sqlite_db_execute(db, text, "close what was open", err);
        if (r == 0)
            r = db->db.type->commit(base, err);
        if (r < 0)
            db->db.type->rollback(base);
    }
    sqlite3_free(text);
    return r;
}

int sqlite_last_incident(struct db *base, uint64_t *ret, struct fl_error *err)
{
    static const char sql[] = "SELECT coalesce(max(id), 0) FROM incidents";
    struct sqlite_db *db = sqlite_db_of(base);
    sqlite3_stmt *statement;
    int64_t id = 0;
    int r = sqlite_db_statement(db, sql, &statement, err);

    if (r == 0)
        r = sqlite_db_number(db, statement, &id, err);
    *ret = (uint64_t)id;
    return r;
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

int sqlite_incidents(struct db *base, uint64_t before_id, size_t limit, struct store_incident **ret,
                     size_t *ret_n, struct fl_error *err)
{
    static const char sql[] = "SELECT opened_us, updated_us, closed_us, n_events, verdict"
                              " FROM incidents WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
    const int64_t numbers[] = {
        before_id == 0 || before_id > INT64_MAX ? INT64_MAX : (int64_t)before_id, (int64_t)limit};
    struct store_incident *incidents = calloc(limit + 1, sizeof(*incidents));
    struct sqlite_db *db = sqlite_db_of(base);
    sqlite3_stmt *statement;
    size_t n = 0;
    int r;

    if (!incidents)
        return fl_error_set(err, -ENOMEM, "no memory for %zu incidents", limit);
    r = sqlite_db_statement(db, sql, &statement, err);
    if (r == 0)
        sqlite_db_bind(statement, 2, numbers);
    while (r >= 0 && (r = sqlite_db_step(db, statement, err)) > 0)
        r = incident_row(statement, &incidents[n++], err);
    if (r < 0) {
        free(incidents);
        return r;
    }
    *ret = incidents;
    *ret_n = n;
    return 0;
}

int sqlite_incident(struct db *base, uint64_t id, struct store_incident *ret, struct fl_error *err)
{
    static const char sql[] = "SELECT opened_us, updated_us, closed_us, n_events, verdict"
                              " FROM incidents WHERE id = ?1";
    struct sqlite_db *db = sqlite_db_of(base);
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, sql, &statement, err);

    if (r < 0)
        return r;
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)id);
    r = sqlite_db_step(db, statement, err);
    if (r == 0)
        r = fl_error_set(err, -ENOENT, "there is no incident %llu", (unsigned long long)id);
    else if (r == 1)
        r = incident_row(statement, ret, err);
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

int sqlite_events(struct db *base, uint64_t id, size_t limit, struct verdict_event **ret,
                  size_t *ret_n, struct fl_error *err)
{
    static const char sql[] =
        "SELECT t_us, event, verdict FROM events WHERE incident = ?1 ORDER BY id LIMIT ?2";
    const int64_t numbers[] = {(int64_t)id, (int64_t)limit};
    struct verdict_event *events = calloc(limit + 1, sizeof(*events));
    struct sqlite_db *db = sqlite_db_of(base);
    sqlite3_stmt *statement;
    size_t n = 0;
    int r;

    if (!events)
        return fl_error_set(err, -ENOMEM, "no memory for %zu events", limit);
    r = sqlite_db_statement(db, sql, &statement, err);
    if (r == 0)
        sqlite_db_bind(statement, 2, numbers);
    while (r >= 0 && (r = sqlite_db_step(db, statement, err)) > 0)
        r = event_row(statement, &events[n++], err);
    if (r < 0) {
        free(events);
        return r;
    }
    *ret = events;
    *ret_n = n;
    return 0;
}
