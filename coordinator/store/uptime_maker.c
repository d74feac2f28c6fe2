/* Rows come in order of target, zone and agent, so that each sum is complete when the next begins:
 * the probes of an agent, the agents of a zone, and all of a target. */
#include "coordinator/store/uptime_maker.h"

#include "coordinator/core/rollup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MINUTES 10 /* in a row */

struct maker {
    struct db *db;
    fl_time start_us;
    const struct uptime_work *works;
    size_t n_works;
    struct fl_error *err;

    bool any;
    char target[FL_TARGET_SIZE], zone[FL_NAME_SIZE];
    int64_t agent;
    struct uptime_observer observers[MINUTES]; /* of the agent */
    struct uptime_minute of_zone[MINUTES], of_target[MINUTES];
};

static int write_times(struct maker *maker, const char *zone, const struct uptime_minute *minutes)
{
    struct db_uptime row = {.start_us = maker->start_us, .times = {0}};

    (void)strcpy(row.target, maker->target);
    (void)strcpy(row.zone, zone);
    for (unsigned i = 0; i < MINUTES; i++)
        uptime_count(&row.times, &minutes[i],
                     uptime_worked(maker->works, maker->n_works, maker->target,
                                   maker->start_us + i * FL_MINUTE));
    return maker->db->type->put_uptime(maker->db, &row, maker->err);
}

static void end_agent(struct maker *maker)
{
    for (unsigned i = 0; i < MINUTES; i++) {
        uptime_join(&maker->of_zone[i], &maker->observers[i]);
        uptime_join(&maker->of_target[i], &maker->observers[i]);
    }
    memset(maker->observers, 0, sizeof(maker->observers));
}

static int end_zone(struct maker *maker)
{
    int r = write_times(maker, maker->zone, maker->of_zone);

    memset(maker->of_zone, 0, sizeof(maker->of_zone));
    return r;
}

static int end_target(struct maker *maker)
{
    int r = write_times(maker, "", maker->of_target);

    memset(maker->of_target, 0, sizeof(maker->of_target));
    return r;
}

static int end_what_is_over(struct maker *maker, const struct db_seen *next)
{
    bool target = !next || strcmp(next->target, maker->target) != 0;
    bool zone = target || strcmp(next->zone, maker->zone) != 0;
    int r = 0;

    if (!maker->any)
        return 0;
    if (zone || next->agent != maker->agent)
        end_agent(maker);
    if (zone)
        r = end_zone(maker);
    return r == 0 && target ? end_target(maker) : r;
}

static int add_row(const struct db_seen *seen, void *arg)
{
    struct varint_reader row = {seen->bytes, seen->bytes + seen->size, false}, point;
    struct maker *maker = arg;
    struct rollup_counts counts;
    unsigned index;
    int r = end_what_is_over(maker, seen);

    if (r < 0)
        return r;
    maker->any = true;
    maker->agent = seen->agent;
    (void)strncpy(maker->target, seen->target, sizeof(maker->target) - 1);
    (void)strncpy(maker->zone, seen->zone, sizeof(maker->zone) - 1);
    while (rollup_row_next(&row, &index, &point))
        if (index < MINUTES && rollup_point_counts(point, &counts) == 0)
            uptime_look(&maker->observers[index], counts.samples, counts.ok);
    return 0;
}

int uptime_maker_step(struct db *db, const struct uptime_work *works, size_t n_works,
                      struct fl_error *err)
{
    struct maker *maker = calloc(1, sizeof(*maker));
    int r;

    if (!maker)
        return fl_error_set(err, -ENOMEM, "no memory for the uptime");
    *maker = (struct maker){.db = db, .works = works, .n_works = n_works, .err = err};
    r = db->type->next_stale(db, &maker->start_us, err);
    if (r > 0) {
        r = db->type->seen_at(db, maker->start_us, add_row, maker, err);
        if (r == 0)
            r = end_what_is_over(maker, NULL);
        if (r == 0)
            r = db->type->clear_stale(db, maker->start_us, err);
        if (r == 0)
            r = 1;
    }
    free(maker);
    return r;
}
