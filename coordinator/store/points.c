/* The points of a series: rows of them as they were packed, and what is not packed yet. */
#include "coordinator/store/writer.h"

#include <errno.h>
#include <stdlib.h>

struct pointer {
    const struct store_query *query;
    store_point_cb visit;
    void *arg;

    bool any;
    fl_time start_us;    /* of the point that is being summed up */
    struct rollup point; /* that one */

    struct fl_result *fresh; /* not yet packed, in order of time */
    size_t n_fresh, next_fresh;
};

static fl_time step_of(const struct pointer *pointer, fl_time t_us)
{
    const struct store_query *query = pointer->query;

    return query->from_us + (t_us - query->from_us) / query->step_us * query->step_us;
}

/* Give out the point that is complete. */
static int end_point(struct pointer *pointer)
{
    int r = 0;

    if (pointer->any)
        r = pointer->visit(pointer->start_us, &pointer->point, pointer->arg);
    rollup_clear(&pointer->point);
    pointer->any = false;
    return r < 0 ? r : 0;
}

static int move_to(struct pointer *pointer, fl_time start_us)
{
    int r = pointer->any && start_us != pointer->start_us ? end_point(pointer) : 0;

    pointer->any = true;
    pointer->start_us = start_us;
    return r;
}

/* What is fresh and belongs before the end of that step. */
static int add_fresh(struct pointer *pointer, fl_time up_to_us)
{
    int r = 0;

    while (r == 0 && pointer->next_fresh < pointer->n_fresh) {
        const struct fl_result *result = &pointer->fresh[pointer->next_fresh];

        if (step_of(pointer, result->t_us) > up_to_us)
            break;
        r = move_to(pointer, step_of(pointer, result->t_us));
        rollup_add(&pointer->point, result);
        pointer->next_fresh++;
    }
    return r;
}

static int add_row(const struct db_rollup *row, void *arg)
{
    struct varint_reader reader = {row->bytes, row->bytes + row->size, false}, bytes;
    struct pointer *pointer = arg;
    const struct store_query *query = pointer->query;
    unsigned index;
    int r = 0;

    while (r == 0 && rollup_row_next(&reader, &index, &bytes)) {
        fl_time t_us = row->start_us + index * rollup_levels[query->level].point_us;

        if (t_us < query->from_us || t_us >= query->to_us)
            continue;
        r = add_fresh(pointer, step_of(pointer, t_us) - 1);
        if (r == 0)
            r = move_to(pointer, step_of(pointer, t_us));
        if (r == 0)
            r = rollup_point_add(&pointer->point, bytes);
    }
    return reader.bad ? -EBADMSG : r;
}

static int compare(const void *a, const void *b)
{
    const struct fl_result *x = a, *y = b;

    return (x->t_us > y->t_us) - (x->t_us < y->t_us);
}

static int read_points(struct pointer *pointer, struct db *db, const struct db_agent *agent,
                       struct fl_error *err)
{
    const struct store_query *query = pointer->query;
    int r = reader_fresh(db, agent, query, &pointer->fresh, &pointer->n_fresh, err);

    if (r < 0)
        return r;
    if (pointer->n_fresh > 0)
        qsort(pointer->fresh, pointer->n_fresh, sizeof(*pointer->fresh), compare);
    r = db->type->read_rollups(db, query->level, agent->id, query->series, query->from_us,
                               query->to_us, add_row, pointer, err);
    if (r == 0)
        r = add_fresh(pointer, query->to_us);
    return r < 0 ? r : end_point(pointer);
}

int store_points(struct store *store, const struct store_query *query, store_point_cb visit,
                 void *arg, struct fl_error *err)
{
    struct pointer *pointer = calloc(1, sizeof(*pointer));
    struct db_agent agent;
    struct db *db;
    int r = pointer ? reader_of(store, &db, err) : fl_error_set(err, -ENOMEM, "no memory");

    if (r == 0) {
        *pointer = (struct pointer){.query = query, .visit = visit, .arg = arg};
        r = db->type->begin_reading(db, err);
        if (r == 0) {
            r = db->type->find_agent(db, query->agent, &agent, err);
            if (r == 0)
                r = read_points(pointer, db, &agent, err);
            db->type->rollback(db);
        }
        free(pointer->fresh);
    }
    free(pointer);
    return r;
}
