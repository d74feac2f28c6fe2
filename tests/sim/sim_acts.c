/* Faults with known truth, in virtual time, over several seeds: what is said, how soon, and that
 * it closes. A failing case prints its seed. */
#include "tests/sim/sim.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <string.h>

#define SEEDS 8
#define FROM_US (20 * FL_SECOND)
#define UNTIL_US (35 * FL_SECOND)
#define END_US (55 * FL_SECOND)
#define SOON_US (6 * FL_SECOND)
#define QUIET_US (30 * FL_MINUTE)

struct act {
    enum component_type type;
    const char *where, *other_end; /* the second for a path */
    struct sim_fault fault;        /* without component and times */
    enum verdict_class class;
    const char *component;
    enum verdict_cause cause, other_cause; /* either is right */
};

static void add_targets(struct fleet *fleet)
{
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

    for (size_t i = 0; i < FL_COUNT(targets); i++) {
        assert_int_equal(fleet_add_target(fleet, targets[i].name, targets[i].kind, targets[i].place,
                                          targets[i].backend, NULL),
                         0);
        assert_int_equal(fleet_add_probe(fleet, targets[i].name, targets[i].type, targets[i].type,
                                         FL_SECOND, FL_SECOND, NULL),
                         0);
    }
}

/* The fleet of the demo: three zones with an agent each, a storage place, an outside. */
static struct sim *demo_fleet(uint64_t seed)
{
    static const char *const zones[] = {"a", "b", "c"};
    struct fleet *fleet = NULL;
    struct sim *sim = NULL;

    assert_int_equal(fleet_new(&fleet), 0);
    for (size_t i = 0; i < FL_COUNT(zones); i++)
        assert_int_equal(fleet_add_zone(fleet, zones[i], NULL), 0);
    assert_int_equal(fleet_add_place(fleet, "storage", NULL), 0);
    assert_int_equal(fleet_add_place(fleet, "external", NULL), 0);
    assert_int_equal(fleet_add_agent(fleet, "a1", "a", NULL), 0);
    assert_int_equal(fleet_add_agent(fleet, "b1", "b", NULL), 0);
    assert_int_equal(fleet_add_agent(fleet, "c1", "c", NULL), 0);
    add_targets(fleet);
    assert_int_equal(fleet_seal(fleet, FL_SECOND, FL_SECOND, NULL), 0);
    assert_int_equal(sim_new(fleet, seed, &sim), 0);
    return sim;
}

static struct component component_of(const struct fleet *fleet, const struct act *act)
{
    struct component component = {act->type, 0, 0};

    switch (act->type) {
    case COMPONENT_LINK:
    case COMPONENT_HOST:
        component.a = fleet_find_agent(fleet, act->where);
        break;
    case COMPONENT_TARGET:
        component.a = fleet_find_target(fleet, act->where);
        break;
    case COMPONENT_BACKEND:
        break; /* there is one */
    case COMPONENT_PATH:
        component.a = fleet_find_place(fleet, act->where);
        component.b = fleet_find_place(fleet, act->other_end);
        break;
    default:
        component.a = fleet_find_place(fleet, act->where);
        break;
    }
    return component;
}

static void complain(const struct sim *sim, uint64_t seed)
{
    const struct verdict_event *events;
    size_t n = sim_events(sim, &events);

    printf("seed %llu said:\n", (unsigned long long)seed);
    for (size_t i = 0; i < n; i++) {
        const struct verdict *verdict = &events[i].verdict;
        const char *cause = verdict_cause_name(verdict->cause);

        printf("  %.2f s %s %s %s %s %.2f\n", (double)events[i].t_us / 1e6,
               verdict_event_name(events[i].type), verdict_class_name(verdict->class),
               verdict->component, cause ? cause : "-", verdict->confidence);
        for (uint32_t k = 0; k < verdict->n_evidence; k++)
            printf("      %s\n", verdict->evidence[k]);
    }
}

