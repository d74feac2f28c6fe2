#include "coordinator/core/allowance.h"

static void refill(struct allowance *allowance, fl_time now_us)
{
    int64_t elapsed_us = now_us - allowance->at_us;

    if (elapsed_us <= 0)
        return;
    if (elapsed_us >= ALLOWANCE_BURST_BYTES / ALLOWANCE_BYTES_PER_SECOND * FL_SECOND)
        allowance->used_bytes = 0;
    else
        allowance->used_bytes -= elapsed_us * ALLOWANCE_BYTES_PER_SECOND / FL_SECOND;
    if (allowance->used_bytes < 0)
        allowance->used_bytes = 0;
    allowance->at_us = now_us;
}

bool allowance_take(struct allowance *allowance, size_t size, fl_time now_us)
{
    int64_t cost = (int64_t)size + ALLOWANCE_MESSAGE_BYTES;

    refill(allowance, now_us);
    if (allowance->used_bytes + cost > ALLOWANCE_BURST_BYTES)
        return false;
    allowance->used_bytes += cost;
    return true;
}
