// links: fl_runtime
#include "proto/runtime/fl_yaml.h"
#include "proto/types/fl_time.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct settings {
    char *name;
    char *note;
    int64_t interval;
    int64_t count;
    bool loud;
};

static const struct fl_option table[] = {
    {"name", FL_OPTION_NAME, offsetof(struct settings, name), 1, 64, NULL, NULL, "its name"},
    {"note", FL_OPTION_STRING, offsetof(struct settings, note), 0, 100, FL_OPTION_UNSET, NULL,
     "what to know"},
    {"interval", FL_OPTION_DURATION, offsetof(struct settings, interval), 100 * FL_MS, FL_HOUR,
     "1s", NULL, "time between probes"},
    {"count", FL_OPTION_INT, offsetof(struct settings, count), 1, 9, "3", NULL, "how many"},
    {"loud", FL_OPTION_BOOL, offsetof(struct settings, loud), 0, 0, "false", NULL, "how"},
    {.name = NULL},
};

static const char *const others[] = {"probes", "zones", NULL};

static int fill(const char *text, struct settings *settings, struct fl_error *err)
{
    FL_CLEANUP(fl_yaml_freep) struct fl_yaml *yaml = NULL;

    assert_int_equal(fl_yaml_parse("a.yaml", text, strlen(text), &yaml, err), 0);
    return fl_yaml_options(fl_yaml_root(yaml), table, others, settings, err);
}

/* The sanitizer that looks for leaks sees whether something stayed allocated. */
static void expect_refused(const char *text, int code, const char *start)
{
    struct settings settings = {0};
    struct fl_error err = {""};

    assert_int_equal(fill(text, &settings, &err), code);
    if (strncmp(err.message, start, strlen(start)) != 0)
        assert_string_equal(err.message, start);
    assert_null(settings.name);
    assert_null(settings.note);
}

static void settings_and_defaults_are_filled_in(void **state)
{
    struct settings settings = {0};
    struct fl_error err = {""};

    (void)state;
    assert_int_equal(fill("name: a1\ninterval: 250ms\nloud: yes\n", &settings, &err), 0);
    assert_string_equal(settings.name, "a1");
    assert_int_equal(settings.interval, 250 * FL_MS);
    assert_int_equal(settings.count, 3);
    assert_true(settings.loud);
    assert_null(settings.note);
    fl_options_done(table, &settings);
}

static void keys_of_the_caller_are_left_to_it(void **state)
{
    struct settings settings = {0};
    struct fl_error err = {""};

    (void)state;
    assert_int_equal(fill("name: a1\nprobes:\n- {type: tcp}\nzones: [a]\n", &settings, &err), 0);
    assert_string_equal(settings.name, "a1");
    fl_options_done(table, &settings);
}

static void a_bad_value_is_told_with_file_line_field_value_and_what_is_allowed(void **state)
{
    (void)state;
    expect_refused("name: a1\nnote: x\ninterval: abc\n", -EINVAL,
                   "a.yaml:3: \"interval\" is \"abc\"; allowed is a duration like 250ms");
    expect_refused("name: a1\ncount: 10\n", -EINVAL, "a.yaml:2: \"count\" is \"10\"; allowed is 1");
    expect_refused("name: not a name\n", -EINVAL, "a.yaml:1: \"name\" is \"not a name\"");
    expect_refused("name:\n", -EINVAL, "a.yaml:1: \"name\" is \"\"");
}

static void an_unknown_key_is_told_where_it_stands_with_what_there_is(void **state)
{
    (void)state;
    expect_refused("name: a1\nintervall:\n  - 1s\n", -ENOENT,
                   "a.yaml:2: there is no setting \"intervall\"; there are name, note, interval, "
                   "count, loud, and beside them probes, zones");
}

static void a_missing_setting_is_told_where_its_map_begins(void **state)
{
    (void)state;
    expect_refused("\nnote: x\n", -EINVAL, "a.yaml:2: \"name\" is missing");
    expect_refused("{}\n", -EINVAL, "a.yaml:1: \"name\" is missing");
}

static void a_list_is_no_value(void **state)
{
    (void)state;
    expect_refused("name: [a1]\n", -EINVAL, "a.yaml:1: field \"name\" must be a single value");
    expect_refused("name: a1\nnote: {a: b}\n", -EINVAL, "a.yaml:2: field \"note\" must be a");
}

static void settings_come_from_a_map_only(void **state)
{
    (void)state;
    expect_refused("- name: a1\n", -EINVAL, "a.yaml:1: here must be a map");
    expect_refused("a1\n", -EINVAL, "a.yaml:1: here must be a map");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_and_defaults_are_filled_in),
        cmocka_unit_test(keys_of_the_caller_are_left_to_it),
        cmocka_unit_test(a_bad_value_is_told_with_file_line_field_value_and_what_is_allowed),
        cmocka_unit_test(an_unknown_key_is_told_where_it_stands_with_what_there_is),
        cmocka_unit_test(a_missing_setting_is_told_where_its_map_begins),
        cmocka_unit_test(a_list_is_no_value),
        cmocka_unit_test(settings_come_from_a_map_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
