#include "coordinator/core/evidence.h"

#include <errno.h>
#include <stdlib.h>

#define MAX_TIMEOUTS 32 /* different ones; further ones share the last queue */

struct pending {
    struct window *window;
    fl_time t_us;
    bool named;
};

/* Successes on their way in, of all series with one timeout: first come, first settled. */
struct queue {
    int64_t settle_us;
    struct pending *ring;
    size_t room, n, first;
};

struct evidence {
    const struct fleet *fleet;
    struct part *parts;
    size_t n_parts;
    uint32_t first_resolver, last_resolver;
    uint32_t *active;
    size_t n_active;
    bool unsorted;
    struct queue queues[MAX_TIMEOUTS];
    size_t n_queues;
};

int evidence_new(const struct fleet *fleet, struct evidence **ret)
{
    struct evidence *evidence = calloc(1, sizeof(*evidence));
    struct component resolver = {COMPONENT_RESOLVER, 0, 0};

    if (!evidence)
        return -ENOMEM;
    evidence->fleet = fleet;
    evidence->n_parts = component_count(fleet);
    evidence->parts = calloc(evidence->n_parts + 1, sizeof(*evidence->parts));
    evidence->active = calloc(evidence->n_parts + 1, sizeof(*evidence->active));
    for (uint32_t i = 0; i < evidence->n_parts && evidence->parts; i++) {
        enum component_type type = component_of_id(fleet, i).type;

        evidence->parts[i].far = type == COMPONENT_TARGET || type == COMPONENT_BACKEND;
    }
    evidence->first_resolver = component_id(fleet, &resolver);
    evidence->last_resolver = evidence->first_resolver + (uint32_t)fleet->n_zones - 1;
    if (!evidence->parts || !evidence->active) {
        evidence_free(evidence);
        return -ENOMEM;
    }
    *ret = evidence;
    return 0;
}

struct evidence *evidence_free(struct evidence *evidence)
{
    if (!evidence)
        return NULL;
    for (size_t i = 0; evidence->parts && i < evidence->n_parts; i++) {
        track_clear(&evidence->parts[i].track);
        free(evidence->parts[i].series);
    }
    for (size_t i = 0; i < evidence->n_queues; i++)
        free(evidence->queues[i].ring);
    free(evidence->parts);
    free(evidence->active);
    free(evidence);
    return NULL;
}

static bool is_link(const struct evidence *evidence, uint32_t component)
{
    return component_of_id(evidence->fleet, component).type == COMPONENT_LINK;
}

void evidence_admit(struct evidence *evidence, struct window *window)
{
    for (uint32_t i = 0; i < window->n_touches; i++) {
        struct part *part = &evidence->parts[window->touches[i].id];

        if (part->n_series == part->room) {
            size_t room = part->room ? part->room * 2 : 4;
            struct window **larger = realloc(part->series, room * sizeof(struct window *));

            if (!larger)
                continue;
            part->series = larger;
            part->room = room;
        }
        part->series[part->n_series++] = window;
        if (window->probe != FLEET_NONE && window->interval_us > part->slowest_us)
            part->slowest_us = window->interval_us;
        /* who is heard is looked at oftener than most probes run: that sets no pace but its own */
        if (window->probe != FLEET_NONE || is_link(evidence, window->touches[i].id))
            track_admit(&part->track, window->interval_us);
    }
}

/* Only a probe that looked a name up says anything of the resolver. */
static bool concerns(const struct evidence *evidence, uint32_t component, bool named)
{
    return named || component < evidence->first_resolver || component > evidence->last_resolver;
}

static struct cell cell_of(const struct window *window, const struct observation *o, enum side side)
{
    return (struct cell){.symbol = o->symbol,
                         .family = (uint8_t)window->family,
                         .side = (uint8_t)side,
                         .rarity = o->rarity};
}

static void activate(struct evidence *evidence, uint32_t component)
{
    struct part *part = &evidence->parts[component];

    part->dirty = true;
    if (part->active)
        return;
    part->active = true;
    evidence->active[evidence->n_active++] = component;
    evidence->unsorted = true;
}

