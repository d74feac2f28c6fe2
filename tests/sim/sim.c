#include "tests/sim/sim.h"

#include "tests/sim/physics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EPOCH_US INT64_C(1700000000000000)
#define HOST_INTERVAL_US (2 * FL_SECOND)
#define MAX_FAULTS 16
#define BATCH_US (120 * FL_MS) /* longest wait for a batch to fill */
#define BURST_US (600 * FL_MS)
#define BURST_LOSS 0.5

/* What is to happen: a probe starts, a host is sampled, or something arrives. */
enum happening { START, SAMPLE, RESULT, HOST };

struct event {
    fl_time t_us;
    uint64_t order; /* ties go in the order of creation */
    enum happening what;
    uint32_t agent, probe;
    struct fl_result result;
    struct fl_host_sample host;
};

struct burst {
    fl_time from_us, until_us;
};

struct sim {
    struct fleet *fleet;
    struct engine *engine;
    struct draw draw;
    struct event **heap;
    size_t n_heap, room;
    uint64_t order, results;
    struct sim_fault faults[MAX_FAULTS];
    size_t n_faults;
    int64_t burst_every_us;
    struct burst *bursts; /* by path: zone * places + place */
    fl_time now_us;
    struct verdict_event *events;
    size_t n_events, events_room;
};

static bool earlier(const struct event *x, const struct event *y)
{
    return x->t_us != y->t_us ? x->t_us < y->t_us : x->order < y->order;
}

static struct event *schedule(struct sim *sim, fl_time t_us, enum happening what)
{
    struct event *event = calloc(1, sizeof(*event));
    size_t at;

    if (sim->n_heap == sim->room) {
        sim->room = sim->room ? sim->room * 2 : 1024;
        sim->heap = realloc(sim->heap, sim->room * sizeof(struct event *));
    }
    if (!event || !sim->heap)
        abort(); /* a test without memory has nothing to say */
    *event = (struct event){.t_us = t_us, .order = sim->order++, .what = what};
    for (at = sim->n_heap++; at > 0 && earlier(event, sim->heap[(at - 1) / 2]); at = (at - 1) / 2)
        sim->heap[at] = sim->heap[(at - 1) / 2];
    return sim->heap[at] = event;
}

static struct event *take_first(struct sim *sim)
{
    struct event *first = sim->heap[0], *last = sim->heap[--sim->n_heap];
    size_t at = 0, child;

    while ((child = 2 * at + 1) < sim->n_heap) {
        if (child + 1 < sim->n_heap && earlier(sim->heap[child + 1], sim->heap[child]))
            child++;
        if (!earlier(sim->heap[child], last))
            break;
        sim->heap[at] = sim->heap[child];
        at = child;
    }
    sim->heap[at] = last;
    return first;
}

static int64_t interval_of(const struct sim *sim, const struct event *event)
{
    return event->what == SAMPLE ? HOST_INTERVAL_US : sim->fleet->probes[event->probe].interval_us;
}

static void schedule_agent(struct sim *sim, uint32_t agent)
{
    struct event *sample =
        schedule(sim, (fl_time)(draw_unit(&sim->draw) * (double)HOST_INTERVAL_US), SAMPLE);

    sample->agent = agent;
    for (uint32_t probe = 0; probe < sim->fleet->n_probes; probe++) {
        const struct fleet_probe *spec = &sim->fleet->probes[probe];
        struct event *start;

        if (sim->fleet->targets[spec->target].mesh_agent == agent)
            continue;
        start = schedule(sim, (fl_time)(draw_unit(&sim->draw) * (double)spec->interval_us), START);
        start->agent = agent;
        start->probe = probe;
    }
}

int sim_new(struct fleet *fleet, uint64_t seed, struct sim **ret)
{
    struct sim *sim = calloc(1, sizeof(*sim));

    if (!sim) {
        fleet_free(fleet);
        return -ENOMEM;
    }
    sim->fleet = fleet;
    sim->draw = draw_seed(seed);
    sim->bursts = calloc(fleet->n_zones * fleet->n_places, sizeof(*sim->bursts));
    if (!sim->bursts || engine_new(fleet, 1, &sim->engine, NULL) < 0) {
        sim_free(sim);
        return -ENOMEM;
    }
    for (uint32_t agent = 0; agent < fleet->n_agents; agent++)
        schedule_agent(sim, agent);
    *ret = sim;
    return 0;
}

struct sim *sim_free(struct sim *sim)
{
    if (!sim)
        return NULL;
    for (size_t i = 0; i < sim->n_heap; i++)
        free(sim->heap[i]);
    free(sim->heap);
    free(sim->bursts);
    free(sim->events);
    engine_free(sim->engine);
    fleet_free(sim->fleet);
    free(sim);
    return NULL;
}

const struct fleet *sim_fleet(const struct sim *sim)
{
    return sim->fleet;
}

int sim_add_fault(struct sim *sim, const struct sim_fault *fault)
{
    if (sim->n_faults == MAX_FAULTS)
        return -E2BIG;
    sim->faults[sim->n_faults++] = *fault;
    return 0;
}

