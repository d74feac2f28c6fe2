#include "tests/bench/accuracy/contender.h"

#include <stdlib.h>

static const int64_t windows[] = {5, 10, 20};
static const uint32_t rounds[] = {1, 2, 3};

struct ring {
    size_t n;
    struct baseline *baselines[];
};

static void add(struct contenders *contenders, const struct method *method,
                const struct settings *settings)
{
    contenders->list = realloc(contenders->list, (contenders->n + 1) * sizeof(*contenders->list));
    if (!contenders->list)
        abort();
    contenders->list[contenders->n++] = (struct contender){method, *settings};
}

static void add_grid(struct contenders *contenders, const struct method *method)
{
    for (size_t w = 0; w < FL_COUNT(windows); w++)
        for (size_t r = 0; r < FL_COUNT(rounds); r++)
            for (size_t a = 0; method->grid[0][a] > 0; a++)
                for (size_t b = 0; method->grid[1][b] > 0; b++)
                    add(contenders, method,
                        &(struct settings){
                            windows[w], rounds[r], {method->grid[0][a], method->grid[1][b]}});
}

void contenders_choose(struct contenders *contenders, const struct options *options)
{
    *contenders = (struct contenders){0};
    for (size_t i = 0; i < n_methods; i++) {
        if (options->tune)
            add_grid(contenders, &methods[i]);
        else if (options->baselines)
            add(contenders, &methods[i], &methods[i].standard);
    }
}

void contenders_done(struct contenders *contenders)
{
    free(contenders->list);
}

static void watch(void *arg, const struct engine_event *event)
{
    struct ring *ring = arg;

    for (size_t i = 0; i < ring->n; i++)
        baseline_take(ring->baselines[i], event);
}

struct ring *ring_new(const struct contenders *contenders, const struct scenario *scenario)
{
    struct ring *ring = calloc(1, sizeof(*ring) + contenders->n * sizeof(struct baseline *));

    if (!ring)
        abort();
    ring->n = contenders->n;
    for (size_t i = 0; i < ring->n; i++)
        ring->baselines[i] = baseline_new(contenders->list[i].method, &contenders->list[i].settings,
                                          sim_fleet(scenario->sim), scenario->interval_us);
    if (ring->n > 0)
        sim_observe(scenario->sim, watch, ring);
    return ring;
}

size_t ring_events(const struct ring *ring, size_t i, const struct verdict_event **ret)
{
    return baseline_events(ring->baselines[i], ret);
}

struct ring *ring_free(struct ring *ring)
{
    for (size_t i = 0; i < ring->n; i++)
        baseline_free(ring->baselines[i]);
    free(ring);
    return NULL;
}
