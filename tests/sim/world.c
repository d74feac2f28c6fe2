#include "tests/sim/world.h"

#include "tests/sim/touch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BASE_LOSS 0.0002 /* each way, of the packets on a healthy network */
#define JITTER 0.06
#define BURST_LEAST 0.3
#define BURST_MOST 0.9
#define BATCH_US (120 * FL_MS)  /* longest wait for a batch to fill */
#define QUEUED_US (250 * FL_MS) /* mean wait for a message to be sent again, by share lost */

static int64_t default_rtt(const struct fleet *fleet, uint32_t zone, uint32_t place)
{
    if (zone == place)
        return 500;
    if (strcmp(fleet->places[place].name, "external") == 0)
        return 20 * FL_MS;
    return 700 + 900 * (int64_t)((zone * 7 + place * 3) % 5);
}

/* The mesh has the interval of most targets. */
static int64_t usual_interval(const struct fleet *fleet)
{
    return fleet->n_probes > 0 ? fleet->probes[fleet->n_probes - 1].interval_us : FL_SECOND;
}

int world_init(struct world *world, struct fleet *fleet, uint64_t seed)
{
    *world = (struct world){.fleet = fleet,
                            .seed = seed,
                            .spells = {seed, usual_interval(fleet)},
                            .coordinator = FLEET_NONE};
    world->targets = calloc(fleet->n_targets + 1, sizeof(*world->targets));
    world->rtt_us = calloc(fleet->n_zones * fleet->n_places + 1, sizeof(*world->rtt_us));
    world->unplanned = calloc(fleet->n_agents * fleet->n_probes + 1, sizeof(*world->unplanned));
    if (!world->targets || !world->rtt_us || !world->unplanned)
        return -ENOMEM;
    for (uint32_t zone = 0; zone < fleet->n_zones; zone++)
        for (uint32_t place = 0; place < fleet->n_places; place++)
            world->rtt_us[zone * fleet->n_places + place] = default_rtt(fleet, zone, place);
    for (uint32_t i = 0; i < fleet->n_targets; i++) {
        bool storage = fleet->targets[i].kind == TARGET_STORAGE;

        world->targets[i] = (struct sim_target){.named = !storage && i % 2 == 0,
                                                .think_us = storage ? 2500 : 1200,
                                                .reply_bytes = storage ? 4096 : 1200};
    }
    return 0;
}

void world_done(struct world *world)
{
    free(world->targets);
    free(world->rtt_us);
    free(world->unplanned);
}

static bool active(const struct sim_fault *fault, fl_time now_us)
{
    if (now_us < fault->from_us || now_us >= fault->until_us)
        return false;
    return fault->off_us == 0 ||
           (now_us - fault->from_us) % (fault->on_us + fault->off_us) < fault->on_us;
}

/* How far a fault has grown, 0..1. */
static double grown(const struct sim_fault *fault, fl_time now_us)
{
    fl_time age_us = now_us - fault->from_us;

    return age_us >= fault->ramp_us ? 1 : (double)age_us / (double)fault->ramp_us;
}

/* Is the agent at the component's first end? */
static bool starts_within(const struct fleet *fleet, const struct component *component,
                          uint32_t agent)
{
    switch (component->type) {
    case COMPONENT_HOST:
    case COMPONENT_LINK:
        return component->a == agent;
    case COMPONENT_ZONE:
    case COMPONENT_PLACE:
    case COMPONENT_PATH:
        return component->a == fleet->agents[agent].zone;
    default:
        return false;
    }
}

static struct sim_ways ways_of(const struct fleet *fleet, const struct sim_fault *fault,
                               uint32_t agent)
{
    bool within = starts_within(fleet, &fault->component, agent);

    if (fault->direction == SIM_BOTH)
        return (struct sim_ways){true, true};
    if ((fault->direction == SIM_OUT) == within)
        return (struct sim_ways){.there = true};
    return (struct sim_ways){.back = true};
}

static void add_loss(double *loss, double share)
{
    *loss = 1 - (1 - *loss) * (1 - share);
}

static void lose(struct weather *weather, const struct sim_ways *ways, double share)
{
    if (ways->there)
        add_loss(&weather->loss_there, share);
    if (ways->back)
        add_loss(&weather->loss_back, share);
}