void sim_set_bursts(struct sim *sim, int64_t every_us)
{
    sim->burst_every_us = every_us;
}

static bool active(const struct sim *sim, const struct sim_fault *fault)
{
    return sim->now_us >= fault->from_us && sim->now_us < fault->until_us;
}

static bool hits(const struct sim *sim, const struct sim_fault *fault, uint32_t agent,
                 uint32_t probe)
{
    struct touch touches[COMPONENTS_PER_SERIES];
    size_t n = component_touches(sim->fleet, agent, probe, touches);
    uint32_t id = component_id(sim->fleet, &fault->component);

    for (size_t i = 0; i < n; i++)
        if (touches[i].id == id)
            return true;
    return false;
}

static bool host_is(const struct sim *sim, uint32_t agent, enum sim_effect effect)
{
    for (size_t i = 0; i < sim->n_faults; i++)
        if (sim->faults[i].effect == effect && active(sim, &sim->faults[i]) &&
            sim->faults[i].component.a == agent &&
            (sim->faults[i].component.type == COMPONENT_HOST ||
             sim->faults[i].component.type == COMPONENT_LINK))
            return true;
    return false;
}

/* Distance: within a zone half a millisecond, then by how far the indices are apart. */
static int64_t rtt_of(const struct sim *sim, uint32_t zone, uint32_t place)
{
    if (zone == place)
        return 500;
    if (strcmp(sim->fleet->places[place].name, "external") == 0)
        return 20 * FL_MS;
    return 700 + 900 * (int64_t)((zone * 7 + place * 3) % 5);
}

static void add_loss(double *loss, double share)
{
    *loss = 1 - (1 - *loss) * (1 - share);
}

/* The next burst of a path comes when the last one is over and an exponential time has passed. */
static void burst(struct sim *sim, uint32_t zone, uint32_t place, struct weather *weather)
{
    struct burst *burst = &sim->bursts[zone * sim->fleet->n_places + place];

    if (sim->burst_every_us == 0 || zone == place)
        return;
    while (burst->until_us < sim->now_us) {
        burst->from_us = burst->until_us -
                         (fl_time)(log(1 - draw_unit(&sim->draw)) * (double)sim->burst_every_us);
        burst->until_us = burst->from_us + 1 + (fl_time)(draw_unit(&sim->draw) * (double)BURST_US);
    }
    if (burst->from_us <= sim->now_us)
        add_loss(&weather->loss_back, BURST_LOSS);
}

static void worsen(struct sim *sim, const struct sim_fault *fault, struct weather *weather)
{
    switch (fault->effect) {
    case SIM_CUT:
    case SIM_DOWN:
        weather->loss_there = weather->loss_back = 1;
        break;
    case SIM_LOSS:
    case SIM_DELAY:
    case SIM_CONGESTION:
    case SIM_FLOOD:
        add_loss(&weather->loss_there, fault->share / 2);
        add_loss(&weather->loss_back, fault->share / 2);
        weather->rtt_us += fault->extra_us;
        break;
    case SIM_STARVED:
        weather->lag_us = fault->extra_us;
        break;
    case SIM_STALL:
        weather->stalled |= draw_chance(&sim->draw, fault->share);
        break;
    case SIM_SLOW:
        weather->slowness = fault->factor;
        break;
    case SIM_SYN_FLOOD:
        weather->listener_full = true;
        break;
    case SIM_REFUSED:
        weather->refused = true;
        break;
    case SIM_FAILURE:
        if (draw_chance(&sim->draw, fault->share))
            weather->error = fault->failure;
        break;
    case SIM_RESOLVE_FAILS:
        weather->resolve = fault->failure;
        break;
    default:
        break;
    }
}

static struct weather weather_of(struct sim *sim, uint32_t agent, uint32_t probe)
{
    const struct fleet_probe *spec = &sim->fleet->probes[probe];
    const struct fleet_target *target = &sim->fleet->targets[spec->target];
    uint32_t zone = sim->fleet->agents[agent].zone;
    struct weather weather = {.loss_there = 0.0003,
                              .loss_back = 0.0003,
                              .rtt_us = rtt_of(sim, zone, target->place),
                              .named = target->kind == TARGET_SERVICE && spec->series % 2 == 0,
                              .slowness = 1,
                              .think_us = target->kind == TARGET_STORAGE ? 2500 : 1200};

    burst(sim, zone, target->place, &weather);
    for (size_t i = 0; i < sim->n_faults; i++)
        if (active(sim, &sim->faults[i]) && hits(sim, &sim->faults[i], agent, probe))
            worsen(sim, &sim->faults[i], &weather);
    return weather;
}

/* When what leaves the agent at t_us is received: late if its link is cut. */
static fl_time arrival(struct sim *sim, uint32_t agent, fl_time t_us)
{
    t_us += 2 * FL_MS + (int64_t)(draw_unit(&sim->draw) * (double)BATCH_US);
    for (size_t i = 0; i < sim->n_faults; i++)
        if (sim->faults[i].effect == SIM_SILENT && sim->faults[i].component.a == agent &&
            t_us >= sim->faults[i].from_us && t_us < sim->faults[i].until_us)
            t_us = sim->faults[i].until_us + (int64_t)(draw_unit(&sim->draw) * (double)FL_SECOND);
    return t_us;
}

