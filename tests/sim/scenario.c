#include "tests/sim/scenario.h"

#include "tests/sim/fleet_draw.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WARM_INTERVALS 60 /* of normal life before the first fault */
#define AFTER_INTERVALS 16
#define NATS 12.0
#define PACKETS 4.35 /* that a TCP probe sends or gets: 5 % loss make one probe in five bad */
#define MOST_GRAY_INTERVALS 400
#define QUIET_US FL_HOUR

struct maker {
    struct draw draw;
    struct scenario *scenario;
    const struct fleet *fleet;
    struct footprint footprints[SCENARIO_MAX_FAULTS];
};

static struct component of(enum component_type type, uint32_t a)
{
    return (struct component){type, a, 0};
}

/* Targets whose probe is of one of the types; FLEET_NONE if there is none. */
static uint32_t pick_target(struct maker *maker, bool (*wanted)(const struct maker *, uint32_t))
{
    uint32_t found = FLEET_NONE, n = 0;

    for (uint32_t i = 0; i < maker->fleet->n_targets; i++)
        if (maker->fleet->targets[i].kind != TARGET_MESH && wanted(maker, i) &&
            draw_chance(&maker->draw, 1.0 / ++n))
            found = i;
    return found;
}

static const char *type_of(const struct maker *maker, uint32_t target)
{
    for (size_t p = 0; p < maker->fleet->n_probes; p++)
        if (maker->fleet->probes[p].target == target)
            return maker->fleet->probes[p].type;
    return "";
}

static bool is_storage(const struct maker *maker, uint32_t target)
{
    return maker->fleet->targets[target].kind == TARGET_STORAGE;
}

static bool is_volume(const struct maker *maker, uint32_t target)
{
    return maker->fleet->targets[target].backend != FLEET_NONE;
}

static bool is_stepped(const struct maker *maker, uint32_t target)
{
    return is_storage(maker, target) && sim_target(maker->scenario->sim, target)->by_steps;
}

static bool is_service(const struct maker *maker, uint32_t target)
{
    return strncmp(type_of(maker, target), "http", 4) == 0;
}

static bool is_tls(const struct maker *maker, uint32_t target)
{
    return strcmp(type_of(maker, target), "https") == 0 ||
           (is_service(maker, target) && sim_target(maker->scenario->sim, target)->has_tls);
}

static bool is_named(const struct maker *maker, uint32_t target)
{
    return (is_service(maker, target) || is_storage(maker, target)) &&
           sim_target(maker->scenario->sim, target)->named;
}

static bool is_name_server(const struct maker *maker, uint32_t target)
{
    return strcmp(type_of(maker, target), "dns") == 0;
}

static struct component pick_path(struct maker *maker)
{
    uint32_t zone = draw_int(&maker->draw, 0, (uint32_t)maker->fleet->n_zones - 1), place;

    do
        place = draw_int(&maker->draw, 0, (uint32_t)maker->fleet->n_places - 1);
    while (place == zone);
    return zone < place ? (struct component){COMPONENT_PATH, zone, place}
                        : (struct component){COMPONENT_PATH, place, zone};
}

static struct component pick_place(struct maker *maker)
{
    return of(COMPONENT_PLACE, draw_int(&maker->draw, (uint32_t)maker->fleet->n_zones,
                                        (uint32_t)maker->fleet->n_places - 1));
}

static struct component pick_way(struct maker *maker)
{
    switch (draw_int(&maker->draw, 0, 4)) {
    case 0:
        return of(COMPONENT_ZONE, draw_int(&maker->draw, 0, (uint32_t)maker->fleet->n_zones - 1));
    case 1:
        return pick_place(maker);
    default:
        return pick_path(maker);
    }
}

static struct component pick_storage(struct maker *maker, bool backend)
{
    uint32_t target = pick_target(maker, backend ? is_volume : is_storage);

    if (target != FLEET_NONE && is_volume(maker, target) &&
        (backend || draw_chance(&maker->draw, 0.5)))
        return of(COMPONENT_BACKEND, maker->fleet->targets[target].backend);
    return of(COMPONENT_TARGET, target);
}

