#include "tests/sim/world.h"

#include "proto/types/fl_name.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICE_US (10 * FL_MS) /* resolution of virtual time */
#define MAX_EVENTS 4096
#define PENDING 4096

struct pending {
    fl_time rx_us;
    uint32_t agent;
    bool is_host;
    struct fl_result result;
    struct fl_host_sample host;
};

struct world {
    struct fleet *fleet;
    struct engine *engine;
    uint64_t random;
    fl_time now_us;
    bool lost_one;
    struct pending pending[PENDING];
    size_t n_pending;
    struct verdict_event *events;
    size_t n_events;
};

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators" */
static double draw(struct world *world)
{
    world->random ^= world->random >> 12;
    world->random ^= world->random << 25;
    world->random ^= world->random >> 27;
    return (double)((world->random * UINT64_C(2685821657736338717)) >> 11) / 9007199254740992.0;
}

static int build_fleet(struct fleet *fleet)
{
    static const char *const zones[] = {"a", "b", "c"};
    static const struct {
        const char *name;
        enum target_kind kind;
        const char *place, *backend, *type;
    } targets[] = {
        {"vol-1", TARGET_STORAGE, "storage", "array", "nbd"},
        {"vol-2", TARGET_STORAGE, "storage", "array", "nbd"},
        {"web-a", TARGET_SERVICE, "a", NULL, "http"},
        {"web-b", TARGET_SERVICE, "b", NULL, "http"},
        {"dns-b", TARGET_SERVICE, "b", NULL, "dns"},
        {"web-c", TARGET_SERVICE, "c", NULL, "http"},
        {"ext-1", TARGET_SERVICE, "external", NULL, "https"},
        {"ext-2", TARGET_SERVICE, "external", NULL, "icmp"},
    };
    int r = 0;

    for (size_t i = 0; i < FL_COUNT(zones); i++)
        r |= fleet_add_zone(fleet, zones[i], NULL);
    r |= fleet_add_place(fleet, "storage", NULL);
    r |= fleet_add_place(fleet, "external", NULL);
    r |= fleet_add_agent(fleet, "a1", "a", NULL);
    r |= fleet_add_agent(fleet, "b1", "b", NULL);
    r |= fleet_add_agent(fleet, "c1", "c", NULL);
    for (size_t i = 0; i < FL_COUNT(targets); i++) {
        r |= fleet_add_target(fleet, targets[i].name, targets[i].kind, targets[i].place,
                              targets[i].backend, NULL);
        r |= fleet_add_probe(fleet, targets[i].name, targets[i].type, targets[i].type, FL_SECOND,
                             FL_SECOND, NULL);
    }
    return r | fleet_seal(fleet, FL_SECOND, FL_SECOND, NULL);
}

int world_new(uint64_t seed, struct world **ret)
{
    struct world *world = calloc(1, sizeof(*world));

    if (!world)
        return -ENOMEM;
    world->random = seed * 2 + 1;
    world->now_us = INT64_C(1700000000000000);
    world->events = calloc(MAX_EVENTS, sizeof(*world->events));
    if (!world->events || fleet_new(&world->fleet) < 0 || build_fleet(world->fleet) < 0 ||
        engine_new(world->fleet, 1, &world->engine, NULL) < 0) {
        world_free(world);
        return -ENOMEM;
    }
    *ret = world;
    return 0;
}

struct world *world_free(struct world *world)
{
    if (!world)
        return NULL;
    engine_free(world->engine);
    fleet_free(world->fleet);
    free(world->events);
    free(world);
    return NULL;
}

fl_time world_now(const struct world *world)
{
    return world->now_us;
}

static void fail(struct fl_result *result, enum fl_layer layer, enum fl_failure failure)
{
    result->ok = false;
    result->layer = layer;
    result->failure = failure;
    if (failure == FL_FAILURE_TIMEOUT)
        result->took_us = FL_SECOND;
    for (int i = (int)layer; i < FL_LAYERS; i++)
        result->phase_us[i] = FL_ABSENT;
}

static bool is_stream(const char *type)
{
    return strcmp(type, "nbd") == 0 || strcmp(type, "http") == 0 || strcmp(type, "https") == 0;
}

