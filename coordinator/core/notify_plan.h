/* When people are told, and of what: no storm, nothing twice, nothing lost. Pure. */
#pragma once

#include "coordinator/core/verdict.h"

#include <stdbool.h>
#include <stddef.h>

#define NOTIFY_BURST 5      /* messages at once, after which one in an interval */
#define NOTIFY_MAX_OPEN 256 /* incidents that are remembered as told */

/* What was told of the incidents that are open; starts zeroed. */
struct notify_told {
    size_t n;
    struct {
        uint64_t incident;
        enum verdict_class class;
        enum verdict_cause cause;
        char component[FL_COMPONENT_SIZE];
    } open[NOTIFY_MAX_OPEN];
};

/* Is there something to tell? Not when only confidence or evidence of a verdict is new. Remembers
 * it as told; what there is no room to remember is told each time. */
bool notify_plan_is_news(struct notify_told *told, const struct verdict_event *event);

/* A token bucket; starts zeroed, full. */
struct notify_bucket {
    bool used;
    fl_time full_us; /* when it is full again */
};

/* How long until a message may be sent; 0: now, and a token is taken. */
int64_t notify_plan_wait(struct notify_bucket *bucket, int64_t interval_us, fl_time now_us);

/* How long to wait after so many attempts that failed, from 1. */
int64_t notify_plan_backoff(unsigned attempts);

/* One thing to tell, in order of time. */
struct notify_row {
    int64_t id;
    uint64_t incident; /* 0: it stands for itself */
    bool superseded;   /* a later one of the same incident says it all */
};

/* Mark those that a later row makes needless; returns how many. */
size_t notify_plan_supersede(struct notify_row *rows, size_t n);