static struct component pick_component(struct maker *maker, enum fault_place at)
{
    uint32_t agents = (uint32_t)maker->fleet->n_agents, zones = (uint32_t)maker->fleet->n_zones;
    uint32_t outside = (uint32_t)maker->fleet->n_places - 1;

    switch (at) {
    case AT_ANY_WAY:
        return pick_way(maker);
    case AT_PATH:
        return pick_path(maker);
    case AT_FAR_WAY:
        return draw_chance(&maker->draw, 0.3) ? pick_place(maker) : pick_path(maker);
    case AT_ZONE_EXIT:
        return (struct component){COMPONENT_PATH, draw_int(&maker->draw, 0, zones - 1), outside};
    case AT_OUTSIDE:
        return of(COMPONENT_PLACE, outside);
    case AT_STORAGE:
        return pick_storage(maker, false);
    case AT_BACKEND:
        return pick_storage(maker, true);
    case AT_VOLUME:
        return of(COMPONENT_TARGET, pick_target(maker, is_storage));
    case AT_STEPPED:
        return of(COMPONENT_TARGET, pick_target(maker, is_stepped));
    case AT_SERVICE:
        return of(COMPONENT_TARGET, pick_target(maker, is_service));
    case AT_TLS:
        return of(COMPONENT_TARGET, pick_target(maker, is_tls));
    case AT_NAMED:
        return of(COMPONENT_TARGET, pick_target(maker, is_named));
    case AT_NAME_SERVER:
        return of(COMPONENT_TARGET, pick_target(maker, is_name_server));
    case AT_RESOLVER:
        return of(COMPONENT_RESOLVER, draw_int(&maker->draw, 0, zones - 1));
    case AT_HOST:
        return of(COMPONENT_HOST, draw_int(&maker->draw, 0, agents - 1));
    default:
        return of(COMPONENT_LINK, draw_int(&maker->draw, 0, agents - 1));
    }
}

static double within(struct draw *draw, const double range[2])
{
    return draw_between(draw, range[0], range[1]);
}

static struct sim_fault draw_fault(struct maker *maker, const struct fault_kind *kind)
{
    struct draw *draw = &maker->draw;
    struct sim_fault fault = {.component = pick_component(maker, kind->at),
                              .effect = kind->effect,
                              .failure = kind->failure,
                              .share = within(draw, kind->share),
                              .extra_us = (int64_t)(1000 * within(draw, kind->extra_ms)),
                              .factor = within(draw, kind->factor),
                              .flows = within(draw, kind->flows),
                              .direction = kind->one_way ? kind->way : SIM_BOTH,
                              .steps = kind->steps,
                              .witnessed = draw_chance(draw, 0.5)};

    if (kind->one_way && kind->way == SIM_BOTH)
        fault.direction = draw_chance(draw, 0.5) ? SIM_OUT : SIM_IN;
    if (kind->family == SCENARIO_TRAP_REPLY && fault.component.type == COMPONENT_PLACE)
        fault.direction = SIM_OUT; /* replies leave the place */
    if (kind->effect == SIM_CLOCK && fault.extra_us < 5 * FL_SECOND)
        fault.extra_us -= 5 * FL_SECOND;
    return fault;
}

/* One probe's chance to be bad, without the fault and with it. */
static void chances(const struct sim_fault *fault, double *q, double *p)
{
    double share = fault->share;

    *q = 0.002;
    switch (fault->effect) {
    case SIM_LOSS:
    case SIM_CONGESTION:
    case SIM_FLOOD:
        *q = 0.006;
        *p = 1 - pow(1 - share, fault->direction == SIM_BOTH ? PACKETS : PACKETS / 2);
        break;
    case SIM_STALL:
    case SIM_FAILURE:
        *p = share;
        break;
    case SIM_SLOW:
        *q = 0.025;
        *p = fault->factor >= 4 ? 0.99 : 0.5 + (fault->factor - 2) / 4;
        break;
    default:
        *p = 1;
        break;
    }
    if (fault->flows > 0)
        *p *= fault->flows;
    *p = *p > 0.99 ? 0.99 : *p;
}

