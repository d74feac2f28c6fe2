/* A table that fits its screen: columns as wide as what stands in them, and when that is too
 * much, the widest give way. */
#pragma once

#include "coordinator/cli/screen.h"

#define TABLE_MAX_COLUMNS 16

struct table;

/* The titles are borrowed. */
struct table *table_new(const char *const titles[], size_t n_columns);
struct table *table_free(struct table *table);
FL_DEFINE_FREEP(struct table, table)

/* The next cell, from left to right and from row to row. */
void table_cell(struct table *table, enum screen_style style, const char *format, ...)
    FL_PRINTF(3, 4);
size_t table_rows(const struct table *table); /* that are whole */

/* -ENOMEM when there was no room for all of it, then nothing is printed. */
int table_print(const struct table *table, const struct screen *screen);
