// links: agent_probe
/* What every row of the real table must have, whatever its type does. */
#include "agent/probe/probe.h"
#include "tests/support/unit.h"

#include <string.h>

#define EACH_TYPE(at) for (const struct probe_type *const *at = probe_table; *(at); (at)++)

static void every_type_is_found_by_its_name_alone(void **state)
{
    (void)state;
    EACH_TYPE(at)
    {
        assert_ptr_equal(probe_type_find((*at)->name), *at);
        assert_true(strlen((*at)->name) < FL_TYPE_SIZE);
        assert_true(strlen((*at)->summary) > 0);
    }
    assert_null(probe_type_find("carrier-pigeon"));
    assert_null(probe_type_find(""));
}

static void every_type_has_what_the_runner_calls(void **state)
{
    (void)state;
    EACH_TYPE(at)
    {
        assert_non_null((*at)->open);
        assert_non_null((*at)->close);
        assert_non_null((*at)->start);
        assert_non_null((*at)->expire);
        assert_non_null((*at)->cancel);
    }
}

static void every_setting_has_a_place_a_meaning_and_a_valid_default(void **state)
{
    (void)state;
    EACH_TYPE(at)
    {
        const struct fl_option *row = (*at)->options;
        size_t n = 0;

        for (; row->name; row++, n++) {
            assert_true(row->offset < (*at)->settings_size);
            assert_true(strlen(row->help) > 0);
            assert_true(row->min <= row->max);
            assert_ptr_equal(fl_options_find((*at)->options, row->name), row);
            if (row->kind == FL_OPTION_CHOICE)
                assert_non_null(row->choices);
        }
        assert_true(n <= FL_MAX_SETTINGS);
    }
}

/* Each type wants something to aim at, so a spec without settings is refused by name. */
static void a_probe_without_settings_is_refused_with_its_name(void **state)
{
    (void)state;
    EACH_TYPE(at)
    {
        struct fl_probe_spec spec = {.target = "web", .probe = "one"};
        struct fl_error err = {""};
        void *settings = NULL;

        assert_true(probe_settings_parse(*at, &spec, &settings, &err) < 0);
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
