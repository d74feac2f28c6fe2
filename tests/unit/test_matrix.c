// links: faultline_cli
#include "coordinator/cli/matrix.h"
#include "tests/support/unit.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#define AGENTS                                                       \
    "\"agents\":[{\"name\":\"a1\",\"zone\":\"a\"},{\"name\":\"a2\"," \
    "\"zone\":\"a\"},{\"name\":\"b1\",\"zone\":\"b\"}]"
#define CELL(zone, state) "{\"zone\":\"" zone "\",\"state\":\"" state "\",\"took_us\":1500}"
#define FAILED "{\"zone\":\"a\",\"state\":\"fail\",\"layer\":\"connect\",\"error\":\"timeout\"}"

static char *printed;

/* The matrix of a status, printed on 80 columns. */
static const char *print(const char *status, size_t width)
{
    FL_CLEANUP(matrix_freep) struct matrix *matrix = NULL;
    json_t *json = json_loads(status, 0, NULL);
    size_t size;
    struct screen screen = {open_memstream(&printed, &size), width, false};

    assert_non_null(json);
    assert_non_null(screen.out);
    matrix = matrix_new(json);
    assert_non_null(matrix);
    assert_int_equal(matrix_print(matrix, &screen), 0);
    assert_int_equal(fclose(screen.out), 0);
    json_decref(json);
    return printed;
}

static int teardown(void **state)
{
    (void)state;
    free(printed);
    printed = NULL;
    return 0;
}

static void agents_of_a_zone_are_one_cell(void **state)
{
    (void)state;
    assert_string_equal(
        print("{" AGENTS ",\"matrix\":[{\"target\":\"web\",\"probe\":\"get\",\"kind\":\"service\","
              "\"cells\":[" CELL("a", "ok") "," FAILED "," CELL("b", "ok") "]}]}",
              80),
        "FROM ZONE  a                    b\n"
        "web/get    1/2 connect timeout  ok 1.5 ms\n");
}

static void what_has_no_result_is_not_called_well(void **state)
{
    (void)state;
    assert_string_equal(
        print("{" AGENTS ",\"matrix\":[{\"target\":\"web\",\"probe\":\"get\",\"kind\":\"service\","
              "\"cells\":[" CELL("a", "ok") "," CELL("a", "stale") "," CELL(
                  "b", "unseen") "]},"
                                 "{\"target\":\"vol\",\"probe\":\"rw\",\"kind\":\"storage\","
                                 "\"cells\":[" CELL("b", "stale") "]}]}",
              80),
        "FROM ZONE  a          b\n"
        "web/get    1/2 stale  unseen\n"
        "vol/rw     -          stale\n");
}

static void responders_of_a_place_are_one_row(void **state)
{
    (void)state;
    assert_string_equal(
        print(
            "{" AGENTS ",\"matrix\":["
            "{\"target\":\"agent:a1\",\"place\":\"a\",\"kind\":\"mesh\",\"cells\":[" CELL(
                "a", "ok") "," CELL("b", "ok") "]},"
                                               "{\"target\":\"agent:a2\",\"place\":\"a\",\"kind\":"
                                               "\"mesh\",\"cells\":[" FAILED "," CELL(
                                                   "b",
                                                   "ok") "]},"
                                                         "{\"target\":\"agent:b1\",\"place\":\"b\","
                                                         "\"kind\":\"mesh\",\"cells\":[]}]}",
            80),
        "FROM ZONE    a                    b\n"
        "agents in a  1/2 connect timeout  ok 1.5 ms\n"
        "agents in b  -                    -\n");
}

static void zones_that_do_not_fit_come_in_a_table_of_their_own(void **state)
{
    (void)state;
    assert_string_equal(
        print("{" AGENTS ",\"matrix\":[{\"target\":\"web\",\"probe\":\"get\",\"kind\":\"service\","
              "\"cells\":[" CELL("a", "ok") "," CELL("b", "ok") "]}]}",
              45),
        "FROM ZONE  a\n"
        "web/get    ok 1.5 ms\n"
        "\n"
        "FROM ZONE  b\n"
        "web/get    ok 1.5 ms\n");
}

static void a_large_matrix_shows_only_what_is_not_well(void **state)
{
    json_t *rows = json_array(), *status;
    char *text;

    (void)state;
    for (int i = 0; i < 100; i++)
        (void)json_array_append_new(
            rows, json_pack("{s:s, s:s, s:s, s:[{s:s, s:s, s:s, s:s, s:i}]}", "target",
                            i == 50 ? "broken" : "fine", "probe", "get", "kind", "service", "cells",
                            "zone", "a", "state", i == 50 ? "fail" : "ok", "layer", "tls", "error",
                            "reset", "took_us", 5));
    status = json_pack("{s:[{s:s}], s:o}", "agents", "zone", "a", "matrix", rows);
    text = json_dumps(status, 0);
    assert_string_equal(print(text, 80), "FROM ZONE   a\n"
                                         "broken/get  tls reset\n"
                                         "99 of 100 rows are well and left out; --json has all\n");
    free(text);
    json_decref(status);
}

static void an_answer_with_nothing_in_it_is_an_empty_matrix(void **state)
{
    (void)state;
    assert_string_equal(print("{}", 80), "");
    teardown(NULL);
    assert_string_equal(print("{\"agents\":7,\"matrix\":[1,{\"cells\":{}},null]}", 80), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(agents_of_a_zone_are_one_cell, teardown),
        cmocka_unit_test_teardown(what_has_no_result_is_not_called_well, teardown),
        cmocka_unit_test_teardown(responders_of_a_place_are_one_row, teardown),
        cmocka_unit_test_teardown(zones_that_do_not_fit_come_in_a_table_of_their_own, teardown),
        cmocka_unit_test_teardown(a_large_matrix_shows_only_what_is_not_well, teardown),
        cmocka_unit_test_teardown(an_answer_with_nothing_in_it_is_an_empty_matrix, teardown),
    };

    (void)setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
