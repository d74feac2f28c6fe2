// links: agent_probe
/* The file probe and its worker, on file systems that the test mounts for itself alone (it must
 * run as root: in a mount namespace of its own, which ends with it). */
#include "agent/probe/fileop_worker.h"
#include "agent/probe/probe_types.h"
#include "tests/support/probe_attempt.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG_US (10 * FL_SECOND)
#define SHORT_US (200 * FL_MS)

static char program[512];

struct volume {
    struct attempt attempt;
    char directory[64];
    bool mounted;
};

/* The worker is built into the folder above that of the tests. */
static int find_program(void **state)
{
    char own[400] = "";
    ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);

    (void)state;
    assert_true(n > 0);
    *strrchr(own, '/') = '\0';
    (void)snprintf(program, sizeof(program), "%s/../faultline-fileop", own);
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        print_error("cannot make a mount namespace (%s): run this test as root\n", strerror(errno));
        return -1;
    }
    return 0;
}

static int make_volume(void **state)
{
    struct volume *volume = calloc(1, sizeof(*volume));

    assert_non_null(volume);
    strcpy(volume->directory, "/tmp/faultline-file-XXXXXX");
    assert_non_null(mkdtemp(volume->directory));
    attempt_init(&volume->attempt, "file");
    attempt_set(&volume->attempt, "directory", volume->directory);
    volume->attempt.env.fileop_path = program;
    *state = volume;
    return 0;
}

static void mount_volume(struct volume *volume, const char *options)
{
    assert_int_equal(mount("tmpfs", volume->directory, "tmpfs", 0, options), 0);
    volume->mounted = true;
}

/* Turn the loop until every worker that was let go has ended and was reaped. */
static void wait_for_no_worker(struct attempt *attempt)
{
    for (int i = 0; i < 500 && fileop_worker_count() > 0; i++) {
        const struct timeval turn = {0, 10000};

        (void)event_base_loopexit(attempt->env.base, &turn);
        (void)event_base_dispatch(attempt->env.base);
    }
    assert_int_equal(fileop_worker_count(), 0);
}

static size_t n_entries(const char *directory)
{
    DIR *dir = opendir(directory);
    size_t n = 0;

    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n - 2; /* itself and its parent */
}

static int remove_volume(void **state)
{
    struct volume *volume = *state;
    struct attempt *attempt = &volume->attempt;

    if (attempt->run)
        assert_true(attempt->type->cancel(attempt->run));
    attempt->run = NULL;
    if (attempt->instance)
        attempt->type->close(attempt->instance);
    attempt->instance = NULL;
    wait_for_no_worker(attempt);
    attempt_done(attempt);
    assert_int_equal(n_entries(volume->directory), 0);
    if (volume->mounted)
        assert_int_equal(umount(volume->directory), 0);
    assert_int_equal(rmdir(volume->directory), 0); /* so nothing was left in it */
    free(volume);
    return 0;
}

/* The first child process of this one. */
static pid_t worker_pid(void)
{
    char path[64];
    int pid = 0;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)gettid());
    file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &pid), 1);
    (void)fclose(file);
    return pid;
}

static void freeze(pid_t pid)
{
    siginfo_t info;

    assert_int_equal(kill(pid, SIGSTOP), 0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WSTOPPED), 0);
}

static void expect_ok(struct volume *volume)
{
    attempt_run(&volume->attempt, LONG_US);
    attempt_assert_ok(&volume->attempt);
}

static void expect_failure(struct volume *volume, enum fl_failure failure, enum fl_step step)
{
    attempt_run(&volume->attempt, LONG_US);
    attempt_assert_failed(&volume->attempt, FL_LAYER_OPERATE, failure);
    assert_int_equal(volume->attempt.result.step, step);
}

