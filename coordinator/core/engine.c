#include "coordinator/core/engine.h"

#include "coordinator/core/incident.h"
#include "coordinator/core/question.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STEP_US (250 * FL_MS)    /* between two evaluations */
#define HEARD_US FL_SECOND       /* between two observations of whether an agent is heard */
#define LATE_US (10 * FL_SECOND) /* a result that took longer to arrive is history, not news */
#define QUIET_US FL_SECOND       /* an agent is heard within this and its interval and a half */
#define MAX_SERIES 50000000u

struct engine {
    const struct fleet *fleet;
    struct evidence *evidence;
    struct correlator *correlator;
    struct incident_book *book;
    struct question_book *questions;
    struct witness *witnesses; /* by agent */
    struct window **by_series; /* [agent * (n_probes + 1) + probe], the last the agent's own */
    struct window **windows;   /* those that exist, in order of creation */
    size_t n_windows, room;
    fl_time now_us, next_us;
    fl_time heard_us; /* when anybody was last heard */
    fl_time deaf_us;  /* when it last heard nobody, or nobody of another zone; 0: never */
    uint64_t ignored;
    struct verdict_event events[4 * INCIDENT_MAX_OPEN];
    size_t n_events;
};

int engine_new(const struct fleet *fleet, uint64_t first_id, struct engine **ret,
               struct fl_error *err)
{
    size_t cells = fleet->n_agents * (fleet->n_probes + 1);
    struct engine *engine;

    if (cells > MAX_SERIES)
        return fl_error_set(err, -E2BIG,
                            "%zu agents times %zu probes are more than %u series; divide the fleet",
                            fleet->n_agents, fleet->n_probes, MAX_SERIES);
    engine = calloc(1, sizeof(*engine));
    if (!engine)
        return fl_error_set(err, -ENOMEM, "no memory");
    engine->fleet = fleet;
    engine->witnesses = calloc(fleet->n_agents + 1, sizeof(*engine->witnesses));
    engine->by_series = calloc(cells + 1, sizeof(*engine->by_series));
    if (!engine->witnesses || !engine->by_series || evidence_new(fleet, &engine->evidence) < 0 ||
        correlator_new(fleet, engine->evidence, &engine->correlator) < 0 ||
        incident_book_new(first_id, &engine->book) < 0 ||
        question_book_new(fleet, &engine->questions) < 0) {
        engine_free(engine);
        return fl_error_set(err, -ENOMEM, "no memory");
    }
    *ret = engine;
    return 0;
}

struct engine *engine_free(struct engine *engine)
{
    if (!engine)
        return NULL;
    for (size_t i = 0; i < engine->n_windows; i++)
        free(engine->windows[i]);
    free(engine->windows);
    free(engine->by_series);
    free(engine->witnesses);
    correlator_free(engine->correlator);
    evidence_free(engine->evidence);
    incident_book_free(engine->book);
    question_book_free(engine->questions);
    free(engine);
    return NULL;
}

static struct window **slot(const struct engine *engine, uint32_t agent, uint32_t probe)
{
    size_t width = engine->fleet->n_probes + 1;

    return &engine->by_series[agent * width + (probe == FLEET_NONE ? width - 1 : probe)];
}

/* The window of a series, made when it is first seen; NULL without memory. */
static struct window *window_of(struct engine *engine, uint32_t agent, uint32_t probe)
{
    struct window **at = slot(engine, agent, probe);
    struct window *window;

    if (*at)
        return *at;
    if (engine->n_windows == engine->room) {
        size_t room = engine->room ? engine->room * 2 : 256;
        struct window **larger = realloc(engine->windows, room * sizeof(struct window *));

        if (!larger)
            return NULL;
        engine->windows = larger;
        engine->room = room;
    }
    window = calloc(1, sizeof(*window));
    if (!window)
        return NULL;
    window_init(window, engine->fleet, agent, probe);
    if (probe != FLEET_NONE)
        witness_probes_every(&engine->witnesses[agent], window->interval_us);
    evidence_admit(engine->evidence, window);
    engine->windows[engine->n_windows++] = window;
    return *at = window;
}

static bool same_probe(const struct fleet *a, uint32_t x, const struct fleet *b, uint32_t y)
{
    const struct fleet_probe *p = &a->probes[x], *q = &b->probes[y];

    return strcmp(p->type, q->type) == 0 && p->interval_us == q->interval_us &&
           p->timeout_us == q->timeout_us;
}

