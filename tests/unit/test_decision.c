// links: coordinator_core
/* What the rules do not cover: what a zone needs, drains by steps, windows, and looks taken from a
 * real engine. */
#include "proto/types/fl_name.h"
#include "tests/support/decision_lab.h"

static int setup(void **state)
{
    *state = lab_new();
    return 0;
}

static int teardown(void **state)
{
    lab_free(*state);
    return 0;
}

/* Every zone's target needs the volume. */
static struct lab *with_needs(void **state)
{
    struct lab *lab = *state;

    for (size_t i = 0; i < 3; i++) {
        lab->groups[0].members[i].n_needs = 1;
        lab->groups[0].members[i].needs[0] = fleet_find_target(lab->fleet, "vol-1");
    }
    assert_int_equal(decider_new(&lab->settings, lab->fleet, &lab->decider), 0);
    assert_int_equal(decision_look_new(&lab->settings, lab->fleet->n_zones, &lab->look), 0);
    lab_all_well(lab);
    for (size_t i = 0; i < 3; i++)
        lab->look->needs[i] = (struct decision_sight){.samples = 20, .agents = 2};
    lab_step(lab, (struct decision_event){.type = DECISION_AUTHORITY, .held = true});
    lab_pass(lab, 10 * FL_SECOND);
    return lab;
}

static void fails_inside(struct lab *lab, size_t member, uint32_t witnesses)
{
    lab->look->needs[member] =
        (struct decision_sight){.samples = 10, .faults = 10, .agents = 2, .witnesses = witnesses};
}

static void a_zone_is_left_for_what_it_needs_as_its_own_agents_see_it(void **state)
{
    struct lab *lab = with_needs(state);

    fails_inside(lab, 0, 2);
    lab_verdict(lab, VERDICT_OPEN, 1, VERDICT_NETWORK, "path:a~storage");
    lab_look(lab);
    assert_says(lab, 0, DECISION_AVOID, REASON_FAULT);
    assert_says(lab, 1, DECISION_SERVE, REASON_HEALTHY);
}

static void one_agent_inside_is_one_witness(void **state)
{
    struct lab *lab = with_needs(state);

    fails_inside(lab, 0, 1);
    lab_verdict(lab, VERDICT_OPEN, 1, VERDICT_NETWORK, "path:a~storage");
    lab_look(lab);
    assert_says(lab, 0, DECISION_HOLD, REASON_ONE_WITNESS);
}

static void a_volume_that_all_zones_need_moves_nobody(void **state)
{
    static const char *const components[] = {"target:vol-1", "backend:array", "place:storage"};
    struct lab *lab = with_needs(state);

    for (size_t i = 0; i < 3; i++)
        fails_inside(lab, i, 2);
    for (size_t i = 0; i < FL_COUNT(components); i++) {
        lab_verdict(lab, VERDICT_OPEN, i + 1, VERDICT_STORAGE, components[i]);
        lab_look(lab);
        for (uint32_t zone = 0; zone < 3; zone++)
            assert_says(lab, zone, DECISION_HOLD, REASON_SHARED);
        lab_verdict(lab, VERDICT_CLOSE, i + 1, VERDICT_STORAGE, components[i]);
    }
}

static void a_verdict_on_something_else_moves_nobody(void **state)
{
    static const char *const others[] = {"target:agent:a1", "path:b~storage", "backend:other",
                                         "zone:x",          "nonsense",       "path:a"};
    struct lab *lab = *state;

    lab_start(lab);
    for (size_t i = 0; i < FL_COUNT(others); i++)
        lab_verdict(lab, VERDICT_OPEN, i + 1, VERDICT_NETWORK, others[i]);
    lab_pass(lab, 5 * FL_SECOND);
    assert_says(lab, 0, DECISION_SERVE, REASON_HEALTHY);
    assert_says(lab, 2, DECISION_SERVE, REASON_HEALTHY);
}

static void a_drain_goes_by_steps_both_ways(void **state)
{
    struct lab *lab = *state;
    int64_t last = 100;

    lab->groups[0].policy.drain_steps = 4;
    lab->groups[0].policy.drain_interval_us = 10 * FL_SECOND;
    lab_start(lab);
    lab_break(lab, 0, 1);
    for (int64_t wanted = 75; wanted >= 0; wanted -= 25) {
        assert_int_equal(lab_says(lab, 0).weight, wanted);
        assert_int_equal(lab_says(lab, 0).state, DECISION_AVOID);
        lab_pass(lab, 10 * FL_SECOND);
    }
    assert_int_equal(lab_says(lab, 0).weight, 0);
    lab_mend(lab, 0, 1);
    while (lab_says(lab, 0).state == DECISION_AVOID)
        lab_pass(lab, FL_SECOND);
    assert_int_equal(lab_says(lab, 0).weight, 25);
    lab_pass(lab, 10 * FL_SECOND);
    assert_int_equal(lab_says(lab, 0).weight, 50);
    lab_pass(lab, 60 * FL_SECOND);
    assert_int_equal(lab_says(lab, 0).weight, last);
}

