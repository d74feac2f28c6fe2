/* Phases: the probes of one interval are ordered by type, and within it by a hash of agent and
 * series. Neighbours share a wake-up; wake-up k of n stands at k/n of the interval, all of it
 * turned by a hash of agent and interval, and those of one type far from each other. A phase
 * counts from the start of the agent, so the same plan set twice changes nothing. The due times
 * are a binary heap. */
#include "agent/core/schedule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WAKE_APART_US INT64_C(80000) /* nearer neighbours share a wake-up */
#define MOST_TOGETHER 4              /* probes that start at once */
#define CATCH_UP_SPEED 4 /* overdue probes start at most this much faster than planned */
#define TIMER_GRAIN_US INT64_C(2000) /* how late a healthy loop's timers fire */

struct slot {
    int64_t due_us;
    int64_t interval_us;
    size_t index;
    uint32_t kind; /* the same for all of one type */
    uint32_t hash;
};

struct schedule {
    char agent[FL_NAME_SIZE];
    int64_t start_us;
    int64_t gap_us;     /* least distance of two starts, on the average */
    int64_t credit_us;  /* so far that average may be run ahead of */
    int64_t allowed_us; /* no start before this */
    uint64_t skipped;
    size_t n_slots;
    struct slot *heap;
};

/* FNV-1a, then murmur's finish, so that near inputs lie far apart. */
static uint32_t mix(const char *agent, uint64_t value)
{
    uint32_t h = UINT32_C(2166136261);

    for (; *agent; agent++)
        h = (h ^ (uint8_t)*agent) * UINT32_C(16777619);
    for (int i = 0; i < 8; i++)
        h = (h ^ (uint8_t)(value >> (8 * i))) * UINT32_C(16777619);
    h = (h ^ (h >> 16)) * UINT32_C(0x85ebca6b);
    h = (h ^ (h >> 13)) * UINT32_C(0xc2b2ae35);
    return h ^ (h >> 16);
}

static uint32_t kind_of(const char *type)
{
    return mix(type, 0);
}

