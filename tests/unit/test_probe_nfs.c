// links: agent_probe
/* The nfs probe against a real ganesha.nfsd on loopback. */
#include "agent/probe/probe_types.h"
#include "tests/support/forwarder.h"
#include "tests/support/probe_attempt.h"
#include "tests/support/says.h"

#include <dirent.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define LONG_US (10 * FL_SECOND)
#define SHORT_US (300 * FL_MS)

/* One server for all tests. */
static pid_t server;
static int server_port;
static char directory[] = "/tmp/faultline-nfs-XXXXXX";

struct share {
    struct attempt attempt;
    int port;
};

static void path_in(char path[128], const char *name)
{
    (void)snprintf(path, 128, "%s/%s", directory, name);
}

static void write_export(FILE *file, int number, const char *name, const char *access)
{
    (void)fprintf(file,
                  "EXPORT { Export_Id = %d; Path = %s/%s; Pseudo = /%s; Access_Type = %s; "
                  "Squash = No_root_squash; SecType = sys; Protocols = 4; Transports = TCP; "
                  "FSAL { Name = VFS; } }\n",
                  number, directory, name, name, access);
}

static void write_config(const char *path)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    (void)fprintf(file,
                  "NFS_CORE_PARAM { NFS_Port = %d; Protocols = 4; Bind_addr = 127.0.0.1; "
                  "Enable_NLM = false; Enable_RQUOTA = false; }\n"
                  "NFSv4 { Grace_Period = 1; Graceless = true; RecoveryBackend = fs; }\n",
                  server_port);
    write_export(file, 1, "open", "RW");
    write_export(file, 2, "shut", "RO");
    write_export(file, 3, "small", "RW");
    assert_int_equal(fclose(file), 0);
}

