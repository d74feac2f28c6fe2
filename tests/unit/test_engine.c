// links: coordinator_core
#include "coordinator/core/engine.h"
#include "proto/types/fl_name.h"
#include "tests/support/unit.h"

#include <string.h>

#define T0 INT64_C(1700000000000000)

struct fixture {
    struct fleet *fleet;
    struct engine *engine;
    uint32_t vol;
    size_t opened;
};

static int setup(void **state)
{
    static struct fixture fixture;
    struct fleet *fleet = NULL;

    assert_int_equal(fleet_new(&fleet), 0);
    assert_int_equal(fleet_add_zone(fleet, "a", NULL), 0);
    assert_int_equal(fleet_add_zone(fleet, "b", NULL), 0);
    assert_int_equal(fleet_add_agent(fleet, "a1", "a", NULL), 0);
    assert_int_equal(fleet_add_agent(fleet, "b1", "b", NULL), 0);
    assert_int_equal(fleet_add_target(fleet, "vol", TARGET_STORAGE, "a", NULL, NULL), 0);
    assert_int_equal(fleet_add_probe(fleet, "vol", "rw", "nbd", FL_SECOND, FL_SECOND, NULL), 0);
    assert_int_equal(fleet_seal(fleet, FL_SECOND, FL_SECOND, NULL), 0);
    fixture = (struct fixture){fleet, NULL, fl_series_id("vol", "rw"), 0};
    assert_int_equal(engine_new(fleet, 7, &fixture.engine, NULL), 0);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    engine_free(fixture->engine);
    fleet_free(fixture->fleet);
    return 0;
}

static struct fl_result stalled(struct fixture *fixture, fl_time t_us)
{
    struct fl_result result;

    fl_result_init(&result);
    result.series = fixture->vol;
    result.t_us = t_us;
    result.took_us = FL_SECOND;
    result.rx_us = t_us + FL_SECOND + 100 * FL_MS;
    result.layer = FL_LAYER_OPERATE;
    result.failure = FL_FAILURE_TIMEOUT;
    result.phase_us[FL_LAYER_CONNECT] = 500;
    result.tcp = (struct fl_tcp){.rtt_us = 500, .min_rtt_us = 400};
    return result;
}

static void feed(struct fixture *fixture, uint32_t agent, const struct fl_result *result)
{
    struct engine_event event = {ENGINE_RESULT, result->rx_us, agent, result, NULL};
    struct engine_update update;

    engine_step(fixture->engine, &event, &update);
    for (size_t i = 0; i < update.n_events; i++)
        fixture->opened += update.events[i].type == VERDICT_OPEN;
}

static void quiet_until(struct fixture *fixture, fl_time t_us)
{
    struct engine_event event = {.type = ENGINE_DEADLINE, .t_us = t_us};
    struct engine_update update;

    engine_step(fixture->engine, &event, &update);
    for (size_t i = 0; i < update.n_events; i++)
        fixture->opened += update.events[i].type == VERDICT_OPEN;
}

static void a_volume_that_stalls_for_all_is_said_once_with_the_next_id(void **state)
{
    struct fixture *fixture = *state;
    const struct verdict *open;

    for (int i = 0; i < 5; i++)
        for (uint32_t agent = 0; agent < 2; agent++) {
            struct fl_result result = stalled(fixture, T0 + i * FL_SECOND + agent * 100 * FL_MS);

            feed(fixture, agent, &result);
        }
    quiet_until(fixture, T0 + 6 * FL_SECOND);
    assert_int_equal(engine_open(fixture->engine, &open), 1);
    assert_int_equal(fixture->opened, 1);
    assert_int_equal(open[0].id, 7);
    assert_int_equal(open[0].class, VERDICT_STORAGE);
    assert_string_equal(open[0].component, "target:vol");
    assert_int_equal(open[0].cause, CAUSE_STALL);
    assert_true(open[0].n_evidence > 0);
}

static void results_that_come_much_too_late_judge_nothing(void **state)
{
    struct fixture *fixture = *state;
    const struct verdict *open;

    for (int i = 0; i < 20; i++) {
        struct fl_result result = stalled(fixture, T0 + i * FL_SECOND);

        result.rx_us = T0 + FL_MINUTE;
        feed(fixture, 0, &result);
        feed(fixture, 1, &result);
    }
    quiet_until(fixture, T0 + FL_MINUTE + 2 * FL_SECOND);
    assert_int_equal(engine_open(fixture->engine, &open), 0);
    assert_int_equal(fixture->opened, 0);
}

static void what_is_not_of_the_fleet_is_counted_and_ignored(void **state)
{
    struct fixture *fixture = *state;
    struct fl_result result = stalled(fixture, T0);

    result.series++;
    feed(fixture, 0, &result);
    feed(fixture, 99, &result);
    assert_int_equal(engine_ignored(fixture->engine), 2);
}

