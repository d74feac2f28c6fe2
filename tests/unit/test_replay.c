// links: faultline_cli
#include "coordinator/cli/replay.h"
#include "tests/support/unit.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* One volume that stalls for eight seconds, seen from two zones. */
static const char trace_path[] = FL_TEST_DATA "/stall.ndjson";

struct replayed {
    int r;
    char *text;
    size_t size;
    struct replay_outcome outcome;
    struct fl_error err;
};

static int setup(void **state)
{
    *state = calloc(2, sizeof(struct replayed));
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    struct replayed *replayed = *state;

    free(replayed[0].text);
    free(replayed[1].text);
    free(replayed);
    return 0;
}

/* The trace, with `extra` as one more line after `lines` of it (-1: all). */
static char *trace_text(int lines, const char *extra, size_t *ret_size)
{
    FILE *in = fopen(trace_path, "r");
    char *text = NULL, *line = NULL;
    FILE *out = open_memstream(&text, ret_size);
    size_t room = 0;

    assert_non_null(in);
    assert_non_null(out);
    for (int i = 0; getline(&line, &room, in) > 0; i++) {
        if (i == lines)
            assert_true(fprintf(out, "%s\n", extra) > 0);
        assert_true(fputs(line, out) >= 0);
    }
    free(line);
    assert_int_equal(fclose(in), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void replay_text(char *text, size_t size, bool lenient, struct replayed *ret)
{
    struct trace_reader *reader = NULL;
    FILE *out = open_memstream(&ret->text, &ret->size);

    assert_non_null(out);
    assert_int_equal(
        trace_reader_open_stream(fmemopen(text, size, "r"), "trace", &reader, &ret->err), 0);
    ret->r = replay_run(reader, lenient, out, &ret->outcome, &ret->err);
    trace_reader_free(reader);
    assert_int_equal(fclose(out), 0);
    free(text);
}

static void replay_whole(struct replayed *ret)
{
    size_t size;
    char *text = trace_text(-1, "", &size);

    replay_text(text, size, false, ret);
}

static void a_stall_is_opened_and_closed_and_the_end_is_said(void **state)
{
    static const char *const expected[] = {"open", "close", "end"};
    struct replayed *replayed = *state;
    char *rest, *line;
    size_t n = 0;

    replay_whole(replayed);
    assert_int_equal(replayed->r, 0);
    for (line = strtok_r(replayed->text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        json_t *json = json_loads(line, 0, NULL);
        const char *event = json_string_value(json_object_get(json, "event"));
        const char *component = json_string_value(json_object_get(json, "component"));

        assert_non_null(event);
        if (strcmp(event, "update") != 0) {
            assert_true(n < FL_COUNT(expected));
            assert_string_equal(event, expected[n++]);
        }
        if (strcmp(event, "end") != 0)
            assert_string_equal(component, "target:vol-1");
        json_decref(json);
    }
    assert_int_equal(n, FL_COUNT(expected));
    assert_int_equal(replayed->outcome.results, 144);
    assert_int_equal(replayed->outcome.opened, 1);
}

static void the_same_trace_gives_the_same_bytes(void **state)
{
    struct replayed *replayed = *state;

    replay_whole(&replayed[0]);
    replay_whole(&replayed[1]);
    assert_int_equal(replayed[0].size, replayed[1].size);
    assert_memory_equal(replayed[0].text, replayed[1].text, replayed[0].size);
}

static void the_last_line_has_the_fields_of_the_format_and_no_more(void **state)
{
    static const char expected[] =
        "\n{\"event\":\"end\",\"t_us\":1700000023220000,\"results\":144,\"opened\":1}\n";
    struct replayed *replayed = *state;
    size_t size = sizeof(expected) - 1;

    replay_whole(replayed);
    assert_true(replayed->size > size);
    assert_string_equal(replayed->text + replayed->size - size, expected);
}

static void a_line_that_cannot_be_used_ends_it_with_its_number(void **state)
{
    struct replayed *replayed = *state;
    size_t size;
    char *text = trace_text(100, "{\"type\":\"result\",\"agent\":\"nobody\"}", &size);

    replay_text(text, size, false, replayed);
    assert_true(replayed->r < 0);
    assert_non_null(strstr(replayed->err.message, "trace:101"));
    assert_null(strstr(replayed->text, "\"end\""));
}

static void a_lenient_replay_counts_and_skips_it(void **state)
{
    struct replayed *replayed = *state;
    size_t size;
    char *text = trace_text(100, "no JSON", &size);

    replay_text(text, size, true, replayed);
    assert_int_equal(replayed->r, 0);
    assert_int_equal(replayed->outcome.skipped, 1);
    assert_int_equal(replayed->outcome.results, 144);
    assert_int_equal(replayed->outcome.opened, 1);
    assert_non_null(strstr(replayed->text, "\"skipped\":1}\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_stall_is_opened_and_closed_and_the_end_is_said, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_same_trace_gives_the_same_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(the_last_line_has_the_fields_of_the_format_and_no_more,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_line_that_cannot_be_used_ends_it_with_its_number, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_lenient_replay_counts_and_skips_it, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
