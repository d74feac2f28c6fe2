/* Faults with known truth, in virtual time, over several seeds: what is said, how soon, and that
 * it closes. A failing case prints its seed. */
#include "tests/sim/world.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <string.h>

#define SEEDS 8
#define SOON_US (6 * FL_SECOND)
#define QUIET_US (30 * FL_MINUTE)
#define CLOSED_US (20 * FL_SECOND)

struct act {
    enum world_fault fault;
    enum verdict_class class;
    const char *component, *other_component; /* either is right */
    enum verdict_cause cause, other_cause;
};

static void complain(const struct world *world, uint64_t seed)
{
    const struct verdict_event *events;
    size_t n = world_events(world, &events);

    printf("seed %llu said:\n", (unsigned long long)seed);
    for (size_t i = 0; i < n; i++) {
        printf("  %+.2f s %s %s %s %s %.2f\n",
               (double)(events[i].t_us - INT64_C(1700000020000000)) / 1e6,
               verdict_event_name(events[i].type), verdict_class_name(events[i].verdict.class),
               events[i].verdict.component,
               verdict_cause_name(events[i].verdict.cause)
                   ? verdict_cause_name(events[i].verdict.cause)
                   : "-",
               events[i].verdict.confidence);
        for (uint32_t k = 0; k < events[i].verdict.n_evidence; k++)
            printf("      %s\n", events[i].verdict.evidence[k]);
    }
}

static bool is_right(const struct act *act, const struct verdict *verdict)
{
    return verdict->class == act->class &&
           (strcmp(verdict->component, act->component) == 0 ||
            (act->other_component && strcmp(verdict->component, act->other_component) == 0)) &&
           (verdict->cause == act->cause || verdict->cause == act->other_cause);
}

static bool play(const struct act *act, uint64_t seed)
{
    const struct verdict_event *events;
    const struct verdict *open;
    struct world *world = NULL;
    fl_time start_us;
    bool right;
    size_t n;

    assert_int_equal(world_new(seed, &world), 0);
    world_run(world, WORLD_FINE, 20 * FL_SECOND);
    start_us = world_now(world);
    right = world_events(world, &events) == 0;
    world_run(world, act->fault, 15 * FL_SECOND);
    n = world_events(world, &events);
    right = right && n > 0 && events[0].t_us - start_us <= SOON_US;
    for (size_t i = 0; i < n; i++)
        right = right && events[i].verdict.class == act->class;
    right = right && world_open(world, &open) == 1 && is_right(act, &open[0]);
    world_run(world, WORLD_FINE, CLOSED_US);
    right = right && world_open(world, &open) == 0;
    n = world_events(world, &events);
    right = right && n >= 2 && events[n - 1].type == VERDICT_CLOSE && events[n - 1].verdict.id == 1;
    if (!right)
        complain(world, seed);
    world_free(world);
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
        const struct verdict_event *events;
        struct world *world = NULL;
        size_t n;

        assert_int_equal(world_new(seed, &world), 0);
        world_run(world, WORLD_FINE, QUIET_US);
        n = world_events(world, &events);
        if (n > 0)
            complain(world, seed);
        world_free(world);
        assert_int_equal(n, 0);
    }
}

static void one_lost_probe_opens_nothing(void **state)
{
    const struct verdict_event *events;
    struct world *world = NULL;

    (void)state;
    assert_int_equal(world_new(1, &world), 0);
    world_run(world, WORLD_FINE, 20 * FL_SECOND);
    world_run(world, WORLD_ONE_LOST, 30 * FL_SECOND);
    assert_int_equal(world_events(world, &events), 0);
    world_free(world);
}

static void a_flooded_way_is_network_and_never_storage(void **state)
{
    (void)state;
    play_all(&(struct act){WORLD_FLOOD, VERDICT_NETWORK, "path:a~storage", NULL, CAUSE_UDP_FLOOD,
                           CAUSE_CONGESTION});
}

static void a_stalled_volume_is_storage(void **state)
{
    (void)state;
    play_all(&(struct act){WORLD_STALL, VERDICT_STORAGE, "target:vol-1", NULL, CAUSE_STALL,
                           CAUSE_STALL});
}

static void a_stalled_array_is_its_backend(void **state)
{
    (void)state;
    play_all(&(struct act){WORLD_ARRAY_STALL, VERDICT_STORAGE, "backend:array", NULL, CAUSE_STALL,
                           CAUSE_STALL});
}

static void a_syn_flood_names_the_service(void **state)
{
    (void)state;
    play_all(&(struct act){WORLD_SYN_FLOOD, VERDICT_SERVICE, "target:web-b", NULL, CAUSE_SYN_FLOOD,
                           CAUSE_SYN_FLOOD});
}

static void an_outside_lost_by_all_is_the_outside(void **state)
{
    (void)state;
    play_all(&(struct act){WORLD_OUTSIDE_CUT, VERDICT_NETWORK, "place:external", NULL,
                           CAUSE_BLACKHOLE, CAUSE_BLACKHOLE});
}

static void an_outside_lost_by_one_zone_is_its_way_out(void **state)
{
    (void)state;
    play_all(&(struct act){WORLD_OUTSIDE_CUT_A, VERDICT_NETWORK, "path:a>external", NULL,
                           CAUSE_BLACKHOLE, CAUSE_BLACKHOLE});
}

static void io_errors_are_the_volume(void **state)
{
    (void)state;
    play_all(&(struct act){WORLD_IO_ERRORS, VERDICT_STORAGE, "target:vol-2", NULL, CAUSE_IO_ERROR,
                           CAUSE_IO_ERROR});
}

static void an_expired_certificate_is_tls(void **state)
{
    (void)state;
    play_all(&(struct act){WORLD_CERT_EXPIRED, VERDICT_TLS, "target:ext-1", NULL,
                           CAUSE_CERT_EXPIRED, CAUSE_CERT_EXPIRED});
}

static void an_agent_that_is_cut_off_is_monitoring(void **state)
{
    (void)state;
    play_all(&(struct act){WORLD_LINK_CUT, VERDICT_MONITORING, "link:b1", NULL, CAUSE_SILENT,
                           CAUSE_SILENT});
}

static void a_dead_host_is_the_host(void **state)
{
    (void)state;
    play_all(&(struct act){WORLD_HOST_DOWN, VERDICT_HOST, "host:b1", NULL, CAUSE_DOWN, CAUSE_DOWN});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thirty_quiet_minutes_say_nothing),
        cmocka_unit_test(one_lost_probe_opens_nothing),
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
