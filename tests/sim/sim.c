#include "tests/sim/sim.h"

#include "tests/sim/world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HOST_INTERVAL_US (2 * FL_SECOND)

/* What is to happen: a probe starts, a host is sampled, or something arrives. */
enum happening { START, SAMPLE, RESULT, HOST };

struct event {
    fl_time t_us;
    uint64_t order; /* ties go in the order of creation */
    enum happening what;
    uint32_t agent, probe, slot;
};

/* Things under way, by number; numbers are used again. */
struct pool {
    void *items;
    uint32_t *free;
    uint32_t n, n_free, room;
};

struct sim {
    struct world world;
    struct engine *engine;
    struct draw draw;
    struct event *heap;
    size_t n_heap, room;
    struct pool results, hosts;
    uint64_t order, n_results;
    bool started, engine_off;
    sim_observer *observer;
    void *observer_arg;
    struct verdict_event *events;
    size_t n_events, events_room;
};

static void *must(void *memory)
{
    if (!memory)
        abort(); /* a test without memory has nothing to say */
    return memory;
}

static uint32_t pool_take(struct pool *pool, size_t size)
{
    if (pool->n_free > 0)
        return pool->free[--pool->n_free];
    if (pool->n == pool->room) {
        pool->room = pool->room ? pool->room * 2 : 256;
        pool->items = must(realloc(pool->items, pool->room * size));
        pool->free = must(realloc(pool->free, pool->room * sizeof(*pool->free)));
    }
    return pool->n++;
}

static void pool_give(struct pool *pool, uint32_t slot)
{
    pool->free[pool->n_free++] = slot;
}

static void pool_done(struct pool *pool)
{
    free(pool->items);
    free(pool->free);
}

static struct fl_result *result_at(const struct sim *sim, uint32_t slot)
{
    return (struct fl_result *)sim->results.items + slot;
}

static struct fl_host_sample *host_at(const struct sim *sim, uint32_t slot)
{
    return (struct fl_host_sample *)sim->hosts.items + slot;
}

static bool earlier(const struct event *x, const struct event *y)
{
    return x->t_us != y->t_us ? x->t_us < y->t_us : x->order < y->order;
}

static void schedule(struct sim *sim, struct event event)
{
    size_t at;

    if (sim->n_heap == sim->room) {
        sim->room = sim->room ? sim->room * 2 : 1024;
        sim->heap = must(realloc(sim->heap, sim->room * sizeof(*sim->heap)));
    }
    event.order = sim->order++;
    for (at = sim->n_heap++; at > 0 && earlier(&event, &sim->heap[(at - 1) / 2]); at = (at - 1) / 2)
        sim->heap[at] = sim->heap[(at - 1) / 2];
    sim->heap[at] = event;
}

static struct event take_first(struct sim *sim)
{
    struct event first = sim->heap[0], last = sim->heap[--sim->n_heap];
    size_t at = 0, child;

    while ((child = 2 * at + 1) < sim->n_heap) {
        if (child + 1 < sim->n_heap && earlier(&sim->heap[child + 1], &sim->heap[child]))
            child++;
        if (!earlier(&sim->heap[child], &last))
            break;
        sim->heap[at] = sim->heap[child];
        at = child;
    }
    sim->heap[at] = last;
    return first;
}

static fl_time phase(struct sim *sim, int64_t interval_us)
{
    return (fl_time)(draw_unit(&sim->draw) * (double)interval_us);
}

/* Every agent begins somewhere in its interval, as agents do. */
static void start(struct sim *sim)
{
    const struct fleet *fleet = sim->world.fleet;

    sim->started = true;
    for (uint32_t agent = 0; agent < fleet->n_agents; agent++) {
        schedule(sim, (struct event){phase(sim, HOST_INTERVAL_US), 0, SAMPLE, agent, 0, 0});
        for (uint32_t probe = 0; probe < fleet->n_probes; probe++)
            if (sim_plans(sim, agent, probe))
                schedule(sim, (struct event){phase(sim, fleet->probes[probe].interval_us), 0, START,
                                             agent, probe, 0});
    }
}

static void start_probe(struct sim *sim, const struct event *event)
{
    const struct fleet_probe *spec = &sim->world.fleet->probes[event->probe];
    struct weather weather =
        world_weather(&sim->world, &sim->draw, event->agent, event->probe, event->t_us);
    struct event arrives = {.what = RESULT, .agent = event->agent};
    struct fl_result *result;

    arrives.slot = pool_take(&sim->results, sizeof(*result));
    result = result_at(sim, arrives.slot);
    fl_result_init(result);
    result->series = spec->series;
    result->t_us =
        event->t_us + SIM_EPOCH_US + world_clock_us(&sim->world, event->agent, event->t_us);
    physics_probe(&sim->draw, &weather, spec->type, spec->timeout_us, result);
    arrives.t_us =
        world_arrival(&sim->world, &sim->draw, event->agent, event->t_us + result->took_us);
    result->rx_us = arrives.t_us + SIM_EPOCH_US;
    schedule(sim, arrives);
}

static void sample_host(struct sim *sim, const struct event *event)
{
    struct event arrives = {.what = HOST, .agent = event->agent};
    struct fl_host_sample *host;

    arrives.slot = pool_take(&sim->hosts, sizeof(*host));
    arrives.t_us = world_arrival(&sim->world, &sim->draw, event->agent, event->t_us);
    host = host_at(sim, arrives.slot);
    fl_host_sample_init(host);
    host->t_us =
        event->t_us + SIM_EPOCH_US + world_clock_us(&sim->world, event->agent, event->t_us);
    host->rx_us = arrives.t_us + SIM_EPOCH_US;
    world_host(&sim->world, &sim->draw, event->agent, event->t_us, host);
    schedule(sim, arrives);
}