fl_time evidence_filed_us(const struct part *part, const struct observation *o)
{
    int64_t most_us = part->track.width_us * TRACK_FINE / 2, hung_us = (int64_t)o->hung_ms * FL_MS;

    if (part->far)
        return o->t_us;
    return o->t_us - (hung_us < most_us ? hung_us : most_us);
}

static void let_in_bad(struct evidence *evidence, struct window *window,
                       const struct observation *o, fl_time now_us)
{
    for (uint32_t i = 0; i < window->n_touches; i++) {
        uint32_t id = window->touches[i].id;
        struct cell cell = cell_of(window, o, window->touches[i].side);

        if (!concerns(evidence, id, o->named) || evidence->parts[id].track.width_us == 0)
            continue;
        track_advance(&evidence->parts[id].track, now_us);
        track_add(&evidence->parts[id].track, &cell, evidence_filed_us(&evidence->parts[id], o));
        activate(evidence, id);
    }
}

static void take_out(struct evidence *evidence, const struct window *window,
                     const struct observation *o)
{
    for (uint32_t i = 0; i < window->n_touches; i++) {
        uint32_t id = window->touches[i].id;
        struct cell cell = cell_of(window, o, window->touches[i].side);

        if (!concerns(evidence, id, o->named) || evidence->parts[id].track.width_us == 0)
            continue;
        track_remove(&evidence->parts[id].track, &cell, evidence_filed_us(&evidence->parts[id], o));
        evidence->parts[id].dirty = true;
    }
}

static void let_in_fine(struct evidence *evidence, const struct pending *pending, fl_time now_us)
{
    const struct window *window = pending->window;

    for (uint32_t i = 0; i < window->n_touches; i++) {
        struct track *track = &evidence->parts[window->touches[i].id].track;

        if (!concerns(evidence, window->touches[i].id, pending->named) || track->width_us == 0)
            continue;
        track_advance(track, now_us);
        track_fine(track, window->touches[i].side, window->family, pending->t_us);
    }
}

static struct queue *queue_of(struct evidence *evidence, const struct window *window)
{
    int64_t settle_us = window->probe == FLEET_NONE ? 0 : window->timeout_us + EVIDENCE_ARRIVAL_US;

    for (size_t i = 0; i < evidence->n_queues; i++)
        if (evidence->queues[i].settle_us == settle_us)
            return &evidence->queues[i];
    if (evidence->n_queues < MAX_TIMEOUTS)
        evidence->queues[evidence->n_queues++].settle_us = settle_us;
    return &evidence->queues[evidence->n_queues - 1];
}

static bool queue_grow(struct queue *queue)
{
    size_t room = queue->room ? queue->room * 2 : 64;
    struct pending *larger = calloc(room, sizeof(*larger));

    if (!larger)
        return false;
    for (size_t i = 0; i < queue->n; i++)
        larger[i] = queue->ring[(queue->first + i) % queue->room];
    free(queue->ring);
    queue->ring = larger;
    queue->room = room;
    queue->first = 0;
    return true;
}

static void queue_up(struct evidence *evidence, struct window *window, const struct observation *o,
                     fl_time now_us)
{
    struct queue *queue = queue_of(evidence, window);
    struct pending pending = {window, o->t_us, o->named};
    bool settled = o->t_us + queue->settle_us <= now_us; /* it came late */

    if (settled || (queue->n == queue->room && !queue_grow(queue))) {
        let_in_fine(evidence, &pending, now_us);
        return;
    }
    queue->ring[(queue->first + queue->n++) % queue->room] = pending;
}

/* An observation leaves the ring: what an incident explains is taken out of the tracks, the rest
 * is what is normal here. */
static void retire(struct evidence *evidence, struct window *window, const struct observation *o)
{
    bool bad = symbol_is_bad((enum symbol)o->symbol);
    bool forgotten = window_forgot(window, o);

    if (!evidence_covered(evidence, window)) {
        if (!bad || !forgotten)
            rates_learn(&window->rates, (enum symbol)o->symbol);
    } else if (bad && !forgotten) {
        take_out(evidence, window, o);
    }
}

