#include "tests/sim/failover.h"

#include "coordinator/core/decision.h"
#include "tests/sim/draw.h"
#include "tests/sim/touch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ZONES 5
#define AGENTS_A_ZONE 2
#define FALL 3 /* failures in a row after which a load balancer leaves */
#define RISE 2 /* and successes after which it comes back */
#define WARM_US (60 * FL_SECOND)
#define APART_US (240 * FL_SECOND) /* from one fault to the next */
#define MEMORY_US (4 * FL_SECOND)  /* a move may rest on what is over for no longer */
#define WORTH 0.25                 /* so much more of the users must suffer here than elsewhere */
#define INTERVAL FL_SECOND
#define TIMEOUT FL_SECOND

struct naive {
    unsigned bad, good;
    bool away;
};

struct life {
    struct sim *sim;
    struct draw draw;
    const struct fleet *fleet;
    uint32_t n_zones;
    uint32_t targets[MAX_ZONES], probes[MAX_ZONES];
    struct sim_fault faults[FAILOVER_FAULTS];
    size_t n_faults;
    struct decision_group group;
    struct decision_settings settings;
    struct decider *decider;
    struct decision_look *look;
    size_t n_events; /* that the decider has had */
    fl_time now_us;
    struct naive checker[MAX_ZONES];
    struct naive anybody[MAX_ZONES][MAX_ZONES * AGENTS_A_ZONE];
    bool away[RULES][MAX_ZONES];
    struct failover_tally *tally;
};

const char *failover_rule_name(enum failover_rule rule)
{
    static const char *const names[RULES] = {"decider", "three failures, one checker",
                                             "three failures, any agent"};

    return names[rule];
}

static int add_zone(struct fleet *fleet, uint32_t zone, const char *what)
{
    char name[8], agent[32], target[32];

    (void)snprintf(name, sizeof(name), "%c", (char)('a' + (int)zone));
    if (strcmp(what, "zone") == 0)
        return fleet_add_zone(fleet, name, NULL);
    for (int i = 1; strcmp(what, "agents") == 0 && i <= AGENTS_A_ZONE; i++) {
        (void)snprintf(agent, sizeof(agent), "%s%d", name, i);
        if (fleet_add_agent(fleet, agent, name, NULL) < 0)
            return -EINVAL;
    }
    if (strcmp(what, "target") != 0)
        return 0;
    (void)snprintf(target, sizeof(target), "web-%s", name);
    if (fleet_add_target(fleet, target, TARGET_SERVICE, name, "array", NULL) < 0)
        return -EINVAL;
    return fleet_add_probe(fleet, target, "get", "http", INTERVAL, TIMEOUT, NULL);
}

static int make_fleet(struct life *life)
{
    static const char *const steps[] = {"zone", "agents", "target"};
    struct fleet *fleet = NULL;

    if (fleet_new(&fleet) < 0)
        return -ENOMEM;
    for (size_t step = 0; step < FL_COUNT(steps); step++) {
        if (step == 1 && fleet_add_place(fleet, "storage", NULL) < 0)
            return -EINVAL;
        for (uint32_t zone = 0; zone < life->n_zones; zone++)
            if (add_zone(fleet, zone, steps[step]) < 0)
                return -EINVAL;
    }
    if (fleet_add_target(fleet, "vol", TARGET_STORAGE, "storage", "array", NULL) < 0 ||
        fleet_add_probe(fleet, "vol", "rw", "nbd", INTERVAL, TIMEOUT, NULL) < 0 ||
        fleet_seal(fleet, INTERVAL, TIMEOUT, NULL) < 0)
        return -EINVAL;
    life->fleet = fleet;
    return sim_new(fleet, (uint64_t)(draw_unit(&life->draw) * 1e15), &life->sim);
}

