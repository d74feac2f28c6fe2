#include "tests/bench/history/synthetic.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define JITTER_US 8000 /* that the schedule of an agent strays by */

/* Medians as measured over a quiet network; 0: the layer or step is not there. */
static const struct kind {
    const char *name;
    int64_t rest; /* of the whole, besides its layers */
    int64_t phases[FL_LAYERS];
    int64_t steps[FL_STEPS];
    int64_t rtt, rx_bytes; /* 0: no connection of TCP */
} kinds[SYNTHETIC_KINDS] = {
    {"icmp", 40, {0, 60, 0, 0, 0}, {0}, 0, 0},
    {"tcp", 60, {0, 150, 0, 0, 0}, {0}, 50, 0},
    {"http", 90, {0, 170, 0, 0, 190}, {0}, 45, 153},
    {"https", 60, {0, 220, 1500, 0, 260}, {0}, 70, 185},
    {"dns", 50, {0, 0, 0, 0, 160}, {0}, 0, 0},
    {"nbd", 90, {0, 165, 0, 330, 20}, {210, 90, 55}, 40, 4112},
    {"file", 10, {0, 0, 0, 0, 10}, {400, 1200, 60}, 0, 0},
};

struct synthetic {
    size_t targets;
    uint64_t state, sequence;
    struct timespec spent;
    struct fl_result *results;
    int64_t *phase_of; /* within the second, by target */
};

static uint64_t draw(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

static double draw_unit(uint64_t *state)
{
    return (double)(draw(state) >> 11) / 9007199254740992.0;
}

/* About a fifth off its median as a rule, seldom several times it. */
static int64_t latency(uint64_t *state, int64_t median)
{
    double spread = draw_unit(state) + draw_unit(state) + draw_unit(state) - 1.5;

    if (draw(state) >> 54 == 0)
        spread += 2 + 3 * draw_unit(state);
    return (int64_t)((double)median * exp2(0.5 * spread));
}

static void fill(struct fl_result *result, const struct kind *kind, uint64_t *state)
{
    int64_t operate = 0;

    result->ok = true;
    result->took_us = latency(state, kind->rest);
    for (int i = 0; i < FL_STEPS; i++)
        if (kind->steps[i])
            operate += result->step_us[i] = latency(state, kind->steps[i]);
    for (int i = 0; i < FL_LAYERS; i++)
        if (kind->phases[i])
            result->took_us += result->phase_us[i] =
                latency(state, kind->phases[i]) + (i == FL_LAYER_OPERATE ? operate : 0);
    if (kind->rtt) {
        result->tcp = (struct fl_tcp){.rtt_us = latency(state, kind->rtt),
                                      .min_rtt_us = latency(state, kind->rtt / 2),
                                      .rx_bytes = kind->rx_bytes};
    }
    if (draw(state) >> 54 == 0) {
        result->ok = false;
        result->layer = FL_LAYER_OPERATE;
        result->failure = FL_FAILURE_TIMEOUT;
        result->phase_us[FL_LAYER_OPERATE] = FL_ABSENT;
        result->took_us = FL_SECOND;
    }
}

struct synthetic *synthetic_new(size_t agents, size_t targets, uint64_t seed)
{
    struct synthetic *synthetic = calloc(1, sizeof(*synthetic));

    (void)agents;
    if (!synthetic)
        abort();
    synthetic->targets = targets;
    synthetic->state = seed * 2 + 1;
    synthetic->results = calloc(targets, sizeof(*synthetic->results));
    synthetic->phase_of = calloc(targets, sizeof(*synthetic->phase_of));
    if (!synthetic->results || !synthetic->phase_of)
        abort();
    for (size_t i = 0; i < targets; i++)
        synthetic->phase_of[i] = (int64_t)(draw(&synthetic->state) % (FL_SECOND - 2 * JITTER_US));
    return synthetic;
}

void synthetic_free(struct synthetic *synthetic)
{
    free(synthetic->results);
    free(synthetic->phase_of);
    free(synthetic);
}

uint32_t synthetic_id(size_t target)
{
    return (uint32_t)(target + 1) * 2654435761u;
}

void synthetic_second(struct synthetic *synthetic, size_t agent, fl_time t_us, struct fl_batch *ret)
{
    struct timespec before, after;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
    for (size_t i = 0; i < synthetic->targets; i++) {
        struct fl_result *result = &synthetic->results[i];

        fl_result_init(result);
        result->series = synthetic_id(i);
        result->t_us =
            t_us + synthetic->phase_of[i] + (int64_t)(draw(&synthetic->state) % JITTER_US);
        fill(result, &kinds[i % SYNTHETIC_KINDS], &synthetic->state);
    }
    *ret = (struct fl_batch){.boot = 1,
                             .sequence = ++synthetic->sequence,
                             .plan_version = 1,
                             .n_results = synthetic->targets,
                             .results = synthetic->results};
    (void)snprintf(ret->agent, sizeof(ret->agent), "agent%zu", agent);
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
    synthetic->spent.tv_sec += after.tv_sec - before.tv_sec;
    synthetic->spent.tv_nsec += after.tv_nsec - before.tv_nsec;
}

double synthetic_seconds(const struct synthetic *synthetic)
{
    return (double)synthetic->spent.tv_sec + (double)synthetic->spent.tv_nsec / 1e9;
}

const char *synthetic_kind_name(unsigned kind)
{
    return kinds[kind].name;
}

void synthetic_series(uint64_t seed, unsigned kind, enum synthetic_fields fields,
                      struct fl_result *results, size_t n)
{
    uint64_t state = seed * 2 + 1;

    for (size_t i = 0; i < n; i++) {
        struct fl_result whole, *result = &results[i];

        fl_result_init(&whole);
        fill(&whole, &kinds[kind], &state);
        fl_result_init(result);
        result->ok = true;
        result->t_us = INT64_C(1700000000000000) + (fl_time)i * FL_SECOND +
                       (fl_time)(draw(&state) % JITTER_US);
        result->took_us = whole.took_us;
        if (fields == SYNTHETIC_TIME)
            continue;
        result->ok = whole.ok;
        result->layer = whole.layer;
        result->failure = whole.failure;
        memcpy(result->phase_us, whole.phase_us, sizeof(whole.phase_us));
        if (fields == SYNTHETIC_PHASES)
            continue;
        memcpy(result->step_us, whole.step_us, sizeof(whole.step_us));
        result->tcp = whole.tcp;
    }
}