/* What a fault does to the way. */
static void worsen_way(const struct sim_fault *fault, const struct sim_ways *ways, double size,
                       struct weather *weather)
{
    switch (fault->effect) {
    case SIM_CUT:
    case SIM_DOWN:
        lose(weather, ways, 1);
        break;
    case SIM_LOSS:
    case SIM_DELAY:
    case SIM_CONGESTION:
    case SIM_FLOOD:
        lose(weather, ways, fault->share * size);
        weather->rtt_us += (int64_t)((double)fault->extra_us * size);
        /* a full queue is never still */
        if (fault->effect != SIM_LOSS && fault->effect != SIM_DELAY)
            weather->jitter = 0.2;
        break;
    case SIM_MTU:
        weather->small_there |= ways->there;
        weather->small_back |= ways->back;
        break;
    default:
        break;
    }
}

/* What it does to the far side or to the agent itself. */
static void worsen_ends(struct draw *draw, const struct sim_fault *fault, double size,
                        uint32_t agent, struct weather *weather)
{
    switch (fault->effect) {
    case SIM_STARVED:
        if (fault->component.a == agent)
            weather->lag_us = fault->extra_us;
        else /* it echoes late */
            weather->rtt_us += (int64_t)((double)fault->extra_us * draw_unit(draw) * 0.5);
        break;
    case SIM_LOCAL:
        weather->local_drop = fault->component.a == agent;
        add_loss(&weather->loss_back, fault->component.a == agent ? 0 : 1);
        break;
    case SIM_STALL:
        if (draw_chance(draw, fault->share * size)) {
            weather->stalled = true;
            weather->steps = fault->steps;
        }
        break;
    case SIM_SLOW:
        weather->slowness = 1 + (fault->factor - 1) * size;
        weather->steps = fault->steps;
        break;
    case SIM_INNER_LOSS:
        weather->inner_loss = fault->share * size;
        break;
    case SIM_SYN_FLOOD:
        weather->listener_full = true;
        break;
    case SIM_REFUSED:
        weather->refused = true;
        break;
    case SIM_FAILURE:
        if (draw_chance(draw, fault->share * size)) {
            weather->error = fault->failure;
            weather->steps = fault->steps;
        }
        break;
    case SIM_RESOLVE_FAILS:
        if (draw_chance(draw, fault->share > 0 ? fault->share : 1))
            weather->resolve = fault->failure;
        break;
    default:
        break;
    }
}

/* A fault that hits a share of the flows: TCP brings another source port every time, an echo is
 * the same flow for ever. */
static bool spares(const struct world *world, struct draw *draw, const struct sim_fault *fault,
                   uint32_t agent, uint32_t probe)
{
    const char *type = world->fleet->probes[probe].type;
    struct draw own = draw_seed(world->seed ^ ((uint64_t)agent << 32 | probe));

    if (fault->flows <= 0)
        return false;
    if (strcmp(type, "udp") == 0 || strcmp(type, "icmp") == 0)
        return !draw_chance(&own, fault->flows);
    return !draw_chance(draw, fault->flows);
}

static void live(const struct world *world, uint32_t agent, uint32_t probe, fl_time now_us,
                 struct weather *weather)
{
    const struct sim_life *life = &world->life;
    uint32_t target = world->fleet->probes[probe].target;
    uint32_t zone = world->fleet->agents[agent].zone, place = world->fleet->targets[target].place;
    uint64_t path = (uint64_t)zone * world->fleet->n_places + place;
    struct spell spell;

    if (zone != place &&
        life_has(&world->spells, LIFE_BURST, path, life->burst_every_us, now_us, &spell)) {
        struct sim_ways ways = {spell.severity < 0.5, spell.severity >= 0.5};
        double depth = spell.severity < 0.5 ? 2 * spell.severity : 2 * spell.severity - 1;

        lose(weather, &ways, BURST_LEAST + (BURST_MOST - BURST_LEAST) * depth);
    }
    if (zone != place && life->step_every_us > 0) {
        spell = life_spell(&world->spells, LIFE_STEP, path, life->step_every_us, now_us);
        if (spell.from_us <= now_us) {
            weather->rtt_us = (int64_t)((double)weather->rtt_us * (0.75 + 0.6 * spell.severity));
            weather->min_rtt_us = weather->rtt_us;
        }
    }
    if (world->fleet->targets[target].kind == TARGET_MESH)
        return;
    if (life_has(&world->spells, LIFE_JOB, target, life->job_every_us, now_us, &spell))
        weather->slowness = 2 + 3 * spell.severity;
    if (life_has(&world->spells, LIFE_TARGET_PAUSE, target, life->target_restart_us, now_us,
                 &spell))
        weather->refused = true;
}

