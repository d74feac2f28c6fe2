/* Batches as they come, the ledger of what came, and what is taken out for packing. */
#include "coordinator/core/ledger.h"
#include "coordinator/store/sqlite_db.h"

#include <errno.h>
#include <stdio.h>

static const char find_received[] =
    "SELECT agents.id, coalesce(n_results, 0), coalesce(n_lost, 0), runs FROM agents"
    " LEFT JOIN received ON agent = agents.id AND boot = ?2 WHERE name = ?1";
static const char put_agent[] = "INSERT INTO agents(name) VALUES(?1)";
static const char put_received[] =
    "INSERT INTO received(agent, boot, n_results, n_lost, last_us, runs)"
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6)"
    " ON CONFLICT(agent, boot) DO UPDATE SET n_results = excluded.n_results,"
    " n_lost = excluded.n_lost, last_us = max(last_us, excluded.last_us), runs = excluded.runs";
static const char put_inbox[] =
    "INSERT INTO inbox(agent, rx_us, n_results, bytes) VALUES(?1, ?2, ?3, ?4)";

/* What is known of one start of one agent. */
struct received {
    int64_t agent, n_results, n_lost;
    struct ledger ledger;
};

static int read_received(struct sqlite_db *db, const struct db_batch *batch, struct received *ret,
                         struct fl_error *err)
{
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, find_received, &statement, err);

    if (r < 0)
        return r;
    (void)sqlite3_bind_text(statement, 1, batch->agent, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(statement, 2, (sqlite3_int64)batch->boot);
    r = sqlite_db_step(db, statement, err);
    if (r <= 0)
        return r;
    ret->agent = sqlite3_column_int64(statement, 0);
    ret->n_results = sqlite3_column_int64(statement, 1);
    ret->n_lost = sqlite3_column_int64(statement, 2);
    if (ledger_decode(&ret->ledger, sqlite3_column_blob(statement, 3),
                      (size_t)sqlite3_column_bytes(statement, 3)) < 0)
        r = fl_error_set(err, -EBADMSG, "history holds a ledger that cannot be read");
    (void)sqlite3_reset(statement);
    return r;
}

static int find_or_add(struct sqlite_db *db, const struct db_batch *batch, struct received *ret,
                       struct fl_error *err)
{
    sqlite3_stmt *statement;
    int r = read_received(db, batch, ret, err);

    if (r != 0)
        return r < 0 ? r : 0;
    r = sqlite_db_statement(db, put_agent, &statement, err);
    if (r < 0)
        return r;
    (void)sqlite3_bind_text(statement, 1, batch->agent, -1, SQLITE_STATIC);
    r = sqlite_db_run(db, statement, err);
    *ret = (struct received){.agent = sqlite3_last_insert_rowid(db->sqlite)};
    return r;
}

static int write_received(struct sqlite_db *db, const struct db_batch *batch,
                          const struct received *received, struct fl_error *err)
{
    const int64_t numbers[] = {received->agent, (int64_t)batch->boot,
                               received->n_results + (int64_t)batch->n_results,
                               received->n_lost + (int64_t)batch->n_lost, batch->rx_us};
    uint8_t bytes[LEDGER_BYTES];
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, put_received, &statement, err);

    if (r < 0)
        return r;
    sqlite_db_bind(statement, 5, numbers);
    (void)sqlite3_bind_blob(statement, 6, bytes, (int)ledger_encode(&received->ledger, bytes),
                            SQLITE_STATIC);
    return sqlite_db_run(db, statement, err);
}

static int write_inbox(struct sqlite_db *db, const struct db_batch *batch, int64_t agent,
                       struct fl_error *err)
{
    const int64_t numbers[] = {agent, batch->rx_us, (int64_t)batch->n_results};
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, put_inbox, &statement, err);

    if (r < 0)
        return r;
    sqlite_db_bind(statement, 3, numbers);
    (void)sqlite3_bind_blob64(statement, 4, batch->bytes, batch->size, SQLITE_STATIC);
    return sqlite_db_run(db, statement, err);
}