static int by_interval_and_kind(const void *a, const void *b)
{
    const struct slot *x = a, *y = b;

    if (x->interval_us != y->interval_us)
        return x->interval_us < y->interval_us ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

static bool earlier(const struct slot *a, const struct slot *b)
{
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->index < b->index;
}

static void sift_down(struct slot *heap, size_t n, size_t i)
{
    for (;;) {
        size_t least = i, left = 2 * i + 1, right = left + 1;
        struct slot other;

        if (left < n && earlier(&heap[left], &heap[least]))
            least = left;
        if (right < n && earlier(&heap[right], &heap[least]))
            least = right;
        if (least == i)
            return;
        other = heap[i];
        heap[i] = heap[least];
        heap[least] = other;
        i = least;
    }
}

/* The first time from `now` on that lies at `phase` of an interval. */
static int64_t first_due(const struct schedule *schedule, int64_t interval_us, int64_t phase_us,
                         int64_t now_us)
{
    int64_t due = schedule->start_us + phase_us;

    if (due < now_us)
        due += (now_us - due + interval_us - 1) / interval_us * interval_us;
    return due;
}

static size_t started_together(int64_t interval_us, size_t n)
{
    size_t together = (size_t)(WAKE_APART_US * (int64_t)n / interval_us);

    if (together < 1)
        return 1;
    return together < MOST_TOGETHER ? together : MOST_TOGETHER;
}

/* About the golden part of n and prime to it: steps of it reach all of n, neighbours far apart. */
static size_t stride_over(size_t n)
{
    size_t stride = (size_t)(0.618 * (double)n) | 1;

    for (;; stride++) {
        size_t a = n, b = stride;

        while (b > 0) {
            size_t rest = a % b;

            a = b;
            b = rest;
        }
        if (a == 1)
            return stride;
    }
}

/* `group`: slots of one interval, in order. Returns how many of them start at once. */
static size_t spread(const struct schedule *schedule, struct slot *group, size_t n, int64_t now_us)
{
    int64_t interval = group->interval_us;
    int64_t turn =
        (int64_t)((uint64_t)interval * (mix(schedule->agent, (uint64_t)interval) >> 8) >> 24);
    size_t together = started_together(interval, n);
    size_t wakes = (n + together - 1) / together;
    size_t stride = stride_over(wakes);

    for (size_t k = 0; k < n; k++) {
        uint64_t wake = k / together * stride % wakes;
        int64_t phase = (turn + (int64_t)((uint64_t)interval * wake / wakes)) % interval;

        group[k].due_us = first_due(schedule, interval, phase, now_us);
    }
    return together;
}

/* The least distance of two starts. */
static int64_t least_gap(const struct slot *slots, size_t n)
{
    double per_second = 0;

    for (size_t i = 0; i < n; i++)
        per_second += (double)FL_SECOND / (double)slots[i].interval_us;
    return n == 0 ? 0 : (int64_t)((double)FL_SECOND / per_second / CATCH_UP_SPEED);
}

int schedule_set_plan(struct schedule *schedule, const struct fl_plan *plan, int64_t now_us)
{
    size_t n = plan->n_specs, together = 1;
    struct slot *slots = calloc(n ? n : 1, sizeof(*slots));

    if (!slots)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        slots[i] = (struct slot){.interval_us = plan->specs[i].interval_us,
                                 .index = i,
                                 .kind = kind_of(plan->specs[i].type),
                                 .hash = mix(schedule->agent, plan->specs[i].series)};
    qsort(slots, n, sizeof(*slots), by_interval_and_kind);
    for (size_t i = 0, end; i < n; i = end) {
        size_t at_once;

        for (end = i + 1; end < n && slots[end].interval_us == slots[i].interval_us; end++)
            ;
        at_once = spread(schedule, &slots[i], end - i, now_us);
        together = at_once > together ? at_once : together;
    }
    for (size_t i = n / 2; i-- > 0;)
        sift_down(slots, n, i);
    free(schedule->heap);
    schedule->heap = slots;
    schedule->n_slots = n;
    schedule->gap_us = least_gap(slots, n);
    schedule->credit_us = schedule->gap_us * (int64_t)together;
    if (schedule->credit_us < TIMER_GRAIN_US)
        schedule->credit_us = TIMER_GRAIN_US;
    return 0;
}

/* Put the first slot at its next turn after now. */
static void advance(struct schedule *schedule, int64_t now_us)
{
    struct slot *first = &schedule->heap[0];
    int64_t late = now_us - first->due_us;

    if (late >= first->interval_us) {
        int64_t missed = late / first->interval_us;

        schedule->skipped += (uint64_t)missed;
        first->due_us += missed * first->interval_us;
    }
    first->due_us += first->interval_us;
    sift_down(schedule->heap, schedule->n_slots, 0);
}

bool schedule_next(struct schedule *schedule, int64_t now_us, size_t *ret_index)
{
    while (schedule->n_slots > 0 && schedule->heap[0].due_us <= now_us) {
        const struct slot *first = &schedule->heap[0];
        bool too_late = (now_us - first->due_us) % first->interval_us > first->interval_us / 2;

        if (too_late) {
            schedule->skipped++;
            advance(schedule, now_us);
            continue;
        }
        if (now_us < schedule->allowed_us)
            return false;
        if (schedule->allowed_us < now_us - schedule->credit_us)
            schedule->allowed_us = now_us - schedule->credit_us;
        schedule->allowed_us += schedule->gap_us;
        *ret_index = first->index;
        advance(schedule, now_us);
        return true;
    }
    return false;
}

int64_t schedule_deadline(const struct schedule *schedule)
{
    int64_t due_us;

    if (schedule->n_slots == 0)
        return SCHEDULE_NEVER;
    due_us = schedule->heap[0].due_us;
    return due_us > schedule->allowed_us ? due_us : schedule->allowed_us;
}

uint64_t schedule_skipped(const struct schedule *schedule)
{
    return schedule->skipped;
}

int schedule_new(const char *agent, int64_t now_us, struct schedule **ret)
{
    struct schedule *schedule = calloc(1, sizeof(*schedule));
    size_t size = strnlen(agent, FL_NAME_MAX);

    if (!schedule)
        return -ENOMEM;
    memcpy(schedule->agent, agent, size);
    schedule->start_us = now_us;
    schedule->allowed_us = now_us;
    *ret = schedule;
    return 0;
}

struct schedule *schedule_free(struct schedule *schedule)
{
    if (schedule)
        free(schedule->heap);
    free(schedule);
    return NULL;
}
