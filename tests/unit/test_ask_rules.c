// links: agent_core
#include "agent/core/ask_rules.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <string.h>

static struct fl_plan plan;
static struct fl_ask ask;
static struct ask_choice choice;
static struct fl_error err;

static int set_up(void **state)
{
    struct fl_probe_spec *spec;

    (void)state;
    fl_plan_init(&plan);
    fl_ask_init(&ask);
    memset(&choice, 0, sizeof(choice));
    spec = fl_plan_add(&plan, "web", "get", "http", FL_SECOND, 2 * FL_SECOND);
    assert_int_equal(fl_probe_spec_set(spec, "url", "http://192.0.2.1/"), 0);
    spec = fl_plan_add(&plan, "net", "ping", "icmp", FL_SECOND, 2 * FL_SECOND);
    assert_int_equal(fl_probe_spec_set(spec, "address", "192.0.2.1"), 0);
    spec = fl_plan_add(&plan, "db", "port", "tcp", FL_SECOND, 2 * FL_SECOND);
    assert_int_equal(fl_probe_spec_set(spec, "address", "192.0.2.2:5432"), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fl_plan_done(&choice.own);
    fl_ask_done(&ask);
    fl_plan_done(&plan);
    return 0;
}

static struct fl_probe_spec *order(const char *target, const char *probe, const char *type)
{
    struct fl_probe_spec *spec = fl_ask_add(&ask, target, probe, type, 3, 100 * FL_MS, 0);

    assert_non_null(spec);
    return spec;
}

static void set(struct fl_probe_spec *spec, const char *key, const char *value)
{
    assert_int_equal(fl_probe_spec_set(spec, key, value), 0);
}

static int choose(const struct fl_probe_spec *spec, char *const *patterns, size_t n_patterns)
{
    const struct ask_rules rules = {n_patterns, patterns};

    fl_plan_done(&choice.own);
    return ask_rules_choose(&rules, &plan, spec, &choice, &err);
}

static void refused(const struct fl_probe_spec *spec, int code, const char *part)
{
    assert_int_equal(choose(spec, NULL, 0), code);
    if (!strstr(err.message, part))
        fail_msg("\"%s\" is not in \"%s\"", part, err.message);
}

static void a_probe_of_the_plan_is_run_as_it_is(void **state)
{
    (void)state;
    assert_int_equal(choose(order("db", "port", ""), NULL, 0), 0);
    assert_int_equal(choice.index, 2);
    assert_false(choice.varied);
}

static void a_probe_that_the_plan_has_not_is_refused(void **state)
{
    (void)state;
    refused(order("db", "other", ""), -ENOENT, "db/other");
}

static void a_size_may_differ(void **state)
{
    struct fl_probe_spec *spec = order("net", "ping", "");

    (void)state;
    set(spec, "size", "1400");
    assert_int_equal(choose(spec, NULL, 0), 0);
    assert_true(choice.varied);
    assert_string_equal(choice.own.specs[0].type, "icmp");
    assert_int_equal(choice.own.specs[0].series, plan.specs[1].series);
    assert_int_equal(choice.own.specs[0].timeout_us, 2 * FL_SECOND);
    assert_int_equal(choice.own.specs[0].n_settings, 2);
    assert_string_equal(choice.own.specs[0].settings[0].value, "192.0.2.1");
    assert_string_equal(choice.own.specs[0].settings[1].value, "1400");
}

static void a_shorter_timeout_makes_a_probe_of_its_own(void **state)
{
    struct fl_probe_spec *spec = order("db", "port", "");

    (void)state;
    spec->timeout_us = 500 * FL_MS;
    assert_int_equal(choose(spec, NULL, 0), 0);
    assert_true(choice.varied);
    assert_int_equal(choice.own.specs[0].timeout_us, 500 * FL_MS);
}

static void only_an_address_of_the_plan_may_stand_in_for_another(void **state)
{
    struct fl_probe_spec *good = order("net", "ping", ""), *bad;

    (void)state;
    set(good, "address", "192.0.2.2:5432");
    assert_int_equal(choose(good, NULL, 0), 0);
    assert_int_equal(choice.own.specs[0].n_settings, 1);
    assert_string_equal(choice.own.specs[0].settings[0].value, "192.0.2.2:5432");
    bad = order("db", "port", "");
    set(bad, "address", "192.0.2.2:22");
    refused(bad, -EACCES, "192.0.2.2:22");
}

static void nothing_else_of_the_plan_may_differ(void **state)
{
    struct fl_probe_spec *spec = order("web", "get", "");

    (void)state;
    set(spec, "url", "http://192.0.2.1/admin");
    refused(spec, -EACCES, "url");
}

static void what_is_not_in_the_plan_needs_a_pattern(void **state)
{
    char pattern[] = "tcp 198.51.100.*:443";
    char *const patterns[] = {pattern};
    struct fl_probe_spec *spec = order("ask", "tcp", "tcp");

    (void)state;
    spec->timeout_us = FL_SECOND;
    set(spec, "address", "198.51.100.7:443");
    refused(spec, -EACCES, "allow_adhoc");
    assert_int_equal(choose(spec, patterns, 1), 0);
    assert_true(choice.varied);
    assert_string_equal(choice.own.specs[0].settings[0].value, "198.51.100.7:443");
    assert_int_equal(choice.own.specs[0].n_settings, 1);
}

static void a_pattern_says_type_and_address_both(void **state)
{
    char pattern[] = "tcp 198.51.100.*:443";
    char *const patterns[] = {pattern};
    struct fl_probe_spec *other_type = order("ask", "icmp", "icmp"), *other_port;

    (void)state;
    set(other_type, "address", "198.51.100.7:443");
    assert_int_equal(choose(other_type, patterns, 1), -EACCES);
    other_port = order("ask", "tcp", "tcp"); /* moves the ones before */
    set(other_port, "address", "198.51.100.7:22");
    assert_int_equal(choose(other_port, patterns, 1), -EACCES);
}

static void an_order_may_neither_name_files_nor_reach_two(void **state)
{
    char pattern[] = "*";
    char *const patterns[] = {pattern};
    struct fl_probe_spec *file = order("ask", "https", "https"), *two;

    (void)state;
    set(file, "url", "https://192.0.2.9/");
    set(file, "ca_file", "/etc/shadow");
    assert_int_equal(choose(file, patterns, 1), -EACCES);
    assert_non_null(strstr(err.message, "ca_file"));
    two = order("ask", "tcp", "tcp");
    set(two, "address", "192.0.2.9:1");
    set(two, "server", "192.0.2.9:2");
    assert_int_equal(choose(two, patterns, 1), -EACCES);
    refused(order("ask", "tcp", "tcp"), -EACCES, "address");
}

static void a_pattern_has_two_words(void **state)
{
    static const char *const bad[] = {"", "tcp", "tcp ", " 192.0.2.1", "tcp a b", "tcp \\*"};

    (void)state;
    assert_int_equal(ask_rules_check_pattern("tcp 192.0.2.*:443", &err), 0);
    assert_int_equal(ask_rules_check_pattern("https https://*.example.org/*", &err), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(ask_rules_check_pattern(bad[i], &err), -EINVAL);
}

int main(void)
{
#define RULE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RULE(a_probe_of_the_plan_is_run_as_it_is),
        RULE(a_probe_that_the_plan_has_not_is_refused),
        RULE(a_size_may_differ),
        RULE(a_shorter_timeout_makes_a_probe_of_its_own),
        RULE(only_an_address_of_the_plan_may_stand_in_for_another),
        RULE(nothing_else_of_the_plan_may_differ),
        RULE(what_is_not_in_the_plan_needs_a_pattern),
        RULE(a_pattern_says_type_and_address_both),
        RULE(an_order_may_neither_name_files_nor_reach_two),
        RULE(a_pattern_has_two_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