static void make_directory(const char *name, mode_t mode)
{
    char path[128];

    path_in(path, name);
    assert_int_equal(mkdir(path, mode), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static int start_server(void **state)
{
    char config[128], log[128], pid_file[128], small[128];
    char *argv[] = {"ganesha.nfsd", "-F", "-L", log, "-f", config, "-p", pid_file, NULL};

    (void)state;
    assert_non_null(mkdtemp(directory));
    assert_int_equal(chmod(directory, 0755), 0);
    make_directory("open", 0755);
    make_directory("shut", 0755);
    make_directory("small", 0755);
    path_in(small, "small");
    if (mount("none", small, "tmpfs", 0, "size=8k") < 0)
        fail_msg("cannot mount a small file system: %s; run as root", strerror(errno));
    (void)mkdir("/run/ganesha", 0755);
    (void)mkdir("/var/lib/nfs/ganesha", 0755);
    path_in(config, "config");
    path_in(log, "log");
    path_in(pid_file, "pid");
    server_port = server_free_port();
    write_config(config);
    server = server_spawn(argv);
    server_wait_port(server, server_port);
    return 0;
}

static void remove_all(const char *path)
{
    char *argv[] = {"rm", "-rf", (char *)(uintptr_t)path, NULL};
    pid_t pid = server_spawn(argv);

    (void)waitpid(pid, NULL, 0);
}

static int stop_server(void **state)
{
    char small[128];

    (void)state;
    kill(server, SIGKILL);
    (void)waitpid(server, NULL, 0);
    path_in(small, "small");
    (void)umount2(small, MNT_DETACH);
    remove_all(directory);
    return 0;
}

static int make_share(void **state)
{
    struct share *share = calloc(1, sizeof(*share));

    assert_non_null(share);
    share->port = server_port;
    *state = share;
    return 0;
}

static int remove_share(void **state)
{
    struct share *share = *state;

    kill(server, SIGCONT);
    if (share->attempt.type)
        attempt_done(&share->attempt);
    free(share);
    return 0;
}

static void probe_as(struct share *share, const char *export, const char *uid)
{
    char address[64];

    (void)snprintf(address, sizeof(address), "127.0.0.1:%d", share->port);
    attempt_init(&share->attempt, "nfs");
    attempt_set(&share->attempt, "address", address);
    attempt_set(&share->attempt, "export", export);
    attempt_set(&share->attempt, "size", "16KiB");
    attempt_set(&share->attempt, "uid", uid);
    attempt_set(&share->attempt, "gid", uid);
}

static void probe(struct share *share, const char *export)
{
    probe_as(share, export, "0");
}

static size_t count_files(const char *name)
{
    char path[128];
    DIR *folder;
    size_t n = 0;

    path_in(path, name);
    folder = opendir(path);
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        n += strncmp(entry->d_name, ".faultline", 10) == 0;
    closedir(folder);
    return n;
}

static void a_healthy_share_passes_every_step_and_is_left_clean(void **state)
{
    struct share *share = *state;
    const struct fl_result *result = &share->attempt.result;

    probe(share, "/open");
    for (int i = 0; i < 3; i++) {
        attempt_run(&share->attempt, LONG_US);
        attempt_assert_ok(&share->attempt);
        assert_true(result->phase_us[FL_LAYER_CONNECT] >= 0);
        assert_true(result->phase_us[FL_LAYER_LOGIN] > 0);
        for (int step = 0; step < FL_STEPS; step++)
            assert_true(result->step_us[step] > 0);
        assert_true(result->phase_us[FL_LAYER_OPERATE] >= result->step_us[FL_STEP_WRITE] +
                                                              result->step_us[FL_STEP_FLUSH] +
                                                              result->step_us[FL_STEP_READ]);
        assert_true(result->tcp.rtt_us > 0);
        assert_int_equal(count_files("open"), 0);
    }
}

static void nobody_listening_is_refused_at_connect(void **state)
{
    struct share *share = *state;

    share->port = server_free_port();
    probe(share, "/open");
    attempt_run(&share->attempt, LONG_US);
    attempt_assert_failed(&share->attempt, FL_LAYER_CONNECT, FL_FAILURE_REFUSED);
}

static void a_frozen_server_is_a_timeout_at_login(void **state)
{
    struct share *share = *state;

    server_freeze(server);
    probe(share, "/open");
    attempt_run(&share->attempt, SHORT_US);
    attempt_assert_failed(&share->attempt, FL_LAYER_LOGIN, FL_FAILURE_TIMEOUT);
    assert_true(share->attempt.result.phase_us[FL_LAYER_CONNECT] >= 0);
    assert_true(share->attempt.result.tcp.rtt_us > 0);
}

static void run_through(struct share *share, struct forwarder_limits limits, int64_t timeout_us)
{
    struct forwarder forwarder = forwarder_start(server_port, limits);

    share->port = forwarder.port;
    probe(share, "/open");
    attempt_run(&share->attempt, timeout_us);
    forwarder_stop(&forwarder);
}

static void a_stalled_write_is_told_from_a_stalled_read(void **state)
{
    struct share *share = *state;

    run_through(share, (struct forwarder_limits){8192, FORWARDER_ALL, false}, SHORT_US);
    attempt_assert_failed(&share->attempt, FL_LAYER_OPERATE, FL_FAILURE_TIMEOUT);
    assert_int_equal(share->attempt.result.step, FL_STEP_WRITE);
    assert_int_equal(share->attempt.result.tcp.unacked, 0);
    attempt_done(&share->attempt);
    run_through(share, (struct forwarder_limits){FORWARDER_ALL, 8192, false}, SHORT_US);
    attempt_assert_failed(&share->attempt, FL_LAYER_OPERATE, FL_FAILURE_TIMEOUT);
    assert_int_equal(share->attempt.result.step, FL_STEP_READ);
    assert_true(share->attempt.result.step_us[FL_STEP_FLUSH] > 0);
}

static void bytes_that_come_back_changed_are_a_content_failure(void **state)
{
    struct share *share = *state;

    run_through(share, (struct forwarder_limits){FORWARDER_ALL, FORWARDER_ALL, .change = true},
                LONG_US);
    attempt_assert_failed(&share->attempt, FL_LAYER_OPERATE, FL_FAILURE_CONTENT);
    assert_int_equal(share->attempt.result.step, FL_STEP_READ);
}

static void an_export_that_is_not_there_is_denied_at_login(void **state)
{
    struct share *share = *state;

    probe(share, "/nowhere");
    attempt_run(&share->attempt, LONG_US);
    attempt_assert_failed(&share->attempt, FL_LAYER_LOGIN, FL_FAILURE_DENIED);
}

static void assert_write_errs(struct share *share, enum fl_failure failure)
{
    attempt_run(&share->attempt, LONG_US);
    attempt_assert_failed(&share->attempt, FL_LAYER_OPERATE, failure);
    assert_int_equal(share->attempt.result.step, FL_STEP_WRITE);
}

static void a_read_only_export_refuses_the_write(void **state)
{
    struct share *share = *state;

    probe(share, "/shut");
    assert_write_errs(share, FL_FAILURE_READ_ONLY);
}

static void a_user_who_may_not_write_is_denied(void **state)
{
    struct share *share = *state;

    probe_as(share, "/open", "65534");
    assert_write_errs(share, FL_FAILURE_DENIED);
}

static void a_full_file_system_has_no_space(void **state)
{
    struct share *share = *state;

    probe(share, "/small");
    assert_write_errs(share, FL_FAILURE_NO_SPACE);
}

static void assert_answer_is(struct share *share, const char *answer, enum fl_failure failure)
{
    pid_t pid = says_start(answer, &share->port);

    probe(share, "/open");
    attempt_run(&share->attempt, LONG_US);
    server_stop(pid);
    attempt_assert_failed(&share->attempt, FL_LAYER_LOGIN, failure);
}

static void a_server_that_speaks_another_protocol_is_a_protocol_failure(void **state)
{
    assert_answer_is(*state, "HTTP/1.1 400 Bad Request\r\n\r\n", FL_FAILURE_PROTOCOL);
}

static void a_server_that_hangs_up_is_a_reset(void **state)
{
    assert_answer_is(*state, "", FL_FAILURE_RESET);
}

static void an_export_without_a_root_is_refused(void **state)
{
    struct share *share = *state;
    struct fl_error err;

    probe(share, "open");
    assert_int_equal(attempt_open(&share->attempt, &err), -EINVAL);
    assert_non_null(strstr(err.message, "export"));
}

#define SHARE_TEST(name) cmocka_unit_test_setup_teardown(name, make_share, remove_share)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHARE_TEST(a_healthy_share_passes_every_step_and_is_left_clean),
        SHARE_TEST(nobody_listening_is_refused_at_connect),
        SHARE_TEST(a_frozen_server_is_a_timeout_at_login),
        SHARE_TEST(a_stalled_write_is_told_from_a_stalled_read),
        SHARE_TEST(bytes_that_come_back_changed_are_a_content_failure),
        SHARE_TEST(an_export_that_is_not_there_is_denied_at_login),
        SHARE_TEST(a_read_only_export_refuses_the_write),
        SHARE_TEST(a_user_who_may_not_write_is_denied),
        SHARE_TEST(a_full_file_system_has_no_space),
        SHARE_TEST(a_server_that_speaks_another_protocol_is_a_protocol_failure),
        SHARE_TEST(a_server_that_hangs_up_is_a_reset),
        SHARE_TEST(an_export_without_a_root_is_refused),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
