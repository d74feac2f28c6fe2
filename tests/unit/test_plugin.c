// links: agent_probe
#include "agent/probe/plugin.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <string.h>

static const char list[] = "# what may be run\n"
                           "disk /usr/lib/check_disk -w 10% -p /\n"
                           "\n"
                           "open\t/usr/lib/check_any  -v ...\n"
                           "bad check_relative\n"
                           "empty \n";

static struct plugin_command command;
static struct fl_error err;

static void a_command_is_found_by_its_name(void **state)
{
    (void)state;
    assert_int_equal(plugin_find(list, "disk", NULL, &command, &err), 0);
    assert_int_equal(command.n_words, 5);
    assert_string_equal(command.words[0], "/usr/lib/check_disk");
    assert_string_equal(command.words[4], "/");
    assert_null(command.words[5]);
}

static void words_are_added_only_where_the_list_lets_them(void **state)
{
    (void)state;
    assert_int_equal(plugin_find(list, "open", "-H  db ; rm", &command, &err), 0);
    assert_int_equal(command.n_words, 6);
    assert_string_equal(command.words[1], "-v");
    assert_string_equal(command.words[4], ";"); /* a word like any other: there is no shell */
    assert_int_equal(plugin_find(list, "open", NULL, &command, &err), 0);
    assert_int_equal(command.n_words, 2);
    assert_int_equal(plugin_find(list, "disk", "-x", &command, &err), -EPERM);
    assert_non_null(strstr(err.message, "takes no arguments"));
    assert_int_equal(plugin_find(list, "open", "a\nb", &command, &err), -EINVAL);
}

static void what_is_no_command_is_refused(void **state)
{
    char many[1024] = "open ";

    (void)state;
    assert_int_equal(plugin_find(list, "dis", NULL, &command, &err), -ENOENT);
    assert_int_equal(plugin_find(list, "#", NULL, &command, &err), -EINVAL);
    assert_int_equal(plugin_find(list, "bad", NULL, &command, &err), -EINVAL);
    assert_int_equal(plugin_find(list, "empty", NULL, &command, &err), -EINVAL);
    assert_int_equal(plugin_find("", "disk", NULL, &command, &err), -ENOENT);
    for (int i = 0; i <= PLUGIN_WORDS; i++)
        strcat(many, "/x ");
    assert_int_equal(plugin_find(many, "open", NULL, &command, &err), -EINVAL);
}

static void a_value_is_read_from_performance_data(void **state)
{
    static const char output[] = "OK - fine | time=0.25s;1;2;0 size=12KB\nmore | 'a b'=7%;; neg=-1 "
                                 "unknown=U";
    double value = 0;

    (void)state;
    assert_true(plugin_value(output, "time", &value) && value == 0.25);
    assert_true(plugin_value(output, "size", &value) && value == 12);
    assert_true(plugin_value(output, "a b", &value) && value == 7);
    assert_true(plugin_value(output, "neg", &value) && value == -1);
    assert_false(plugin_value(output, "unknown", &value));
    assert_false(plugin_value(output, "tim", &value));
    assert_false(plugin_value(output, "b", &value));
    assert_false(plugin_value("time=1", "time", &value));
    assert_false(plugin_value("x | 'time", "time", &value));
    assert_false(plugin_value("x | time=nan", "time", &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_is_found_by_its_name),
        cmocka_unit_test(words_are_added_only_where_the_list_lets_them),
        cmocka_unit_test(what_is_no_command_is_refused),
        cmocka_unit_test(a_value_is_read_from_performance_data),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
