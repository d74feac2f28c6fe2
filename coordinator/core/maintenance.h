/* Announced work: what a window covers, and which verdicts are kept from being published because
 * of it. A verdict is covered when what is at fault lies within running windows, or when every
 * target that suffers does; a fault that touches anything else is said as ever. Pure. */
#pragma once

#include "coordinator/core/fleet.h"
#include "coordinator/core/verdict.h"

#define MAINTENANCE_MAX_NAMES 16
#define MAINTENANCE_TITLE_SIZE 128
#define MAINTENANCE_MAX_SILENT 256

struct maintenance {
    uint64_t id; /* from 1 */
    fl_time created_us, begin_us, end_us;
    char title[MAINTENANCE_TITLE_SIZE];
    /* At least one name in all. Zones are zones and places: whatever is there, and every way from
     * or to it. */
    uint32_t n_targets, n_zones;
    char targets[MAINTENANCE_MAX_NAMES][FL_TARGET_SIZE];
    char zones[MAINTENANCE_MAX_NAMES][FL_NAME_SIZE];
};

bool maintenance_runs(const struct maintenance *window, fl_time t_us);
/* Does work on that target, or where it is, run? */
bool maintenance_covers_target(const struct maintenance *windows, size_t n,
                               const struct fleet *fleet, const char *target, fl_time t_us);
bool maintenance_covers(const struct maintenance *windows, size_t n, const struct fleet *fleet,
                        const struct verdict *verdict, fl_time t_us);

/* The verdicts that are open and have not been published. */
struct maintenance_silence {
    size_t n;
    struct verdict verdicts[MAINTENANCE_MAX_SILENT];
    uint64_t silenced; /* since start */
};

/* False: the event is kept back. What opened before the work began is said to its end. */
bool maintenance_pass(struct maintenance_silence *silence, const struct maintenance *windows,
                      size_t n, const struct fleet *fleet, const struct verdict_event *event);
/* One that is open and not covered any more, to be published as opened now; false: none. */
bool maintenance_release(struct maintenance_silence *silence, const struct maintenance *windows,
                         size_t n, const struct fleet *fleet, fl_time t_us,
                         struct verdict_event *ret);
bool maintenance_is_silent(const struct maintenance_silence *silence, uint64_t id);
