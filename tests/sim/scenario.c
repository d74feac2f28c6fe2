#include "tests/sim/scenario.h"

#include "tests/sim/draw.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WARM_INTERVALS 60 /* of normal life before the first fault */
#define AFTER_INTERVALS 16

static const char *const family_names[SCENARIO_FAMILIES] = {
    "none", "blip", "network",    "storage", "service", "dns",
    "tls",  "host", "monitoring", "double",  "triple"};

const char *scenario_family_name(enum scenario_family family)
{
    return family_names[family];
}

struct maker {
    struct draw draw;
    struct fleet *fleet;
    int64_t interval_us, timeout_us;
    int r;
};

static void add_target(struct maker *maker, const char *name, enum target_kind kind,
                       const char *place, const char *backend, const char *type)
{
    maker->r |= fleet_add_target(maker->fleet, name, kind, place, backend, NULL);
    maker->r |= fleet_add_probe(maker->fleet, name, "main", type, maker->interval_us,
                                maker->timeout_us, NULL);
}

static void add_storage(struct maker *maker, uint32_t zones)
{
    static const char *const types[] = {"nbd", "iscsi", "nfs", "s3"};

    for (uint32_t z = 0; z < zones; z++) {
        uint32_t volumes = draw_int(&maker->draw, 2, 4);
        char place[32], backend[32], name[64];

        (void)snprintf(place, sizeof(place), "store-z%u", z);
        (void)snprintf(backend, sizeof(backend), "cluster-z%u", z);
        for (uint32_t i = 0; i < volumes; i++) {
            (void)snprintf(name, sizeof(name), "vol-z%u-%u", z, i);
            add_target(maker, name, TARGET_STORAGE, place, backend,
                       types[draw_int(&maker->draw, 0, 3)]);
        }
    }
}

static void add_services(struct maker *maker, uint32_t zones)
{
    static const char *const types[] = {"http", "http", "dns", "tcp", "https", "nbd"};

    for (uint32_t z = 0; z < zones; z++) {
        uint32_t services = draw_int(&maker->draw, 1, 3);
        char place[32], name[64];

        (void)snprintf(place, sizeof(place), "z%u", z);
        for (uint32_t i = 0; i < services; i++) {
            const char *type = types[draw_int(&maker->draw, 0, 5)];

            (void)snprintf(name, sizeof(name), "%s-z%u-%u", type, z, i);
            add_target(maker, name, strcmp(type, "nbd") == 0 ? TARGET_STORAGE : TARGET_SERVICE,
                       place, NULL, type);
        }
    }
    for (uint32_t i = 0; i < 3; i++) {
        char name[64];

        (void)snprintf(name, sizeof(name), "ext-%u", i);
        add_target(maker, name, TARGET_SERVICE, "external", NULL, i == 0 ? "icmp" : "https");
    }
}

static void make_fleet(struct maker *maker)
{
    static const int64_t intervals[] = {1, 1, 2, 5, 10};
    uint32_t zones = draw_int(&maker->draw, 2, 6);

    maker->interval_us = intervals[draw_int(&maker->draw, 0, 4)] * FL_SECOND;
    maker->timeout_us = maker->interval_us < 3 * FL_SECOND ? maker->interval_us : 3 * FL_SECOND;
    for (uint32_t z = 0; z < zones; z++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "z%u", z);
        maker->r |= fleet_add_zone(maker->fleet, name, NULL);
    }
    for (uint32_t z = 0; z < zones; z++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "store-z%u", z);
        maker->r |= fleet_add_place(maker->fleet, name, NULL);
    }
    maker->r |= fleet_add_place(maker->fleet, "external", NULL);
    for (uint32_t z = 0; z < zones; z++) {
        uint32_t agents = draw_int(&maker->draw, 1, 3);

        for (uint32_t i = 0; i < agents; i++) {
            char name[32], zone[32];

            (void)snprintf(name, sizeof(name), "z%u-%u", z, i);
            (void)snprintf(zone, sizeof(zone), "z%u", z);
            maker->r |= fleet_add_agent(maker->fleet, name, zone, NULL);
        }
    }
    add_storage(maker, zones);
    add_services(maker, zones);
    maker->r |= fleet_seal(maker->fleet, maker->interval_us, maker->timeout_us, NULL);
}

