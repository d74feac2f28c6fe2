/* What one step costs: the time of each evaluation while a hundredth of the pairs fails, from a
 * thousand pairs to a million. The failing ones are whole targets, or scattered, which nothing
 * explains but a cause each. */
#include "tests/bench/replay/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define WELL_S 3    /* seconds without a fault */
#define FAILING_S 6 /* and with it */
#define MOST_STEPS 64
#define STEP_US (250 * FL_MS)

struct size {
    uint32_t zones, targets;
    bool scattered;
};

struct course {
    const struct fleet *fleet;
    struct engine *engine;
    double ms[MOST_STEPS], feed_ms;
    size_t n;
    uint64_t noise, results;
};

static double now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static bool fails(const struct size *size, uint32_t agent, uint32_t probe)
{
    uint64_t hash = (uint64_t)(agent + 1) * 2654435761u ^ (uint64_t)(probe + 1) * 40503u * 97u;

    return size->scattered ? (hash >> 7) % 100 == 0 : probe % 100 == 50;
}

/* A quarter of a second of results, then the evaluation at its end. */
static void quarter(struct course *course, const struct size *size, fl_time from_us, int part,
                    bool failing)
{
    struct engine_update update;
    struct engine_event deadline = {.type = ENGINE_DEADLINE, .t_us = from_us + STEP_US};
    double begin_ms = now_ms();

    for (uint32_t probe = (uint32_t)part; probe < size->targets; probe += 4)
        for (uint32_t agent = 0; agent < size->zones; agent++) {
            struct fl_result result;
            struct engine_event event = {ENGINE_RESULT, from_us, agent, &result, NULL};

            bench_result(course->fleet, probe, from_us, &course->noise,
                         failing && fails(size, agent, probe), &result);
            engine_step(course->engine, &event, &update);
            course->results++;
        }
    course->feed_ms += now_ms() - begin_ms;
    begin_ms = now_ms();
    engine_step(course->engine, &deadline, &update);
    if (failing && course->n < MOST_STEPS)
        course->ms[course->n++] = now_ms() - begin_ms;
}

static int compare(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;

    return (a > b) - (a < b);
}

static int run(const void *arg)
{
    const struct size *size = arg;
    struct course course = {.noise = 88172645463325252u};
    fl_time t_us = BENCH_EPOCH_US + 1;
    const struct verdict *open;
    struct fleet *fleet = bench_fleet(size->zones, size->targets);

    course.fleet = fleet;
    if (engine_new(fleet, 1, &course.engine, NULL) < 0)
        return 1;
    for (int i = 0; i < 4 * (WELL_S + FAILING_S); i++, t_us += STEP_US)
        quarter(&course, size, t_us, i % 4, i >= 4 * WELL_S);
    qsort(course.ms, course.n, sizeof(double), compare);
    printf("%8u pairs, %-9s  step p50 %9.2f ms  most %9.2f ms  a result %6.2f us  %3zu open  RSS "
           "%7.1f MiB\n",
           size->zones * size->targets, size->scattered ? "scattered" : "targets",
           course.ms[course.n / 2], course.ms[course.n - 1],
           course.feed_ms * 1e3 / (double)course.results, engine_open(course.engine, &open),
           bench_rss_mib());
    engine_free(course.engine);
    fleet_free(fleet);
    return 0;
}

int bench_steps(uint64_t most_pairs)
{
    static const struct {
        uint32_t zones, targets;
    } sizes[] = {{10, 100}, {32, 312}, {100, 1000}, {100, 10000}};
    int r = 0;

    for (size_t i = 0; i < FL_COUNT(sizes); i++)
        for (int scattered = 0; scattered < 2; scattered++) {
            struct size size = {sizes[i].zones, sizes[i].targets, scattered == 1};

            if ((uint64_t)size.zones * size.targets <= most_pairs)
                r |= bench_apart(run, &size);
        }
    return r;
}
