/* The rows of points that some results of one agent make, and their merging with the rows that
 * are there already. */
#pragma once

#include "coordinator/core/rollup.h"
#include "coordinator/store/db.h"

struct rollup_set;

int rollup_set_new(struct rollup_set **ret);
struct rollup_set *rollup_set_free(struct rollup_set *set);
FL_DEFINE_FREEP(struct rollup_set, rollup_set)

void rollup_set_clear(struct rollup_set *set);
/* Results of one series in order of time; each series once between two clears. 0 or -ENOMEM. */
int rollup_set_add(struct rollup_set *set, const struct fl_result *const *results, size_t n);
/* Merge with what is there, and write. Within a transaction. Rows that cannot be read give way. */
int rollup_set_write(struct rollup_set *set, struct db *db, int64_t agent, struct fl_error *err);
