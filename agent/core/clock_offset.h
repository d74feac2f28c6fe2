/* How far the coordinator's clock is from this one, from the four times of a heartbeat and its
 * reply. The sample with the least round trip is believed; each sample proves that the offset
 * lies within half its round trip, so two that exclude each other prove that a clock has jumped,
 * and the older ones are forgotten. */
#pragma once

#include "proto/types/fl_time.h"

#include <stddef.h>

#define CLOCK_OFFSET_SAMPLES 8

struct clock_offset {
    size_t n, next;
    struct {
        int64_t offset_us;
        int64_t rtt_us;
    } samples[CLOCK_OFFSET_SAMPLES];
};

void clock_offset_init(struct clock_offset *clock);

/* sent and back by the agent's clock, received and replied by the coordinator's. Returns 0, or
 * -EINVAL when the times cannot be (a clock went back meanwhile); the sample is then not used. */
int clock_offset_add(struct clock_offset *clock, fl_time sent_us, fl_time received_us,
                     fl_time replied_us, fl_time back_us);

/* Coordinator's clock minus the agent's; FL_ABSENT before the first sample. */
int64_t clock_offset_get(const struct clock_offset *clock);
