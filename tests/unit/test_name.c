// links: fl_types
#include "proto/types/fl_limits.h"
#include "proto/types/fl_name.h"
#include "tests/support/unit.h"

#include <string.h>

static void a_name_has_only_letters_digits_dots_dashes_and_underscores(void **state)
{
    (void)state;
    for (int c = 1; c < 256; c++) {
        const char name[] = {'a', (char)c, 'b', '\0'};
        bool allowed =
            strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", c) != NULL;

        assert_int_equal(fl_name_valid(name), allowed);
    }
}

static void a_name_has_1_to_64_bytes(void **state)
{
    char name[FL_NAME_MAX + 2];

    (void)state;
    memset(name, 'x', sizeof(name));
    name[FL_NAME_MAX + 1] = '\0';
    assert_false(fl_name_valid(name));
    name[FL_NAME_MAX] = '\0';
    assert_true(fl_name_valid(name));
    name[1] = '\0';
    assert_true(fl_name_valid(name));
    assert_false(fl_name_valid(""));
}

static void a_target_is_a_name_or_the_responder_of_an_agent(void **state)
{
    char name[FL_TARGET_SIZE + 1];

    (void)state;
    assert_true(fl_target_name_valid("vol-1"));
    assert_true(fl_target_name_valid("agent:a1"));
    assert_false(fl_target_name_valid(""));
    assert_false(fl_target_name_valid("agent:"));
    assert_false(fl_target_name_valid("agent:agent:a1"));
    assert_false(fl_target_name_valid("place:a1"));
    assert_false(fl_name_valid("agent:a1"));
    memset(name, 'x', sizeof(name));
    memcpy(name, FL_MESH_PREFIX, strlen(FL_MESH_PREFIX));
    name[FL_TARGET_SIZE] = '\0';
    assert_false(fl_target_name_valid(name));
    name[FL_TARGET_SIZE - 1] = '\0';
    assert_true(fl_target_name_valid(name));
}

/* Computed apart from this program: agents and coordinators of all versions must agree on them. */
static void the_number_of_a_series_never_changes(void **state)
{
    (void)state;
    assert_int_equal(fl_series_id("vol-1", "rw"), UINT32_C(3463112850));
    assert_int_equal(fl_series_id("agent:b1", "mesh"), UINT32_C(375205403));
}

static void the_slash_keeps_target_and_probe_apart(void **state)
{
    (void)state;
    assert_int_not_equal(fl_series_id("ab", "c"), fl_series_id("a", "bc"));
    assert_int_not_equal(fl_series_id("a", "b"), fl_series_id("b", "a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_has_only_letters_digits_dots_dashes_and_underscores),
        cmocka_unit_test(a_name_has_1_to_64_bytes),
        cmocka_unit_test(a_target_is_a_name_or_the_responder_of_an_agent),
        cmocka_unit_test(the_number_of_a_series_never_changes),
        cmocka_unit_test(the_slash_keeps_target_and_probe_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
