// links: coordinator_core
/* A volume mounted over a way that loses packets: the operation that hangs on the mount outlasts
 * the loss, for what was lost is sent again at ever longer intervals. */
#include "coordinator/core/engine.h"
#include "proto/types/fl_name.h"
#include "tests/support/unit.h"

#include <string.h>

#define T0 INT64_C(1700000000000000)
#define LOSS 20      /* s after the start, */
#define LOSS_LASTS 8 /* for so long */
#define END 70

struct fixture {
    struct fleet *fleet;
    struct engine *engine;
    char opened[512]; /* components of incidents, in order */
};

static int setup(void **state)
{
    static const char *const names[] = {"vol-1", "vol-2", "vol-3", "fs"};
    static struct fixture fixture;
    struct fleet *fleet = NULL;

    assert_int_equal(fleet_new(&fleet), 0);
    assert_int_equal(fleet_add_zone(fleet, "a", NULL), 0);
    assert_int_equal(fleet_add_zone(fleet, "b", NULL), 0);
    assert_int_equal(fleet_add_place(fleet, "storage", NULL), 0);
    assert_int_equal(fleet_add_agent(fleet, "a1", "a", NULL), 0);
    assert_int_equal(fleet_add_agent(fleet, "b1", "b", NULL), 0);
    for (size_t i = 0; i < FL_COUNT(names); i++) {
        assert_int_equal(fleet_add_target(fleet, names[i], TARGET_STORAGE, "storage", NULL, NULL),
                         0);
        assert_int_equal(fleet_add_probe(fleet, names[i], "rw", i < 3 ? "nbd" : "file", FL_SECOND,
                                         FL_SECOND, NULL),
                         0);
    }
    assert_int_equal(fleet_seal(fleet, FL_SECOND, FL_SECOND, NULL), 0);
    fixture = (struct fixture){.fleet = fleet};
    assert_int_equal(engine_new(fleet, 1, &fixture.engine, NULL), 0);
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

static void feed(struct fixture *fixture, uint32_t agent, struct fl_result *result)
{
    struct engine_event event = {ENGINE_RESULT, 0, agent, result, NULL};
    struct engine_update update;

    event.t_us = result->rx_us = result->t_us + result->took_us + 50 * FL_MS;
    engine_step(fixture->engine, &event, &update);
    for (size_t i = 0; i < update.n_events; i++)
        if (update.events[i].type == VERDICT_OPEN) {
            strcat(fixture->opened, update.events[i].verdict.component);
            strcat(fixture->opened, " ");
        }
}

/* Of three probes through the loss two come late, sent again, and one not at all. */
static void feed_volume(struct fixture *fixture, const char *name, uint32_t agent, fl_time t_us,
                        bool lossy, bool lost)
{
    struct fl_result result;

    fl_result_init(&result);
    result.series = fl_series_id(name, "rw");
    result.t_us = t_us;
    result.ok = !lost;
    result.took_us = lost ? FL_SECOND : lossy ? 900 * FL_MS : 2500;
    result.layer = FL_LAYER_OPERATE;
    result.failure = lost ? FL_FAILURE_TIMEOUT : FL_FAILURE_NONE;
    result.phase_us[FL_LAYER_CONNECT] = lossy ? 24 * FL_MS : 500;
    result.tcp = (struct fl_tcp){
        .rtt_us = 500, .min_rtt_us = 400, .retrans = lossy, .op_retrans = lossy, .unacked = lost};
    if (!lost)
        result.phase_us[FL_LAYER_OPERATE] = result.took_us - result.phase_us[FL_LAYER_CONNECT];
    feed(fixture, agent, &result);
}

/* An operation begun at hangs_us does not come back before ends_us. */
static void feed_mount(struct fixture *fixture, fl_time t_us, fl_time hangs_us, fl_time ends_us)
{
    bool hangs = t_us >= hangs_us && t_us < ends_us;
    struct fl_result result;

    fl_result_init(&result);
    result.series = fl_series_id("fs", "rw");
    result.t_us = t_us;
    result.ok = !hangs;
    result.layer = FL_LAYER_OPERATE;
    result.took_us = 2000;
    if (hangs) {
        result.failure = FL_FAILURE_TIMEOUT;
        result.took_us = t_us == hangs_us ? FL_SECOND : 0;
        result.stalled_us = t_us + result.took_us - hangs_us;
    } else {
        result.phase_us[FL_LAYER_OPERATE] = 2000;
    }
    feed(fixture, 0, &result);
}

/* What is opened when an operation that begins so long before the end of the loss outlasts it. */
static const char *opened(struct fixture *fixture, int before_s, int outlasts_s)
{
    static const char *const volumes[] = {"vol-1", "vol-2", "vol-3"};
    fl_time end_us = T0 + (LOSS + LOSS_LASTS) * FL_SECOND;

    for (int s = 0; s < END; s++) {
        fl_time t_us = T0 + s * FL_SECOND;
        bool lossy = s >= LOSS && s < LOSS + LOSS_LASTS;

        for (int i = 0; i < (int)FL_COUNT(volumes); i++) {
            fl_time at_us = t_us + i * 100 * FL_MS;

            feed_volume(fixture, volumes[i], 1, at_us, false, false);
            feed_volume(fixture, volumes[i], 0, at_us, lossy, lossy && (s + i) % 3 == 0);
        }
        feed_mount(fixture, t_us + 400 * FL_MS, end_us - before_s * FL_SECOND + 400 * FL_MS,
                   end_us + outlasts_s * FL_SECOND);
    }
    return fixture->opened;
}

static void it_is_no_sick_volume_for_as_long_as_the_loss_lasted(void **state)
{
    void *fixture;

    (void)state;
    for (int before_s = 1; before_s < LOSS_LASTS; before_s++)
        for (int outlasts_s = 1; outlasts_s < LOSS_LASTS; outlasts_s++) {
            setup(&fixture);
            assert_string_equal(opened(fixture, before_s, outlasts_s), "path:a~storage ");
            teardown(&fixture);
        }
}

static void it_is_one_when_it_does_not_come_back(void **state)
{
    assert_string_equal(opened(*state, LOSS_LASTS / 2, 3 * LOSS_LASTS),
                        "path:a~storage target:fs ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_no_sick_volume_for_as_long_as_the_loss_lasted),
        cmocka_unit_test_setup_teardown(it_is_one_when_it_does_not_come_back, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