/* Index of another fleet's agent, in the same zone, or FLEET_NONE. */
static uint32_t same_agent(const struct fleet *fleet, const struct fleet *from, uint32_t agent)
{
    uint32_t own = fleet_find_agent(fleet, from->agents[agent].name);

    if (own != FLEET_NONE && strcmp(fleet->places[fleet->agents[own].zone].name,
                                    from->places[from->agents[agent].zone].name) != 0)
        return FLEET_NONE;
    return own;
}

/* The own window of a series of another fleet, or NULL. */
static struct window *same_series(struct engine *engine, const struct fleet *from,
                                  const struct window *theirs)
{
    uint32_t agent = same_agent(engine->fleet, from, theirs->agent), probe = FLEET_NONE;

    if (agent == FLEET_NONE)
        return NULL;
    if (theirs->probe != FLEET_NONE) {
        probe = fleet_find_probe(engine->fleet, from->probes[theirs->probe].series);
        if (probe == FLEET_NONE || !same_probe(engine->fleet, probe, from, theirs->probe))
            return NULL;
    }
    return window_of(engine, agent, probe);
}

void engine_inherit(struct engine *engine, const struct engine *from)
{
    struct scene scene = {engine->fleet, engine->evidence, engine->witnesses, from->now_us};

    engine->now_us = from->now_us;
    engine->next_us = from->next_us;
    engine->heard_us = from->heard_us;
    engine->deaf_us = from->deaf_us;
    engine->ignored = from->ignored;
    for (uint32_t i = 0; i < from->fleet->n_agents; i++) {
        uint32_t own = same_agent(engine->fleet, from->fleet, i);

        if (own == FLEET_NONE)
            continue;
        engine->witnesses[own] = from->witnesses[i];
        engine->witnesses[own].shortest_us = 0; /* its series say it anew */
    }
    for (size_t i = 0; i < from->n_windows; i++) /* all are admitted before anything comes in */
        (void)same_series(engine, from->fleet, from->windows[i]);
    for (size_t i = 0; i < from->n_windows; i++) {
        struct window *own = same_series(engine, from->fleet, from->windows[i]);

        if (own)
            evidence_inherit(engine->evidence, own, from->windows[i], engine->now_us);
    }
    incident_book_inherit(engine->book, from->book, from->fleet, &scene);
}

static void observe(struct engine *engine, struct window *window, fl_time t_us, enum symbol symbol)
{
    struct observation o = {.t_us = t_us, .symbol = (uint8_t)symbol};
    int64_t before_us = window->last.stalled_us - window->last.took_us;

    if (window->probe != FLEET_NONE) {
        o.named = window->last.phase_us[FL_LAYER_RESOLVE] != FL_ABSENT ||
                  window->last.layer == FL_LAYER_RESOLVE;
        if (before_us > 0)
            o.hung_ms = before_us / FL_MS < UINT32_MAX ? (uint32_t)(before_us / FL_MS) : UINT32_MAX;
    }
    evidence_observe(engine->evidence, window, o, engine->now_us);
}

/* When the probe started by the coordinator's clock: the agent's clock corrected by what was
 * measured, where that is more than the noise. */
static fl_time start_of(const struct engine *engine, uint32_t agent, const struct fl_result *result)
{
    int64_t offset = engine->witnesses[agent].host.values[FL_HOST_CLOCK_OFFSET_US];
    fl_time start = result->t_us;

    if (engine->witnesses[agent].seen && offset != FL_ABSENT &&
        (offset > FL_SECOND || offset < -FL_SECOND))
        start = fl_time_add(start, offset);
    return start;
}

