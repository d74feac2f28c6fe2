// links: coordinator_core
/* What announced work covers, and what becomes of the verdicts that it keeps back. */
#include "coordinator/core/maintenance.h"
#include "tests/support/unit.h"

#include <string.h>

#define NOW (100 * FL_HOUR)

static struct fleet *fleet;

static int setup(void **state)
{
    struct fl_error err;

    (void)state;
    assert_int_equal(fleet_new(&fleet), 0);
    assert_int_equal(fleet_add_zone(fleet, "a", &err), 0);
    assert_int_equal(fleet_add_zone(fleet, "b", &err), 0);
    assert_int_equal(fleet_add_place(fleet, "san", &err), 0);
    assert_int_equal(fleet_add_agent(fleet, "a1", "a", &err), 0);
    assert_int_equal(fleet_add_agent(fleet, "b1", "b", &err), 0);
    assert_int_equal(fleet_add_target(fleet, "vol-1", TARGET_STORAGE, "san", "array", &err), 0);
    assert_int_equal(fleet_add_target(fleet, "vol-2", TARGET_STORAGE, "san", "array", &err), 0);
    assert_int_equal(fleet_add_target(fleet, "web", TARGET_SERVICE, "b", NULL, &err), 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(
            fleet_add_probe(fleet, fleet->targets[i].name, "p", "tcp", FL_SECOND, FL_SECOND, &err),
            0);
    assert_int_equal(fleet_seal(fleet, FL_SECOND, FL_SECOND, &err), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fleet_free(fleet);
    return 0;
}

static struct maintenance work(const char *target, const char *zone)
{
    struct maintenance window = {.id = 1, .begin_us = NOW, .end_us = NOW + FL_HOUR};

    if (target)
        strcpy(window.targets[window.n_targets++], target);
    if (zone)
        strcpy(window.zones[window.n_zones++], zone);
    return window;
}

static struct verdict fault(const char *component, const char *target)
{
    struct verdict verdict = {.id = 7};

    strcpy(verdict.component, component);
    if (target)
        strcpy(verdict.targets[verdict.n_targets++], target);
    return verdict;
}

static bool covers(struct maintenance window, const char *component, const char *target)
{
    struct verdict verdict = fault(component, target);

    return maintenance_covers(&window, 1, fleet, &verdict, NOW);
}

static void work_on_a_target_covers_it_and_what_only_it_suffers(void **state)
{
    (void)state;
    assert_true(covers(work("vol-1", NULL), "target:vol-1", "vol-1"));
    assert_true(covers(work("vol-1", NULL), "path:a~san", "vol-1"));
    assert_false(covers(work("vol-1", NULL), "target:vol-2", "vol-2"));
    assert_false(covers(work("vol-1", NULL), "path:a~san", "vol-2"));
    assert_false(covers(work("vol-1", NULL), "backend:array", NULL));
    assert_false(covers(work("vol-1", NULL), "path:a~san", NULL));
}

static void a_fault_that_touches_something_else_as_well_is_said(void **state)
{
    struct maintenance window = work("vol-1", NULL);
    struct verdict verdict = fault("path:a~san", "vol-1");

    (void)state;
    strcpy(verdict.targets[verdict.n_targets++], "vol-2");
    assert_false(maintenance_covers(&window, 1, fleet, &verdict, NOW));
    strcpy(window.targets[window.n_targets++], "vol-2");
    assert_true(maintenance_covers(&window, 1, fleet, &verdict, NOW));
    verdict.n_targets = VERDICT_MAX_TARGETS; /* there may be more */
    assert_false(maintenance_covers(&window, 1, fleet, &verdict, NOW));
}

static void work_in_a_zone_covers_what_is_there_and_the_ways_to_it(void **state)
{
    (void)state;
    assert_true(covers(work(NULL, "b"), "zone:b", NULL));
    assert_true(covers(work(NULL, "b"), "host:b1", NULL));
    assert_true(covers(work(NULL, "b"), "link:b1", NULL));
    assert_true(covers(work(NULL, "b"), "resolver:b", NULL));
    assert_true(covers(work(NULL, "b"), "path:a~b", NULL));
    assert_true(covers(work(NULL, "b"), "path:b>san", NULL));
    assert_true(covers(work(NULL, "b"), "target:web", "web"));
    assert_true(covers(work(NULL, "san"), "backend:array", "vol-1"));
    assert_true(covers(work(NULL, "san"), "place:san", "vol-1"));
    assert_false(covers(work(NULL, "b"), "zone:a", NULL));
    assert_false(covers(work(NULL, "b"), "host:a1", NULL));
    assert_false(covers(work(NULL, "b"), "path:a~san", "vol-1"));
    assert_false(covers(work(NULL, "b"), "zone:bb", NULL));
    assert_false(covers(work(NULL, "b"), "host:unknown", NULL));
}

static void work_covers_only_while_it_runs(void **state)
{
    struct maintenance window = work("web", NULL);
    struct verdict verdict = fault("target:web", "web");

    (void)state;
    assert_false(maintenance_covers(&window, 1, fleet, &verdict, NOW - 1));
    assert_true(maintenance_covers(&window, 1, fleet, &verdict, NOW));
    assert_true(maintenance_covers(&window, 1, fleet, &verdict, window.end_us - 1));
    assert_false(maintenance_covers(&window, 1, fleet, &verdict, window.end_us));
}

static bool passes(struct maintenance_silence *silence, struct maintenance window,
                   enum verdict_event_type type, fl_time t_us)
{
    const struct verdict_event event = {t_us, type, fault("target:web", "web")};

    return maintenance_pass(silence, &window, 1, fleet, &event);
}

static void what_is_covered_is_not_said_from_open_to_close(void **state)
{
    struct maintenance_silence silence = {0};
    struct maintenance window = work("web", NULL);

    (void)state;
    assert_false(passes(&silence, window, VERDICT_OPEN, NOW));
    assert_true(maintenance_is_silent(&silence, 7));
    assert_false(passes(&silence, window, VERDICT_UPDATE, NOW + 1));
    assert_false(passes(&silence, window, VERDICT_CLOSE, NOW + 2));
    assert_false(maintenance_is_silent(&silence, 7));
    assert_int_equal(silence.n, 0);
    assert_int_equal(silence.silenced, 1);
}

static void what_was_open_before_is_said_to_its_end(void **state)
{
    struct maintenance_silence silence = {0};
    struct maintenance window = work("web", NULL);

    (void)state;
    assert_true(passes(&silence, window, VERDICT_OPEN, NOW - 1));
    assert_true(passes(&silence, window, VERDICT_UPDATE, NOW + 1));
    assert_true(passes(&silence, window, VERDICT_CLOSE, NOW + 2));
}

static void what_lasts_beyond_the_work_is_said_then(void **state)
{
    struct maintenance_silence silence = {0};
    struct maintenance window = work("web", NULL);
    struct verdict_event event;

    (void)state;
    assert_false(passes(&silence, window, VERDICT_OPEN, NOW));
    assert_false(maintenance_release(&silence, &window, 1, fleet, NOW + 1, &event));
    assert_true(maintenance_release(&silence, &window, 1, fleet, window.end_us, &event));
    assert_int_equal(event.type, VERDICT_OPEN);
    assert_int_equal(event.t_us, window.end_us);
    assert_int_equal(event.verdict.id, 7);
    assert_false(maintenance_release(&silence, &window, 1, fleet, window.end_us, &event));
    assert_true(passes(&silence, window, VERDICT_CLOSE, window.end_us + 1));
}

/* Better said than lost: what there is no place for is published. */
static void more_than_can_be_kept_back_is_said(void **state)
{
    static struct maintenance_silence silence;
    struct maintenance window = work("web", NULL);
    struct verdict_event event = {NOW, VERDICT_OPEN, fault("target:web", "web")};

    (void)state;
    for (uint64_t id = 1; id <= MAINTENANCE_MAX_SILENT; id++) {
        event.verdict.id = id;
        assert_false(maintenance_pass(&silence, &window, 1, fleet, &event));
    }
    event.verdict.id = 100000;
    assert_true(maintenance_pass(&silence, &window, 1, fleet, &event));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_on_a_target_covers_it_and_what_only_it_suffers),
        cmocka_unit_test(a_fault_that_touches_something_else_as_well_is_said),
        cmocka_unit_test(work_in_a_zone_covers_what_is_there_and_the_ways_to_it),
        cmocka_unit_test(work_covers_only_while_it_runs),
        cmocka_unit_test(what_is_covered_is_not_said_from_open_to_close),
        cmocka_unit_test(what_was_open_before_is_said_to_its_end),
        cmocka_unit_test(what_lasts_beyond_the_work_is_said_then),
        cmocka_unit_test(more_than_can_be_kept_back_is_said),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