static void keep_events(struct sim *sim, const struct engine_update *update)
{
    for (size_t i = 0; i < update->n_events; i++) {
        if (sim->n_events == sim->events_room) {
            sim->events_room = sim->events_room ? sim->events_room * 2 : 64;
            sim->events = must(realloc(sim->events, sim->events_room * sizeof(*sim->events)));
        }
        sim->events[sim->n_events] = update->events[i];
        sim->events[sim->n_events++].t_us -= SIM_EPOCH_US;
    }
}

static void deliver(struct sim *sim, const struct event *event)
{
    bool result = event->what == RESULT;
    struct engine_event input = {.type = result ? ENGINE_RESULT : ENGINE_HOST,
                                 .t_us = event->t_us + SIM_EPOCH_US,
                                 .agent = event->agent,
                                 .result = result ? result_at(sim, event->slot) : NULL,
                                 .host = result ? NULL : host_at(sim, event->slot)};
    struct engine_update update;

    sim->n_results += result;
    if (sim->observer)
        sim->observer(sim->observer_arg, &input);
    if (!sim->engine_off) {
        engine_step(sim->engine, &input, &update);
        keep_events(sim, &update);
    }
    pool_give(result ? &sim->results : &sim->hosts, event->slot);
}

static void handle(struct sim *sim, struct event event)
{
    if (event.what == RESULT || event.what == HOST) {
        deliver(sim, &event);
        return;
    }
    if (world_runs(&sim->world, event.agent, event.t_us)) {
        if (event.what == START)
            start_probe(sim, &event);
        else
            sample_host(sim, &event);
    }
    event.t_us +=
        event.what == SAMPLE ? HOST_INTERVAL_US : sim->world.fleet->probes[event.probe].interval_us;
    schedule(sim, event);
}

void sim_run(struct sim *sim, fl_time until_us)
{
    if (!sim->started)
        start(sim);
    while (sim->n_heap > 0 && sim->heap[0].t_us < until_us)
        handle(sim, take_first(sim));
}

const struct fleet *sim_fleet(const struct sim *sim)
{
    return sim->world.fleet;
}

int sim_add_fault(struct sim *sim, const struct sim_fault *fault)
{
    if (sim->world.n_faults == WORLD_MAX_FAULTS)
        return -E2BIG;
    sim->world.faults[sim->world.n_faults++] = *fault;
    return 0;
}

void sim_set_life(struct sim *sim, const struct sim_life *life)
{
    sim->world.life = *life;
}

void sim_set_bursts(struct sim *sim, int64_t every_us)
{
    sim->world.life.burst_every_us = every_us;
}

void sim_set_rtt(struct sim *sim, uint32_t zone, uint32_t place, int64_t rtt_us)
{
    sim->world.rtt_us[zone * sim->world.fleet->n_places + place] = rtt_us;
}

void sim_set_target(struct sim *sim, uint32_t target, const struct sim_target *like)
{
    sim->world.targets[target] = *like;
}

const struct sim_target *sim_target(const struct sim *sim, uint32_t target)
{
    return &sim->world.targets[target];
}

void sim_unplan(struct sim *sim, uint32_t agent, uint32_t probe)
{
    sim->world.unplanned[agent * sim->world.fleet->n_probes + probe] = true;
}

bool sim_plans(const struct sim *sim, uint32_t agent, uint32_t probe)
{
    const struct fleet *fleet = sim->world.fleet;

    return fleet->targets[fleet->probes[probe].target].mesh_agent != agent &&
           !sim->world.unplanned[agent * fleet->n_probes + probe];
}

void sim_set_coordinator(struct sim *sim, uint32_t place)
{
    sim->world.coordinator = place;
}

uint32_t sim_coordinator(const struct sim *sim)
{
    return sim->world.coordinator;
}

void sim_set_thin_tcp(struct sim *sim, bool thin)
{
    sim->world.thin_tcp = thin;
}

void sim_observe(struct sim *sim, sim_observer *observer, void *arg)
{
    sim->observer = observer;
    sim->observer_arg = arg;
}

void sim_set_engine(struct sim *sim, bool on)
{
    sim->engine_off = !on;
}

size_t sim_events(const struct sim *sim, const struct verdict_event **ret)
{
    *ret = sim->events;
    return sim->n_events;
}

size_t sim_open(const struct sim *sim, const struct verdict **ret)
{
    return engine_open(sim->engine, ret);
}

uint64_t sim_results(const struct sim *sim)
{
    return sim->n_results;
}

int sim_new(struct fleet *fleet, uint64_t seed, struct sim **ret)
{
    struct sim *sim = calloc(1, sizeof(*sim));
    int r;

    if (!sim) {
        fleet_free(fleet);
        return -ENOMEM;
    }
    sim->draw = draw_seed(seed);
    r = world_init(&sim->world, fleet, seed);
    if (r == 0)
        r = engine_new(fleet, 1, &sim->engine, NULL);
    if (r < 0) {
        sim_free(sim);
        return r;
    }
    *ret = sim;
    return 0;
}

struct sim *sim_free(struct sim *sim)
{
    if (!sim)
        return NULL;
    free(sim->heap);
    pool_done(&sim->results);
    pool_done(&sim->hosts);
    free(sim->events);
    engine_free(sim->engine);
    fleet_free(sim->world.fleet);
    world_done(&sim->world);
    free(sim);
    return NULL;
}

const struct engine *sim_engine(const struct sim *sim)
{
    return sim->engine;
}
