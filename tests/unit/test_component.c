// links: coordinator_core
#include "coordinator/core/component.h"
#include "proto/types/fl_name.h"
#include "proto/types/fl_time.h"
#include "tests/support/unit.h"

static struct fleet *sample_fleet(void)
{
    struct fleet *fleet = NULL;

    assert_int_equal(fleet_new(&fleet), 0);
    assert_int_equal(fleet_add_zone(fleet, "b", NULL), 0);
    assert_int_equal(fleet_add_zone(fleet, "a", NULL), 0);
    assert_int_equal(fleet_add_place(fleet, "external", NULL), 0);
    assert_int_equal(fleet_add_agent(fleet, "a1", "a", NULL), 0);
    assert_int_equal(fleet_add_agent(fleet, "b1", "b", NULL), 0);
    assert_int_equal(fleet_add_target(fleet, "out", TARGET_SERVICE, "external", NULL, NULL), 0);
    assert_int_equal(fleet_add_target(fleet, "near", TARGET_SERVICE, "a", NULL, NULL), 0);
    assert_int_equal(fleet_add_probe(fleet, "out", "p", "tcp", FL_SECOND, FL_SECOND, NULL), 0);
    assert_int_equal(fleet_add_probe(fleet, "near", "p", "tcp", FL_SECOND, FL_SECOND, NULL), 0);
    assert_int_equal(fleet_seal(fleet, FL_SECOND, FL_SECOND, NULL), 0);
    return fleet;
}

static void assert_path(const struct fleet *fleet, uint32_t agent, uint32_t probe,
                        const char *expected)
{
    struct touch touches[COMPONENTS_PER_SERIES];
    size_t n = component_touches(fleet, agent, probe, touches);
    char name[FL_COMPONENT_SIZE] = "none";

    for (size_t i = 0; i < n; i++) {
        struct component component = component_of_id(fleet, touches[i].id);

        if (component.type == COMPONENT_PATH)
            component_name(fleet, &component, name);
    }
    assert_string_equal(name, expected);
}

static void a_path_has_one_name_from_both_ends(void **state)
{
    FL_CLEANUP(fleet_freep) struct fleet *fleet = sample_fleet();

    (void)state;
    assert_path(fleet, 0, fleet_find_probe(fleet, fl_series_id("agent:b1", "mesh")), "path:a~b");
    assert_path(fleet, 1, fleet_find_probe(fleet, fl_series_id("agent:a1", "mesh")), "path:a~b");
    assert_path(fleet, 0, fleet_find_probe(fleet, fl_series_id("out", "p")), "path:a>external");
    assert_path(fleet, 0, fleet_find_probe(fleet, fl_series_id("near", "p")), "none");
}

static void every_number_has_one_component(void **state)
{
    FL_CLEANUP(fleet_freep) struct fleet *fleet = sample_fleet();

    (void)state;
    for (uint32_t id = 0; id < component_count(fleet); id++) {
        struct component component = component_of_id(fleet, id);

        assert_int_equal(component_id(fleet, &component), id);
    }
}

static enum side side_of(const struct fleet *fleet, uint32_t agent, const char *target,
                         const char *probe, enum component_type type)
{
    struct touch touches[COMPONENTS_PER_SERIES];
    size_t n = component_touches(fleet, agent, fleet_find_probe(fleet, fl_series_id(target, probe)),
                                 touches);

    for (size_t i = 0; i < n; i++)
        if (component_of_id(fleet, touches[i].id).type == type)
            return touches[i].side;
    fail_msg("%s/%s touches nothing of type %d", target, probe, (int)type);
    return SIDES;
}

static void a_path_knows_which_end_asks(void **state)
{
    FL_CLEANUP(fleet_freep) struct fleet *fleet = sample_fleet();

    (void)state;
    assert_int_not_equal(side_of(fleet, 0, "agent:b1", "mesh", COMPONENT_PATH),
                         side_of(fleet, 1, "agent:a1", "mesh", COMPONENT_PATH));
    assert_int_equal(side_of(fleet, 0, "out", "p", COMPONENT_ZONE), SIDE_NEAR);
    assert_int_equal(side_of(fleet, 0, "out", "p", COMPONENT_PLACE), SIDE_FAR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_has_one_name_from_both_ends),
        cmocka_unit_test(every_number_has_one_component),
        cmocka_unit_test(a_path_knows_which_end_asks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
