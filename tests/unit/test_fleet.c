// links: coordinator_core
#include "coordinator/core/fleet.h"
#include "proto/types/fl_name.h"
#include "proto/types/fl_time.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <string.h>

static struct fleet *small_fleet(void)
{
    struct fleet *fleet = NULL;

    assert_int_equal(fleet_new(&fleet), 0);
    assert_int_equal(fleet_add_zone(fleet, "a", NULL), 0);
    assert_int_equal(fleet_add_zone(fleet, "b", NULL), 0);
    assert_int_equal(fleet_add_place(fleet, "storage", NULL), 0);
    assert_int_equal(fleet_add_agent(fleet, "a1", "a", NULL), 0);
    assert_int_equal(fleet_add_agent(fleet, "b1", "b", NULL), 0);
    assert_int_equal(fleet_add_target(fleet, "vol", TARGET_STORAGE, "storage", "array", NULL), 0);
    assert_int_equal(fleet_add_probe(fleet, "vol", "rw", "nbd", FL_SECOND, FL_SECOND, NULL), 0);
    return fleet;
}

static void sealing_adds_the_mesh_target_of_every_agent(void **state)
{
    FL_CLEANUP(fleet_freep) struct fleet *fleet = small_fleet();
    uint32_t mesh;

    (void)state;
    assert_int_equal(fleet_seal(fleet, FL_SECOND, FL_SECOND, NULL), 0);
    mesh = fleet_find_target(fleet, "agent:b1");
    assert_int_not_equal(mesh, FLEET_NONE);
    assert_int_equal(fleet->targets[mesh].kind, TARGET_MESH);
    assert_int_equal(fleet->targets[mesh].mesh_agent, fleet_find_agent(fleet, "b1"));
    assert_int_equal(fleet->targets[mesh].place, fleet_find_place(fleet, "b"));
    assert_int_not_equal(fleet_find_probe(fleet, fl_series_id("agent:b1", "mesh")), FLEET_NONE);
}

static void fleets_are_equal_when_an_index_means_the_same_in_both(void **state)
{
    FL_CLEANUP(fleet_freep) struct fleet *fleet = small_fleet(), *other = small_fleet();

    (void)state;
    assert_true(fleet_equal(fleet, other));
    assert_int_equal(fleet_seal(fleet, FL_SECOND, FL_SECOND, NULL), 0);
    assert_false(fleet_equal(fleet, other));
    assert_int_equal(fleet_seal(other, FL_SECOND, FL_SECOND, NULL), 0);
    assert_true(fleet_equal(fleet, other));
    other->probes[0].interval_us++;
    assert_false(fleet_equal(fleet, other));
    other->probes[0].interval_us--;
    other->targets[0].backend = FLEET_NONE;
    assert_false(fleet_equal(fleet, other));
    other->targets[0].backend = fleet->targets[0].backend;
    strcpy(other->agents[1].name, "b2");
    assert_false(fleet_equal(fleet, other));
}

static void a_series_is_found_by_its_number(void **state)
{
    FL_CLEANUP(fleet_freep) struct fleet *fleet = small_fleet();
    uint32_t probe;

    (void)state;
    assert_int_equal(fleet_seal(fleet, FL_SECOND, FL_SECOND, NULL), 0);
    probe = fleet_find_probe(fleet, fl_series_id("vol", "rw"));
    assert_int_not_equal(probe, FLEET_NONE);
    assert_string_equal(fleet->probes[probe].type, "nbd");
    assert_int_equal(fleet_find_probe(fleet, fl_series_id("vol", "ro")), FLEET_NONE);
}

static void what_refers_to_nothing_is_refused_with_its_name(void **state)
{
    FL_CLEANUP(fleet_freep) struct fleet *fleet = small_fleet();
    struct fl_error err = {{0}};

    (void)state;
    assert_true(fleet_add_agent(fleet, "x1", "nowhere", &err) < 0);
    assert_non_null(strstr(err.message, "nowhere"));
    assert_true(fleet_add_target(fleet, "t", TARGET_SERVICE, "moon", NULL, &err) < 0);
    assert_non_null(strstr(err.message, "moon"));
    assert_true(fleet_add_probe(fleet, "ghost", "p", "tcp", FL_SECOND, FL_SECOND, &err) < 0);
    assert_non_null(strstr(err.message, "ghost"));
}

static void a_name_given_twice_is_refused(void **state)
{
    FL_CLEANUP(fleet_freep) struct fleet *fleet = small_fleet();
    struct fl_error err = {{0}};

    (void)state;
    assert_true(fleet_add_zone(fleet, "a", &err) < 0);
    assert_true(fleet_add_agent(fleet, "a1", "b", &err) < 0);
    assert_non_null(strstr(err.message, "a1"));
    assert_true(fleet_add_target(fleet, "vol", TARGET_STORAGE, "storage", NULL, &err) < 0);
    assert_int_equal(fleet_add_probe(fleet, "vol", "rw", "nbd", FL_SECOND, FL_SECOND, &err), 0);
    assert_true(fleet_seal(fleet, FL_SECOND, FL_SECOND, &err) < 0);
    assert_non_null(strstr(err.message, "rw"));
}

static void a_name_outside_the_rules_is_refused(void **state)
{
    FL_CLEANUP(fleet_freep) struct fleet *fleet = small_fleet();
    struct fl_error err = {{0}};

    (void)state;
    assert_true(fleet_add_place(fleet, "two words", &err) < 0);
    assert_non_null(strstr(err.message, "two words"));
    assert_true(fleet_add_place(fleet, "", &err) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sealing_adds_the_mesh_target_of_every_agent),
        cmocka_unit_test(fleets_are_equal_when_an_index_means_the_same_in_both),
        cmocka_unit_test(a_series_is_found_by_its_number),
        cmocka_unit_test(what_refers_to_nothing_is_refused_with_its_name),
        cmocka_unit_test(a_name_given_twice_is_refused),
        cmocka_unit_test(a_name_outside_the_rules_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