static bool is_right(const struct act *act, const struct verdict *verdict)
{
    return verdict->class == act->class && strcmp(verdict->component, act->component) == 0 &&
           (verdict->cause == act->cause || verdict->cause == act->other_cause);
}

/* One incident, soon, of the right class from its first word; right while the fault lasts; closed
 * when it is over, and nothing after it. */
static bool play(const struct act *act, uint64_t seed)
{
    FL_CLEANUP(sim_freep) struct sim *sim = demo_fleet(seed);
    struct sim_fault fault = act->fault;
    const struct verdict_event *events;
    const struct verdict *open;
    bool right;
    size_t n;

    fault.component = component_of(sim_fleet(sim), act);
    fault.from_us = FROM_US;
    fault.until_us = UNTIL_US;
    assert_int_equal(sim_add_fault(sim, &fault), 0);
    sim_run(sim, UNTIL_US);
    n = sim_events(sim, &events);
    right = n > 0 && events[0].t_us >= FROM_US && events[0].t_us - FROM_US <= SOON_US;
    for (size_t i = 0; i < n; i++)
        right = right && events[i].verdict.class == act->class;
    right = right && sim_open(sim, &open) == 1 && is_right(act, &open[0]);
    sim_run(sim, END_US);
    n = sim_events(sim, &events);
    right = right && sim_open(sim, &open) == 0 && events[n - 1].type == VERDICT_CLOSE &&
            events[n - 1].verdict.id == 1;
    if (!right)
        complain(sim, seed);
    return right;
}

static void play_all(const struct act *act)
{
    int wrong = 0;

    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        wrong += !play(act, seed);
    assert_int_equal(wrong, 0);
}

static void thirty_quiet_minutes_say_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        FL_CLEANUP(sim_freep) struct sim *sim = demo_fleet(seed);
        const struct verdict_event *events;

        sim_set_bursts(sim, seed % 2 == 0 ? 5 * FL_MINUTE : 0);
        sim_run(sim, QUIET_US);
        if (sim_events(sim, &events) > 0)
            complain(sim, seed);
        assert_int_equal(sim_events(sim, &events), 0);
    }
}

static void a_fault_shorter_than_an_interval_opens_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        FL_CLEANUP(sim_freep) struct sim *sim = demo_fleet(seed);
        struct sim_fault blip = {.component = {COMPONENT_ZONE, 0, 0},
                                 .effect = SIM_CUT,
                                 .from_us = FROM_US,
                                 .until_us = FROM_US + 700 * FL_MS};
        const struct verdict_event *events;

        assert_int_equal(sim_add_fault(sim, &blip), 0);
        sim_run(sim, END_US);
        if (sim_events(sim, &events) > 0)
            complain(sim, seed);
        assert_int_equal(sim_events(sim, &events), 0);
    }
}

static void a_flooded_way_is_network_and_never_storage(void **state)
{
    (void)state;
    play_all(&(struct act){.type = COMPONENT_PATH,
                           .where = "a",
                           .other_end = "storage",
                           .fault = {.effect = SIM_FLOOD, .share = 0.3, .extra_us = 60 * FL_MS},
                           .class = VERDICT_NETWORK,
                           .component = "path:a~storage",
                           .cause = CAUSE_UDP_FLOOD,
                           .other_cause = CAUSE_CONGESTION});
}

static void a_stalled_volume_is_storage(void **state)
{
    (void)state;
    play_all(&(struct act){.type = COMPONENT_TARGET,
                           .where = "vol-1",
                           .fault = {.effect = SIM_STALL, .share = 1},
                           .class = VERDICT_STORAGE,
                           .component = "target:vol-1",
                           .cause = CAUSE_STALL,
                           .other_cause = CAUSE_STALL});
}

static void a_stalled_array_is_its_backend(void **state)
{
    (void)state;
    play_all(&(struct act){.type = COMPONENT_BACKEND,
                           .where = "array",
                           .fault = {.effect = SIM_STALL, .share = 1},
                           .class = VERDICT_STORAGE,
                           .component = "backend:array",
                           .cause = CAUSE_STALL,
                           .other_cause = CAUSE_STALL});
}

