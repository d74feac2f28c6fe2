#include "tests/sim/fleet_draw.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAX_ZONES 8

struct maker {
    struct draw *draw;
    struct fleet *fleet;
    int64_t interval_us, timeout_us;
    uint32_t zones;
    uint32_t region[MAX_ZONES];
    bool store[MAX_ZONES]; /* the zone has a storage place */
    int r;
};

static void add_target(struct maker *maker, const char *name, enum target_kind kind,
                       const char *place, const char *backend, const char *type)
{
    static const int64_t factors[] = {1, 1, 1, 2, 5};
    int64_t interval_us = maker->interval_us * factors[draw_int(maker->draw, 0, 4)];

    maker->r |= fleet_add_target(maker->fleet, name, kind, place, backend, NULL);
    maker->r |=
        fleet_add_probe(maker->fleet, name, "main", type, interval_us, maker->timeout_us, NULL);
}

static void add_storage(struct maker *maker)
{
    static const char *const types[] = {"nbd", "iscsi", "nfs", "s3"};

    for (uint32_t z = 0; z < maker->zones; z++) {
        uint32_t volumes = draw_int(maker->draw, 1, 4);
        const char *type = types[draw_int(maker->draw, 0, 3)];
        char place[32], backend[32], name[64];

        if (!maker->store[z])
            continue;
        (void)snprintf(place, sizeof(place), "store-z%u", z);
        (void)snprintf(backend, sizeof(backend), "cluster-z%u", z);
        for (uint32_t i = 0; i < volumes; i++) {
            if (draw_chance(maker->draw, 0.3))
                type = types[draw_int(maker->draw, 0, 3)];
            (void)snprintf(name, sizeof(name), "vol-z%u-%u", z, i);
            add_target(maker, name, TARGET_STORAGE, place, backend, type);
        }
    }
}

static void add_services(struct maker *maker)
{
    static const char *const types[] = {"http", "http",     "https", "dns",
                                        "tcp",  "postgres", "nbd",   "nfs"};

    for (uint32_t z = 0; z < maker->zones; z++) {
        uint32_t services = draw_int(maker->draw, 1, 3);
        char place[32], name[64];

        (void)snprintf(place, sizeof(place), "z%u", z);
        for (uint32_t i = 0; i < services; i++) {
            const char *type = types[draw_int(maker->draw, 0, FL_COUNT(types) - 1)];
            bool storage = strcmp(type, "nbd") == 0 || strcmp(type, "nfs") == 0;

            (void)snprintf(name, sizeof(name), "%s-z%u-%u", type, z, i);
            add_target(maker, name, storage ? TARGET_STORAGE : TARGET_SERVICE, place, NULL, type);
        }
    }
    for (uint32_t i = 0, n = draw_int(maker->draw, 2, 4); i < n; i++) {
        char name[64];

        (void)snprintf(name, sizeof(name), "ext-%u", i);
        add_target(maker, name, TARGET_SERVICE, "external", NULL, i == 0 ? "icmp" : "https");
    }
}

static void add_places(struct maker *maker)
{
    uint32_t regions = draw_int(maker->draw, 1, 3);
    char name[32];

    for (uint32_t z = 0; z < maker->zones; z++) {
        (void)snprintf(name, sizeof(name), "z%u", z);
        maker->r |= fleet_add_zone(maker->fleet, name, NULL);
        maker->region[z] = draw_int(maker->draw, 0, regions - 1);
        maker->store[z] = z == 0 || draw_chance(maker->draw, 0.7);
    }
    for (uint32_t z = 0; z < maker->zones; z++) {
        (void)snprintf(name, sizeof(name), "store-z%u", z);
        if (maker->store[z])
            maker->r |= fleet_add_place(maker->fleet, name, NULL);
    }
    maker->r |= fleet_add_place(maker->fleet, "external", NULL);
}

static void add_agents(struct maker *maker)
{
    static const uint32_t numbers[] = {1, 1, 2, 2, 3, 4};

    for (uint32_t z = 0; z < maker->zones; z++) {
        uint32_t agents = numbers[draw_int(maker->draw, 0, FL_COUNT(numbers) - 1)];

        for (uint32_t i = 0; i < agents; i++) {
            char name[32], zone[32];

            (void)snprintf(name, sizeof(name), "z%u-%u", z, i);
            (void)snprintf(zone, sizeof(zone), "z%u", z);
            maker->r |= fleet_add_agent(maker->fleet, name, zone, NULL);
        }
    }
}