/* A healthy answer, with noise. */
static void answer(struct world *world, const char *type, struct fl_result *result)
{
    double noise = 0.85 + 0.3 * draw(world);

    result->ok = true;
    if (strcmp(type, "dns") != 0)
        result->phase_us[FL_LAYER_CONNECT] = (int64_t)(600 * noise);
    if (is_stream(type) || strcmp(type, "dns") == 0)
        result->phase_us[FL_LAYER_OPERATE] = (int64_t)(1500 * noise);
    result->took_us = (int64_t)(2600 * noise);
    if (is_stream(type))
        result->tcp = (struct fl_tcp){600, 550, 0, 0, 0, 0, 200, 0};
}

/* A way that loses half of the packets and delays the others. */
static void flood(struct world *world, const char *type, struct fl_result *result)
{
    double luck = draw(world);

    if (!is_stream(type)) {
        if (luck < 0.6)
            fail(result, strcmp(type, "dns") == 0 ? FL_LAYER_OPERATE : FL_LAYER_CONNECT,
                 FL_FAILURE_TIMEOUT);
        else
            result->phase_us[FL_LAYER_CONNECT] = 48 * FL_MS;
    } else if (luck < 0.3) {
        fail(result, FL_LAYER_CONNECT, FL_FAILURE_TIMEOUT);
    } else if (luck < 0.6) {
        fail(result, FL_LAYER_OPERATE, FL_FAILURE_TIMEOUT);
        result->tcp = (struct fl_tcp){50000, 600, 3, 2, luck < 0.4 ? 1 : 0, 0, 0, 0};
    } else if (luck < 0.8) {
        result->tcp.retrans = 2;
        result->took_us = 450 * FL_MS;
    } else {
        result->phase_us[FL_LAYER_CONNECT] = 48 * FL_MS;
        result->phase_us[FL_LAYER_OPERATE] = 96 * FL_MS;
    }
}

static void stall(struct fl_result *result)
{
    fail(result, FL_LAYER_OPERATE, FL_FAILURE_TIMEOUT);
    result->tcp = (struct fl_tcp){600, 550, 0, 0, 0, 0, 0, 0};
}

static void meet(struct world *world, enum world_fault fault, uint32_t agent, const char *target,
                 const char *type, struct fl_result *result)
{
    bool volume = strncmp(target, "vol-", 4) == 0, outside = strncmp(target, "ext-", 4) == 0;
    bool to_b1 = strcmp(target, FL_MESH_PREFIX "b1") == 0;

    switch (fault) {
    case WORLD_FLOOD:
        if (agent == 0 && volume)
            flood(world, type, result);
        break;
    case WORLD_STALL:
        if (strcmp(target, "vol-1") == 0)
            stall(result);
        break;
    case WORLD_ARRAY_STALL:
        if (volume)
            stall(result);
        break;
    case WORLD_SYN_FLOOD:
        if (strcmp(target, "web-b") == 0)
            fail(result, FL_LAYER_CONNECT, FL_FAILURE_TIMEOUT);
        break;
    case WORLD_OUTSIDE_CUT:
    case WORLD_OUTSIDE_CUT_A:
        if (outside && (fault == WORLD_OUTSIDE_CUT || agent == 0))
            fail(result, FL_LAYER_CONNECT, FL_FAILURE_TIMEOUT);
        break;
    case WORLD_IO_ERRORS:
        if (strcmp(target, "vol-2") == 0 && draw(world) < 0.5)
            fail(result, FL_LAYER_OPERATE, FL_FAILURE_IO_ERROR);
        break;
    case WORLD_CERT_EXPIRED:
        if (strcmp(target, "ext-1") == 0)
            fail(result, FL_LAYER_TLS, FL_FAILURE_CERT_EXPIRED);
        break;
    case WORLD_HOST_DOWN:
        if (to_b1)
            fail(result, FL_LAYER_CONNECT, FL_FAILURE_TIMEOUT);
        break;
    case WORLD_ONE_LOST:
        if (!world->lost_one && strcmp(target, "web-a") == 0) {
            world->lost_one = true;
            fail(result, FL_LAYER_CONNECT, FL_FAILURE_TIMEOUT);
        }
        break;
    default:
        break;
    }
}

static struct pending *add_pending(struct world *world, uint32_t agent, fl_time rx_us)
{
    struct pending *pending;

