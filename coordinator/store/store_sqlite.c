/* History in one file, for one coordinator. */
#include "coordinator/store/store_sqlite.h"

#include "coordinator/store/sqlite_db.h"
#include "coordinator/store/writer.h"

static int sqlite_store_open(const char *location, const struct store_keep *keep,
                             struct event_base *base, store_done_cb done, void *arg,
                             struct store **ret, struct fl_error *err)
{
    return store_open(&sqlite_db_type, location, keep, base, done, arg, ret, err);
}

const struct store_type store_sqlite = {
    .name = "sqlite",
    .summary = "one file beside the coordinator",
    .open = sqlite_store_open,
    STORE_COMMON,
};
