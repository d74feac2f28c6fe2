/* The tables of the history file and how older ones become them.
 *
 * What belongs to the same time lies together: all series write at once, and one is read seldom.
 * Pages are large because chunks are; a file of an earlier version keeps its own. */
#include "coordinator/core/ledger.h"
#include "coordinator/store/sqlite_db.h"

#include <errno.h>
#include <stdio.h>

#define VERSION 4

static const char pragmas[] = "PRAGMA page_size=16384;"
                              "PRAGMA journal_mode=WAL;"
                              "PRAGMA synchronous=FULL;"
                              "PRAGMA journal_size_limit=67108864;";

static const char incidents[] =
    "CREATE TABLE incidents("
    " id INTEGER PRIMARY KEY, opened_us INTEGER NOT NULL, updated_us INTEGER NOT NULL,"
    " closed_us INTEGER, n_events INTEGER NOT NULL, verdict TEXT NOT NULL);"
    "CREATE TABLE events("
    " id INTEGER PRIMARY KEY, incident INTEGER NOT NULL, t_us INTEGER NOT NULL,"
    " event TEXT NOT NULL, verdict TEXT NOT NULL);"
    "CREATE INDEX events_by_incident ON events(incident, id);";

static const char series[] =
    "CREATE TABLE agents("
    " id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, zone TEXT NOT NULL DEFAULT '',"
    " packed INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE names("
    " series INTEGER PRIMARY KEY, target TEXT NOT NULL, probe TEXT NOT NULL);"
    "CREATE TABLE received("
    " agent INTEGER NOT NULL, boot INTEGER NOT NULL, runs BLOB NOT NULL,"
    " n_results INTEGER NOT NULL, last_us INTEGER NOT NULL, PRIMARY KEY(agent, boot))"
    " WITHOUT ROWID;"
    "CREATE TABLE inbox("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, agent INTEGER NOT NULL, rx_us INTEGER NOT NULL,"
    " n_results INTEGER NOT NULL, bytes BLOB NOT NULL);"
    "CREATE INDEX inbox_by_agent ON inbox(agent);"
    "CREATE TABLE chunks("
    " id INTEGER PRIMARY KEY, hour INTEGER NOT NULL, agent INTEGER NOT NULL,"
    " series INTEGER NOT NULL, begins_us INTEGER NOT NULL, span_us INTEGER NOT NULL,"
    " n INTEGER NOT NULL, bytes BLOB NOT NULL);"
    "CREATE INDEX chunks_by_hour ON chunks(hour, agent, series);"
    "CREATE TABLE rollups("
    " level INTEGER NOT NULL, minute INTEGER NOT NULL, agent INTEGER NOT NULL,"
    " series INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY(level, minute, agent, series))"
    " WITHOUT ROWID;";

static const char uptime[] =
    "CREATE TABLE stale(minute INTEGER PRIMARY KEY);"
    "CREATE TABLE uptime_rows("
    " minute INTEGER NOT NULL, target TEXT NOT NULL, zone TEXT NOT NULL, up_us INTEGER NOT NULL,"
    " down_us INTEGER NOT NULL, disputed_us INTEGER NOT NULL, maintenance_us INTEGER NOT NULL,"
    " PRIMARY KEY(minute, target, zone)) WITHOUT ROWID;"
    "CREATE TABLE uptime_days("
    " day INTEGER NOT NULL, target TEXT NOT NULL, zone TEXT NOT NULL, first_us INTEGER NOT NULL,"
    " last_us INTEGER NOT NULL, up_us INTEGER NOT NULL, down_us INTEGER NOT NULL,"
    " disputed_us INTEGER NOT NULL, maintenance_us INTEGER NOT NULL,"
    " PRIMARY KEY(day, target, zone)) WITHOUT ROWID;";

/* What agents say of their accounts, and what they lost. */
static const char accounts[] = "ALTER TABLE received ADD COLUMN n_lost INTEGER NOT NULL DEFAULT 0;"
                               "ALTER TABLE agents ADD COLUMN account INTEGER NOT NULL DEFAULT 0;"
                               "ALTER TABLE agents ADD COLUMN base INTEGER NOT NULL DEFAULT 0;";

/* Version 1 kept batches and nothing made of them; version 2 had no uptime, 3 no accounts. */
static const char from_1[] =
    "INSERT INTO agents(name) SELECT DISTINCT agent FROM batches ORDER BY agent;"
    "INSERT INTO inbox(agent, rx_us, n_results, bytes)"
    " SELECT agents.id, rx_us, n_results, bytes FROM batches JOIN agents ON name = agent"
    " ORDER BY batches.id;";

static const char batches_of_1[] =
    "SELECT agents.id, boot, sequence, n_results, rx_us FROM batches JOIN agents ON name = agent"
    " ORDER BY agents.id, boot, sequence";

