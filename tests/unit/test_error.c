// links: fl_types
#include "proto/types/fl_error.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <string.h>

static void a_failure_is_one_line(void **state)
{
    struct fl_error err;

    (void)state;
    assert_int_equal(fl_error_set(&err, -EINVAL, "%s is %d", "size", 7), -EINVAL);
    assert_string_equal(err.message, "size is 7");
}

static void prefixes_stand_before_the_sentence_and_may_change_the_code(void **state)
{
    struct fl_error err;

    (void)state;
    (void)fl_error_set(&err, -EINVAL, "no name");
    assert_int_equal(fl_error_prefix(&err, -EBADMSG, "line %d", 3), -EBADMSG);
    assert_int_equal(fl_error_prefix(&err, -EIO, "fleet.yaml"), -EIO);
    assert_string_equal(err.message, "fleet.yaml: line 3: no name");
}

static void who_does_not_want_the_sentence_still_gets_the_code(void **state)
{
    (void)state;
    assert_int_equal(fl_error_set(NULL, -ENOENT, "%s", "none"), -ENOENT);
    assert_int_equal(fl_error_prefix(NULL, -ENOENT, "%s", "none"), -ENOENT);
}

static void a_long_sentence_is_cut_and_ends(void **state)
{
    char text[2 * sizeof(struct fl_error)];
    struct fl_error err;

    (void)state;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    (void)fl_error_set(&err, -EINVAL, "%s", text);
    assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
    (void)fl_error_prefix(&err, -EINVAL, "here");
    assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
    assert_memory_equal(err.message, "here: xxx", 9);
    (void)fl_error_prefix(&err, -EINVAL, "%s", text);
    assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_is_one_line),
        cmocka_unit_test(prefixes_stand_before_the_sentence_and_may_change_the_code),
        cmocka_unit_test(who_does_not_want_the_sentence_still_gets_the_code),
        cmocka_unit_test(a_long_sentence_is_cut_and_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
