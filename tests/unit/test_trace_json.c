// links: coordinator_trace
#include "coordinator/trace/trace_json.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static char text[512];

static int setup(void **state)
{
    return trace_json_new((struct trace_json **)state);
}

static int teardown(void **state)
{
    (void)trace_json_free(*state);
    return 0;
}

static int parse(struct trace_json *json, const char *line, struct trace_value *ret)
{
    struct fl_error err;

    (void)snprintf(text, sizeof(text), "%s", line);
    return trace_json_parse(json, text, strlen(text), ret, &err);
}

static void members_are_found_by_name(void **state)
{
    struct trace_value line, disk = {0};
    int64_t number;

    assert_int_equal(parse(*state,
                           " {\"a\":\"x\", \"n\" : -12,\"in\":{\"n\":7}, \"ok\":true,"
                           "\"none\":null,\"disks\":[{\"n\":1},{\"n\":2}]} ",
                           &line),
                     0);
    assert_string_equal(trace_json_text(trace_json_get(line, "a")), "x");
    assert_true(trace_json_integer(trace_json_get(line, "n"), &number));
    assert_int_equal(number, -12);
    assert_true(trace_json_integer(trace_json_get(trace_json_get(line, "in"), "n"), &number));
    assert_int_equal(number, 7);
    assert_true(trace_json_is_true(trace_json_get(line, "ok")));
    assert_int_equal(trace_json_type(trace_json_get(line, "none")), TRACE_JSON_NULL);
    assert_int_equal(trace_json_type(trace_json_get(line, "not")), TRACE_JSON_ABSENT);
    assert_int_equal(trace_json_size(trace_json_get(line, "disks")), 2);
    for (int i = 1; i <= 2; i++) {
        disk = trace_json_next(trace_json_get(line, "disks"), disk);
        assert_true(trace_json_integer(trace_json_get(disk, "n"), &number));
        assert_int_equal(number, i);
    }
    assert_int_equal(trace_json_next(trace_json_get(line, "disks"), disk).token, 0);
}

static void what_is_of_another_type_is_not_taken(void **state)
{
    struct trace_value line;
    int64_t number;
    double real;

    assert_int_equal(parse(*state, "{\"s\":\"1\",\"r\":1.5,\"big\":9223372036854775808}", &line),
                     0);
    assert_false(trace_json_integer(trace_json_get(line, "s"), &number));
    assert_false(trace_json_integer(trace_json_get(line, "r"), &number));
    assert_false(trace_json_integer(trace_json_get(line, "big"), &number));
    assert_true(trace_json_number(trace_json_get(line, "r"), &real));
    assert_null(trace_json_text(trace_json_get(line, "r")));
    assert_int_equal(trace_json_get(trace_json_get(line, "s"), "x").token, 0);
}

static void what_breaks_the_grammar_is_refused(void **state)
{
    static const char *const lines[] = {
        "",
        "{",
        "[1]",
        "1",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,\"a\":1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\" 1}",
        "{\"a\":1:2}",
        "{\"a\":\"b\":2}",
        "{\"a\":tru}",
        "{\"a\":1x}",
        "{\"a\":1}}",
        "{\"a\":1}{}",
        "{\"a\":1} x",
        "{1:2}",
        "{\"a\":[1 2]}",
        "{\"a\":[\"b\":1]}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":\"\\x\"}",
    };
    struct trace_value line;

    for (size_t i = 0; i < FL_COUNT(lines); i++)
        if (parse(*state, lines[i], &line) != -EBADMSG)
            fail_msg("%s is taken", lines[i]);
}

static size_t repeat(char *to, size_t room, const char *begin, const char *format, int n,
                     const char *end)
{
    size_t size = (size_t)snprintf(to, room, "%s", begin);

    for (int i = 0; i < n; i++) {
        size += (size_t)snprintf(to + size, room - size, "%s", i == 0 ? "" : ",");
        size += (size_t)snprintf(to + size, room - size, format, i);
    }
    return size + (size_t)snprintf(to + size, room - size, "%s", end);
}

static void a_line_of_many_values_is_read_and_one_of_too_many_members_is_not(void **state)
{
    static char many[64 << 10];
    struct fl_error err;
    struct trace_value line;
    size_t size = repeat(many, sizeof(many), "{\"list\":[", "%d", 4000, "]}");

    assert_int_equal(trace_json_parse(*state, many, size, &line, &err), 0);
    assert_int_equal(trace_json_size(trace_json_get(line, "list")), 4000);
    size = repeat(many, sizeof(many), "{", "\"f%d\":1", 300, "}");
    assert_int_equal(trace_json_parse(*state, many, size, &line, &err), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_found_by_name),
        cmocka_unit_test(what_is_of_another_type_is_not_taken),
        cmocka_unit_test(what_breaks_the_grammar_is_refused),
        cmocka_unit_test(a_line_of_many_values_is_read_and_one_of_too_many_members_is_not),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