static void a_healthy_mount_passes_every_step(void **state)
{
    struct volume *volume = *state;
    const struct fl_result *result = &volume->attempt.result;
    pid_t first = 0;

    mount_volume(volume, "size=1m");
    for (int i = 0; i < 3; i++) {
        expect_ok(volume);
        for (int step = 0; step < FL_STEPS; step++)
            assert_true(result->step_us[step] >= 0);
        assert_true(result->phase_us[FL_LAYER_OPERATE] > 0);
        assert_int_equal(result->phase_us[FL_LAYER_CONNECT], FL_ABSENT);
        assert_true(fl_tcp_absent(&result->tcp));
        assert_int_equal(n_entries(volume->directory), 0);
        assert_int_equal(fileop_worker_count(), 1);
        if (first == 0)
            first = worker_pid();
        assert_int_equal(worker_pid(), first); /* one worker for all rounds */
    }
}

static void a_size_that_fits_no_block_is_read_back_all_the_same(void **state)
{
    attempt_set(&((struct volume *)*state)->attempt, "size", "5000");
    expect_ok(*state);
}

static void a_full_file_system_has_no_space(void **state)
{
    struct volume *volume = *state;

    mount_volume(volume, "size=64k");
    attempt_set(&volume->attempt, "size", "1MiB");
    expect_failure(volume, FL_FAILURE_NO_SPACE, FL_STEP_WRITE);
    expect_failure(volume, FL_FAILURE_NO_SPACE, FL_STEP_WRITE);
    /* remove_volume finds the directory empty once the worker has ended */
}

static void a_file_system_that_turns_read_only_says_so(void **state)
{
    struct volume *volume = *state;

    mount_volume(volume, "size=1m");
    expect_ok(volume);
    assert_int_equal(mount("tmpfs", volume->directory, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL), 0);
    expect_failure(volume, FL_FAILURE_READ_ONLY, FL_STEP_WRITE);
    assert_int_equal(mount("tmpfs", volume->directory, "tmpfs", MS_REMOUNT, NULL), 0);
    expect_ok(volume);
}

static void a_directory_that_must_be_mounted_and_is_not_is_local(void **state)
{
    struct volume *volume = *state;

    attempt_set(&volume->attempt, "require_mount", "true");
    expect_failure(volume, FL_FAILURE_LOCAL, FL_STEP_NONE);
    mount_volume(volume, "size=1m");
    expect_ok(volume);
    assert_int_equal(umount(volume->directory), 0); /* the worker does not hold it */
    volume->mounted = false;
    expect_failure(volume, FL_FAILURE_LOCAL, FL_STEP_NONE);
}

static void a_directory_that_is_not_there_is_local(void **state)
{
    struct volume *volume = *state;

    assert_int_equal(rmdir(volume->directory), 0);
    expect_failure(volume, FL_FAILURE_LOCAL, FL_STEP_NONE);
    assert_int_equal(mkdir(volume->directory, 0700), 0);
    expect_ok(volume);
}

static void a_worker_that_hangs_is_a_timeout_and_ends_when_it_is_let_go(void **state)
{
    struct volume *volume = *state;
    pid_t pid;

    expect_ok(volume);
    pid = worker_pid();
    freeze(pid);
    attempt_run(&volume->attempt, SHORT_US);
    assert_true(volume->attempt.hangs);
    attempt_assert_failed(&volume->attempt, FL_LAYER_OPERATE, FL_FAILURE_TIMEOUT);
    assert_non_null(volume->attempt.run);

    assert_int_equal(kill(pid, SIGCONT), 0);
    attempt_wait(&volume->attempt, &volume->attempt.ended, LONG_US);
    expect_ok(volume);
    assert_int_equal(worker_pid(), pid);
}

static void a_probe_that_hangs_can_be_closed(void **state)
{
    struct volume *volume = *state;

    expect_ok(volume);
    freeze(worker_pid());
    attempt_run(&volume->attempt, SHORT_US);
    assert_true(volume->attempt.hangs);
    /* remove_volume cancels, closes and waits for the worker's end */
}