static void make_group(struct life *life)
{
    static const struct decision_policy standard = {
        .mode = DECISION_MODE_LIVE,
        .stale = DECISION_STALE_LAST,
        .enforce_percent = 100,
        .min_serving = 1,
        .max_avoid = 1,
        .min_zones = 2,
        .min_witnesses = 2,
        .min_samples = 4,
        .min_faults = 3,
        .fault_percent = 20,
        .confidence_percent = 50,
        .panic_percent = 50,
        .hold_down_us = 60 * FL_SECOND,
        .max_hold_down_us = 1800 * FL_SECOND,
        .flap_window_us = 600 * FL_SECOND,
        .cool_down_us = 60 * FL_SECOND,
        .valid_for_us = 60 * FL_SECOND,
        .drain_steps = 1,
        .drain_interval_us = 10 * FL_SECOND,
    };

    strcpy(life->group.name, "shop");
    life->group.policy = standard;
    life->group.n_members = life->n_zones;
    for (uint32_t zone = 0; zone < life->n_zones; zone++) {
        char target[32];

        (void)snprintf(target, sizeof(target), "web-%c", (char)('a' + (int)zone));
        life->targets[zone] = fleet_find_target(life->fleet, target);
        for (uint32_t i = 0; i < life->fleet->n_probes; i++)
            if (life->fleet->probes[i].target == life->targets[zone])
                life->probes[zone] = i;
        life->group.members[zone] = (struct decision_member){
            .zone = zone, .capacity = 100, .n_targets = 1, .targets = {life->targets[zone]}};
    }
    life->settings = (struct decision_settings){.enabled = true,
                                                .max_moves = 3,
                                                .moves_window_us = 5 * FL_MINUTE,
                                                .takeover_us = 15 * FL_SECOND,
                                                .n_groups = 1,
                                                .groups = &life->group};
}

static struct component of(enum component_type type, uint32_t a)
{
    return (struct component){type, a, 0};
}

static struct component pick_path(struct life *life)
{
    uint32_t a = draw_int(&life->draw, 0, life->n_zones - 2);

    return (struct component){COMPONENT_PATH, a, draw_int(&life->draw, a + 1, life->n_zones - 1)};
}

/* What goes wrong in a group's life: in its zones, between them, behind them, in the watchers. */
static struct sim_fault draw_fault(struct life *life)
{
    struct draw *draw = &life->draw;
    uint32_t zone = draw_int(draw, 0, life->n_zones - 1);
    uint32_t agent = draw_int(draw, 0, life->n_zones * AGENTS_A_ZONE - 1);
    uint32_t target = life->targets[zone];

    switch (draw_int(draw, 0, 11)) {
    case 0:
        return (struct sim_fault){.component = of(COMPONENT_TARGET, target), .effect = SIM_REFUSED};
    case 1:
        return (struct sim_fault){
            .component = of(COMPONENT_TARGET, target), .effect = SIM_STALL, .share = 1};
    case 2:
        return (struct sim_fault){.component = of(COMPONENT_TARGET, target),
                                  .effect = SIM_FAILURE,
                                  .share = draw_between(draw, 0.5, 1),
                                  .failure = FL_FAILURE_STATUS};
    case 3:
        return (struct sim_fault){.component = of(COMPONENT_ZONE, zone), .effect = SIM_CUT};
    case 4:
        return (struct sim_fault){.component = of(COMPONENT_ZONE, zone),
                                  .effect = SIM_LOSS,
                                  .share = draw_between(draw, 0.3, 0.7)};
    case 5:
    case 6:
        return (struct sim_fault){.component = pick_path(life), .effect = SIM_CUT};
    case 7:
        return (struct sim_fault){.component = pick_path(life),
                                  .effect = SIM_LOSS,
                                  .share = draw_between(draw, 0.3, 0.7)};
    case 8:
        return (struct sim_fault){.component = of(COMPONENT_HOST, agent),
                                  .effect = SIM_STARVED,
                                  .extra_us = (int64_t)draw_between(draw, 1e6, 4e6)};
    case 9:
        return (struct sim_fault){.component = of(COMPONENT_LINK, agent), .effect = SIM_SILENT};
    case 10:
        return (struct sim_fault){.component = of(COMPONENT_HOST, agent), .effect = SIM_LOCAL};
    default:
        return (struct sim_fault){
            .component = of(COMPONENT_BACKEND, 0), .effect = SIM_STALL, .share = 1};
    }
}