static void take_result(struct engine *engine, uint32_t agent, const struct fl_result *result)
{
    uint32_t probe = fleet_find_probe(engine->fleet, result->series);
    fl_time start = start_of(engine, agent, result);
    struct window *window = probe == FLEET_NONE ? NULL : window_of(engine, agent, probe);
    enum symbol symbol;

    if (!window) {
        engine->ignored++;
        return;
    }
    window->last_rx_us = result->rx_us;
    if (result->rx_us - start - result->took_us > LATE_US)
        return;
    if (start > result->rx_us - result->took_us)
        start = result->rx_us - result->took_us;
    symbol = window_judge(window, result, evidence_covered(engine->evidence, window));
    /* a late agent is no witness of latency, nor of what it did not wait for in time */
    if (symbol != SYMBOL_OK && (result->ok || result->failure == FL_FAILURE_TIMEOUT) &&
        witness_starved(&engine->witnesses[agent], engine->now_us))
        symbol = SYMBOL_LOCAL;
    if ((symbol == SYMBOL_OK_LATE_NET || symbol == SYMBOL_OK_LATE_OP) &&
        engine->witnesses[agent].seen && witness_busy(&engine->witnesses[agent]))
        return;
    observe(engine, window, start, symbol);
}

static void take_host(struct engine *engine, uint32_t agent, const struct fl_host_sample *sample)
{
    struct witness *witness = &engine->witnesses[agent];
    struct window *own;

    witness_sample(witness, sample);
    own = window_of(engine, agent, FLEET_NONE);
    if (own && witness->starved_us == sample->rx_us && witness_starved(witness, sample->rx_us))
        observe(engine, own, sample->rx_us, SYMBOL_LOCAL);
}

/* An agent may be quiet for its shortest interval and the time to batch and travel. */
static int64_t quiet_limit(const struct witness *witness)
{
    return QUIET_US + 3 * witness_shortest_us(witness) / 2;
}

static bool is_silent(const struct engine *engine, uint32_t agent)
{
    const struct witness *witness = &engine->witnesses[agent];

    return witness->seen && engine->now_us - witness->last_rx_us > quiet_limit(witness);
}

static bool is_heard(const struct engine *engine, uint32_t agent)
{
    const struct witness *witness = &engine->witnesses[agent];

    return witness->seen &&
           engine->now_us - witness->last_rx_us <= HEARD_US + witness_shortest_us(witness);
}

/* Is it the listener that is deaf? So it is when nobody is heard just now, or of several zones only
 * the one that it must be in itself: then that zone is cut off, and its own probes say so. */
static bool is_deaf(const struct engine *engine)
{
    uint32_t heard = FLEET_NONE, unheard = FLEET_NONE;
    bool several = false;

    for (uint32_t i = 0; i < engine->fleet->n_agents; i++) {
        if (!is_heard(engine, i))
            continue;
        if (heard != FLEET_NONE && heard != engine->fleet->agents[i].zone)
            return false;
        heard = engine->fleet->agents[i].zone;
    }
    for (uint32_t i = 0; i < engine->fleet->n_agents; i++) {
        uint32_t zone = engine->fleet->agents[i].zone;

        if (!engine->witnesses[i].seen || zone == heard)
            continue;
        several |= unheard != FLEET_NONE && unheard != zone;
        unheard = zone;
    }
    return unheard != FLEET_NONE && (heard == FLEET_NONE || several);
}

/* Is the agent heard? Observed once a second, and at once when it falls silent. Silence is what
 * others were heard in: when nobody is, it may be the listener's own, and who was deaf gives
 * everybody the time to be heard again. */
static void look_whether_heard(struct engine *engine, uint32_t agent)
{
    struct witness *witness = &engine->witnesses[agent];
    bool silent = engine->heard_us - witness->last_rx_us > quiet_limit(witness) &&
                  engine->now_us - engine->deaf_us > quiet_limit(witness);
    bool due = engine->now_us - witness->looked_us >= HEARD_US;
    struct window *own;

    if (!(silent && !witness->silent) &&
        !(due && (silent || engine->now_us - witness->last_rx_us <= HEARD_US)))
        return;
    witness->silent = silent;
    witness->looked_us = engine->now_us;
    own = window_of(engine, agent, FLEET_NONE);
    if (own)
        observe(engine, own, engine->now_us,
                silent                         ? SYMBOL_SILENT
                : witness_clock_wrong(witness) ? SYMBOL_CLOCK
                                               : SYMBOL_OK);
}

static void look_who_is_heard(struct engine *engine)
{
    if (is_deaf(engine)) {
        engine->deaf_us = engine->now_us;
        return;
    }
    for (uint32_t i = 0; i < engine->fleet->n_agents; i++)
        if (engine->witnesses[i].seen)
            look_whether_heard(engine, i);
}