double scenario_limit(const struct sim_fault *fault)
{
    double q, p, nats;

    chances(fault, &q, &p);
    nats = p * log(p / q) + (1 - p) * log((1 - p) / (1 - q));
    return nats > 0 ? ceil(NATS / nats) : INFINITY;
}

/* What a component that shows the same would rightly be called. */
static unsigned natural_classes(const struct fleet *fleet, const struct component *component)
{
    static const unsigned classes[COMPONENT_TYPES] = {
        [COMPONENT_LINK] = 1u << VERDICT_MONITORING,
        [COMPONENT_HOST] = 1u << VERDICT_HOST | 1u << VERDICT_NETWORK,
        [COMPONENT_BACKEND] = 1u << VERDICT_STORAGE,
        [COMPONENT_RESOLVER] = 1u << VERDICT_DNS,
        [COMPONENT_PATH] = 1u << VERDICT_NETWORK,
        [COMPONENT_ZONE] = 1u << VERDICT_NETWORK,
        [COMPONENT_PLACE] = 1u << VERDICT_NETWORK,
    };

    if (component->type != COMPONENT_TARGET)
        return classes[component->type];
    return fleet->targets[component->a].kind == TARGET_STORAGE ? 1u << VERDICT_STORAGE
                                                               : 1u << VERDICT_SERVICE;
}

static void add_answer(struct maker *maker, struct scenario_truth *truth,
                       const struct component *component, unsigned classes)
{
    struct scenario_answer *answer = &truth->answers[truth->n_answers++];
    const struct fleet_place *places = maker->fleet->places;
    bool forth = truth->fault.direction == SIM_OUT;

    component_name(maker->fleet, component, answer->component);
    answer->classes = classes;
    if (component->type != COMPONENT_PATH || truth->fault.direction == SIM_BOTH)
        return;
    /* one direction may be named as such */
    answer = &truth->answers[truth->n_answers++];
    answer->classes = classes;
    (void)snprintf(answer->component, FL_COMPONENT_SIZE, "path:%s>%s",
                   places[forth ? component->a : component->b].name,
                   places[forth ? component->b : component->a].name);
}

static void find_answers(struct maker *maker, const struct footprint *footprint,
                         struct scenario_truth *truth)
{
    struct component same[FOOTPRINT_MAX_SAME];
    unsigned own = 1u << truth->kind->class;
    size_t n = footprint_same(maker->scenario->sim, &truth->fault, footprint, same);
    bool said = truth->fault.effect == SIM_STARVED || truth->fault.effect == SIM_CLOCK;

    if (truth->kind->other_class >= 0)
        own |= 1u << truth->kind->other_class;
    for (size_t i = 0; i < n && (i == 0 || !said); i++) /* a host says these itself */
        add_answer(maker, truth, &same[i],
                   i == 0 || same[i].type == truth->fault.component.type
                       ? own
                       : own | natural_classes(maker->fleet, &same[i]));
    truth->interval_us = footprint->interval_us;
    truth->rate_hz = footprint->rate_hz;
    truth->limit = scenario_limit(&truth->fault);
}

static const struct fault_kind *pick_kind(struct maker *maker, enum scenario_family family)
{
    const struct fault_kind *found = NULL;
    uint32_t n = 0;

    for (size_t i = 0; i < fault_kinds; i++)
        if (fault_table[i].family == family && draw_chance(&maker->draw, 1.0 / ++n))
            found = &fault_table[i];
    return found;
}

/* The family whose kinds a scenario of this family draws from. */
static enum scenario_family kinds_of(struct maker *maker, enum scenario_family family)
{
    static const enum scenario_family common[] = {
        SCENARIO_NETWORK, SCENARIO_NETWORK, SCENARIO_STORAGE, SCENARIO_STORAGE, SCENARIO_DIRECTION,
        SCENARIO_SERVICE, SCENARIO_HOST,    SCENARIO_DNS,     SCENARIO_TLS,     SCENARIO_MONITORING,
    };
    size_t last = FL_COUNT(common) - 1;

