// links: fl_runtime
#include "proto/runtime/fl_daemon.h"
#include "proto/runtime/fl_loop.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char folder[] = "/tmp/faultline-test-XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[PATH_MAX];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"new/a/b", "new/a", "new", "file", "notify", "other"};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(names); i++)
        (void)remove(in_folder(names[i]));
    return rmdir(folder); /* fails when a test left something that it should not */
}

static void expect_file(const char *name, const char *text)
{
    char *bytes = NULL;
    size_t size = 0;

    assert_int_equal(fl_daemon_read_file(in_folder(name), 100, &bytes, &size, NULL), 0);
    assert_string_equal(bytes, text);
    assert_int_equal(size, strlen(text));
    free(bytes);
}

static void a_written_file_has_its_content_and_mode_and_nothing_beside_it(void **state)
{
    struct stat found;

    (void)state;
    assert_int_equal(fl_daemon_write_file(in_folder("file"), "one", 3, 0600, NULL), 0);
    expect_file("file", "one");
    assert_int_equal(fl_daemon_write_file(in_folder("file"), "second", 6, 0644, NULL), 0);
    expect_file("file", "second");
    assert_int_equal(stat(in_folder("file"), &found), 0);
    assert_int_equal(found.st_mode & 0777, 0644);
    assert_int_equal(access(in_folder("file.new"), F_OK), -1);
}

static void the_old_file_is_replaced_and_not_changed(void **state)
{
    char text[8] = {0};
    int old;

    (void)state;
    assert_int_equal(fl_daemon_write_file(in_folder("file"), "old", 3, 0600, NULL), 0);
    old = open(in_folder("file"), O_RDONLY);
    assert_int_equal(fl_daemon_write_file(in_folder("file"), "new", 3, 0600, NULL), 0);
    assert_int_equal(read(old, text, sizeof(text)), 3); /* who has it open reads the old one */
    assert_string_equal(text, "old");
    (void)close(old);
}

static void a_write_that_fails_leaves_the_old_file(void **state)
{
    struct fl_error err;

    (void)state;
    assert_int_equal(fl_daemon_write_file(in_folder("file"), "old", 3, 0600, NULL), 0);
    assert_int_equal(mkdir(in_folder("file.new"), 0700), 0); /* where it would write first */
    assert_true(fl_daemon_write_file(in_folder("file"), "new", 3, 0600, &err) < 0);
    assert_non_null(strstr(err.message, "cannot write \""));
    assert_int_equal(rmdir(in_folder("file.new")), 0);
    expect_file("file", "old");
}

static void what_a_crash_left_is_no_obstacle(void **state)
{
    (void)state;
    assert_int_equal(symlink("other", in_folder("file.new")), 0);
    assert_int_equal(fl_daemon_write_file(in_folder("file"), "new", 3, 0600, NULL), 0);
    expect_file("file", "new");
    assert_int_equal(access(in_folder("other"), F_OK), -1); /* the link was not followed */
}

static void a_file_over_the_limit_is_refused(void **state)
{
    struct fl_error err;
    char *bytes = NULL;
    size_t size = 0;

    (void)state;
    assert_int_equal(fl_daemon_write_file(in_folder("file"), "12345678", 8, 0600, NULL), 0);
    assert_int_equal(fl_daemon_read_file(in_folder("file"), 8, &bytes, &size, &err), 0);
    free(bytes);
    bytes = NULL;
    assert_int_equal(fl_daemon_read_file(in_folder("file"), 7, &bytes, &size, &err), -EFBIG);
    assert_null(bytes);
    assert_non_null(strstr(err.message, "is larger than 7 bytes"));
}

static void a_large_file_is_read_whole(void **state)
{
    static char large[300000];
    char *bytes = NULL;
    size_t size = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = (char)(i * 31);
    assert_int_equal(fl_daemon_write_file(in_folder("file"), large, sizeof(large), 0600, NULL), 0);
    assert_int_equal(fl_daemon_read_file(in_folder("file"), sizeof(large), &bytes, &size, NULL), 0);
    assert_int_equal(size, sizeof(large));
    assert_memory_equal(bytes, large, size);
    free(bytes);
}

