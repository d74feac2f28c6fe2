// links: coordinator_core
#include "coordinator/core/hypothesis.h"
#include "proto/types/fl_name.h"
#include "tests/support/unit.h"

#include <math.h>

static void every_prediction_is_a_distribution(void **state)
{
    (void)state;
    for (int f = 0; f < FAMILIES; f++) {
        double normal = 0;

        for (int s = 0; s < SYMBOLS; s++)
            normal += normal_predicts((enum symbol_family)f, (enum symbol)s);
        assert_true(fabs(normal - 1) < 0.06);
        for (int m = 0; m < MODES; m++) {
            double sum = 0;

            for (int s = 0; s < SYMBOLS; s++) {
                double p = mode_predicts((enum mode)m, (enum symbol_family)f, (enum symbol)s);

                assert_true(p > 0);
                sum += p;
            }
            /* the agent's own series has two symbols; all others share the rest */
            assert_true(f == FAMILY_AGENT || (sum > 0.9 && sum < 1.06));
        }
    }
}

static void every_mode_belongs_to_something_and_has_a_cause(void **state)
{
    (void)state;
    for (int m = 0; m < MODES; m++) {
        bool any = false;

        for (int t = 0; t < COMPONENT_TYPES; t++)
            any |= mode_applies((enum mode)m, (enum component_type)t);
        assert_true(any);
        assert_int_not_equal(mode_cause((enum mode)m), CAUSE_NONE);
    }
}

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
    struct component own[COMPONENTS_PER_SERIES];
    size_t n = components_of(fleet, agent, probe, own);
    char name[FL_COMPONENT_SIZE] = "none";

    for (size_t i = 0; i < n; i++)
        if (own[i].type == COMPONENT_PATH)
            component_name(fleet, &own[i], name);
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

static void components_are_in_one_order(void **state)
{
    struct component host = {COMPONENT_HOST, 3, 0}, zone = {COMPONENT_ZONE, 0, 0};

    (void)state;
    assert_true(component_compare(&host, &zone) < 0);
    assert_true(component_compare(&zone, &host) > 0);
    assert_true(component_equal(&host, &host));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_prediction_is_a_distribution),
        cmocka_unit_test(every_mode_belongs_to_something_and_has_a_cause),
        cmocka_unit_test(a_path_has_one_name_from_both_ends),
        cmocka_unit_test(components_are_in_one_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
