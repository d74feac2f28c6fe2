/* Makes the uptime of all components over one row of minutes, from what all agents saw. */
#pragma once

#include "coordinator/store/db.h"

/* Do the row that has waited longest for it, within a transaction of the caller. Returns 1, or 0
 * when none waits. */
int uptime_maker_step(struct db *db, const struct uptime_work *works, size_t n_works,
                      struct fl_error *err);
