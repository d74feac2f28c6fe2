/* Which probe of the plan is due when. Probes of one interval stand at even distances in it, in
 * an order and from a start that differ from agent to agent, so that neither an agent's probes
 * nor a target's visitors come bunched. Where they stand close, up to four start at once, of one
 * type if there are so many: that spares wake-ups, and the second finds warm what the first had
 * to fetch. After a late wake-up there is no burst: turns that are half an interval late are
 * skipped and counted, the others are paced. Times are monotonic. */
#pragma once

#include "proto/types/fl_cleanup.h"
#include "proto/types/fl_plan.h"

#define SCHEDULE_NEVER INT64_MAX

struct schedule;

/* -ENOMEM when there is no memory. */
int schedule_new(const char *agent, int64_t now_us, struct schedule **ret);
struct schedule *schedule_free(struct schedule *schedule);
FL_DEFINE_FREEP(struct schedule, schedule)

/* Follow this plan from now on; read only during the call. On -ENOMEM the old one stays. */
int schedule_set_plan(struct schedule *schedule, const struct fl_plan *plan, int64_t now_us);

/* Is one due? Then its index in the plan; call again until false. */
bool schedule_next(struct schedule *schedule, int64_t now_us, size_t *ret_index);

/* When to ask again; SCHEDULE_NEVER without probes. */
int64_t schedule_deadline(const struct schedule *schedule);

uint64_t schedule_skipped(const struct schedule *schedule); /* turns, since the start */
