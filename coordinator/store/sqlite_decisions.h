/* The history of decisions, in a table of its own. For store_sqlite.c and sqlite_db.c only. */
#pragma once

#include "coordinator/store/sqlite_db.h"

extern const char sqlite_decisions_schema[];

int sqlite_decisions_put(struct sqlite_db *db, const struct store_decision *decision,
                         struct fl_error *err);
/* The caller frees `ret`. */
int sqlite_decisions_read(struct sqlite_db *db, const char *group, uint64_t before_id, size_t limit,
                          struct store_decision **ret, size_t *ret_n, struct fl_error *err);
