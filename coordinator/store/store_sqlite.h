/* The row of SQLite for store_table.c: history in one file, for one coordinator. */
#pragma once

#include "coordinator/store/store.h"

extern const struct store_type store_sqlite;
