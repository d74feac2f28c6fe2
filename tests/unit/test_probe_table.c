// links: agent_probe
/* What every row of the real table must have, whatever its type does. */
#include "agent/probe/probe_module.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <string.h>

static const struct probe_type *load(const struct probe_row *row)
{
    const struct probe_type *type = NULL;
    struct fl_error err = {""};

    if (probe_type_find(row->name, &type, &err) < 0)
        fail_msg("%s: %s", row->name, err.message);
    return type;
}

#define EACH_TYPE(type)                                            \
    for (const struct probe_row *at = probe_table; at->name; at++) \
        for (const struct probe_type *type = load(at); type; type = NULL)

static void every_type_is_found_by_its_name_alone(void **state)
{
    const struct probe_type *none = NULL;
    struct fl_error err = {""};

    (void)state;
    EACH_TYPE(type)
    {
        assert_string_equal(type->name, at->name);
        assert_true(strlen(type->name) < FL_TYPE_SIZE);
        assert_true(strlen(type->summary) > 0);
    }
    assert_int_equal(probe_type_find("carrier-pigeon", &none, &err), -ENOENT);
    assert_int_equal(probe_type_find("", &none, &err), -ENOENT);
    assert_null(none);
}

static void every_type_has_what_the_runner_calls(void **state)
{
    (void)state;
    EACH_TYPE(type)
    {
        assert_non_null(type->open);
        assert_non_null(type->close);
        assert_non_null(type->start);
        assert_non_null(type->expire);
        assert_non_null(type->cancel);
    }
}

static void every_setting_has_a_place_a_meaning_and_a_valid_default(void **state)
{
    (void)state;
    EACH_TYPE(type)
    {
        const struct fl_option *row = type->options;
        size_t n = 0;

        for (; row->name; row++, n++) {
            assert_true(row->offset < type->settings_size);
            assert_true(strlen(row->help) > 0);
            assert_true(row->min <= row->max);
            assert_ptr_equal(fl_options_find(type->options, row->name), row);
            if (row->kind == FL_OPTION_CHOICE)
                assert_non_null(row->choices);
        }
        assert_true(n <= FL_MAX_SETTINGS);
    }
}

static void a_module_that_is_not_there_is_named(void **state)
{
    const struct probe_type *type = NULL;
    struct fl_error err = {""};

    (void)state;
    assert_int_equal(probe_module_load("pigeon", "pigeon", &type, &err), -ELIBACC);
    assert_non_null(strstr(err.message, "probe_pigeon.so"));
    assert_int_equal(probe_module_load("http", "pigeon", &type, &err), -ELIBACC);
    assert_non_null(strstr(err.message, "no type \"pigeon\""));
    assert_null(type);
}

/* Each type wants something to aim at, so a spec without settings is refused by name. */
static void a_probe_without_settings_is_refused_with_its_name(void **state)
{
    (void)state;
    EACH_TYPE(type)
    {
        struct fl_probe_spec spec = {.target = "web", .probe = "one"};
        struct fl_error err = {""};
        void *settings = NULL;

        assert_true(probe_settings_parse(type, &spec, &settings, &err) < 0);
        assert_null(settings);
        assert_non_null(strstr(err.message, "web/one"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_found_by_its_name_alone),
        cmocka_unit_test(every_type_has_what_the_runner_calls),
        cmocka_unit_test(every_setting_has_a_place_a_meaning_and_a_valid_default),
        cmocka_unit_test(a_probe_without_settings_is_refused_with_its_name),
        cmocka_unit_test(a_module_that_is_not_there_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