static void time_that_goes_back_is_taken_as_equal(void **state)
{
    struct fixture *fixture = *state;
    struct fl_result late = stalled(fixture, T0 + 10 * FL_SECOND), early = stalled(fixture, T0);

    feed(fixture, 0, &late);
    feed(fixture, 0, &early);
    assert_int_equal(engine_ignored(fixture->engine), 0);
}

static void the_state_of_a_series_is_its_last_result(void **state)
{
    struct fixture *fixture = *state;
    struct fl_result result = stalled(fixture, T0);
    struct engine_series_state now;
    uint32_t probe = fleet_find_probe(fixture->fleet, fixture->vol);

    engine_series_state(fixture->engine, 0, probe, &now);
    assert_false(now.seen);
    feed(fixture, 0, &result);
    engine_series_state(fixture->engine, 0, probe, &now);
    assert_true(now.seen && now.fresh && !now.ok);
    assert_int_equal(now.failure, FL_FAILURE_TIMEOUT);
    quiet_until(fixture, T0 + FL_MINUTE);
    engine_series_state(fixture->engine, 0, probe, &now);
    assert_true(now.seen && !now.fresh);
}

/* Everybody is heard for a while, then only who is in `zone`. Returns the incidents. */
static size_t only_one_zone_is_heard(const char *zone)
{
    static const char *const zones[] = {"a", "b", "c"};
    struct fixture fixture = {0};
    struct fl_host_sample host;

    assert_int_equal(fleet_new(&fixture.fleet), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fleet_add_zone(fixture.fleet, zones[i], NULL), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fleet_add_agent(fixture.fleet, zones[i], zones[i], NULL), 0);
    assert_int_equal(fleet_seal(fixture.fleet, FL_SECOND, FL_SECOND, NULL), 0);
    assert_int_equal(engine_new(fixture.fleet, 1, &fixture.engine, NULL), 0);
    for (int t = 0; t < 200; t++) /* without probes, silence is told after a minute and a half */
        for (uint32_t i = 0; i < 3; i++) {
            struct engine_update update;
            struct engine_event event = {.type = ENGINE_HOST, .agent = i, .host = &host};

            if (t > 20 && strcmp(zones[i], zone) != 0 && strcmp(zone, "b and c") != 0)
                continue;
            if (t > 20 && strcmp(zone, "b and c") == 0 && i == 0)
                continue;
            fl_host_sample_init(&host);
            host.t_us = host.rx_us = event.t_us = T0 + t * FL_SECOND + i * 1000;
            engine_step(fixture.engine, &event, &update);
            for (size_t k = 0; k < update.n_events; k++)
                fixture.opened += update.events[k].type == VERDICT_OPEN;
        }
    engine_free(fixture.engine);
    fleet_free(fixture.fleet);
    return fixture.opened;
}

static void who_hears_its_own_zone_alone_does_not_call_the_others_silent(void **state)
{
    (void)state;
    assert_int_equal(only_one_zone_is_heard("b"), 0);
    assert_true(only_one_zone_is_heard("b and c") > 0); /* one of three is silent */
}

static struct fl_result fine(struct fixture *fixture, fl_time t_us, int64_t operate_us)
{
    struct fl_result result;

    fl_result_init(&result);
    result.series = fixture->vol;
    result.t_us = t_us;
    result.took_us = 500 + operate_us;
    result.rx_us = t_us + result.took_us + 50 * FL_MS;
    result.ok = true;
    result.phase_us[FL_LAYER_CONNECT] = 500;
    result.phase_us[FL_LAYER_OPERATE] = operate_us;
    result.tcp = (struct fl_tcp){.rtt_us = 500, .min_rtt_us = 400};
    return result;
}

/* Agents of three zones probe in turn; the first says nothing from a minute on, nobody is heard for
 * eight seconds from `deaf_ms` later on, and then everybody is again. Returns the incidents. */
static size_t one_stops_before_all_do(int64_t deaf_ms)
{
    static const char *const zones[] = {"a", "b", "c"};
    struct fixture fixture = {.vol = fl_series_id("vol", "rw")};
    const fl_time stop = T0 + FL_MINUTE, deaf = stop + deaf_ms * FL_MS, end = deaf + 8 * FL_SECOND;
    int turn = 0;

    assert_int_equal(fleet_new(&fixture.fleet), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fleet_add_zone(fixture.fleet, zones[i], NULL), 0);
    for (int i = 0; i < 6; i++)
        assert_int_equal(
            fleet_add_agent(fixture.fleet, (char[]){(char)('u' + i), '\0'}, zones[i % 3], NULL), 0);
    assert_int_equal(fleet_add_target(fixture.fleet, "vol", TARGET_STORAGE, "a", NULL, NULL), 0);
    assert_int_equal(fleet_add_probe(fixture.fleet, "vol", "rw", "nbd", FL_SECOND, FL_SECOND, NULL),
                     0);
    assert_int_equal(fleet_seal(fixture.fleet, FL_SECOND, FL_SECOND, NULL), 0);
    assert_int_equal(engine_new(fixture.fleet, 1, &fixture.engine, NULL), 0);
    for (fl_time t = T0; t < end + 20 * FL_SECOND; t += FL_SECOND / 6, turn++) {
        struct fl_result result = fine(&fixture, t, 900);

        if (t > deaf && t < end)
            quiet_until(&fixture, t);
        else if (turn % 6 != 0 || t < stop || t > end)
            feed(&fixture, (uint32_t)turn % 6, &result);
    }
    engine_free(fixture.engine);
    fleet_free(fixture.fleet);
    return fixture.opened;
}