static void start_probe(struct sim *sim, uint32_t agent, uint32_t probe)
{
    const struct fleet_probe *spec = &sim->fleet->probes[probe];
    struct weather weather = weather_of(sim, agent, probe);
    struct fl_result result;
    struct event *event;

    fl_result_init(&result);
    result.series = spec->series;
    result.t_us = sim->now_us + EPOCH_US;
    physics_probe(&sim->draw, &weather, spec->type, spec->timeout_us, &result);
    event = schedule(sim, arrival(sim, agent, sim->now_us + result.took_us), RESULT);
    event->agent = agent;
    event->result = result;
    event->result.rx_us = event->t_us + EPOCH_US;
}

/* Does the agent's host lie within what is flooded? */
static bool sees_flood(const struct sim *sim, const struct sim_fault *fault, uint32_t agent)
{
    uint32_t zone = sim->fleet->agents[agent].zone;

    switch (fault->component.type) {
    case COMPONENT_HOST:
        return fault->component.a == agent;
    case COMPONENT_TARGET: {
        uint32_t place = sim->fleet->targets[fault->component.a].place;

        return place == zone;
    }
    case COMPONENT_ZONE:
    case COMPONENT_PATH:
        return fault->component.a == zone || fault->component.b == zone;
    default:
        return false;
    }
}

static void sample_host(struct sim *sim, uint32_t agent)
{
    struct event *event = schedule(sim, arrival(sim, agent, sim->now_us), HOST);
    struct fl_host_sample *host = &event->host;

    event->agent = agent;
    fl_host_sample_init(host);
    host->t_us = sim->now_us + EPOCH_US;
    host->rx_us = event->t_us + EPOCH_US;
    host->values[FL_HOST_UDP_RX_PPS] = (int64_t)draw_between(&sim->draw, 2, 40);
    host->values[FL_HOST_UDP_NOPORT_PPS] = 0;
    host->values[FL_HOST_LISTEN_DROPS_PS] = 0;
    host->values[FL_HOST_SYNCOOKIES_PS] = 0;
    host->values[FL_HOST_LOOP_LAG_US] = (int64_t)draw_between(&sim->draw, 20, 900);
    host->values[FL_HOST_CLOCK_OFFSET_US] = (int64_t)draw_between(&sim->draw, -300, 300);
    for (size_t i = 0; i < sim->n_faults; i++) {
        const struct sim_fault *fault = &sim->faults[i];

        if (!active(sim, fault))
            continue;
        if (fault->effect == SIM_FLOOD && sees_flood(sim, fault, agent))
            host->values[FL_HOST_UDP_NOPORT_PPS] = 60000;
        if (fault->effect == SIM_SYN_FLOOD && sees_flood(sim, fault, agent))
            host->values[FL_HOST_LISTEN_DROPS_PS] = 900;
    }
    if (host_is(sim, agent, SIM_STARVED))
        host->values[FL_HOST_LOOP_LAG_US] = (int64_t)(draw_between(&sim->draw, 200, 600) * FL_MS);
}

static void keep_events(struct sim *sim, const struct engine_update *update)
{
    for (size_t i = 0; i < update->n_events; i++) {
        if (sim->n_events == sim->events_room) {
            sim->events_room = sim->events_room ? sim->events_room * 2 : 64;
            sim->events = realloc(sim->events, sim->events_room * sizeof(*sim->events));
            if (!sim->events)
                abort();
        }
        sim->events[sim->n_events] = update->events[i];
        sim->events[sim->n_events++].t_us -= EPOCH_US;
    }
}

static void step_engine(struct sim *sim, const struct event *event)
{
    struct engine_event input = {event->what == HOST ? ENGINE_HOST : ENGINE_RESULT,
                                 event->t_us + EPOCH_US, event->agent, &event->result,
                                 &event->host};
    struct engine_update update;

    sim->results += event->what == RESULT;
    engine_step(sim->engine, &input, &update);
    keep_events(sim, &update);
}

static void handle(struct sim *sim, struct event *event)
{
    bool dead = host_is(sim, event->agent, SIM_DOWN);

    if (event->what == RESULT || event->what == HOST) {
        step_engine(sim, event);
        return;
    }
    if (!dead && event->what == START)
        start_probe(sim, event->agent, event->probe);
    else if (!dead)
        sample_host(sim, event->agent);
    struct event *again = schedule(sim, event->t_us + interval_of(sim, event), event->what);

    again->agent = event->agent;
    again->probe = event->probe;
}

void sim_run(struct sim *sim, fl_time until_us)
{
    while (sim->n_heap > 0 && sim->heap[0]->t_us < until_us) {
        struct event *event = take_first(sim);

        sim->now_us = event->t_us;
        handle(sim, event);
        free(event);
    }
    sim->now_us = until_us;
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
    return sim->results;
}
