#include "coordinator/core/notify_plan.h"

#include <string.h>

#define FIRST_BACKOFF FL_SECOND
#define MAX_BACKOFF (5 * FL_MINUTE)

static size_t find(const struct notify_told *told, uint64_t incident)
{
    size_t i = 0;

    while (i < told->n && told->open[i].incident != incident)
        i++;
    return i;
}

bool notify_plan_is_news(struct notify_told *told, const struct verdict_event *event)
{
    const struct verdict *verdict = &event->verdict;
    size_t i = find(told, verdict->id);
    bool known = i < told->n;

    if (event->type == VERDICT_CLOSE) {
        if (known)
            told->open[i] = told->open[--told->n];
        return true;
    }
    if (known && told->open[i].class == verdict->class && told->open[i].cause == verdict->cause &&
        strcmp(told->open[i].component, verdict->component) == 0)
        return false;
    if (!known && told->n == NOTIFY_MAX_OPEN)
        return true;
    told->n += !known;
    told->open[i].incident = verdict->id;
    told->open[i].class = verdict->class;
    told->open[i].cause = verdict->cause;
    memcpy(told->open[i].component, verdict->component, sizeof(verdict->component));
    return true;
}

int64_t notify_plan_wait(struct notify_bucket *bucket, int64_t interval_us, fl_time now_us)
{
    fl_time full_us = bucket->used && bucket->full_us > now_us ? bucket->full_us : now_us;
    int64_t over_us = full_us + interval_us - now_us - NOTIFY_BURST * interval_us;

    if (over_us > 0)
        return over_us;
    bucket->used = true;
    bucket->full_us = full_us + interval_us;
    return 0;
}

int64_t notify_plan_backoff(unsigned attempts)
{
    int64_t wait = FIRST_BACKOFF;

    for (unsigned i = 1; i < attempts && wait < MAX_BACKOFF; i++)
        wait *= 2;
    return wait < MAX_BACKOFF ? wait : MAX_BACKOFF;
}

size_t notify_plan_supersede(struct notify_row *rows, size_t n)
{
    size_t superseded = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; rows[i].incident != 0 && !rows[i].superseded && k < n; k++)
            if (rows[k].incident == rows[i].incident) {
                rows[i].superseded = true;
                superseded++;
            }
    return superseded;
}
