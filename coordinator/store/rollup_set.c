#include "coordinator/store/rollup_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct row {
    unsigned level;
    struct db_rollup rollup; /* its bytes are owned */
};

struct rollup_set {
    struct row *rows;
    size_t n, room;
    struct rollup point, hour;       /* being made */
    struct rollup_row fresh, merged; /* likewise */
};

int rollup_set_new(struct rollup_set **ret)
{
    FL_CLEANUP(rollup_set_freep) struct rollup_set *set = calloc(1, sizeof(*set));

    if (!set)
        return -ENOMEM;
    set->fresh.bytes = malloc(ROLLUP_ROW_BYTES);
    set->merged.bytes = malloc(ROLLUP_ROW_BYTES);
    if (!set->fresh.bytes || !set->merged.bytes)
        return -ENOMEM;
    *ret = FL_TAKE(set);
    return 0;
}

void rollup_set_clear(struct rollup_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        free((void *)(uintptr_t)set->rows[i].rollup.bytes);
    set->n = 0;
}

struct rollup_set *rollup_set_free(struct rollup_set *set)
{
    if (!set)
        return NULL;
    rollup_set_clear(set);
    free(set->rows);
    free(set->fresh.bytes);
    free(set->merged.bytes);
    free(set);
    return NULL;
}

/* Keep what was made last. */
static int keep_row(struct rollup_set *set, unsigned level, uint32_t series, fl_time start_us)
{
    struct row *row;
    uint8_t *bytes;

    if (set->n == set->room) {
        size_t room = set->room ? 2 * set->room : 256;
        struct row *rows = realloc(set->rows, room * sizeof(*rows));

        if (!rows)
            return -ENOMEM;
        set->rows = rows;
        set->room = room;
    }
    bytes = malloc(set->fresh.size + 1);
    if (!bytes)
        return -ENOMEM;
    memcpy(bytes, set->fresh.bytes, set->fresh.size);
    row = &set->rows[set->n++];
    *row = (struct row){level, {0, series, start_us, bytes, set->fresh.size}};
    return 0;
}

static fl_time floor_to(fl_time t_us, int64_t step_us)
{
    return t_us / step_us * step_us;
}

/* How many of the results start before end_us. */
static size_t before(const struct fl_result *const *results, size_t n, fl_time end_us)
{
    size_t i = 0;

    while (i < n && results[i]->t_us < end_us)
        i++;
    return i;
}

/* The row of minutes that the first result lies in; returns how many results went into it. */
static int add_minutes(struct rollup_set *set, const struct fl_result *const *results, size_t n)
{
    const struct rollup_level *level = &rollup_levels[ROLLUP_MINUTES];
    fl_time start = floor_to(results[0]->t_us, level->row_us);
    size_t in_row = before(results, n, start + level->row_us), done = 0;
    int r = 0;

    set->fresh.size = 0;
    while (r == 0 && done < in_row) {
        int64_t minute = (results[done]->t_us - start) / level->point_us;
        size_t end =
            done + before(results + done, in_row - done, start + (minute + 1) * level->point_us);

        rollup_clear(&set->point);
        for (; done < end; done++)
            rollup_add(&set->point, results[done]);
        rollup_merge(&set->hour, &set->point);
        r = rollup_row_put(&set->fresh, (unsigned)minute, &set->point);
    }
    if (r == 0)
        r = keep_row(set, ROLLUP_MINUTES, results[0]->series, start);
    return r < 0 ? r : (int)in_row;
}

/* The hour of the first result likewise, and the minutes in it. */
static int add_hour(struct rollup_set *set, const struct fl_result *const *results, size_t n)
{
    fl_time start = floor_to(results[0]->t_us, FL_HOUR);
    size_t in_hour = before(results, n, start + FL_HOUR), done = 0;
    int r = 0;

    rollup_clear(&set->hour);
    while (done < in_hour) {
        r = add_minutes(set, results + done, in_hour - done);
        if (r < 0)
            return r;
        done += (size_t)r;
    }
    set->fresh.size = 0;
    r = rollup_row_put(&set->fresh, 0, &set->hour);
    if (r == 0)
        r = keep_row(set, ROLLUP_HOURS, results[0]->series, start);
    return r < 0 ? r : (int)in_hour;
}

int rollup_set_add(struct rollup_set *set, const struct fl_result *const *results, size_t n)
{
    for (size_t done = 0; done < n;) {
        int r = add_hour(set, results + done, n - done);

        if (r < 0)
            return r;
        done += (size_t)r;
    }
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct row *x = a, *y = b;

    if (x->level != y->level)
        return x->level < y->level ? -1 : 1;
    if (x->rollup.start_us != y->rollup.start_us)
        return x->rollup.start_us < y->rollup.start_us ? -1 : 1;
    return (x->rollup.series > y->rollup.series) - (x->rollup.series < y->rollup.series);
}

/* The rows of one time and level, in order of series, while those that are there are read. */
struct segment {
    struct rollup_set *set;
    size_t first, n;
};

static int merge_row(const struct db_rollup *there, void *arg)
{
    const struct segment *segment = arg;
    struct rollup_set *set = segment->set;
    struct row key = {set->rows[segment->first].level, *there};
    struct row *row =
        bsearch(&key, &set->rows[segment->first], segment->n, sizeof(*set->rows), compare);
    struct rollup_row a = {(uint8_t *)(uintptr_t)there->bytes, there->size}, b;
    uint8_t *bytes;

    if (!row)
        return 0;
    b = (struct rollup_row){(uint8_t *)(uintptr_t)row->rollup.bytes, row->rollup.size};
    if (rollup_rows_merge(&a, &b, &set->point, &set->merged) < 0)
        return 0;
    bytes = malloc(set->merged.size + 1);
    if (!bytes)
        return -ENOMEM;
    memcpy(bytes, set->merged.bytes, set->merged.size);
    free((void *)(uintptr_t)row->rollup.bytes);
    row->rollup.bytes = bytes;
    row->rollup.size = set->merged.size;
    return 0;
}

static int write_segment(const struct segment *segment, struct db *db, int64_t agent,
                         struct fl_error *err)
{
    struct row *rows = &segment->set->rows[segment->first];
    struct db_rollup *out = calloc(segment->n, sizeof(*out));
    int r = out ? db->type->agent_rollups(db, rows->level, agent, rows->rollup.start_us, merge_row,
                                          (void *)(uintptr_t)segment, err)
                : -ENOMEM;

    for (size_t i = 0; r == 0 && i < segment->n; i++) {
        out[i] = rows[i].rollup;
        out[i].agent = agent;
    }
    if (r == 0)
        r = db->type->put_rollups(db, rows->level, out, segment->n, err);
    if (r == 0 && rows->level == ROLLUP_MINUTES)
        r = db->type->mark_stale(db, rows->rollup.start_us, err);
    if (r == -ENOMEM)
        (void)fl_error_set(err, r, "no memory for the history");
    free(out);
    return r;
}

int rollup_set_write(struct rollup_set *set, struct db *db, int64_t agent, struct fl_error *err)
{
    int r = 0;

    if (set->n > 0)
        qsort(set->rows, set->n, sizeof(*set->rows), compare);
    for (size_t i = 0, end; r == 0 && i < set->n; i = end) {
        for (end = i + 1; end < set->n; end++)
            if (set->rows[end].level != set->rows[i].level ||
                set->rows[end].rollup.start_us != set->rows[i].rollup.start_us)
                break;
        r = write_segment(&(struct segment){set, i, end - i}, db, agent, err);
    }
    return r;
}
