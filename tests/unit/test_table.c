// links: faultline_cli
#include "coordinator/cli/table.h"
#include "tests/support/unit.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
    char *text;
    size_t size;
    struct screen screen;
    struct table *table;
};

static const char *const titles[] = {"NAME", "STATE", "WHY"};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    if (!fixture)
        return -1;
    fixture->screen = (struct screen){open_memstream(&fixture->text, &fixture->size), 30, false};
    fixture->table = table_new(titles, FL_COUNT(titles));
    *state = fixture;
    return fixture->screen.out && fixture->table ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    table_free(fixture->table);
    (void)fclose(fixture->screen.out);
    free(fixture->text);
    free(fixture);
    return 0;
}

static const char *printed(struct fixture *fixture)
{
    assert_int_equal(fflush(fixture->screen.out), 0);
    return fixture->text;
}

static void row(struct fixture *fixture, const char *name, const char *state, const char *why)
{
    table_cell(fixture->table, STYLE_PLAIN, "%s", name);
    table_cell(fixture->table, STYLE_BAD, "%s", state);
    table_cell(fixture->table, STYLE_PLAIN, "%s", why);
}

static void columns_are_as_wide_as_their_widest_cell(void **state)
{
    struct fixture *fixture = *state;

    row(fixture, "a", "ok", "");
    row(fixture, "longer", "fail", "timeout");
    assert_int_equal(table_rows(fixture->table), 2);
    assert_int_equal(table_print(fixture->table, &fixture->screen), 0);
    assert_string_equal(printed(fixture), "NAME    STATE  WHY\n"
                                          "a       ok\n"
                                          "longer  fail   timeout\n");
}

static void a_table_without_rows_is_its_titles(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(table_print(fixture->table, &fixture->screen), 0);
    assert_string_equal(printed(fixture), "NAME  STATE  WHY\n");
}

static void the_widest_column_gives_way_to_the_screen(void **state)
{
    struct fixture *fixture = *state;

    row(fixture, "a1", "fail", "no answer to the first packets");
    assert_int_equal(table_print(fixture->table, &fixture->screen), 0);
    assert_string_equal(printed(fixture), "NAME  STATE  WHY\n"
                                          "a1    fail   no answer to the…\n");
}

static void characters_are_counted_and_not_bytes(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(screen_text_width("zürich"), 6);
    assert_int_equal(screen_text_width("東京"), 4);
    row(fixture, "zürich", "ok", "x");
    row(fixture, "東京", "ok", "y");
    row(fixture, "berlin", "ok", "z");
    assert_int_equal(table_print(fixture->table, &fixture->screen), 0);
    assert_string_equal(printed(fixture), "NAME    STATE  WHY\n"
                                          "zürich  ok     x\n"
                                          "東京    ok     y\n"
                                          "berlin  ok     z\n");
}

static void a_wide_character_is_not_cut_in_two(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(screen_text(&fixture->screen, STYLE_PLAIN, "東京都", 4), 3);
    assert_string_equal(printed(fixture), "東…");
}

static void what_would_steer_the_terminal_is_shown_as_a_question_mark(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(screen_text(&fixture->screen, STYLE_PLAIN, "a\033[2Jb\n\xff", 80), 8);
    assert_string_equal(printed(fixture), "a?[2Jb??");
}

static void colour_does_not_count_as_width(void **state)
{
    struct fixture *fixture = *state;

    fixture->screen.colour = true;
    row(fixture, "a", "fail", "b");
    assert_int_equal(table_print(fixture->table, &fixture->screen), 0);
    assert_non_null(strstr(printed(fixture), "\na     \033[31;1mfail\033[0m   b\n"));
}

static void what_is_no_terminal_has_no_colour_and_80_columns(void **state)
{
    FILE *file = tmpfile();
    struct screen screen;

    (void)state;
    assert_non_null(file);
    screen_init(&screen, file);
    assert_int_equal(screen.width, 80);
    assert_false(screen.colour);
    assert_int_equal(fclose(file), 0);
}

static void a_paragraph_breaks_at_spaces_and_keeps_its_indent(void **state)
{
    struct fixture *fixture = *state;

    screen_paragraph(&fixture->screen, "  - ", "%s", "the way is open and the far side is mute");
    assert_string_equal(printed(fixture), "  - the way is open and the\n"
                                          "    far side is mute\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(columns_are_as_wide_as_their_widest_cell, setup, teardown),
        cmocka_unit_test_setup_teardown(a_table_without_rows_is_its_titles, setup, teardown),
        cmocka_unit_test_setup_teardown(the_widest_column_gives_way_to_the_screen, setup, teardown),
        cmocka_unit_test_setup_teardown(characters_are_counted_and_not_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wide_character_is_not_cut_in_two, setup, teardown),
        cmocka_unit_test_setup_teardown(what_would_steer_the_terminal_is_shown_as_a_question_mark,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(colour_does_not_count_as_width, setup, teardown),
        cmocka_unit_test(what_is_no_terminal_has_no_colour_and_80_columns),
        cmocka_unit_test_setup_teardown(a_paragraph_breaks_at_spaces_and_keeps_its_indent, setup,
                                        teardown),
    };

    (void)setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
