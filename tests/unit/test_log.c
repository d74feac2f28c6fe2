// links: fl_runtime
#include "proto/runtime/fl_log.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct capture {
    FILE *file;
    int saved;
    char text[8192];
};

static void start(struct capture *capture)
{
    capture->file = tmpfile();
    assert_non_null(capture->file);
    capture->saved = dup(STDERR_FILENO);
    assert_true(dup2(fileno(capture->file), STDERR_FILENO) >= 0);
}

static void stop(struct capture *capture)
{
    ssize_t n = pread(STDERR_FILENO, capture->text, sizeof(capture->text) - 1, 0);

    (void)dup2(capture->saved, STDERR_FILENO);
    (void)close(capture->saved);
    (void)fclose(capture->file);
    assert_true(n >= 0);
    capture->text[n] = '\0';
}

static void a_line_has_time_level_component_and_sentence(void **state)
{
    struct capture capture;

    (void)state;
    start(&capture);
    fl_log_warning("store", "cannot write batch %d", 7);
    stop(&capture);
    assert_int_equal(capture.text[10], 'T');
    assert_string_equal(strchr(capture.text, ' '), " warning store: cannot write batch 7\n");
}

static void the_journal_gets_the_level_as_a_number(void **state)
{
    struct capture capture;
    struct stat found;
    char stream[64];

    (void)state;
    start(&capture);
    assert_int_equal(fstat(STDERR_FILENO, &found), 0);
    (void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)found.st_dev,
                   (unsigned long long)found.st_ino);
    (void)setenv("JOURNAL_STREAM", stream, 1);
    fl_log_error("store", "no");
    (void)setenv("JOURNAL_STREAM", "1:1", 1);
    fl_log_error("store", "yes");
    stop(&capture);
    (void)unsetenv("JOURNAL_STREAM");
    assert_memory_equal(capture.text, "<3>store: no\n2", 14);
}

static void what_is_above_the_level_is_not_written(void **state)
{
    struct capture capture;

    (void)state;
    start(&capture);
    fl_log_debug("store", "hidden");
    fl_log_set_level(FL_LOG_DEBUG);
    fl_log_debug("store", "seen");
    fl_log_set_level(FL_LOG_INFO);
    stop(&capture);
    assert_null(strstr(capture.text, "hidden"));
    assert_non_null(strstr(capture.text, "debug store: seen\n"));
}

static void a_message_cannot_start_a_line_of_its_own(void **state)
{
    struct capture capture;

    (void)state;
    start(&capture);
    fl_log_error("api", "no route \"%s\"", "/x\n<3>api: \x1b[31mforged");
    stop(&capture);
    assert_ptr_equal(strchr(capture.text, '\n'), capture.text + strlen(capture.text) - 1);
    assert_null(strchr(capture.text, '\x1b'));
}

static void a_message_that_is_too_long_is_cut_and_still_ends_its_line(void **state)
{
    struct capture capture;
    char large[5000];

    (void)state;
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    start(&capture);
    fl_log_error("api", "%s", large);
    stop(&capture);
    assert_true(strlen(capture.text) <= 2048);
    assert_int_equal(capture.text[strlen(capture.text) - 1], '\n');
}

static void levels_have_names(void **state)
{
    (void)state;
    assert_int_equal(fl_log_level_parse("error"), FL_LOG_ERROR);
    assert_int_equal(fl_log_level_parse("debug"), FL_LOG_DEBUG);
    assert_int_equal(fl_log_level_parse("loud"), -1);
    assert_int_equal(fl_log_level_parse(""), -1);
}

static void a_repeated_condition_is_held_back_and_counted(void **state)
{
    struct fl_log_limit limit = {0};
    uint64_t held = 99;

    (void)state;
    assert_true(fl_log_allowed(&limit, INT64_MAX, &held));
    assert_int_equal(held, 0);
    assert_false(fl_log_allowed(&limit, INT64_MAX, &held));
    assert_false(fl_log_allowed(&limit, INT64_MAX, NULL));
    assert_true(fl_log_allowed(&limit, 0, &held));
    assert_int_equal(held, 2);
    assert_true(fl_log_allowed(&limit, 0, &held));
    assert_int_equal(held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_time_level_component_and_sentence),
        cmocka_unit_test(the_journal_gets_the_level_as_a_number),
        cmocka_unit_test(what_is_above_the_level_is_not_written),
        cmocka_unit_test(a_message_cannot_start_a_line_of_its_own),
        cmocka_unit_test(a_message_that_is_too_long_is_cut_and_still_ends_its_line),
        cmocka_unit_test(levels_have_names),
        cmocka_unit_test(a_repeated_condition_is_held_back_and_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