static int put_batch(struct sqlite_db *db, struct db_batch *batch, struct fl_error *err)
{
    struct received received = {.agent = 0};
    int r = find_or_add(db, batch, &received, err), added;

    if (r < 0)
        return r;
    added = ledger_add(&received.ledger, batch->sequence - batch->skipped, batch->sequence);
    batch->is_new = added > 0;
    batch->is_refused = added < 0;
    if (!batch->is_new)
        return 0;
    r = write_received(db, batch, &received, err);
    return r < 0 || batch->is_empty ? r : write_inbox(db, batch, received.agent, err);
}

int sqlite_put_batches(struct db *db, struct db_batch *const *batches, size_t n,
                       struct fl_error *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < n; i++)
        r = put_batch(sqlite_db_of(db), batches[i], err);
    return r;
}

int sqlite_inbox_newest(struct db *base, int64_t *ret, struct fl_error *err)
{
    static const char sql[] = "SELECT coalesce(max(id), 0) FROM inbox";
    struct sqlite_db *db = sqlite_db_of(base);
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, sql, &statement, err);

    return r < 0 ? r : sqlite_db_number(db, statement, ret, err);
}

static int read_agent(struct sqlite_db *db, sqlite3_stmt *statement, struct db_agent *ret,
                      struct fl_error *err)
{
    int r = sqlite_db_step(db, statement, err);

    if (r == 1) {
        ret->id = sqlite3_column_int64(statement, 0);
        (void)snprintf(ret->name, sizeof(ret->name), "%s",
                       (const char *)sqlite3_column_text(statement, 1));
        ret->packed = sqlite3_column_int64(statement, 2);
    }
    (void)sqlite3_reset(statement);
    return r == 0 ? fl_error_set(err, -ENOENT, "there is no such agent") : r < 0 ? r : 0;
}

int sqlite_inbox_agent(struct db *base, int64_t after, int64_t up_to, struct db_agent *ret,
                       struct fl_error *err)
{
    static const char sql[] =
        "SELECT id, name, packed FROM agents WHERE id > ?1 AND EXISTS"
        " (SELECT 1 FROM inbox WHERE agent = agents.id AND inbox.id > packed AND inbox.id <= ?2)"
        " ORDER BY id LIMIT 1";
    const int64_t numbers[] = {after, up_to};
    struct sqlite_db *db = sqlite_db_of(base);
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, sql, &statement, err);

    if (r < 0)
        return r;
    sqlite_db_bind(statement, 2, numbers);
    return read_agent(db, statement, ret, err);
}

int sqlite_inbox_read(struct db *base, const struct db_agent *agent, int64_t up_to,
                      size_t max_results, db_letter_cb visit, void *arg, struct fl_error *err)
{
    static const char sql[] = "SELECT id, rx_us, n_results, bytes FROM inbox"
                              " WHERE agent = ?1 AND id > ?2 AND id <= ?3 ORDER BY id";
    const int64_t numbers[] = {agent->id, agent->packed, up_to};
    struct sqlite_db *db = sqlite_db_of(base);
    sqlite3_stmt *statement;
    size_t n = 0;
    int r = sqlite_db_statement(db, sql, &statement, err);

    if (r < 0)
        return r;
    sqlite_db_bind(statement, 3, numbers);
    while (n < max_results && (r = sqlite_db_step(db, statement, err)) > 0) {
        struct db_letter letter = {.id = sqlite3_column_int64(statement, 0),
                                   .rx_us = sqlite3_column_int64(statement, 1),
                                   .bytes = sqlite3_column_blob(statement, 3),
                                   .size = (size_t)sqlite3_column_bytes(statement, 3)};

        n += (size_t)sqlite3_column_int64(statement, 2);
        r = visit(&letter, arg);
        if (r < 0)
            break;
    }
    (void)sqlite3_reset(statement);
    return r < 0 ? r : 0;
}

int sqlite_set_packed(struct db *base, int64_t agent, int64_t up_to, struct fl_error *err)
{
    static const char sql[] = "UPDATE agents SET packed = ?2 WHERE id = ?1";
    const int64_t numbers[] = {agent, up_to};
    struct sqlite_db *db = sqlite_db_of(base);
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, sql, &statement, err);

    if (r < 0)
        return r;
    sqlite_db_bind(statement, 2, numbers);
    return sqlite_db_run(db, statement, err);
}