static int add_faults(struct life *life)
{
    for (size_t i = 0; i < FAILOVER_FAULTS; i++) {
        struct sim_fault *fault = &life->faults[i];

        *fault = draw_fault(life);
        fault->from_us =
            WARM_US + (fl_time)i * APART_US + (fl_time)draw_between(&life->draw, 0, 20e6);
        fault->until_us = fault->from_us + (fl_time)draw_between(&life->draw, 20e6, 90e6);
        life->n_faults++;
        if (sim_add_fault(life->sim, fault) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* The share of the users that a zone fails, now or a moment ago; 1 and 0 by what is true. */
static double suffering(const struct life *life, uint32_t zone, fl_time from_us)
{
    uint32_t n_agents = life->n_zones * AGENTS_A_ZONE, hit = 0;

    for (uint32_t agent = 0; agent < n_agents; agent++)
        for (size_t i = 0; i < life->n_faults; i++) {
            const struct sim_fault *fault = &life->faults[i];
            bool of_the_watcher = fault->effect == SIM_STARVED || fault->effect == SIM_SILENT ||
                                  fault->effect == SIM_LOCAL;

            if (of_the_watcher || fault->from_us > life->now_us || fault->until_us < from_us ||
                !touch_is(life->fleet, &fault->component, agent, life->probes[zone]))
                continue;
            hit++;
            break;
        }
    return (double)hit / n_agents;
}

/* Would fewer users suffer if this zone were left? */
static bool is_worth(const struct life *life, uint32_t zone, fl_time from_us)
{
    double others = 0;

    for (uint32_t i = 0; i < life->n_zones; i++)
        if (i != zone)
            others += suffering(life, i, from_us) / (life->n_zones - 1);
    return suffering(life, zone, from_us) - others >= WORTH;
}

static uint32_t n_serving(const struct life *life, enum failover_rule rule)
{
    uint32_t n = 0;

    for (uint32_t zone = 0; zone < life->n_zones; zone++)
        n += !life->away[rule][zone];
    return n;
}

static void set_away(struct life *life, enum failover_rule rule, uint32_t zone, bool away)
{
    if (life->away[rule][zone] == away)
        return;
    life->away[rule][zone] = away;
    if (!away)
        return;
    life->tally->rules[rule].moves++;
    life->tally->rules[rule].needless += !is_worth(life, zone, life->now_us - MEMORY_US);
    life->tally->rules[rule].to_nowhere += n_serving(life, rule) == 0;
    if (getenv("VERBOSE"))
        printf("%.1f %s leaves %u%s\n", (double)life->now_us / 1e6, failover_rule_name(rule), zone,
               is_worth(life, zone, life->now_us - MEMORY_US) ? "" : ", needlessly");
}

static void naive_sees(struct naive *naive, bool ok)
{
    naive->bad = ok ? 0 : naive->bad + 1;
    naive->good = ok ? naive->good + 1 : 0;
    if (naive->bad >= FALL)
        naive->away = true;
    if (naive->good >= RISE)
        naive->away = false;
}

/* A request of a user, and an observation of the naive rules. */
static void observe(void *arg, const struct engine_event *event)
{
    struct life *life = arg;
    uint32_t n_agents = life->n_zones * AGENTS_A_ZONE, probe, zone = 0;
    bool anybody = false;

    if (event->type != ENGINE_RESULT)
        return;
    life->now_us = event->t_us - SIM_EPOCH_US;
    probe = fleet_find_probe(life->fleet, event->result->series);
    while (zone < life->n_zones && life->probes[zone] != probe)
        zone++;
    if (zone == life->n_zones)
        return;
    for (enum failover_rule rule = 0; rule < RULES; rule++) {
        uint32_t serving = n_serving(life, rule);
        double share = serving == 0 ? 1.0 / life->n_zones
                       : !life->away[rule][zone] && !event->result->ok &&
                               event->result->failure != FL_FAILURE_LOCAL
                           ? 1.0 / serving
                           : 0;

        life->tally->rules[rule].impact_s += share / n_agents * (double)INTERVAL / 1e6;
    }
    naive_sees(&life->anybody[zone][event->agent], event->result->ok);
    for (uint32_t i = 0; i < n_agents; i++)
        anybody |= life->anybody[zone][i].away;
    set_away(life, RULE_ANYBODY, zone, anybody);
    if (event->agent == 0)
        naive_sees(&life->checker[zone], event->result->ok);
    set_away(life, RULE_CHECKER, zone, life->checker[zone].away);
}

static void step(struct life *life, struct decision_event event)
{
    struct decision_update update;

    event.t_us = life->now_us + SIM_EPOCH_US;
    decider_step(life->decider, &event, &update);
}

/* As the coordinator does it: each verdict, and then a look. */
static void decide(struct life *life)
{
    const struct verdict_event *events;
    size_t n = sim_events(life->sim, &events);
    bool news = n > life->n_events;

    for (; life->n_events < n; life->n_events++)
        step(life,
             (struct decision_event){.type = DECISION_VERDICT, .verdict = &events[life->n_events]});
    if (!news && life->now_us % DECISION_LOOK_US != 0)
        return;
    decider_look(life->decider, sim_engine(life->sim), life->now_us + SIM_EPOCH_US, life->look);
    step(life, (struct decision_event){.type = DECISION_LOOK, .look = life->look});
    for (uint32_t zone = 0; zone < life->n_zones; zone++) {
        struct decision decision;

        decider_at(life->decider, 0, zone, life->now_us + SIM_EPOCH_US, &decision);
        set_away(life, RULE_DECIDER, zone, decision.standing == DECISION_AVOID);
    }
}

static void count_faults(struct life *life)
{
    for (size_t i = 0; i < life->n_faults; i++) {
        bool worth = false;

        life->now_us = life->faults[i].from_us + FL_SECOND;
        for (uint32_t zone = 0; zone < life->n_zones; zone++)
            worth |= is_worth(life, zone, life->now_us);
        life->tally->faults++;
        life->tally->worth += worth;
    }
}

static int begin(struct life *life)
{
    const struct sim_life usual = {.burst_every_us = 5 * FL_MINUTE,
                                   .agent_pause_us = 10 * FL_MINUTE,
                                   .target_restart_us = 10 * FL_MINUTE,
                                   .coordinator_us = 20 * FL_MINUTE};
    int r = make_fleet(life);

    if (r < 0)
        return r;
    make_group(life);
    if (add_faults(life) < 0 || decider_new(&life->settings, life->fleet, &life->decider) < 0 ||
        decision_look_new(&life->settings, life->fleet->n_zones, &life->look) < 0)
        return -ENOMEM;
    sim_set_life(life->sim, &usual);
    sim_observe(life->sim, observe, life);
    step(life, (struct decision_event){.type = DECISION_AUTHORITY, .held = true});
    return 0;
}

int failover_play(uint64_t seed, struct failover_tally *tally)
{
    struct life *life = calloc(1, sizeof(*life));
    fl_time end_us = WARM_US + FAILOVER_FAULTS * APART_US;
    int r;

    if (!life)
        return -ENOMEM;
    life->draw = draw_seed(seed);
    life->tally = tally;
    life->n_zones = draw_int(&life->draw, 3, MAX_ZONES);
    r = begin(life);
    for (fl_time t = FL_SECOND / 4; r == 0 && t <= end_us; t += FL_SECOND / 4) {
        sim_run(life->sim, t);
        life->now_us = t;
        decide(life);
    }
    if (r == 0)
        count_faults(life);
    decision_look_free(life->look);
    decider_free(life->decider);
    sim_free(life->sim);
    free(life);
    return r;
}

void failover_print(const struct failover_tally *tally)
{
    printf("%llu faults, %llu of them worth a move\n", (unsigned long long)tally->faults,
           (unsigned long long)tally->worth);
    for (enum failover_rule rule = 0; rule < RULES; rule++)
        printf("%-27s %6llu moves, %6llu needless, %5llu to nowhere, users not served %8.1f s\n",
               failover_rule_name(rule), (unsigned long long)tally->rules[rule].moves,
               (unsigned long long)tally->rules[rule].needless,
               (unsigned long long)tally->rules[rule].to_nowhere, tally->rules[rule].impact_s);
}