static void a_missing_file_and_a_directory_are_errors(void **state)
{
    struct fl_error err;
    char *bytes = NULL;
    size_t size = 0;

    (void)state;
    assert_int_equal(fl_daemon_read_file(in_folder("none"), 10, &bytes, &size, &err), -ENOENT);
    assert_non_null(strstr(err.message, "/none\": No such file"));
    assert_int_equal(fl_daemon_read_file(folder, 10, &bytes, &size, &err), -EISDIR);
}

static void a_directory_is_made_with_its_parents(void **state)
{
    struct stat found;
    struct fl_error err;

    (void)state;
    assert_int_equal(fl_daemon_make_directory(in_folder("new//a/b/"), NULL), 0);
    assert_int_equal(fl_daemon_make_directory(in_folder("new/a/b"), NULL), 0);
    assert_int_equal(stat(in_folder("new/a/b"), &found), 0);
    assert_int_equal(found.st_mode & 07777, 0700);
    assert_int_equal(fl_daemon_write_file(in_folder("file"), "", 0, 0600, NULL), 0);
    assert_int_equal(fl_daemon_make_directory(in_folder("file"), &err), -ENOTDIR);
    assert_non_null(strstr(err.message, "is no directory"));
}

static int open_notify_socket(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", folder);
    (void)remove(address.sun_path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    (void)setenv("NOTIFY_SOCKET", address.sun_path, 1);
    return fd;
}

static void expect_datagram(int fd, const char *text)
{
    char got[64] = {0};

    assert_true(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT) >= 0);
    assert_string_equal(got, text);
}

static void the_service_manager_is_told(void **state)
{
    int fd = open_notify_socket();

    (void)state;
    fl_daemon_notify("READY=1");
    expect_datagram(fd, "READY=1");
    (void)unsetenv("NOTIFY_SOCKET");
    fl_daemon_notify("STOPPING=1");
    assert_int_equal(recv(fd, NULL, 0, MSG_DONTWAIT), -1);
    (void)close(fd);
}

static void the_watchdog_is_fed_again_and_again(void **state)
{
    int fd = open_notify_socket();
    struct event_base *base = event_base_new();

    (void)state;
    (void)setenv("WATCHDOG_USEC", "2000", 1);
    assert_int_equal(fl_daemon_watchdog_start(base, NULL), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
        expect_datagram(fd, "WATCHDOG=1");
    }
    event_base_free(base);
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("NOTIFY_SOCKET");
    (void)close(fd);
}

static void the_watchdog_of_another_process_is_not_ours(void **state)
{
    struct event_base *base = event_base_new();

    (void)state;
    (void)setenv("WATCHDOG_USEC", "2000", 1);
    (void)setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(fl_daemon_watchdog_start(base, NULL), 0);
    assert_int_equal(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
    event_base_free(base);
}

static void random_bytes_differ(void **state)
{
    unsigned char a[32] = {0}, b[32] = {0};

    (void)state;
    assert_int_equal(fl_daemon_random(a, sizeof(a), NULL), 0);
    assert_int_equal(fl_daemon_random(b, sizeof(b), NULL), 0);
    assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_written_file_has_its_content_and_mode_and_nothing_beside_it),
        cmocka_unit_test(the_old_file_is_replaced_and_not_changed),
        cmocka_unit_test(a_write_that_fails_leaves_the_old_file),
        cmocka_unit_test(what_a_crash_left_is_no_obstacle),
        cmocka_unit_test(a_file_over_the_limit_is_refused),
        cmocka_unit_test(a_large_file_is_read_whole),
        cmocka_unit_test(a_missing_file_and_a_directory_are_errors),
        cmocka_unit_test(a_directory_is_made_with_its_parents),
        cmocka_unit_test(the_service_manager_is_told),
        cmocka_unit_test(the_watchdog_is_fed_again_and_again),
        cmocka_unit_test(the_watchdog_of_another_process_is_not_ours),
        cmocka_unit_test(random_bytes_differ),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