int sqlite_inbox_delete(struct db *base, int64_t up_to, int limit, struct fl_error *err)
{
    static const char sql[] =
        "DELETE FROM inbox WHERE id IN (SELECT id FROM inbox WHERE id <= ?1 ORDER BY id LIMIT ?2)";
    const int64_t numbers[] = {up_to, limit};
    struct sqlite_db *db = sqlite_db_of(base);
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, sql, &statement, err);

    if (r < 0)
        return r;
    sqlite_db_bind(statement, 2, numbers);
    r = sqlite_db_run(db, statement, err);
    return r < 0 ? r : sqlite3_changes(db->sqlite);
}

int sqlite_find_agent(struct db *base, const char *name, struct db_agent *ret, struct fl_error *err)
{
    static const char sql[] = "SELECT id, name, packed FROM agents WHERE name = ?1";
    struct sqlite_db *db = sqlite_db_of(base);
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, sql, &statement, err);

    if (r < 0)
        return r;
    (void)sqlite3_bind_text(statement, 1, name, -1, SQLITE_TRANSIENT);
    return read_agent(db, statement, ret, err);
}

int sqlite_count_results(struct db *base, const char *agent, uint64_t *ret, struct fl_error *err)
{
    static const char all[] = "SELECT coalesce(sum(n_results), 0) FROM received";
    static const char one[] = "SELECT coalesce(sum(n_results), 0) FROM received"
                              " JOIN agents ON agents.id = agent WHERE name = ?1";
    struct sqlite_db *db = sqlite_db_of(base);
    sqlite3_stmt *statement;
    int64_t n = 0;
    int r = sqlite_db_statement(db, agent ? one : all, &statement, err);

    if (r < 0)
        return r;
    if (agent)
        (void)sqlite3_bind_text(statement, 1, agent, -1, SQLITE_TRANSIENT);
    r = sqlite_db_number(db, statement, &n, err);
    *ret = (uint64_t)n;
    return r;
}

int sqlite_put_account(struct db *base, const struct store_account *account, struct fl_error *err)
{
    static const char sql[] =
        "INSERT INTO agents(name, account, base) VALUES(?3, ?1, ?2)"
        " ON CONFLICT(name) DO UPDATE SET account = excluded.account, base = excluded.base";
    const int64_t numbers[] = {(int64_t)account->number, account->base};
    struct sqlite_db *db = sqlite_db_of(base);
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, sql, &statement, err);

    if (r < 0)
        return r;
    sqlite_db_bind(statement, 2, numbers);
    (void)sqlite3_bind_text(statement, 3, account->agent, -1, SQLITE_STATIC);
    return sqlite_db_run(db, statement, err);
}

int sqlite_accounts(struct db *base, db_account_cb visit, void *arg, struct fl_error *err)
{
    static const char sql[] = "SELECT name, account, base, coalesce(sum(n_results), 0),"
                              " coalesce(sum(n_lost), 0) FROM agents"
                              " LEFT JOIN received ON agent = agents.id GROUP BY agents.id";
    struct sqlite_db *db = sqlite_db_of(base);
    sqlite3_stmt *statement;
    int r = sqlite_db_statement(db, sql, &statement, err);

    while (r >= 0 && (r = sqlite_db_step(db, statement, err)) > 0) {
        struct store_account account = {
            .number = (uint64_t)sqlite3_column_int64(statement, 1),
            .base = sqlite3_column_int64(statement, 2),
            .stored = (uint64_t)sqlite3_column_int64(statement, 3),
            .lost = (uint64_t)sqlite3_column_int64(statement, 4),
        };

        (void)snprintf(account.agent, sizeof(account.agent), "%s",
                       (const char *)sqlite3_column_text(statement, 0));
        r = visit(&account, arg);
    }
    if (r < 0)
        (void)sqlite3_reset(statement);
    return r < 0 ? r : 0;
}
