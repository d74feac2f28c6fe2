// links: agent_probe
#include "agent/probe/tcp_script.h"
#include "tests/support/unit.h"

#include <string.h>

static void a_script_is_read_step_by_step(void **state)
{
    static const char text[] = "# a comment\n"
                               "expect ^220 \n"
                               "\n"
                               "send EHLO me\\x21\n"
                               "await ^250 \n"
                               "bytes \\\\a\\r\\n\\t\\x00\n"
                               "send \n"
                               "starttls";
    struct tcp_script *script = NULL;
    struct fl_error err = {""};
    size_t size;

    (void)state;
    assert_int_equal(tcp_script_parse(text, &script, &err), 0);
    assert_int_equal(tcp_script_length(script), 6);
    assert_true(tcp_script_secures(script));
    assert_int_equal(tcp_script_kind(script, 0), TCP_EXPECT);
    assert_true(tcp_script_matches(script, 0, "220 mail.example.org"));
    assert_false(tcp_script_matches(script, 0, "554 220 no"));
    assert_memory_equal("EHLO me!\r\n", tcp_script_bytes(script, 1, &size), 10);
    assert_int_equal(size, 10);
    assert_int_equal(tcp_script_kind(script, 2), TCP_AWAIT);
    assert_memory_equal("\\a\r\n\t\0", tcp_script_bytes(script, 3, &size), 6);
    assert_int_equal(size, 6);
    assert_memory_equal("\r\n", tcp_script_bytes(script, 4, &size), 2);
    assert_int_equal(size, 2);
    assert_int_equal(tcp_script_kind(script, 5), TCP_STARTTLS);
    tcp_script_free(script);
}

static void what_is_no_script_is_named_with_its_line(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"say hello", "line 1: cannot read \"say hello\""},
        {"expect a\nexpect", "line 2: expect needs something behind it"},
        {"expect (", "line 1: \"(\" is no extended regular expression"},
        {"send \\q", "line 1: an escape that is none"},
        {"send \\x1", "line 1: an escape that is none"},
        {"send \\", "line 1: an escape that is none"},
        {"starttls now", "line 1: starttls stands alone"},
        {"starttls\n\nstarttls", "line 3: starttls stands there once"},
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(rows); i++) {
        struct tcp_script *script = NULL;
        struct fl_error err = {""};

        assert_true(tcp_script_parse(rows[i].text, &script, &err) < 0);
        assert_null(script);
        if (!strstr(err.message, rows[i].says))
            fail_msg("\"%s\" does not say \"%s\"", err.message, rows[i].says);
    }
}

static void the_same_text_is_one_script_until_the_last_is_done(void **state)
{
    struct tcp_script *one = NULL, *same = NULL, *other = NULL;
    struct fl_error err = {""};

    (void)state;
    assert_int_equal(tcp_script_parse("expect ^a", &one, &err), 0);
    assert_int_equal(tcp_script_parse("expect ^b", &other, &err), 0);
    assert_int_equal(tcp_script_parse("expect ^a", &same, &err), 0);
    assert_ptr_equal(one, same);
    assert_ptr_not_equal(one, other);
    tcp_script_free(one);
    assert_true(tcp_script_matches(same, 0, "abc"));
    tcp_script_free(same);
    tcp_script_free(other);
}

static void too_many_steps_are_refused(void **state)
{
    char text[TCP_SCRIPT_STEPS * 7 + 8] = "";
    struct tcp_script *script = NULL;
    struct fl_error err = {""};

    (void)state;
    for (int i = 0; i <= TCP_SCRIPT_STEPS; i++)
        strcat(text, "send a\n");
    assert_true(tcp_script_parse(text, &script, &err) < 0);
    assert_non_null(strstr(err.message, "64 steps"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_script_is_read_step_by_step),
        cmocka_unit_test(what_is_no_script_is_named_with_its_line),
        cmocka_unit_test(the_same_text_is_one_script_until_the_last_is_done),
        cmocka_unit_test(too_many_steps_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