struct weather world_weather(const struct world *world, struct draw *draw, uint32_t agent,
                             uint32_t probe, fl_time now_us)
{
    const struct fleet *fleet = world->fleet;
    uint32_t index = fleet->probes[probe].target;
    const struct sim_target *like = &world->targets[index];
    int64_t rtt_us =
        world->rtt_us[fleet->agents[agent].zone * fleet->n_places + fleet->targets[index].place];
    struct weather weather = {.loss_there = BASE_LOSS,
                              .loss_back = BASE_LOSS,
                              .rtt_us = rtt_us,
                              .min_rtt_us = rtt_us,
                              .jitter = JITTER,
                              .named = like->named,
                              .has_tls = like->has_tls,
                              .by_steps = like->by_steps,
                              .slowness = 1,
                              .think_us = like->think_us,
                              .reply_bytes = like->reply_bytes,
                              .thin_tcp = world->thin_tcp};

    live(world, agent, probe, now_us, &weather);
    for (size_t i = 0; i < world->n_faults; i++) {
        const struct sim_fault *fault = &world->faults[i];
        struct sim_ways ways;

        if (!active(fault, now_us) || !touch_is(fleet, &fault->component, agent, probe) ||
            spares(world, draw, fault, agent, probe))
            continue;
        ways = ways_of(fleet, fault, agent);
        worsen_way(fault, &ways, grown(fault, now_us), &weather);
        worsen_ends(draw, fault, grown(fault, now_us), agent, &weather);
    }
    return weather;
}

bool world_runs(const struct world *world, uint32_t agent, fl_time now_us)
{
    struct spell spell;

    for (size_t i = 0; i < world->n_faults; i++)
        if (world->faults[i].effect == SIM_DOWN && active(&world->faults[i], now_us) &&
            world->faults[i].component.type == COMPONENT_HOST &&
            world->faults[i].component.a == agent)
            return false;
    return !life_has(&world->spells, LIFE_AGENT_PAUSE, agent, world->life.agent_pause_us, now_us,
                     &spell);
}

/* Does the fault lie between the agent and the coordinator? */
static bool between(const struct world *world, const struct sim_fault *fault, uint32_t agent)
{
    const struct component *component = &fault->component;
    uint32_t zone = world->fleet->agents[agent].zone, place = world->coordinator;

    if (component->type == COMPONENT_HOST)
        return component->a == agent;
    if (place == FLEET_NONE || zone == place)
        return false;
    if (component->type == COMPONENT_ZONE || component->type == COMPONENT_PLACE)
        return component->a == zone || component->a == place;
    return component->type == COMPONENT_PATH && ((component->a == zone && component->b == place) ||
                                                 (component->a == place && component->b == zone));
}

/* Until when nothing of the agent gets through; t_us if it does. */
static fl_time held_until(const struct world *world, uint32_t agent, fl_time t_us)
{
    for (size_t i = 0; i < world->n_faults; i++) {
        const struct sim_fault *fault = &world->faults[i];
        bool own = fault->effect == SIM_SILENT && fault->component.a == agent;
        bool cut = (fault->effect == SIM_CUT || fault->effect == SIM_LOCAL) && fault->flows <= 0 &&
                   between(world, fault, agent);

        if (active(fault, t_us) && (own || cut || fault->effect == SIM_PAUSE))
            return fault->until_us;
    }
    return t_us;
}

fl_time world_arrival(const struct world *world, struct draw *draw, uint32_t agent, fl_time t_us)
{
    struct spell spell;
    fl_time held_us;

    t_us += 2 * FL_MS + (int64_t)(draw_unit(draw) * (double)BATCH_US);
    if (life_has(&world->spells, LIFE_COORDINATOR, 0, world->life.coordinator_us, t_us, &spell))
        t_us = spell.until_us + (int64_t)(draw_unit(draw) * (double)FL_SECOND / 4);
    for (size_t i = 0; i < world->n_faults; i++) {
        const struct sim_fault *fault = &world->faults[i];

        if (active(fault, t_us) && fault->share > 0 && fault->effect <= SIM_FLOOD &&
            between(world, fault, agent) && draw_chance(draw, fault->share))
            t_us -= (int64_t)(log(1 - draw_unit(draw)) * (double)QUEUED_US / (1 - fault->share));
    }
    held_us = held_until(world, agent, t_us);
    return held_us == t_us ? t_us : held_us + (int64_t)(draw_unit(draw) * (double)FL_SECOND);
}

