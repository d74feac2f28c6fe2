/* How long a component was up, minute by minute, from what its observers saw. An observer is one
 * agent: what it says of a target is what it says of the target's worst probe. Time at which all
 * who looked saw failures is down, time at which only some did is disputed, time under announced
 * work is neither, and time at which nobody looked is blind: nothing is known of it, so it is what
 * a day has besides these. Pure. */
#pragma once

#include "proto/types/fl_limits.h"
#include "proto/types/fl_time.h"

#include <stdbool.h>

#define UPTIME_DAY (24 * FL_HOUR)

struct uptime_times {
    int64_t up_us, down_us, disputed_us, maintenance_us;
};

/* What one agent saw of one target in a minute. All zero: it did not look. */
struct uptime_observer {
    bool looked;
    uint32_t down_ppm; /* share of the minute, in parts per million */
};

/* The same of all agents. All zero: nobody looked. */
struct uptime_minute {
    bool looked;
    uint32_t least_ppm, most_ppm;
};

/* A probe of the target had so many results, so many of them fine. */
void uptime_look(struct uptime_observer *observer, uint64_t samples, uint64_t ok);
void uptime_join(struct uptime_minute *minute, const struct uptime_observer *observer);
/* Add a minute to the times; `maintenance_us` of it were announced work. */
void uptime_count(struct uptime_times *times, const struct uptime_minute *minute,
                  int64_t maintenance_us);

void uptime_add(struct uptime_times *to, const struct uptime_times *from);
/* Of the time that is known to have been up or down, the share that it was up; negative when
 * nothing is known. */
double uptime_share(const struct uptime_times *times);
/* What is left of a span that was observed from first_us to last_us. */
int64_t uptime_blind(const struct uptime_times *times, fl_time first_us, fl_time last_us);

/* Announced work on one target. */
struct uptime_work {
    char target[FL_TARGET_SIZE];
    fl_time begin_us, end_us;
};

/* How much of the minute that begins then lies in work on the target. */
int64_t uptime_worked(const struct uptime_work *works, size_t n, const char *target,
                      fl_time minute_us);
