/* The only callers of clock_gettime. */
#pragma once

#include "proto/types/fl_time.h"

fl_time fl_clock_wall(void);      /* may jump */
int64_t fl_clock_monotonic(void); /* microseconds since some start; never jumps */

/* Wall time that never goes back or jumps within one process: the wall clock at first use plus
 * what the monotonic clock has counted since. The coordinator's receive times are these. */
fl_time fl_clock_steady(void);