/* A target for which `wanted` holds, by kind: storage in a storage place, or a service. */
static uint32_t pick_target(struct maker *maker, bool storage, const char *type)
{
    for (int tries = 0; tries < 1000; tries++) {
        uint32_t i = draw_int(&maker->draw, 0, (uint32_t)maker->fleet->n_targets - 1);
        const struct fleet_target *target = &maker->fleet->targets[i];
        const char *own = "";

        if (target->kind == TARGET_MESH || (target->kind == TARGET_STORAGE) != storage)
            continue;
        for (size_t p = 0; p < maker->fleet->n_probes; p++)
            if (maker->fleet->probes[p].target == i)
                own = maker->fleet->probes[p].type;
        if (!type || strcmp(own, type) == 0)
            return i;
    }
    return FLEET_NONE;
}

static struct component pick_network(struct maker *maker)
{
    const struct fleet *fleet = maker->fleet;
    uint32_t zone = draw_int(&maker->draw, 0, (uint32_t)fleet->n_zones - 1), other;

    switch (draw_int(&maker->draw, 0, 5)) {
    case 0:
        return (struct component){COMPONENT_ZONE, zone, 0};
    case 1:
        return (struct component){
            COMPONENT_PLACE,
            draw_int(&maker->draw, (uint32_t)fleet->n_zones, (uint32_t)fleet->n_places - 1), 0};
    case 2: /* a zone's way to the outside */
        return (struct component){COMPONENT_PATH, zone, (uint32_t)fleet->n_places - 1};
    default:
        do
            other = draw_int(&maker->draw, 0, (uint32_t)fleet->n_places - 1);
        while (other == zone);
        return zone < other ? (struct component){COMPONENT_PATH, zone, other}
                            : (struct component){COMPONENT_PATH, other, zone};
    }
}

static void make_network(struct maker *maker, struct scenario_truth *truth)
{
    struct sim_fault *fault = &truth->fault;

    fault->component = pick_network(maker);
    truth->class = truth->other_class = VERDICT_NETWORK;
    switch (draw_int(&maker->draw, 0, 3)) {
    case 0:
        fault->effect = SIM_CUT;
        truth->causes[0] = CAUSE_BLACKHOLE;
        break;
    case 1:
        fault->effect = SIM_LOSS;
        fault->share = draw_between(&maker->draw, 0.05, 0.6);
        truth->causes[0] = CAUSE_LOSS;
        truth->causes[1] = CAUSE_CONGESTION;
        break;
    case 2:
        fault->effect = SIM_DELAY;
        fault->extra_us = (int64_t)draw_between(&maker->draw, 30000, 200000);
        truth->causes[0] = CAUSE_LATENCY;
        break;
    default:
        fault->effect = SIM_CONGESTION;
        fault->share = draw_between(&maker->draw, 0.03, 0.3);
        fault->extra_us = (int64_t)draw_between(&maker->draw, 30000, 150000);
        truth->causes[0] = CAUSE_CONGESTION;
        truth->causes[1] = CAUSE_LOSS;
        truth->causes[2] = CAUSE_LATENCY;
        break;
    }
}

static const struct {
    enum sim_effect effect;
    enum fl_failure failure;
    double share;
    enum verdict_cause cause;
} storage_faults[] =
    {
        {SIM_STALL, FL_FAILURE_NONE, 1, CAUSE_STALL},
        {SIM_STALL, FL_FAILURE_NONE, 0.3, CAUSE_STALL},
        {SIM_SLOW, FL_FAILURE_NONE, 1, CAUSE_SLOW},
        {SIM_FAILURE, FL_FAILURE_IO_ERROR, 1, CAUSE_IO_ERROR},
        {SIM_FAILURE, FL_FAILURE_IO_ERROR, 0.4, CAUSE_IO_ERROR},
        {SIM_FAILURE, FL_FAILURE_READ_ONLY, 1, CAUSE_READ_ONLY},
        {SIM_FAILURE, FL_FAILURE_NO_SPACE, 1, CAUSE_NO_SPACE},
},
  service_faults[] = {
      {SIM_FAILURE, FL_FAILURE_STATUS, 1, CAUSE_ERRORS},
      {SIM_FAILURE, FL_FAILURE_STATUS, 0.4, CAUSE_ERRORS},
      {SIM_FAILURE, FL_FAILURE_CONTENT, 1, CAUSE_CONTENT},
      {SIM_REFUSED, FL_FAILURE_NONE, 1, CAUSE_REFUSED},
      {SIM_STALL, FL_FAILURE_NONE, 1, CAUSE_STALL},
      {SIM_SLOW, FL_FAILURE_NONE, 1, CAUSE_SLOW},
      {SIM_SYN_FLOOD, FL_FAILURE_NONE, 1, CAUSE_SYN_FLOOD},
};

