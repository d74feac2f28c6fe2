#include "coordinator/cli/gate_before.h"

#include "coordinator/cli/field.h"
#include "proto/runtime/fl_clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_SPAN (5 * FL_MINUTE) /* the schedule is slower than a gate */
#define LIMIT 10000
#define PATH_SIZE 512

/* The times of one zone. */
struct times {
    int64_t *us;
    size_t n, room;
};

static void keep(struct times *times, int64_t us)
{
    size_t room = times->room ? 2 * times->room : 256;
    int64_t *larger;

    if (times->n == times->room) {
        larger = realloc(times->us, room * sizeof(*larger));
        if (!larger)
            return;
        times->us = larger;
        times->room = room;
    }
    times->us[times->n++] = us;
}

static void add(struct gate_before *before, struct times *times, const json_t *results)
{
    const json_t *one;
    size_t i;

    json_array_foreach(results, i, one)
    {
        bool ok = json_is_true(json_object_get(one, "ok"));

        if (strcmp(field_text(one, "error"), "local") == 0)
            continue;
        before->n++;
        before->errors += !ok;
        if (ok)
            keep(times, field_number(one, "took_us"));
    }
}

static int read_series(struct gate_run *run, const char *agent, const json_t *order,
                       struct gate_before *before, struct times *times, struct fl_error *err)
{
    fl_time to = fl_clock_wall() - run->call->against_us;
    int64_t span = run->call->for_us > LEAST_SPAN ? run->call->for_us : LEAST_SPAN;
    char path[PATH_SIZE];
    json_t *answer = NULL;
    int r;

    (void)snprintf(path, sizeof(path),
                   "/api/v1/history/results?agent=%s&target=%s&probe=%s&from=%" PRId64
                   "&to=%" PRId64 "&limit=%d",
                   agent, field_text(order, "target"), field_text(order, "probe"), to - span, to,
                   LIMIT);
    r = api_client_get(run->client, path, API_USUAL_TIME, &answer, err);
    if (r == -ENOENT)
        return 0; /* nothing is known of it */
    if (r < 0)
        return r;
    add(before, times, json_object_get(answer, "results"));
    json_decref(answer);
    return 0;
}

static int by_number(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

static int read_zone(struct gate_run *run, struct gate_view *view, const json_t *answer,
                     struct fl_error *err)
{
    const json_t *agent, *order;
    struct times times = {0};
    size_t i, k;
    int r = 0;

    json_array_foreach(json_object_get(answer, "agents"), i, agent)
    {
        if (strcmp(field_text(agent, "zone"), view->name) != 0)
            continue;
        json_array_foreach(json_object_get(answer, "orders"), k, order) if (r == 0) r =
            read_series(run, field_text(agent, "agent"), order, &view->seen.before, &times, err);
    }
    if (times.n > 0) {
        qsort(times.us, times.n, sizeof(*times.us), by_number);
        view->seen.before.p99_us = times.us[(size_t)(0.99 * (double)(times.n - 1) + 0.999)];
    }
    free(times.us);
    return r;
}

int gate_before_read(struct gate_run *run, const json_t *answer, struct fl_error *err)
{
    bool any = false;
    int r = 0;

    for (size_t i = 0; i < run->n_zones && r == 0; i++) {
        r = read_zone(run, &run->zones[i], answer, err);
        any = any || run->zones[i].seen.before.n > 0;
    }
    if (r == 0 && !any)
        return fl_error_set(err, -EAGAIN,
                            "history has no results of that time to compare with; choose another "
                            "--against, or leave it out");
    return r;
}
