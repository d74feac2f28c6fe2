#include "coordinator/store/accounts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct accounts {
    size_t n, size;
    struct store_account *rows; /* in order of name */
};

int accounts_new(struct accounts **ret)
{
    struct accounts *accounts = calloc(1, sizeof(*accounts));

    if (!accounts)
        return -ENOMEM;
    *ret = accounts;
    return 0;
}

struct accounts *accounts_free(struct accounts *accounts)
{
    if (accounts)
        free(accounts->rows);
    free(accounts);
    return NULL;
}

/* Where it is, or would be. */
static size_t place_of(const struct accounts *accounts, const char *agent, bool *ret_found)
{
    size_t low = 0, high = accounts->n;

    *ret_found = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(agent, accounts->rows[middle].agent);

        *ret_found = *ret_found || order == 0;
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int grow(struct accounts *accounts)
{
    size_t size = accounts->size ? 2 * accounts->size : 64;
    struct store_account *rows = reallocarray(accounts->rows, size, sizeof(*rows));

    if (!rows)
        return -ENOMEM;
    accounts->rows = rows;
    accounts->size = size;
    return 0;
}

/* Its row, made when there is none; NULL for no memory. */
static struct store_account *row_of(struct accounts *accounts, const char *agent)
{
    bool found;
    size_t at = place_of(accounts, agent, &found);
    struct store_account *row;

    if (found)
        return &accounts->rows[at];
    if (accounts->n == accounts->size && grow(accounts) < 0)
        return NULL;
    row = &accounts->rows[at];
    memmove(row + 1, row, (accounts->n++ - at) * sizeof(*row));
    *row = (struct store_account){.number = 0};
    (void)snprintf(row->agent, sizeof(row->agent), "%s", agent);
    return row;
}

static int load_row(const struct store_account *account, void *arg)
{
    struct store_account *row = row_of(arg, account->agent);

    if (!row)
        return -ENOMEM;
    *row = *account;
    return 0;
}

int accounts_load(struct accounts *accounts, struct db *db, struct fl_error *err)
{
    return db->type->accounts(db, load_row, accounts, err);
}

void accounts_get(const struct accounts *accounts, const char *agent, struct store_account *ret)
{
    bool found;
    size_t at = place_of(accounts, agent, &found);

    *ret = (struct store_account){.number = 0};
    if (found)
        *ret = accounts->rows[at];
    else
        (void)snprintf(ret->agent, sizeof(ret->agent), "%s", agent);
}

int accounts_set(struct accounts *accounts, const struct store_account *account)
{
    struct store_account *row = row_of(accounts, account->agent);

    if (!row)
        return -ENOMEM;
    row->number = account->number;
    row->base = account->base;
    return 0;
}

int accounts_add(struct accounts *accounts, const struct db_batch *batch)
{
    struct store_account *row = row_of(accounts, batch->agent);

    if (!row)
        return -ENOMEM;
    row->stored += batch->n_results;
    row->lost += batch->n_lost;
    return 0;
}

void accounts_start_anew(struct accounts *accounts)
{
    for (size_t i = 0; i < accounts->n; i++) {
        struct store_account *row = &accounts->rows[i];

        row->base += (int64_t)(row->stored + row->lost);
        row->stored = row->lost = 0;
    }
}

int accounts_put_all(const struct accounts *accounts, struct db *db, struct fl_error *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < accounts->n; i++)
        if (accounts->rows[i].number != 0)
            r = db->type->put_account(db, &accounts->rows[i], err);
    return r;
}
