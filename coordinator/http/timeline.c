#include "coordinator/http/timeline.h"

#include "coordinator/store/store.h"
#include "proto/runtime/fl_clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define READ_US (10 * FL_MS)   /* of one look for reading the history; one pair at least */
#define RECALL_US (30 * FL_MS) /* the same, of one who asks */
#define MAX_RESULTS 1000       /* of a minute that are looked through for the failure */

struct recall {
    fl_time t_us; /* 0: this place is free */
    unsigned level;
    size_t n_read;
    struct timeline_cell *cells;
};

struct timeline {
    const struct coordinator *coordinator;
    uint64_t generation; /* of the configuration that the pairs are of */
    size_t n_pairs, max_minutes, n_minutes, next;
    struct timeline_pair *pairs;
    fl_time *seen_us; /* by pair: of the newest result that was looked at */
    fl_time *begin_us;
    struct timeline_cell *cells; /* a ring of max_minutes */
    fl_time first_us;            /* minute of the first look, */
    size_t first_slot;           /* and where it lies in the ring */
    size_t n_read;               /* pairs of which the minutes before it are there */
    struct recall recalls[TIMELINE_RECALLS];
    size_t next_recall; /* the place of the oldest */
};

static void drop(struct timeline *timeline)
{
    free(timeline->pairs);
    free(timeline->seen_us);
    free(timeline->begin_us);
    free(timeline->cells);
    for (size_t i = 0; i < TIMELINE_RECALLS; i++) {
        free(timeline->recalls[i].cells);
        timeline->recalls[i] = (struct recall){0};
    }
    timeline->pairs = NULL;
    timeline->seen_us = NULL;
    timeline->begin_us = NULL;
    timeline->cells = NULL;
    timeline->n_pairs = timeline->n_minutes = timeline->next = timeline->max_minutes = 0;
    timeline->n_read = 0;
    timeline->first_us = 0;
}

/* Every pair, or with pairs NULL only how many. */
static size_t list_pairs(const struct coordinator_config *config, struct timeline_pair *pairs)
{
    size_t n = 0;

    for (uint32_t probe = 0; probe < config->fleet->n_probes; probe++)
        for (uint32_t agent = 0; agent < config->fleet->n_agents; agent++) {
            if (!coordinator_config_probes(config, agent, config->fleet->probes[probe].target))
                continue;
            if (pairs)
                pairs[n] = (struct timeline_pair){agent, probe};
            n++;
        }
    return n;
}

static int begin(struct timeline *timeline)
{
    const struct coordinator_config *config = coordinator_settings(timeline->coordinator);
    size_t n = list_pairs(config, NULL), room = TIMELINE_BYTES / sizeof(struct timeline_cell);

    drop(timeline);
    timeline->generation = coordinator_generation(timeline->coordinator);
    timeline->max_minutes = n ? room / n : 1;
    if (timeline->max_minutes > TIMELINE_MINUTES)
        timeline->max_minutes = TIMELINE_MINUTES;
    if (timeline->max_minutes == 0)
        timeline->max_minutes = 1;
    timeline->pairs = calloc(n + 1, sizeof(*timeline->pairs));
    timeline->seen_us = calloc(n + 1, sizeof(*timeline->seen_us));
    timeline->begin_us = calloc(timeline->max_minutes, sizeof(*timeline->begin_us));
    timeline->cells = calloc(timeline->max_minutes * (n + 1), sizeof(*timeline->cells));
    if (!timeline->pairs || !timeline->seen_us || !timeline->begin_us || !timeline->cells) {
        drop(timeline);
        return -ENOMEM;
    }
    timeline->n_pairs = list_pairs(config, timeline->pairs);
    return 0;
}

int timeline_new(const struct coordinator *coordinator, struct timeline **ret)
{
    FL_CLEANUP(timeline_freep) struct timeline *timeline = calloc(1, sizeof(*timeline));

    if (!timeline)
        return -ENOMEM;
    timeline->coordinator = coordinator;
    if (begin(timeline) < 0)
        return -ENOMEM;
    *ret = FL_TAKE(timeline);
    return 0;
}