    switch (family) {
    case SCENARIO_BLIP:
        return SCENARIO_NETWORK;
    case SCENARIO_TRAP_BURSTS:
    case SCENARIO_TRAP_RESTARTS:
    case SCENARIO_TRAP_JOBS:
    case SCENARIO_TRAP_FLAPPING:
        last = 3;
        break;
    case SCENARIO_TRAP_FROM_START:
        last = 5;
        break;
    case SCENARIO_DOUBLE:
    case SCENARIO_TRIPLE:
        break;
    default:
        return family;
    }
    return common[draw_int(&maker->draw, 0, (uint32_t)last)];
}

/* Two faults on one component, or one that hides within the other, would have one truth. */
static bool apart(const struct maker *maker, const struct scenario_truth *truth,
                  const struct footprint *footprint)
{
    const struct scenario *scenario = maker->scenario;

    for (size_t i = 0; i < scenario->n_truths; i++)
        if (component_equal(&scenario->truths[i].fault.component, &truth->fault.component) ||
            footprint_overlap(&maker->footprints[i], footprint) > 0.5)
            return false;
    return true;
}

static void set_times(struct maker *maker, struct scenario_truth *truth)
{
    enum scenario_family family = maker->scenario->family;
    double interval_us = (double)truth->interval_us, least_us = 8 * 1e6;
    double length_us = fmax(draw_between(&maker->draw, 25, 50) * interval_us, least_us);
    struct sim_fault *fault = &truth->fault;

    fault->from_us = (fl_time)(WARM_INTERVALS * (double)maker->scenario->interval_us +
                               draw_unit(&maker->draw) * 20 * interval_us);
    if (family == SCENARIO_BLIP)
        length_us = (double)maker->scenario->interval_us / 2;
    if (family == SCENARIO_GRAY)
        length_us = fmin(
            fmax(length_us, draw_between(&maker->draw, 3, 8) * truth->limit / truth->rate_hz * 1e6),
            MOST_GRAY_INTERVALS * interval_us);
    if (family == SCENARIO_TRAP_FROM_START)
        fault->from_us = 0;
    if (family == SCENARIO_TRAP_FLAPPING) {
        fault->on_us = (fl_time)(draw_between(&maker->draw, 4, 8) * interval_us);
        fault->off_us = (fl_time)(draw_between(&maker->draw, 2, 5) * interval_us);
    }
    fault->until_us = fault->from_us + (fl_time)length_us;
    if (family == SCENARIO_TRAP_FROM_START && draw_chance(&maker->draw, 0.5))
        fault->until_us = (fl_time)(100 * interval_us); /* it never worked */
}

static void add_truth(struct maker *maker, enum scenario_family family)
{
    struct scenario *scenario = maker->scenario;
    const struct fault_kind *kind = pick_kind(maker, kinds_of(maker, family));
    struct scenario_truth truth = {.kind = kind};
    struct footprint *footprint = &maker->footprints[scenario->n_truths];

    truth.fault = draw_fault(maker, kind);
    if (truth.fault.component.a == FLEET_NONE)
        return;
    if (footprint_new(scenario->sim, &truth.fault, footprint) < 0)
        abort();
    if (footprint->n == 0 || !apart(maker, &truth, footprint)) {
        footprint_done(footprint);
        return;
    }
    find_answers(maker, footprint, &truth);
    set_times(maker, &truth);
    scenario->truths[scenario->n_truths++] = truth;
}

