/* Probes that are run by this process itself, as an agent would. */
#pragma once

#include "proto/types/fl_plan.h"
#include "proto/types/fl_result.h"

/* Run the one probe of `plan` so often, each so long after the one before or when that is over.
 * `result` gets what comes. 0, or negative with the reason why it cannot be run. */
int probe_local_run(const struct fl_plan *plan, uint64_t repeats, int64_t interval_us,
                    void (*result)(const struct fl_result *result, void *arg), void *arg,
                    struct fl_error *err);

/* The setting that says what a probe of that type is aimed at: the first that must be given.
 * NULL: there is no such type. */
const char *probe_local_aim(const char *type);
