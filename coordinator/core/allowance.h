/* How much one peer may say: so many bytes a second, and a burst of them after a quiet time. A
 * message costs its bytes and a fixed part, so that many small ones are bounded as well. Pure. */
#pragma once

#include "proto/types/fl_time.h"

#include <stdbool.h>
#include <stddef.h>

/* Twice what an agent sends at most that catches up after a cut (agent/core/backlog.h). */
#define ALLOWANCE_BYTES_PER_SECOND INT64_C(2097152)
#define ALLOWANCE_BURST_BYTES INT64_C(8388608)
#define ALLOWANCE_MESSAGE_BYTES INT64_C(1024) /* the fixed part: 2,000 messages a second */

/* Zeroed, it is full. */
struct allowance {
    int64_t used_bytes;
    fl_time at_us;
};

/* May a message of `size` bytes be read? What may not costs nothing. A time before the last one
 * counts as the same. */
bool allowance_take(struct allowance *allowance, size_t size, fl_time now_us);