static void set_life(struct maker *maker, struct scenario *scenario)
{
    struct draw *draw = &maker->draw;
    double interval_us = (double)scenario->interval_us;
    struct sim_life life = {0};

    switch (scenario->family) {
    case SCENARIO_TRAP_BURSTS:
        life.burst_every_us = (int64_t)draw_between(draw, 20e6, 60e6);
        break;
    case SCENARIO_TRAP_RESTARTS:
        life.target_restart_us = (int64_t)(draw_between(draw, 60, 180) * interval_us);
        life.agent_pause_us = (int64_t)draw_between(draw, 60e6, 180e6);
        break;
    case SCENARIO_TRAP_JOBS:
        life.job_every_us = (int64_t)(draw_between(draw, 30, 90) * interval_us);
        life.coordinator_us = (int64_t)draw_between(draw, 90e6, 240e6);
        break;
    case SCENARIO_QUIET:
        life = (struct sim_life){.burst_every_us = (int64_t)draw_between(draw, 120e6, 600e6),
                                 .step_every_us = 20 * FL_MINUTE,
                                 .job_every_us = 5 * FL_MINUTE,
                                 .agent_pause_us = 15 * FL_MINUTE,
                                 .target_restart_us = 10 * FL_MINUTE,
                                 .coordinator_us = 10 * FL_MINUTE};
        break;
    default:
        life.burst_every_us = draw_chance(draw, 0.5) ? 5 * FL_MINUTE : 0;
        break;
    }
    sim_set_life(scenario->sim, &life);
}

static void add_truths(struct maker *maker, struct scenario *scenario)
{
    size_t wanted = scenario->family == SCENARIO_DOUBLE   ? 2
                    : scenario->family == SCENARIO_TRIPLE ? 3
                                                          : 1;
    fl_time end_us = WARM_INTERVALS * scenario->interval_us + 40 * scenario->interval_us;

    if (scenario->family == SCENARIO_NONE || scenario->family == SCENARIO_QUIET)
        wanted = 0;
    for (int tries = 0; scenario->n_truths < wanted && tries < 100; tries++)
        add_truth(maker, scenario->family);
    for (size_t i = 0; i < scenario->n_truths; i++) {
        const struct scenario_truth *truth = &scenario->truths[i];

        footprint_done(&maker->footprints[i]);
        if (truth->fault.until_us + AFTER_INTERVALS * truth->interval_us > end_us)
            end_us = truth->fault.until_us + AFTER_INTERVALS * truth->interval_us;
    }
    scenario->end_us = scenario->family == SCENARIO_QUIET ? QUIET_US : end_us + 10 * FL_SECOND;
}

int scenario_new(enum scenario_family family, uint64_t seed, struct scenario *ret)
{
    struct maker maker = {.draw = draw_seed(seed * SCENARIO_FAMILIES + family), .scenario = ret};
    struct fleet_draft draft;
    int r = fleet_draw(&maker.draw, seed, family == SCENARIO_QUIET, &draft);

    *ret = (struct scenario){.family = family, .seed = seed};
    if (r < 0)
        return r;
    ret->sim = draft.sim;
    ret->interval_us = draft.interval_us;
    maker.fleet = sim_fleet(ret->sim);
    add_truths(&maker, ret);
    set_life(&maker, ret);
    for (size_t i = 0; i < ret->n_truths && r == 0; i++)
        r = sim_add_fault(ret->sim, &ret->truths[i].fault);
    return r;
}

void scenario_done(struct scenario *scenario)
{
    scenario->sim = sim_free(scenario->sim);
}

bool scenario_counts(const struct scenario *scenario)
{
    return scenario->family != SCENARIO_BLIP;
}

bool scenario_is_trap(enum scenario_family family)
{
    return family >= SCENARIO_TRAP_REPLY && family <= SCENARIO_TRAP_FLAPPING;
}

bool scenario_is_mixed(enum scenario_family family)
{
    return family <= SCENARIO_TRIPLE;
}

bool scenario_accepts_place(const struct scenario_truth *truth, const char *component)
{
    for (size_t i = 0; i < truth->n_answers; i++)
        if (strcmp(truth->answers[i].component, component) == 0)
            return true;
    return false;
}

bool scenario_accepts(const struct scenario_truth *truth, const char *component,
                      enum verdict_class class)
{
    for (size_t i = 0; i < truth->n_answers; i++)
        if (strcmp(truth->answers[i].component, component) == 0)
            return (truth->answers[i].classes >> class & 1) != 0;
    return false;
}

bool scenario_accepts_cause(const struct scenario_truth *truth, enum verdict_cause cause)
{
    for (size_t i = 0; i < FAULT_MAX_CAUSES; i++)
        if (truth->kind->causes[i] != CAUSE_NONE && truth->kind->causes[i] == cause)
            return true;
    return false;
}
