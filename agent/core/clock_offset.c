#include "agent/core/clock_offset.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define RTT_MAX_US (60 * FL_SECOND) /* an older answer says nothing */
#define DRIFT_US 1000               /* what two sound clocks may part while the samples last */
#define TIME_MAX (INT64_MAX / 8)    /* sums of four times stay in range */

void clock_offset_init(struct clock_offset *clock)
{
    memset(clock, 0, sizeof(*clock));
}

static bool sane(fl_time time)
{
    return time > 0 && time < TIME_MAX;
}

static size_t best(const struct clock_offset *clock)
{
    size_t least = 0;

    for (size_t i = 1; i < clock->n; i++)
        if (clock->samples[i].rtt_us < clock->samples[least].rtt_us)
            least = i;
    return least;
}

int clock_offset_add(struct clock_offset *clock, fl_time sent_us, fl_time received_us,
                     fl_time replied_us, fl_time back_us)
{
    int64_t offset, rtt;

    if (!sane(sent_us) || !sane(received_us) || !sane(replied_us) || !sane(back_us))
        return -EINVAL;
    rtt = (back_us - sent_us) - (replied_us - received_us);
    if (replied_us < received_us || rtt < 0 || rtt > RTT_MAX_US)
        return -EINVAL;
    offset = ((received_us - sent_us) + (replied_us - back_us)) / 2;
    if (clock->n > 0) {
        size_t b = best(clock);
        int64_t room = (clock->samples[b].rtt_us + rtt) / 2 + DRIFT_US;

        if (llabs(offset - clock->samples[b].offset_us) > room)
            clock_offset_init(clock);
    }
    clock->samples[clock->next].offset_us = offset;
    clock->samples[clock->next].rtt_us = rtt;
    clock->next = (clock->next + 1) % CLOCK_OFFSET_SAMPLES;
    if (clock->n < CLOCK_OFFSET_SAMPLES)
        clock->n++;
    return 0;
}

int64_t clock_offset_get(const struct clock_offset *clock)
{
    return clock->n == 0 ? FL_ABSENT : clock->samples[best(clock)].offset_us;
}
