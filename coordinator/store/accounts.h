/* The accounts of all agents, as they are durable: by name, in memory, beside the database that
 * keeps them. For the files of this folder only; its user holds the lock. */
#pragma once

#include "coordinator/store/db.h"

struct accounts;

int accounts_new(struct accounts **ret);
struct accounts *accounts_free(struct accounts *accounts);
FL_DEFINE_FREEP(struct accounts, accounts)

/* All that the database has. */
int accounts_load(struct accounts *accounts, struct db *db, struct fl_error *err);

/* Zeroes, with the name, when there is none. */
void accounts_get(const struct accounts *accounts, const char *agent, struct store_account *ret);
/* Number and base only. 0 or -ENOMEM. */
int accounts_set(struct accounts *accounts, const struct store_account *account);
/* A batch that is new was committed. -ENOMEM: it is not counted. */
int accounts_add(struct accounts *accounts, const struct db_batch *batch);

/* The history begins anew: what was stored and lost lies elsewhere from now on. */
void accounts_start_anew(struct accounts *accounts);
/* Those that have a number, to be written. */
int accounts_put_all(const struct accounts *accounts, struct db *db, struct fl_error *err);