static void evaluate(struct engine *engine)
{
    struct finding found[CORRELATOR_MAX_FOUND];
    struct scene scene = {engine->fleet, engine->evidence, engine->witnesses, engine->now_us};
    const struct verdict_event *events;
    size_t n, n_events;

    look_who_is_heard(engine);
    n = correlator_explain(engine->correlator, engine->now_us, found);
    n_events = incident_book_step(engine->book, &scene, found, n, &events);
    question_book_step(engine->questions, engine->evidence, engine->now_us, found, n);
    for (size_t i = 0; i < n_events && engine->n_events < FL_COUNT(engine->events); i++)
        engine->events[engine->n_events++] = events[i];
}

/* Evaluations stand on a fixed grid of time, so that live and replay see the same ones. */
static void advance(struct engine *engine, fl_time to_us)
{
    if (engine->next_us == 0)
        engine->next_us = (to_us / STEP_US + 1) * STEP_US;
    while (engine->next_us <= to_us) {
        engine->now_us = engine->next_us;
        evaluate(engine);
        engine->next_us += STEP_US;
        /* after a long silence of the whole input there is nothing to judge in between */
        if (to_us - engine->next_us > FL_MINUTE)
            engine->next_us = (to_us - FL_MINUTE) / STEP_US * STEP_US;
    }
    if (to_us > engine->now_us)
        engine->now_us = to_us;
}

void engine_step(struct engine *engine, const struct engine_event *event,
                 struct engine_update *ret_update)
{
    engine->n_events = 0;
    question_book_clear(engine->questions);
    advance(engine, event->t_us);
    if (event->type != ENGINE_DEADLINE) {
        if (event->agent >= engine->fleet->n_agents) {
            engine->ignored++;
        } else {
            engine->witnesses[event->agent].seen = true;
            engine->witnesses[event->agent].last_rx_us = engine->heard_us = engine->now_us;
            if (event->type == ENGINE_RESULT)
                take_result(engine, event->agent, event->result);
            else
                take_host(engine, event->agent, event->host);
        }
    }
    *ret_update = (struct engine_update){engine->events, engine->n_events, engine->next_us};
}

size_t engine_questions(const struct engine *engine, const struct question **ret_questions)
{
    return question_book_asked(engine->questions, ret_questions);
}

size_t engine_open(const struct engine *engine, const struct verdict **ret_verdicts)
{
    return incident_book_open(engine->book, ret_verdicts);
}

void engine_series_state(const struct engine *engine, uint32_t agent, uint32_t probe_index,
                         struct engine_series_state *ret)
{
    const struct window *window = *slot(engine, agent, probe_index);

    memset(ret, 0, sizeof(*ret));
    if (!window || window->n == 0)
        return;
    ret->seen = true;
    ret->fresh = engine->now_us - window->last_rx_us <= 3 * window->interval_us + 2 * FL_SECOND;
    ret->ok = window->last.ok;
    ret->layer = window->last.layer;
    ret->failure = window->last.failure;
    ret->took_us = window->last.took_us;
    memcpy(ret->phase_us, window->last.phase_us, sizeof(ret->phase_us));
    ret->facts = window->last.facts;
    ret->t_us = window->last.t_us;
}

void engine_series_count(const struct engine *engine, uint32_t agent, uint32_t probe_index,
                         fl_time since_us, struct engine_count *ret)
{
    const struct window *window = *slot(engine, agent, probe_index);

    *ret = (struct engine_count){0};
    for (uint32_t i = 0; window && i < window->n; i++) {
        const struct observation *o = window_at(window, i);

        if (o->t_us < since_us)
            continue;
        ret->local += o->symbol == SYMBOL_LOCAL;
        ret->samples += o->symbol != SYMBOL_LOCAL;
        ret->faults += o->symbol != SYMBOL_LOCAL && symbol_is_bad((enum symbol)o->symbol);
    }
}

void engine_agent_state(const struct engine *engine, uint32_t agent, struct engine_agent_state *ret)
{
    const struct witness *witness = &engine->witnesses[agent];

    ret->seen = witness->seen;
    ret->silent = is_silent(engine, agent);
    ret->last_rx_us = witness->last_rx_us;
    ret->host = witness->host;
}

uint64_t engine_ignored(const struct engine *engine)
{
    return engine->ignored;
}