    if (world->n_pending == PENDING)
        abort(); /* the world's own bound: seconds of results */
    pending = &world->pending[world->n_pending++];
    memset(pending, 0, sizeof(*pending));
    pending->rx_us = rx_us;
    pending->agent = agent;
    return pending;
}

static void start_probe(struct world *world, enum world_fault fault, uint32_t agent, uint32_t probe)
{
    const struct fleet_probe *spec = &world->fleet->probes[probe];
    const struct fleet_target *target = &world->fleet->targets[spec->target];
    struct fl_result result;

    fl_result_init(&result);
    result.series = spec->series;
    result.t_us = world->now_us;
    answer(world, spec->type, &result);
    meet(world, fault, agent, target->name, spec->type, &result);
    result.rx_us = world->now_us + result.took_us + 100 * FL_MS +
                   (int64_t)(50.0 * (double)FL_MS * draw(world));
    add_pending(world, agent, result.rx_us)->result = result;
}

static void sample_host(struct world *world, enum world_fault fault, uint32_t agent)
{
    struct pending *pending = add_pending(world, agent, world->now_us + 50 * FL_MS);
    struct fl_host_sample *host = &pending->host;

    pending->is_host = true;
    fl_host_sample_init(host);
    host->t_us = world->now_us;
    host->rx_us = pending->rx_us;
    host->values[FL_HOST_UDP_RX_PPS] = fault == WORLD_FLOOD && agent == 0 ? 9000 : 12;
    host->values[FL_HOST_UDP_NOPORT_PPS] = fault == WORLD_FLOOD && agent == 0 ? 8900 : 0;
    host->values[FL_HOST_LISTEN_DROPS_PS] = fault == WORLD_SYN_FLOOD && agent == 1 ? 900 : 0;
    host->values[FL_HOST_SYNCOOKIES_PS] = 0;
    host->values[FL_HOST_LOOP_LAG_US] = 90;
    host->values[FL_HOST_CLOCK_OFFSET_US] = 120;
}

static bool is_dumb(enum world_fault fault, uint32_t agent)
{
    return agent == 1 && (fault == WORLD_LINK_CUT || fault == WORLD_HOST_DOWN);
}

/* Start what is due in this slice: each series has its phase in the second. */
static void start_due(struct world *world, enum world_fault fault)
{
    int64_t phase = world->now_us % FL_SECOND / SLICE_US;

    for (uint32_t agent = 0; agent < world->fleet->n_agents; agent++) {
        if (is_dumb(fault, agent))
            continue;
        if (phase == agent)
            sample_host(world, fault, agent);
        for (uint32_t probe = 0; probe < world->fleet->n_probes; probe++) {
            uint32_t to = world->fleet->targets[world->fleet->probes[probe].target].mesh_agent;

            if (to != agent && (int64_t)((agent * 37 + probe * 53) % 100) == phase)
                start_probe(world, fault, agent, probe);
        }
    }
}

static void deliver_one(struct world *world, const struct pending *pending)
{
    struct engine_event event = {pending->is_host ? ENGINE_HOST : ENGINE_RESULT, pending->rx_us,
                                 pending->agent, &pending->result, &pending->host};
    struct engine_update update;

    engine_step(world->engine, &event, &update);
    for (size_t i = 0; i < update.n_events && world->n_events < MAX_EVENTS; i++)
        world->events[world->n_events++] = update.events[i];
}

/* Hand over, in order of arrival, what has arrived by now. */
static void deliver(struct world *world)
{
    for (;;) {
        size_t first = 0;

        for (size_t i = 1; i < world->n_pending; i++)
            if (world->pending[i].rx_us < world->pending[first].rx_us)
                first = i;
        if (world->n_pending == 0 || world->pending[first].rx_us > world->now_us)
            return;
        deliver_one(world, &world->pending[first]);
        world->pending[first] = world->pending[--world->n_pending];
    }
}

void world_run(struct world *world, enum world_fault fault, int64_t us)
{
    fl_time end_us = world->now_us + us;

    for (; world->now_us < end_us; world->now_us += SLICE_US) {
        start_due(world, fault);
        deliver(world);
    }
}

size_t world_events(const struct world *world, const struct verdict_event **ret)
{
    *ret = world->events;
    return world->n_events;
}

size_t world_open(const struct world *world, const struct verdict **ret)
{
    return engine_open(world->engine, ret);
}
