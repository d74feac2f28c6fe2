/* The host's own view: a set of sources, one file each, each filling its rows of a sample.
 * Counters become rates between two samples. */
#pragma once

#include "proto/types/fl_cleanup.h"
#include "proto/types/fl_error.h"
#include "proto/types/fl_host.h"
#include "proto/types/fl_plan.h"

struct host;

/* `root` is "/proc" or, in tests, a folder that looks like it. `sys` likewise "/sys". */
int host_new(const char *root, const char *sys, struct host **ret, struct fl_error *err);
struct host *host_free(struct host *host);
FL_DEFINE_FREEP(struct host, host)

/* Which mounted directory or device belongs to which target, so that its disk row can name it:
 * call for each `file` and `block` probe after a plan change; host_clear_targets forgets them. */
void host_clear_targets(struct host *host);
void host_add_target(struct host *host, const char *target, const char *directory);

/* Sample everything. Rates are since the last call with this object; the first call has none.
 * loop lag and clock offset are the caller's to fill. */
void host_sample(struct host *host, fl_time now_us, struct fl_host_sample *ret);