static void make_storage(struct maker *maker, struct scenario_truth *truth)
{
    uint32_t kind = draw_int(&maker->draw, 0, 6);
    uint32_t target = pick_target(maker, true, NULL);
    struct sim_fault *fault = &truth->fault;

    fault->component = (struct component){COMPONENT_TARGET, target, 0};
    if (draw_chance(&maker->draw, 0.5) && maker->fleet->targets[target].backend != FLEET_NONE)
        fault->component =
            (struct component){COMPONENT_BACKEND, maker->fleet->targets[target].backend, 0};
    fault->effect = storage_faults[kind].effect;
    fault->failure = storage_faults[kind].failure;
    fault->share = storage_faults[kind].share;
    fault->factor = draw_between(&maker->draw, 4, 60);
    truth->class = truth->other_class = VERDICT_STORAGE;
    truth->causes[0] = storage_faults[kind].cause;
}

static void make_service(struct maker *maker, struct scenario_truth *truth)
{
    uint32_t kind = draw_int(&maker->draw, 0, 6);
    struct sim_fault *fault = &truth->fault;

    fault->component = (struct component){COMPONENT_TARGET, pick_target(maker, false, "http"), 0};
    if (fault->component.a == FLEET_NONE)
        fault->component.a = pick_target(maker, false, "https");
    fault->effect = service_faults[kind].effect;
    fault->failure = service_faults[kind].failure;
    fault->share = service_faults[kind].share;
    fault->factor = draw_between(&maker->draw, 10, 100);
    truth->class = truth->other_class = VERDICT_SERVICE;
    truth->causes[0] = service_faults[kind].cause;
    if (fault->effect == SIM_SYN_FLOOD)
        truth->causes[1] = CAUSE_DOWN; /* nobody may be on its host to count the SYNs */
}

static void make_dns(struct maker *maker, struct scenario_truth *truth)
{
    static const enum fl_failure failures[] = {FL_FAILURE_NXDOMAIN, FL_FAILURE_SERVFAIL,
                                               FL_FAILURE_TIMEOUT};
    static const enum verdict_cause causes[] = {CAUSE_NXDOMAIN, CAUSE_SERVFAIL, CAUSE_DNS_TIMEOUT};
    uint32_t kind = draw_int(&maker->draw, 0, 2);

    truth->fault.component = (struct component){
        COMPONENT_RESOLVER, draw_int(&maker->draw, 0, (uint32_t)maker->fleet->n_zones - 1), 0};
    truth->fault.effect = SIM_RESOLVE_FAILS;
    truth->fault.failure = failures[kind];
    truth->class = truth->other_class = VERDICT_DNS;
    truth->causes[0] = causes[kind];
}

static void make_tls(struct maker *maker, struct scenario_truth *truth)
{
    bool expired = draw_chance(&maker->draw, 0.6);

    truth->fault.component =
        (struct component){COMPONENT_TARGET, pick_target(maker, false, "https"), 0};
    truth->fault.effect = SIM_FAILURE;
    truth->fault.share = 1;
    truth->fault.failure = expired ? FL_FAILURE_CERT_EXPIRED : FL_FAILURE_CERT_INVALID;
    truth->class = truth->other_class = VERDICT_TLS;
    truth->causes[0] = expired ? CAUSE_CERT_EXPIRED : CAUSE_CERT_INVALID;
}

static void make_host(struct maker *maker, struct scenario_truth *truth)
{
    struct sim_fault *fault = &truth->fault;

    fault->component = (struct component){
        COMPONENT_HOST, draw_int(&maker->draw, 0, (uint32_t)maker->fleet->n_agents - 1), 0};
    truth->class = VERDICT_HOST;
    truth->other_class = VERDICT_NETWORK;
    switch (draw_int(&maker->draw, 0, 2)) {
    case 0:
        fault->effect = SIM_DOWN;
        truth->causes[0] = CAUSE_DOWN;
        break;
    case 1:
        fault->effect = SIM_STARVED;
        fault->extra_us = (int64_t)draw_between(&maker->draw, 200000, 600000);
        truth->causes[0] = CAUSE_STARVED;
        break;
    default:
        fault->effect = SIM_FLOOD;
        fault->share = draw_between(&maker->draw, 0.2, 0.6);
        truth->causes[0] = CAUSE_UDP_FLOOD;
        break;
    }
}

static void make_monitoring(struct maker *maker, struct scenario_truth *truth)
{
    truth->fault.component = (struct component){
        COMPONENT_LINK, draw_int(&maker->draw, 0, (uint32_t)maker->fleet->n_agents - 1), 0};
    truth->fault.effect = SIM_SILENT;
    truth->class = truth->other_class = VERDICT_MONITORING;
    truth->causes[0] = CAUSE_SILENT;
}