int64_t world_clock_us(const struct world *world, uint32_t agent, fl_time now_us)
{
    for (size_t i = 0; i < world->n_faults; i++)
        if (world->faults[i].effect == SIM_CLOCK && world->faults[i].component.a == agent &&
            active(&world->faults[i], now_us))
            return world->faults[i].extra_us;
    return 0;
}

/* Does the agent's host see the flood's packets? */
static bool sees_flood(const struct fleet *fleet, const struct sim_fault *fault, uint32_t agent)
{
    const struct component *component = &fault->component;
    uint32_t zone = fleet->agents[agent].zone;

    switch (component->type) {
    case COMPONENT_HOST:
        return component->a == agent;
    case COMPONENT_TARGET:
        return fault->witnessed && fleet->targets[component->a].place == zone &&
               (agent == 0 || fleet->agents[agent - 1].zone != zone); /* the zone's first agent */
    case COMPONENT_ZONE:
        return component->a == zone;
    case COMPONENT_PATH:
        return component->a == zone || component->b == zone;
    default:
        return false;
    }
}

static void set_normal(struct draw *draw, struct fl_host_sample *host)
{
    int64_t pps = (int64_t)draw_between(draw, 400, 2500);

    host->values[FL_HOST_LINK_BPS] = 1000000000;
    host->values[FL_HOST_RX_PPS] = pps;
    host->values[FL_HOST_RX_BPS] = pps * 5000;
    host->values[FL_HOST_TX_BPS] = pps * 4000;
    host->values[FL_HOST_UDP_RX_PPS] = (int64_t)draw_between(draw, 2, 40);
    host->values[FL_HOST_UDP_NOPORT_PPS] = draw_chance(draw, 0.1) ? 1 : 0;
    host->values[FL_HOST_SYNCOOKIES_PS] = 0;
    host->values[FL_HOST_LISTEN_DROPS_PS] = 0;
    host->values[FL_HOST_SOFTNET_DROPS_PS] = 0;
    host->values[FL_HOST_NIC_DROPS_PS] = 0;
    host->values[FL_HOST_RETRANS_PS] = (int64_t)draw_between(draw, 0, 4);
    host->values[FL_HOST_CPU_BUSY_PPM] = (int64_t)draw_between(draw, 50000, 400000);
    host->values[FL_HOST_CPU_STEAL_PPM] = 0;
    host->values[FL_HOST_MEM_FREE_PPM] = 600000;
    host->values[FL_HOST_LOOP_LAG_US] = (int64_t)draw_between(draw, 20, 900);
    host->values[FL_HOST_CLOCK_OFFSET_US] = (int64_t)draw_between(draw, -300, 300);
}

void world_host(const struct world *world, struct draw *draw, uint32_t agent, fl_time now_us,
                struct fl_host_sample *host)
{
    set_normal(draw, host);
    host->values[FL_HOST_CLOCK_OFFSET_US] -= world_clock_us(world, agent, now_us);
    for (size_t i = 0; i < world->n_faults; i++) {
        const struct sim_fault *fault = &world->faults[i];

        if (!active(fault, now_us))
            continue;
        if (fault->effect == SIM_FLOOD && sees_flood(world->fleet, fault, agent)) {
            host->values[FL_HOST_UDP_NOPORT_PPS] = (int64_t)draw_between(draw, 40000, 90000);
            host->values[FL_HOST_RX_PPS] += host->values[FL_HOST_UDP_NOPORT_PPS];
            host->values[FL_HOST_RX_BPS] = (int64_t)draw_between(draw, 0.9e9, 0.99e9);
        }
        if (fault->effect == SIM_SYN_FLOOD && sees_flood(world->fleet, fault, agent)) {
            host->values[FL_HOST_LISTEN_DROPS_PS] = (int64_t)draw_between(draw, 500, 2000);
            host->values[FL_HOST_SYNCOOKIES_PS] = (int64_t)draw_between(draw, 0, 3000);
        }
        if (fault->effect == SIM_STARVED && fault->component.a == agent) {
            host->values[FL_HOST_LOOP_LAG_US] =
                (int64_t)((double)fault->extra_us * draw_between(draw, 0.6, 1.4));
            host->values[FL_HOST_CPU_BUSY_PPM] = 1000000;
        }
    }
}
