// links: coordinator_daemon
/* What operators tell is there after a restart, and bounded. */
#include "coordinator/notes.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOW (1000 * FL_HOUR)

static char path[64];

static int setup(void **state)
{
    int fd;

    (void)state;
    strcpy(path, "/tmp/faultline-notes-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    (void)unlink(path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)unlink(path);
    return 0;
}

static struct notes *load(void)
{
    struct notes *notes = NULL;
    struct fl_error err = {""};

    if (notes_new(path, NOW, &notes, &err) < 0)
        fail_msg("%s", err.message);
    return notes;
}

static uint64_t add(struct notes *notes, fl_time begin_us, fl_time end_us)
{
    struct maintenance window = {
        .created_us = NOW, .begin_us = begin_us, .end_us = end_us, .n_targets = 1, .n_zones = 1};
    struct fl_error err = {""};

    strcpy(window.title, "work \"here\"");
    strcpy(window.targets[0], "vol-1");
    strcpy(window.zones[0], "a");
    return notes_add_window(notes, &window, &err) < 0 ? 0 : window.id;
}

static void all_is_there_after_a_restart(void **state)
{
    struct notes *notes = load();
    struct note_update update = {
        .incident = 4, .t_us = NOW + 1, .status = NOTE_MONITORING, .text = "better\nnow"};
    const struct note_update *updates;
    const struct maintenance *windows;
    struct fl_error err;

    (void)state;
    assert_true(add(notes, NOW, NOW + 5) == 1);
    assert_int_equal(notes_add_update(notes, &update, &err), 0);
    notes_free(notes);
    notes = load();
    assert_int_equal(notes_since(notes), NOW);
    assert_int_equal(notes_windows(notes, &windows), 1);
    assert_string_equal(windows[0].title, "work \"here\"");
    assert_string_equal(windows[0].targets[0], "vol-1");
    assert_string_equal(windows[0].zones[0], "a");
    assert_int_equal(windows[0].end_us, NOW + 5);
    assert_int_equal(notes_updates(notes, &updates), 1);
    assert_int_equal(updates[0].id, 2);
    assert_int_equal(updates[0].incident, 4);
    assert_int_equal(updates[0].status, NOTE_MONITORING);
    assert_string_equal(updates[0].text, "better\nnow");
    assert_true(add(notes, NOW, NOW + 5) == 3); /* no id twice */
    notes_free(notes);
}

static void work_is_ended_or_taken_back(void **state)
{
    struct notes *notes = load();
    const struct maintenance *windows;
    struct fl_error err;

    (void)state;
    (void)add(notes, NOW - 5, NOW + FL_HOUR);
    (void)add(notes, NOW + 5, NOW + FL_HOUR);
    assert_int_equal(notes_end_window(notes, 1, NOW, &err), 0);
    assert_int_equal(notes_end_window(notes, 2, NOW, &err), 0);
    assert_int_equal(notes_windows(notes, &windows), 1);
    assert_int_equal(windows[0].end_us, NOW);
    assert_int_equal(notes_end_window(notes, 1, NOW, &err), -ENOENT);
    assert_int_equal(notes_end_window(notes, 9, NOW, &err), -ENOENT);
    notes_free(notes);
}

static void old_work_makes_room_and_planned_work_does_not(void **state)
{
    struct notes *notes = load();
    const struct maintenance *windows;

    (void)state;
    (void)add(notes, NOW - 5, NOW - 1);
    for (int i = 1; i < NOTES_MAX_WINDOWS; i++)
        assert_true(add(notes, NOW, NOW + FL_HOUR) > 0);
    assert_true(add(notes, NOW, NOW + FL_HOUR) > 0);
    assert_int_equal(notes_dropped(notes), 1);
    assert_int_equal(add(notes, NOW, NOW + FL_HOUR), 0);
    assert_int_equal(notes_windows(notes, &windows), NOTES_MAX_WINDOWS);
    assert_int_equal(windows[0].id, 2);
    notes_free(notes);
}

static void a_damaged_file_is_an_error(void **state)
{
    struct notes *notes = NULL;
    struct fl_error err;
    FILE *file = fopen(path, "w");

    (void)state;
    (void)fputs("{\"since_us\": 1", file);
    (void)fclose(file);
    assert_int_equal(notes_new(path, NOW, &notes, &err), -EBADMSG);
    assert_non_null(strstr(err.message, "is damaged; mend it, or remove it to begin anew"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_is_there_after_a_restart),
        TEST(work_is_ended_or_taken_back),
        TEST(old_work_makes_room_and_planned_work_does_not),
        TEST(a_damaged_file_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