static void a_worker_that_dies_is_local_and_followed_by_another(void **state)
{
    struct volume *volume = *state;
    pid_t pid;

    expect_ok(volume);
    pid = worker_pid();
    freeze(pid);
    attempt_run(&volume->attempt, SHORT_US);
    assert_true(volume->attempt.hangs);
    assert_int_equal(kill(pid, SIGKILL), 0);
    attempt_wait(&volume->attempt, &volume->attempt.ended, LONG_US);
    expect_ok(volume);
    assert_int_not_equal(worker_pid(), pid);
    for (int i = 0; i < 500 && fileop_worker_count() > 1; i++)
        assert_true(event_base_loop(volume->attempt.env.base, EVLOOP_ONCE) >= 0);
    assert_int_equal(fileop_worker_count(), 1);
}

static void without_its_program_the_probe_does_not_start(void **state)
{
    struct volume *volume = *state;
    struct attempt *attempt = &volume->attempt;
    struct fl_error err;

    attempt->env.fileop_path = "/nowhere/faultline-fileop";
    assert_int_equal(attempt_open(attempt, &err), 0);
    assert_int_equal(
        attempt->type->start(attempt->instance, attempt_on_done, attempt, &attempt->run), -ENOENT);
    assert_int_equal(fileop_worker_count(), 0);
}

static void on_nothing(const struct fileop_report *report, void *arg)
{
    (void)report;
    (void)arg;
}

static void workers_are_bounded(void **state)
{
    struct volume *volume = *state;
    struct event_base *base = volume->attempt.env.base;
    const struct fileop_job job = {"file", volume->directory, "file", 4096, false};
    struct fileop_worker *workers[FILEOP_MAX_WORKERS], *extra = NULL;

    for (size_t i = 0; i < FILEOP_MAX_WORKERS; i++)
        assert_int_equal(fileop_worker_new(base, program, &job, on_nothing, NULL, &workers[i]), 0);
    assert_int_equal(fileop_worker_new(base, program, &job, on_nothing, NULL, &extra), -EAGAIN);
    for (size_t i = 0; i < FILEOP_MAX_WORKERS; i++)
        fileop_worker_release(workers[i], false);
    wait_for_no_worker(&volume->attempt);
}

static void a_relative_directory_is_refused(void **state)
{
    struct volume *volume = *state;
    struct attempt *attempt = &volume->attempt;
    struct fl_error err;

    attempt_done(attempt);
    attempt_init(attempt, "file");
    attempt_set(attempt, "directory", "mnt/vol");
    assert_int_equal(attempt_open(attempt, &err), -EINVAL);
    assert_non_null(strstr(err.message, "mnt/vol"));
}

#define VOLUME_TEST(name) cmocka_unit_test_setup_teardown(name, make_volume, remove_volume)

int main(void)
{
    const struct CMUnitTest tests[] = {
        VOLUME_TEST(a_healthy_mount_passes_every_step),
        VOLUME_TEST(a_size_that_fits_no_block_is_read_back_all_the_same),
        VOLUME_TEST(a_full_file_system_has_no_space),
        VOLUME_TEST(a_file_system_that_turns_read_only_says_so),
        VOLUME_TEST(a_directory_that_must_be_mounted_and_is_not_is_local),
        VOLUME_TEST(a_directory_that_is_not_there_is_local),
        VOLUME_TEST(a_worker_that_hangs_is_a_timeout_and_ends_when_it_is_let_go),
        VOLUME_TEST(a_probe_that_hangs_can_be_closed),
        VOLUME_TEST(a_worker_that_dies_is_local_and_followed_by_another),
        VOLUME_TEST(without_its_program_the_probe_does_not_start),
        VOLUME_TEST(workers_are_bounded),
        VOLUME_TEST(a_relative_directory_is_refused),
    };

    return cmocka_run_group_tests(tests, find_program, NULL);
}