void evidence_observe(struct evidence *evidence, struct window *window, struct observation o,
                      fl_time now_us)
{
    bool bad = symbol_is_bad((enum symbol)o.symbol);
    struct observation gone;

    if (bad && window->family != FAMILY_AGENT)
        o.rarity = rates_rarity(&window->rates, window->family, (enum symbol)o.symbol);
    if (window_push(window, &o, &gone))
        retire(evidence, window, &gone);
    if (!bad)
        queue_up(evidence, window, &o, now_us);
    else if (!window_forgot(window, &o))
        let_in_bad(evidence, window, &o, now_us);
}

void evidence_inherit(struct evidence *evidence, struct window *window, const struct window *from,
                      fl_time now_us)
{
    struct observation gone;

    window_inherit(window, from);
    for (uint32_t i = from->n; i-- > 0;) {
        struct observation o = *window_at(from, i);

        (void)window_push(window, &o, &gone);
        if (!symbol_is_bad((enum symbol)o.symbol))
            queue_up(evidence, window, &o, now_us);
        else if (!window_forgot(window, &o))
            let_in_bad(evidence, window, &o, now_us);
    }
}

static int compare_ids(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

    return (a > b) - (a < b);
}

void evidence_advance(struct evidence *evidence, fl_time now_us)
{
    size_t kept = 0;

    for (size_t i = 0; i < evidence->n_queues; i++) {
        struct queue *queue = &evidence->queues[i];

        while (queue->n > 0 && queue->ring[queue->first].t_us + queue->settle_us <= now_us) {
            let_in_fine(evidence, &queue->ring[queue->first], now_us);
            queue->first = (queue->first + 1) % queue->room;
            queue->n--;
        }
    }
    for (size_t i = 0; i < evidence->n_active; i++) {
        struct part *part = &evidence->parts[evidence->active[i]];

        track_advance(&part->track, now_us);
        part->active = part->track.n_cells > 0;
        if (part->active)
            evidence->active[kept++] = evidence->active[i];
    }
    evidence->n_active = kept;
    if (evidence->unsorted)
        qsort(evidence->active, kept, sizeof(*evidence->active), compare_ids);
    evidence->unsorted = false;
}

void evidence_forget(struct evidence *evidence, struct window *window, fl_time from_us,
                     fl_time to_us)
{
    for (uint32_t i = 0; i < window->n; i++) {
        const struct observation *o = window_at(window, i);

        if (symbol_is_bad((enum symbol)o->symbol) && !window_forgot(window, o) &&
            (o->t_us < to_us || observation_within(o, from_us, to_us)))
            take_out(evidence, window, o);
    }
    for (uint32_t i = 0; i < window->n_touches; i++) {
        track_forget_old(&evidence->parts[window->touches[i].id].track);
        evidence->parts[window->touches[i].id].dirty = true;
    }
    if (to_us > window->floor_us) {
        window->over_from_us = from_us;
        window->floor_us = to_us;
    }
}

bool evidence_covered(const struct evidence *evidence, const struct window *window)
{
    for (uint32_t i = 0; i < window->n_touches; i++)
        if (evidence->parts[window->touches[i].id].open)
            return true;
    return false;
}

unsigned evidence_clump(const struct part *part)
{
    int64_t sum_us = 0, n = 0;

    if (part->slowest_us <= part->track.width_us * TRACK_PER_INTERVAL)
        return TRACK_PER_INTERVAL;
    for (size_t i = 0; i < part->n_series; i++)
        if (part->series[i]->n_bad > 0 && part->series[i]->probe != FLEET_NONE) {
            sum_us += part->series[i]->interval_us;
            n++;
        }
    return n == 0 ? TRACK_PER_INTERVAL
                  : (unsigned)((sum_us / n + part->track.width_us - 1) / part->track.width_us);
}

struct part *evidence_part(struct evidence *evidence, uint32_t component)
{
    return &evidence->parts[component];
}

size_t evidence_active(const struct evidence *evidence, const uint32_t **ret)
{
    *ret = evidence->active;
    return evidence->n_active;
}