static void windows_are_read_and_may_span_midnight(void **state)
{
    static const char *const bad[] = {"",          "22:00",      "22:00-22:00",        "24:01-3:00",
                                      "1:60-2:00", "1:00-2:00,", "1:00-2:00;3:00-4:00"};
    struct lab *lab = *state;
    struct decision_group *group = &lab->groups[0];
    struct fl_error err;

    assert_int_equal(decision_windows_parse("22:00-01:30, 4:00-24:00", group, &err), 0);
    assert_int_equal(group->n_windows, 2);
    assert_true(group->windows[0].from_us == 22 * FL_HOUR);
    assert_true(group->windows[1].until_us == 24 * FL_HOUR);
    for (size_t i = 0; i < FL_COUNT(bad); i++)
        assert_true(decision_windows_parse(bad[i], group, &err) < 0);
    assert_true(decision_windows_parse("1:00-2:00,1:00-2:00,1:00-2:00,1:00-2:00,1:00-2:00", group,
                                       &err) < 0);
}

static void feed(struct engine *engine, const struct lab *lab, uint32_t agent, const char *target,
                 fl_time t_us, enum fl_failure failure)
{
    struct engine_update update;
    struct fl_result result;
    const struct engine_event event = {
        .type = ENGINE_RESULT, .t_us = t_us, .agent = agent, .result = &result};

    fl_result_init(&result);
    result.series = fl_series_id(target, strcmp(target, "vol-1") == 0 ? "rw" : "get");
    result.t_us = t_us - 1000;
    result.took_us = 1000;
    result.rx_us = t_us;
    result.ok = failure == FL_FAILURE_NONE;
    result.failure = failure;
    result.layer = result.ok ? FL_LAYER_NONE : FL_LAYER_CONNECT;
    engine_step(engine, &event, &update);
    (void)lab;
}

static void a_look_counts_who_saw_what_by_zone(void **state)
{
    struct lab *lab = with_needs(state);
    struct engine *engine = NULL;
    struct fl_error err;
    fl_time t = LAB_START;

    lab->groups[0].policy.fault_percent = 30;
    assert_int_equal(engine_new(lab->fleet, 1, &engine, &err), 0);
    for (int round = 0; round < 5; round++, t += FL_SECOND)
        for (uint32_t agent = 0; agent < 6; agent++) {
            feed(engine, lab, agent, "web-a", t,
                 agent == 2 ? FL_FAILURE_REFUSED
                            : (agent == 4 ? FL_FAILURE_LOCAL : FL_FAILURE_NONE));
            feed(engine, lab, agent, "vol-1", t, agent == 0 ? FL_FAILURE_TIMEOUT : FL_FAILURE_NONE);
        }
    decider_look(lab->decider, engine, t, lab->look);
    assert_int_equal(lab_sight(lab, 0, 0)->samples, 10);
    assert_int_equal(lab_sight(lab, 0, 0)->agents, 2);
    assert_int_equal(lab_sight(lab, 0, 0)->faults, 0);
    assert_int_equal(lab_sight(lab, 0, 1)->faults, 5);
    assert_int_equal(lab_sight(lab, 0, 1)->witnesses, 1);
    assert_int_equal(lab_sight(lab, 0, 2)->local, 5);
    assert_int_equal(lab_sight(lab, 0, 2)->samples, 5);
    assert_int_equal(lab->look->needs[0].faults, 5);
    assert_int_equal(lab->look->needs[1].faults, 0);
    assert_int_equal(lab->look->needs[1].samples, 10);
    assert_int_equal(lab->look->good_targets[0], 1);
    assert_int_equal(lab->look->good_targets[1], 0); /* nobody has seen web-b */
    /* who is under a verdict himself has no vote; what is long ago does not count */
    lab_verdict(lab, VERDICT_OPEN, 9, VERDICT_HOST, "host:b1");
    decider_look(lab->decider, engine, t, lab->look);
    assert_int_equal(lab_sight(lab, 0, 1)->faults, 0);
    assert_int_equal(lab_sight(lab, 0, 1)->disqualified, 1);
    decider_look(lab->decider, engine, t + FL_MINUTE, lab->look);
    assert_int_equal(lab_sight(lab, 0, 0)->samples, 0);
    engine_free(engine);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_zone_is_left_for_what_it_needs_as_its_own_agents_see_it),
        TEST(one_agent_inside_is_one_witness),
        TEST(a_volume_that_all_zones_need_moves_nobody),
        TEST(a_verdict_on_something_else_moves_nobody),
        TEST(a_drain_goes_by_steps_both_ways),
        TEST(windows_are_read_and_may_span_midnight),
        TEST(a_look_counts_who_saw_what_by_zone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