static const char put_received[] =
    "INSERT INTO received(agent, boot, n_results, last_us, runs) VALUES(?1, ?2, ?3, ?4, ?5)";

struct received {
    int64_t numbers[4]; /* agent, boot, results, last */
    struct ledger ledger;
};

static int write_received(struct sqlite_db *db, const struct received *received,
                          struct fl_error *err)
{
    uint8_t bytes[LEDGER_BYTES];
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, put_received, &statement, err);

    if (r < 0 || received->ledger.n == 0)
        return r;
    sqlite_db_bind(statement, 4, received->numbers);
    (void)sqlite3_bind_blob(statement, 5, bytes, (int)ledger_encode(&received->ledger, bytes),
                            SQLITE_STATIC);
    return sqlite_db_run(db, statement, err);
}

static int make_ledgers(struct sqlite_db *db, struct fl_error *err)
{
    struct received now = {.ledger = {.n = 0}};
    sqlite3_stmt *rows;
    int r = sqlite_db_statement(db, batches_of_1, &rows, err);

    while (r >= 0 && (r = sqlite_db_step(db, rows, err)) > 0) {
        int64_t agent = sqlite3_column_int64(rows, 0), boot = sqlite3_column_int64(rows, 1);

        if (now.ledger.n > 0 && (agent != now.numbers[0] || boot != now.numbers[1])) {
            r = write_received(db, &now, err);
            now = (struct received){.ledger = {.n = 0}};
        }
        now.numbers[0] = agent;
        now.numbers[1] = boot;
        now.numbers[2] += sqlite3_column_int64(rows, 3);
        if (sqlite3_column_int64(rows, 4) > now.numbers[3])
            now.numbers[3] = sqlite3_column_int64(rows, 4);
        (void)ledger_add(&now.ledger, (uint64_t)sqlite3_column_int64(rows, 2),
                         (uint64_t)sqlite3_column_int64(rows, 2));
    }
    return r < 0 ? r : write_received(db, &now, err);
}

static int drop_batches(struct sqlite_db *db, struct fl_error *err)
{
    /* its statement still holds the table */
    while (db->n_statements > 0)
        (void)sqlite3_finalize(db->statements[--db->n_statements].statement);
    return sqlite_db_execute(db, "DROP TABLE batches", "be migrated", err);
}

static int migrate(struct sqlite_db *db, int version, struct fl_error *err)
{
    char done[40];
    int r = 0;

    if (version == 0)
        r = sqlite_db_execute(db, incidents, "be created", err);
    if (r == 0 && version < 2)
        r = sqlite_db_execute(db, series, "be created", err);
    if (r == 0)
        r = sqlite_db_execute(db, sqlite_decisions_schema, "be created", err);
    if (r == 0 && version < 3)
        r = sqlite_db_execute(db, uptime, "be created", err);
    if (r == 0)
        r = sqlite_db_execute(db, accounts, "be created", err);
    if (r == 0 && version == 1)
        r = sqlite_db_execute(db, from_1, "be migrated", err);
    if (r == 0 && version == 1)
        r = make_ledgers(db, err);
    if (r == 0 && version == 1)
        r = drop_batches(db, err);
    (void)snprintf(done, sizeof(done), "PRAGMA user_version=%d", VERSION);
    return r < 0 ? r : sqlite_db_execute(db, done, "be created", err);
}

static int read_version(struct sqlite_db *db, int64_t *ret, struct fl_error *err)
{
    static const char sql[] = "PRAGMA user_version";
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, sql, &statement, err);

    return r < 0 ? r : sqlite_db_number(db, statement, ret, err);
}

/* Another connection may be at it as well: the version counts that stands when it is our turn. */
static int bring_forward(struct sqlite_db *db, struct fl_error *err)
{
    int64_t version = 0;
    int r = sqlite_db_execute(db, "BEGIN IMMEDIATE", "be migrated", err);

    if (r < 0)
        return r;
    r = read_version(db, &version, err);
    if (r == 0 && version < VERSION)
        r = migrate(db, (int)version, err);
    if (r == 0)
        r = sqlite_db_execute(db, "COMMIT", "be migrated", err);
    if (r < 0)
        (void)sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
    return r;
}

int sqlite_schema_prepare(struct sqlite_db *db, struct fl_error *err)
{
    int64_t version = 0;
    int r = read_version(db, &version, err);

    if (r < 0)
        return r;
    if (version > VERSION)
        return fl_error_set(err, -EPROTONOSUPPORT,
                            "history was written by a newer version (its schema is %d, this "
                            "program knows up to %d); use that version or move the file away",
                            (int)version, VERSION);
    r = sqlite_db_execute(db, pragmas, "be opened", err);
    return r < 0 || version == VERSION ? r : bring_forward(db, err);
}