/* The listener may pause just when an agent does. */
static void silence_is_what_others_are_heard_in(void **state)
{
    (void)state;
    for (int64_t ms = 1000; ms <= 2400; ms += 100)
        assert_int_equal(one_stops_before_all_do(ms), 0);
    assert_true(one_stops_before_all_do(10000) > 0);
}

static void feed_busy(struct fixture *fixture, fl_time t_us, int64_t ppm)
{
    struct fl_host_sample host;
    struct engine_event event = {.type = ENGINE_HOST, .agent = 0, .host = &host, .t_us = t_us};
    struct engine_update update;

    fl_host_sample_init(&host);
    host.t_us = host.rx_us = t_us;
    host.values[FL_HOST_CPU_BUSY_PPM] = ppm;
    engine_step(fixture->engine, &event, &update);
}

/* What agent a1 alone sees of the volume: 60 s of 2 ms, then 20 s of 20 ms. */
static size_t only_one_sees_it_slow(struct fixture *fixture, int64_t busy_ppm)
{
    const struct verdict *open;

    for (int i = 0; i < 80; i++) {
        fl_time t_us = T0 + i * FL_SECOND;
        struct fl_result result = fine(fixture, t_us, i < 60 ? 2000 : 20000);

        feed(fixture, 0, &result);
        feed_busy(fixture, t_us + 200 * FL_MS, i < 59 ? 15000 : busy_ppm);
    }
    return engine_open(fixture->engine, &open);
}

static void what_one_host_alone_finds_slow_is_said(void **state)
{
    assert_int_equal(only_one_sees_it_slow(*state, 15000), 1);
}

static void what_a_strained_host_alone_finds_slow_is_not_said(void **state)
{
    assert_int_equal(only_one_sees_it_slow(*state, 500000), 0);
}

/* Two zones are heard four times a second by the second; then one agent's link is cut. */
static void a_cut_link_is_said_within_five_seconds(void **state)
{
    struct fixture *fixture = *state;
    const struct verdict *open;
    fl_time cut_us = T0 + 30 * FL_SECOND, t_us = T0;

    for (; t_us < cut_us + 5 * FL_SECOND; t_us += FL_SECOND)
        for (uint32_t agent = 0; agent < 2; agent++) {
            struct fl_result result = fine(fixture, t_us + agent * 100 * FL_MS, 2000);

            if (agent == 0 || t_us < cut_us)
                feed(fixture, agent, &result);
        }
    quiet_until(fixture, cut_us + 5 * FL_SECOND);
    assert_int_equal(engine_open(fixture->engine, &open), 1);
    assert_string_equal(open[0].component, "link:b1");
    assert_int_equal(open[0].class, VERDICT_MONITORING);
}

static struct fl_result unanswered(struct fixture *fixture, fl_time t_us)
{
    struct fl_result result = stalled(fixture, t_us);

    result.layer = FL_LAYER_CONNECT;
    result.phase_us[FL_LAYER_CONNECT] = FL_ABSENT;
    return result;
}

/* One agent alone cannot tell the volume from the way; what the other one finds tells it, and that
 * is said, for machines act on the confidence. */
static void a_verdict_that_has_become_surer_is_updated(void **state)
{
    struct fixture *fixture = *state;
    double first = 0, last = 0;

    for (int i = 0; i < 40; i++)
        for (uint32_t agent = i < 20 ? 1 : 0; agent < 2; agent++) {
            struct fl_result result = unanswered(fixture, T0 + i * FL_SECOND + agent * 100 * FL_MS);
            struct engine_event event = {ENGINE_RESULT, result.rx_us, agent, &result, NULL};
            struct engine_update update;

            engine_step(fixture->engine, &event, &update);
            for (size_t k = 0; k < update.n_events; k++) {
                last = update.events[k].verdict.confidence;
                first = first > 0 ? first : last;
            }
        }
    assert_true(first > 0 && last - first >= 0.15);
}

