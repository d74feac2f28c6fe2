// links: fl_types
#include "proto/types/fl_plan.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void fill(struct fl_plan *plan, size_t n)
{
    fl_plan_init(plan);
    plan->version = 1;
    for (size_t i = 0; i < n; i++) {
        char name[FL_NAME_SIZE];
        struct fl_probe_spec *spec;

        (void)snprintf(name, sizeof(name), "t%zu", i);
        spec = fl_plan_add(plan, name, "p", "tcp", FL_SECOND, FL_SECOND);
        assert_non_null(spec);
        assert_int_equal(fl_probe_spec_set(spec, "address", name), 0);
    }
}

static void a_plan_grows_and_keeps_what_it_was_given(void **state)
{
    struct fl_plan plan;

    (void)state;
    fill(&plan, 1000);
    assert_int_equal(plan.n_specs, 1000);
    assert_string_equal(plan.specs[999].target, "t999");
    assert_string_equal(plan.specs[17].settings[0].value, "t17");
    assert_int_equal(fl_plan_check(&plan, NULL), 0);
    fl_plan_done(&plan);
}

static void plans_are_equal_when_everything_is(void **state)
{
    struct fl_plan a, b;

    (void)state;
    fill(&a, 20);
    fill(&b, 20);
    assert_true(fl_plan_equal(&a, &b));
    b.mesh_key[31] = 1;
    assert_false(fl_plan_equal(&a, &b));
    b.mesh_key[31] = 0;
    assert_int_equal(fl_probe_spec_set(&b.specs[3], "more", "x"), 0);
    assert_false(fl_plan_equal(&a, &b));
    fl_plan_done(&a);
    fl_plan_done(&b);
}

static void settings_have_a_limit(void **state)
{
    struct fl_plan plan;

    (void)state;
    fill(&plan, 1);
    for (size_t i = 1; i < FL_MAX_SETTINGS; i++)
        assert_int_equal(fl_probe_spec_set(&plan.specs[0], "k", "v"), 0);
    assert_int_equal(fl_probe_spec_set(&plan.specs[0], "k", "v"), -E2BIG);
    fl_plan_done(&plan);
}

static void assert_refused(struct fl_plan *plan, const char *word)
{
    struct fl_error err = {{0}};

    assert_int_equal(fl_plan_check(plan, &err), -EINVAL);
    assert_non_null(strstr(err.message, word));
    fl_plan_done(plan);
}

static void what_breaks_a_rule_is_refused(void **state)
{
    struct fl_plan plan;

    (void)state;
    fill(&plan, 2);
    plan.specs[1].interval_us = 1;
    assert_refused(&plan, "interval of t1/p");
    fill(&plan, 2);
    plan.specs[1].timeout_us = FL_MAX_TIMEOUT_US + 1;
    assert_refused(&plan, "timeout of t1/p");
    fill(&plan, 2);
    plan.specs[1].series++;
    assert_refused(&plan, "series");
    fill(&plan, 2);
    plan.specs[1] = (struct fl_probe_spec){.settings = plan.specs[1].settings,
                                           .n_settings = plan.specs[1].n_settings};
    assert_refused(&plan, "no name");
    fill(&plan, 2);
    assert_non_null(fl_plan_add(&plan, "t0", "p", "tcp", FL_SECOND, FL_SECOND));
    assert_refused(&plan, "same series");
}

static void a_name_that_is_too_long_is_not_added(void **state)
{
    struct fl_plan plan;
    char name[FL_TARGET_SIZE + 1];

    (void)state;
    memset(name, 'x', sizeof(name));
    name[FL_TARGET_SIZE] = '\0';
    fl_plan_init(&plan);
    assert_null(fl_plan_add(&plan, name, "p", "tcp", FL_SECOND, FL_SECOND));
    fl_plan_done(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_grows_and_keeps_what_it_was_given),
        cmocka_unit_test(plans_are_equal_when_everything_is),
        cmocka_unit_test(settings_have_a_limit),
        cmocka_unit_test(what_breaks_a_rule_is_refused),
        cmocka_unit_test(a_name_that_is_too_long_is_not_added),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