static void make_truth(struct maker *maker, enum scenario_family family,
                       struct scenario_truth *truth)
{
    static void (*const makers[])(struct maker *, struct scenario_truth *) = {
        make_network, make_storage, make_service, make_dns, make_tls, make_host, make_monitoring};

    if (family == SCENARIO_BLIP)
        make_network(maker, truth);
    else
        makers[family - SCENARIO_NETWORK](maker, truth);
}

/* Two faults on one component, or one within the other, would have one truth and not two. */
static bool apart(const struct scenario *scenario, const struct scenario_truth *truth)
{
    for (size_t i = 0; i < scenario->n_truths; i++) {
        const struct component *x = &scenario->truths[i].fault.component;
        const struct component *y = &truth->fault.component;

        if (scenario->truths[i].class == truth->class || x->type == y->type)
            return false;
    }
    return true;
}

static void add_truths(struct maker *maker, enum scenario_family family, struct scenario *scenario)
{
    size_t wanted = family == SCENARIO_NONE     ? 0
                    : family == SCENARIO_DOUBLE ? 2
                    : family == SCENARIO_TRIPLE ? 3
                                                : 1;
    fl_time warm_us = WARM_INTERVALS * maker->interval_us;

    for (int tries = 0; scenario->n_truths < wanted && tries < 100; tries++) {
        struct scenario_truth truth = {.class = VERDICT_NETWORK};
        enum scenario_family own =
            wanted == 1 ? family : SCENARIO_NETWORK + draw_int(&maker->draw, 0, 5);
        double length = draw_between(&maker->draw, 25, 50);

        make_truth(maker, own, &truth);
        if (truth.fault.component.a == FLEET_NONE || !apart(scenario, &truth))
            continue;
        truth.fault.from_us =
            warm_us + (fl_time)(draw_unit(&maker->draw) * 20 * (double)maker->interval_us);
        truth.fault.until_us =
            family == SCENARIO_BLIP
                ? truth.fault.from_us + maker->interval_us / 2
                : truth.fault.from_us + (fl_time)(length * (double)maker->interval_us);
        scenario->truths[scenario->n_truths++] = truth;
    }
    scenario->end_us = warm_us + (70 + AFTER_INTERVALS) * maker->interval_us + 10 * FL_SECOND;
}

int scenario_new(enum scenario_family family, uint64_t seed, struct scenario *ret)
{
    struct maker maker = {.draw = draw_seed(seed * SCENARIO_FAMILIES + family)};
    int r = fleet_new(&maker.fleet);

    *ret = (struct scenario){0};
    if (r < 0)
        return r;
    make_fleet(&maker);
    if (maker.r != 0) {
        fleet_free(maker.fleet);
        return -EINVAL;
    }
    ret->interval_us = maker.interval_us;
    add_truths(&maker, family, ret);
    r = sim_new(maker.fleet, seed, &ret->sim);
    for (size_t i = 0; i < ret->n_truths && r == 0; i++)
        r = sim_add_fault(ret->sim, &ret->truths[i].fault);
    return r;
}

void scenario_done(struct scenario *scenario)
{
    sim_free(scenario->sim);
}

static bool same_footprint(const struct fleet *fleet, const struct component *x,
                           const struct component *y)
{
    struct touch own[COMPONENTS_PER_SERIES];
    uint32_t id_x = component_id(fleet, x), id_y = component_id(fleet, y);

    for (uint32_t agent = 0; agent < fleet->n_agents; agent++)
        for (uint32_t probe = 0; probe < fleet->n_probes; probe++) {
            size_t n = component_touches(fleet, agent, probe, own);
            bool in_x = false, in_y = false;

            if (fleet->targets[fleet->probes[probe].target].mesh_agent == agent)
                continue;
            for (size_t i = 0; i < n; i++) {
                in_x |= own[i].id == id_x;
                in_y |= own[i].id == id_y;
            }
            if (in_x != in_y)
                return false;
        }
    return true;
}

bool scenario_accepts(const struct scenario *scenario, const struct scenario_truth *truth,
                      const char *component)
{
    const struct fleet *fleet = sim_fleet(scenario->sim);
    char name[FL_COMPONENT_SIZE];

    for (uint32_t id = 0; id < component_count(fleet); id++) {
        struct component other = component_of_id(fleet, id);

        component_name(fleet, &other, name);
        if (strcmp(name, component) == 0)
            return component_equal(&other, &truth->fault.component) ||
                   same_footprint(fleet, &other, &truth->fault.component);
    }
    return false;
}