/* The same zones and agents; without the volume, or with it behind another target. */
static struct engine *engine_after_reload(struct fixture *fixture, bool without)
{
    struct fleet *fleet = NULL;
    struct engine *engine = NULL;

    assert_int_equal(fleet_new(&fleet), 0);
    assert_int_equal(fleet_add_zone(fleet, "0", NULL), 0);
    assert_int_equal(fleet_add_zone(fleet, "a", NULL), 0);
    assert_int_equal(fleet_add_zone(fleet, "b", NULL), 0);
    assert_int_equal(fleet_add_agent(fleet, "01", "0", NULL), 0);
    assert_int_equal(fleet_add_agent(fleet, "a1", "a", NULL), 0);
    assert_int_equal(fleet_add_agent(fleet, "b1", "b", NULL), 0);
    assert_int_equal(fleet_add_target(fleet, "new", TARGET_SERVICE, "b", NULL, NULL), 0);
    assert_int_equal(fleet_add_probe(fleet, "new", "get", "http", FL_SECOND, FL_SECOND, NULL), 0);
    if (!without) {
        assert_int_equal(fleet_add_target(fleet, "vol", TARGET_STORAGE, "a", NULL, NULL), 0);
        assert_int_equal(fleet_add_probe(fleet, "vol", "rw", "nbd", FL_SECOND, FL_SECOND, NULL), 0);
    }
    assert_int_equal(fleet_seal(fleet, FL_SECOND, FL_SECOND, NULL), 0);
    assert_int_equal(engine_new(fleet, 100, &engine, NULL), 0);
    engine_inherit(engine, fixture->engine);
    engine_free(fixture->engine);
    fleet_free(fixture->fleet);
    fixture->engine = engine;
    fixture->fleet = fleet;
    return engine;
}

static void stall_for_both(struct fixture *fixture, int from_s, int to_s, uint32_t first_agent)
{
    for (int i = from_s; i < to_s; i++)
        for (uint32_t agent = 0; agent < 2; agent++) {
            struct fl_result result = stalled(fixture, T0 + i * FL_SECOND + agent * 100 * FL_MS);

            feed(fixture, first_agent + agent, &result);
        }
}

static void an_incident_outlives_a_reload_that_brings_targets(void **state)
{
    struct fixture *fixture = *state;
    const struct verdict *open;

    stall_for_both(fixture, 0, 6, 0);
    assert_int_equal(engine_open(fixture->engine, &open), 1);
    (void)engine_after_reload(fixture, false);
    assert_int_equal(engine_open(fixture->engine, &open), 1);
    stall_for_both(fixture, 6, 20, 1);
    assert_int_equal(engine_open(fixture->engine, &open), 1);
    assert_int_equal(open[0].id, 7);
    assert_string_equal(open[0].component, "target:vol");
    assert_int_equal(fixture->opened, 1);
    quiet_until(fixture, T0 + 21 * FL_SECOND);
    assert_int_equal(fixture->opened, 1);
}

/* What is evidence before the reload is so after it: it opens as soon as if there had been none. */
static void evidence_outlives_a_reload(void **state)
{
    struct fixture *fixture = *state;
    const struct verdict *open;

    stall_for_both(fixture, 0, 2, 0);
    assert_int_equal(engine_open(fixture->engine, &open), 0);
    (void)engine_after_reload(fixture, false);
    stall_for_both(fixture, 2, 3, 1);
    quiet_until(fixture, T0 + 4 * FL_SECOND);
    assert_int_equal(engine_open(fixture->engine, &open), 1);
    assert_int_equal(open[0].since_us, T0);
}

static void an_incident_goes_with_its_target(void **state)
{
    struct fixture *fixture = *state;
    const struct verdict *open;

    stall_for_both(fixture, 0, 6, 0);
    (void)engine_after_reload(fixture, true);
    assert_int_equal(engine_open(fixture->engine, &open), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_volume_that_stalls_for_all_is_said_once_with_the_next_id,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(results_that_come_much_too_late_judge_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_not_of_the_fleet_is_counted_and_ignored, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(time_that_goes_back_is_taken_as_equal, setup, teardown),
        cmocka_unit_test_setup_teardown(the_state_of_a_series_is_its_last_result, setup, teardown),
        cmocka_unit_test_setup_teardown(what_one_host_alone_finds_slow_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_strained_host_alone_finds_slow_is_not_said, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_cut_link_is_said_within_five_seconds, setup, teardown),
        cmocka_unit_test_setup_teardown(a_verdict_that_has_become_surer_is_updated, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_incident_outlives_a_reload_that_brings_targets, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(evidence_outlives_a_reload, setup, teardown),
        cmocka_unit_test_setup_teardown(an_incident_goes_with_its_target, setup, teardown),
        cmocka_unit_test(who_hears_its_own_zone_alone_does_not_call_the_others_silent),
        cmocka_unit_test(silence_is_what_others_are_heard_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