struct timeline *timeline_free(struct timeline *timeline)
{
    if (!timeline)
        return NULL;
    drop(timeline);
    free(timeline);
    return NULL;
}

static size_t slot_of(const struct timeline *timeline, size_t i)
{
    return (timeline->next + timeline->max_minutes - timeline->n_minutes + i) %
           timeline->max_minutes;
}

/* The cells of the minute that now_us lies in. */
static struct timeline_cell *current(struct timeline *timeline, fl_time now_us)
{
    fl_time begin_us = now_us / TIMELINE_STEP * TIMELINE_STEP;
    size_t last = slot_of(timeline, timeline->n_minutes - 1);

    if (timeline->n_minutes == 0 || timeline->begin_us[last] != begin_us) {
        last = timeline->next;
        timeline->next = (timeline->next + 1) % timeline->max_minutes;
        if (timeline->n_minutes < timeline->max_minutes)
            timeline->n_minutes++;
        timeline->begin_us[last] = begin_us;
        memset(timeline->cells + last * timeline->n_pairs, 0,
               timeline->n_pairs * sizeof(*timeline->cells));
    }
    return timeline->cells + last * timeline->n_pairs;
}

static uint32_t short_us(int64_t us)
{
    return us < 0 || us >= UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static void put(struct timeline_cell *cell, const struct engine_series_state *state)
{
    enum timeline_state is = !state->seen    ? TIMELINE_UNSEEN
                             : !state->fresh ? TIMELINE_STALE
                             : state->ok     ? TIMELINE_OK
                                             : TIMELINE_FAIL;

    if (cell->state == TIMELINE_FAIL && is != TIMELINE_FAIL)
        return; /* it failed within this minute */
    cell->state = (uint8_t)is;
    cell->layer = (uint8_t)state->layer;
    cell->failure = (uint8_t)state->failure;
    cell->took_us = state->seen ? short_us(state->took_us) : UINT32_MAX;
    for (size_t i = 0; i < FL_LAYERS; i++)
        cell->phase_us[i] = state->seen ? short_us(state->phase_us[i]) : UINT32_MAX;
}

/* The cells of a minute before the first look, for which the ring may have to grow into the past.
 * NULL: it is too small. */
static struct timeline_cell *past_minute(struct timeline *timeline, fl_time t_us)
{
    size_t back = (size_t)((timeline->first_us - t_us) / TIMELINE_STEP), slot;

    while (timeline->n_minutes < timeline->max_minutes) {
        fl_time oldest_us = timeline->begin_us[slot_of(timeline, 0)];

        if (oldest_us <= t_us)
            break;
        timeline->n_minutes++;
        timeline->begin_us[slot_of(timeline, 0)] = oldest_us - TIMELINE_STEP;
    }
    slot = (timeline->first_slot + timeline->max_minutes - back % timeline->max_minutes) %
           timeline->max_minutes;
    return timeline->begin_us[slot] == t_us ? timeline->cells + slot * timeline->n_pairs : NULL;
}

static uint32_t median_us(const struct rollup *point, unsigned measure)
{
    return short_us(sketch_quantile(&point->sketches[measure], 0.5));
}

/* What is known without single results; the layer is that of most failures. */
static void fill(struct timeline_cell *cell, const struct rollup *point)
{
    int worst = 0;

    cell->state = point->counts.ok < point->counts.samples ? TIMELINE_FAIL : TIMELINE_OK;
    cell->took_us = median_us(point, ROLLUP_WHOLE);
    for (int i = 0; i < FL_LAYERS; i++) {
        cell->phase_us[i] = median_us(point, ROLLUP_LAYER(i));
        if (point->counts.failed[i] > point->counts.failed[worst])
            worst = i;
    }
    cell->layer = (uint8_t)worst;
    cell->failure = FL_FAILURE_NONE;
}

/* What the history has of a pair for one minute. */
static int put_point(fl_time start_us, const struct rollup *point, void *arg)
{
    struct timeline *timeline = arg;
    struct timeline_cell *cells;

    if (point->counts.samples > 0 && (cells = past_minute(timeline, start_us)))
        fill(&cells[timeline->n_read], point);
    return 0;
}

static int put_recalled(fl_time start_us, const struct rollup *point, void *arg)
{
    (void)start_us;
    if (point->counts.samples > 0)
        fill(arg, point);
    return 0;
}

/* Of a minute with failures, the last one. */
static void put_failure(struct timeline_cell *cell, const struct fl_result *results, size_t n)
{
    while (n > 0 && results[n - 1].ok)
        n--;
    if (n == 0)
        return;
    cell->layer = (uint8_t)results[n - 1].layer;
    cell->failure = (uint8_t)results[n - 1].failure;
    cell->took_us = short_us(results[n - 1].took_us);
    for (int i = 0; i < FL_LAYERS; i++)
        cell->phase_us[i] = short_us(results[n - 1].phase_us[i]);
}

static struct store_query query_of(const struct timeline *timeline, size_t i, unsigned level)
{
    const struct fleet *fleet = coordinator_settings(timeline->coordinator)->fleet;
    const struct timeline_pair *pair = &timeline->pairs[i];

    return (struct store_query){.agent = fleet->agents[pair->agent].name,
                                .series = fleet->probes[pair->probe].series,
                                .level = level,
                                .step_us = rollup_levels[level].point_us};
}

/* What cannot be read stays unseen: the history says so where it is asked. */
static void read_pair(struct timeline *timeline)
{
    struct store_query query = query_of(timeline, timeline->n_read, ROLLUP_MINUTES);
    const struct store_type *type;
    struct store *store;
    struct fl_error err;

    query.to_us = timeline->first_us;
    query.from_us = query.to_us - (fl_time)(timeline->max_minutes - 1) * TIMELINE_STEP;
    type = coordinator_store(timeline->coordinator, &store);
    if (type->points(store, &query, put_point, timeline, &err) < 0)
        return;
    for (size_t i = 0; i + 1 < timeline->n_minutes; i++) {
        size_t slot = slot_of(timeline, i), n = 0;
        fl_time t_us = timeline->begin_us[slot];
        struct timeline_cell *cell = &timeline->cells[slot * timeline->n_pairs + timeline->n_read];
        struct fl_result *results = NULL;

        if (t_us >= timeline->first_us || cell->state != TIMELINE_FAIL ||
            type->results(store, query.agent, query.series, t_us, t_us + TIMELINE_STEP, MAX_RESULTS,
                          &results, &n, &err) < 0)
            continue;
        put_failure(cell, results, n);
        free(results);
    }
}

static void read_past(struct timeline *timeline)
{
    int64_t until_us = fl_clock_monotonic() + READ_US;

    while (timeline->n_read < timeline->n_pairs) {
        read_pair(timeline);
        timeline->n_read++;
        if (fl_clock_monotonic() >= until_us)
            return;
    }
}

void timeline_look(struct timeline *timeline, fl_time now_us,
                   void (*changed)(const struct timeline_pair *pair,
                                   const struct engine_series_state *state, void *arg),
                   void *arg)
{
    struct timeline_cell *cells;

    if (timeline->generation != coordinator_generation(timeline->coordinator) &&
        begin(timeline) < 0)
        return; /* tried again at the next look */
    if (!timeline->cells)
        return;
    cells = current(timeline, now_us);
    if (timeline->first_us == 0) {
        timeline->first_us = timeline->begin_us[slot_of(timeline, 0)];
        timeline->first_slot = slot_of(timeline, 0);
    }
    read_past(timeline);
    for (size_t i = 0; i < timeline->n_pairs; i++) {
        const struct timeline_pair *pair = &timeline->pairs[i];
        struct engine_series_state state;

        engine_series_state(coordinator_engine(timeline->coordinator), pair->agent, pair->probe,
                            &state);
        put(&cells[i], &state);
        if (state.seen && state.t_us != timeline->seen_us[i]) {
            timeline->seen_us[i] = state.t_us;
            changed(pair, &state, arg);
        }
    }
}

size_t timeline_pairs(const struct timeline *timeline, const struct timeline_pair **ret)
{
    *ret = timeline->pairs;
    return timeline->n_pairs;
}

size_t timeline_count(const struct timeline *timeline)
{
    return timeline->n_minutes;
}

const struct timeline_cell *timeline_minute(const struct timeline *timeline, size_t i,
                                            fl_time *ret_us)
{
    size_t slot = slot_of(timeline, i);

    *ret_us = timeline->begin_us[slot];
    return timeline->cells + slot * timeline->n_pairs;
}

/* The place of such a time: the one that it has, or that of the oldest. NULL: no memory. */
static struct recall *recall_of(struct timeline *timeline, fl_time t_us, unsigned level)
{
    struct recall *recall;
    struct timeline_cell *cells;

    for (size_t i = 0; i < TIMELINE_RECALLS; i++)
        if (timeline->recalls[i].t_us == t_us && timeline->recalls[i].level == level)
            return &timeline->recalls[i];
    cells = calloc(timeline->n_pairs + 1, sizeof(*cells));
    if (!cells)
        return NULL;
    recall = &timeline->recalls[timeline->next_recall];
    timeline->next_recall = (timeline->next_recall + 1) % TIMELINE_RECALLS;
    free(recall->cells);
    *recall = (struct recall){.t_us = t_us, .level = level, .cells = cells};
    return recall;
}

/* One more pair of a time that was asked for. */
static int read_recalled(const struct timeline *timeline, struct recall *recall,
                         struct fl_error *err)
{
    struct store_query query = query_of(timeline, recall->n_read, recall->level);
    struct timeline_cell *cell = &recall->cells[recall->n_read];
    struct fl_result *results = NULL;
    const struct store_type *type;
    struct store *store;
    size_t n = 0;
    int r;

    query.from_us = recall->t_us;
    query.to_us = recall->t_us + query.step_us;
    type = coordinator_store(timeline->coordinator, &store);
    r = type->points(store, &query, put_recalled, cell, err);
    if (r >= 0 && cell->state == TIMELINE_FAIL)
        r = type->results(store, query.agent, query.series, query.from_us, query.to_us, MAX_RESULTS,
                          &results, &n, err);
    if (r >= 0)
        put_failure(cell, results, n);
    free(results);
    return r < 0 && r != -ENOENT ? r : 0; /* an agent of which there was nothing yet is unseen */
}

/* The finest level that is still kept of a time; ROLLUP_LEVELS: none is. */
static unsigned level_of(const struct store_keep *keep, int64_t age_us)
{
    return age_us < keep->minutes_us ? ROLLUP_MINUTES
           : age_us < keep->hours_us ? ROLLUP_HOURS
                                     : ROLLUP_LEVELS;
}

int timeline_recall(struct timeline *timeline, fl_time t_us, fl_time now_us,
                    struct timeline_recall *ret, struct fl_error *err)
{
    const struct store_keep *keep = &coordinator_settings(timeline->coordinator)->keep;
    unsigned level = level_of(keep, now_us - t_us);
    int64_t until_us = fl_clock_monotonic() + RECALL_US, step_us;
    struct recall *recall;
    int r = 0;

    if (level == ROLLUP_LEVELS)
        return fl_error_set(err, -ENOENT, "nothing is kept for so long");
    step_us = rollup_levels[level].point_us;
    recall = recall_of(timeline, t_us / step_us * step_us, level);
    if (!recall)
        return fl_error_set(err, -ENOMEM, "no memory");
    while (r == 0 && recall->n_read < timeline->n_pairs && fl_clock_monotonic() < until_us)
        if ((r = read_recalled(timeline, recall, err)) == 0)
            recall->n_read++;
    *ret = (struct timeline_recall){recall->t_us, step_us, recall->n_read, recall->cells};
    return r;
}