/* The region of a place: of the zone whose storage it is; -1 for the outside. */
static int region_of(const struct maker *maker, const char *place)
{
    unsigned zone;

    if (sscanf(place, "store-z%u", &zone) == 1 || sscanf(place, "z%u", &zone) == 1)
        return (int)maker->region[zone];
    return -1;
}

static bool is_own_store(const char *zone, const char *place)
{
    return strncmp(place, "store-", 6) == 0 && strcmp(place + 6, zone) == 0;
}

static void set_distances(struct maker *maker, struct sim *sim)
{
    const struct fleet *fleet = maker->fleet;
    int64_t far_us = (int64_t)draw_between(maker->draw, 12000, 80000);

    for (uint32_t zone = 0; zone < fleet->n_zones; zone++) {
        int64_t outside_us = (int64_t)draw_between(maker->draw, 8000, 45000);

        for (uint32_t place = 0; place < fleet->n_places; place++) {
            int region = region_of(maker, fleet->places[place].name);
            double us = 0;

            if (place == zone)
                us = draw_between(maker->draw, 150, 600);
            else if (region < 0)
                us = (double)outside_us;
            else if (is_own_store(fleet->places[zone].name, fleet->places[place].name))
                us = draw_between(maker->draw, 300, 900);
            else if ((uint32_t)region == maker->region[zone])
                us = draw_between(maker->draw, 700, 2500);
            else
                us = (double)far_us * draw_between(maker->draw, 0.7, 1.3);
            sim_set_rtt(sim, zone, place, (int64_t)us);
        }
    }
}

static void set_targets(struct maker *maker, struct sim *sim)
{
    bool by_steps = draw_chance(maker->draw, 0.5), tls = draw_chance(maker->draw, 0.3);

    for (uint32_t i = 0; i < maker->fleet->n_targets; i++) {
        bool storage = maker->fleet->targets[i].kind == TARGET_STORAGE;

        sim_set_target(
            sim, i,
            &(struct sim_target){
                .named = draw_chance(maker->draw, storage ? 0.3 : 0.6),
                .has_tls = tls,
                .by_steps = storage && by_steps,
                .think_us = (int64_t)draw_between(maker->draw, 800, storage ? 6000 : 15000),
                .reply_bytes = (int64_t)(storage ? 4096 : draw_between(maker->draw, 150, 9000))});
    }
    sim_set_thin_tcp(sim, draw_chance(maker->draw, 0.3));
}

/* Some targets are probed from their own zone only, some by one agent of each zone. */
static void thin_plan(struct maker *maker, struct sim *sim)
{
    const struct fleet *fleet = maker->fleet;

    for (uint32_t probe = 0; probe < fleet->n_probes; probe++) {
        const struct fleet_target *target = &fleet->targets[fleet->probes[probe].target];
        double how = draw_unit(maker->draw);

        if (target->kind == TARGET_MESH || how > 0.25)
            continue;
        for (uint32_t agent = 0; agent < fleet->n_agents; agent++) {
            uint32_t zone = fleet->agents[agent].zone;
            bool first = agent == 0 || fleet->agents[agent - 1].zone != zone;

            if (how < 0.08 && target->place < fleet->n_zones ? zone != target->place : !first)
                sim_unplan(sim, agent, probe);
        }
    }
}

int fleet_draw(struct draw *draw, uint64_t seed, bool small, struct fleet_draft *ret)
{
    static const int64_t intervals[] = {1, 1, 2, 5, 10};
    struct maker maker = {.draw = draw};
    int r = fleet_new(&maker.fleet);

    if (r < 0)
        return r;
    maker.zones = draw_int(draw, 2, small ? 4 : MAX_ZONES);
    maker.interval_us = intervals[draw_int(draw, 0, FL_COUNT(intervals) - 1)] * FL_SECOND;
    maker.timeout_us = maker.interval_us < 3 * FL_SECOND ? 2 * FL_SECOND : 3 * FL_SECOND;
    add_places(&maker);
    add_agents(&maker);
    add_storage(&maker);
    add_services(&maker);
    maker.r |= fleet_seal(maker.fleet, maker.interval_us, maker.timeout_us, NULL);
    if (maker.r != 0) {
        fleet_free(maker.fleet);
        return -EINVAL;
    }
    r = sim_new(maker.fleet, seed, &ret->sim);
    if (r < 0)
        return r;
    ret->interval_us = maker.interval_us;
    set_distances(&maker, ret->sim);
    set_targets(&maker, ret->sim);
    thin_plan(&maker, ret->sim);
    if (draw_chance(draw, 0.25))
        sim_set_coordinator(ret->sim, draw_int(draw, 0, maker.zones - 1));
    return 0;
}