static void a_syn_flood_names_the_service(void **state)
{
    (void)state;
    play_all(&(struct act){.type = COMPONENT_TARGET,
                           .where = "web-b",
                           .fault = {.effect = SIM_SYN_FLOOD, .witnessed = true},
                           .class = VERDICT_SERVICE,
                           .component = "target:web-b",
                           .cause = CAUSE_SYN_FLOOD,
                           .other_cause = CAUSE_SYN_FLOOD});
}

static void an_outside_lost_by_all_is_the_outside(void **state)
{
    (void)state;
    play_all(&(struct act){.type = COMPONENT_PLACE,
                           .where = "external",
                           .fault = {.effect = SIM_CUT},
                           .class = VERDICT_NETWORK,
                           .component = "place:external",
                           .cause = CAUSE_BLACKHOLE,
                           .other_cause = CAUSE_BLACKHOLE});
}

static void an_outside_lost_by_one_zone_is_its_way_out(void **state)
{
    (void)state;
    play_all(&(struct act){.type = COMPONENT_PATH,
                           .where = "a",
                           .other_end = "external",
                           .fault = {.effect = SIM_CUT},
                           .class = VERDICT_NETWORK,
                           .component = "path:a>external",
                           .cause = CAUSE_BLACKHOLE,
                           .other_cause = CAUSE_BLACKHOLE});
}

static void io_errors_are_the_volume(void **state)
{
    (void)state;
    play_all(&(struct act){
        .type = COMPONENT_TARGET,
        .where = "vol-2",
        .fault = {.effect = SIM_FAILURE, .share = 0.5, .failure = FL_FAILURE_IO_ERROR},
        .class = VERDICT_STORAGE,
        .component = "target:vol-2",
        .cause = CAUSE_IO_ERROR,
        .other_cause = CAUSE_IO_ERROR});
}

static void an_expired_certificate_is_tls(void **state)
{
    (void)state;
    play_all(&(struct act){
        .type = COMPONENT_TARGET,
        .where = "ext-1",
        .fault = {.effect = SIM_FAILURE, .share = 1, .failure = FL_FAILURE_CERT_EXPIRED},
        .class = VERDICT_TLS,
        .component = "target:ext-1",
        .cause = CAUSE_CERT_EXPIRED,
        .other_cause = CAUSE_CERT_EXPIRED});
}

static void an_agent_that_is_cut_off_is_monitoring(void **state)
{
    (void)state;
    play_all(&(struct act){.type = COMPONENT_LINK,
                           .where = "b1",
                           .fault = {.effect = SIM_SILENT},
                           .class = VERDICT_MONITORING,
                           .component = "link:b1",
                           .cause = CAUSE_SILENT,
                           .other_cause = CAUSE_SILENT});
}

static void a_dead_host_is_the_host(void **state)
{
    (void)state;
    play_all(&(struct act){.type = COMPONENT_HOST,
                           .where = "b1",
                           .fault = {.effect = SIM_DOWN},
                           .class = VERDICT_HOST,
                           .component = "host:b1",
                           .cause = CAUSE_DOWN,
                           .other_cause = CAUSE_DOWN});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thirty_quiet_minutes_say_nothing),
        cmocka_unit_test(a_fault_shorter_than_an_interval_opens_nothing),
        cmocka_unit_test(a_flooded_way_is_network_and_never_storage),
        cmocka_unit_test(a_stalled_volume_is_storage),
        cmocka_unit_test(a_stalled_array_is_its_backend),
        cmocka_unit_test(a_syn_flood_names_the_service),
        cmocka_unit_test(an_outside_lost_by_all_is_the_outside),
        cmocka_unit_test(an_outside_lost_by_one_zone_is_its_way_out),
        cmocka_unit_test(io_errors_are_the_volume),
        cmocka_unit_test(an_expired_certificate_is_tls),
        cmocka_unit_test(an_agent_that_is_cut_off_is_monitoring),
        cmocka_unit_test(a_dead_host_is_the_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
