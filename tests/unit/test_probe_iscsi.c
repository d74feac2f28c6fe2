// links: agent_probe
/* The iscsi probe against a real tgtd on loopback. */
#include "agent/probe/probe_types.h"
#include "tests/support/forwarder.h"
#include "tests/support/probe_attempt.h"
#include "tests/support/says.h"

#define LONG_US (10 * FL_SECOND)
#define SHORT_US (300 * FL_MS)
#define TARGET "iqn.2026-11.invalid.faultline.test:volume"
#define PASSWORD "twelve-or-more"

/* One tgtd serves all tests; each begins with a unit of its own. */
static pid_t tgtd;
static int tgtd_port;
static char control[16];
static char directory[] = "/tmp/faultline-iscsi-XXXXXX";

struct unit {
    struct attempt attempt;
    int port;
    char image[64];
};

/* tgtadm with these arguments, after those that all share. */
static int admin(const char *const arguments[])
{
    char *argv[32] = {"tgtadm", "-C", control, "--lld", "iscsi"};
    size_t n = 5;
    int status = -1;
    pid_t pid;

    for (size_t i = 0; arguments[i] && n < 31; i++)
        argv[n++] = (char *)(uintptr_t)arguments[i];
    pid = server_spawn(argv);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}
#define ADMIN(...) admin((const char *const[]){__VA_ARGS__, NULL})
#define MUST(...) assert_int_equal(ADMIN(__VA_ARGS__), 0)

static int start_tgtd(void **state)
{
    char portal[64];
    char *argv[] = {"tgtd", "-f", "-C", control, "--iscsi", portal, NULL};

    (void)state;
    assert_non_null(mkdtemp(directory));
    tgtd_port = server_free_port();
    (void)snprintf(portal, sizeof(portal), "portal=127.0.0.1:%d", tgtd_port);
    (void)snprintf(control, sizeof(control), "%d", 1000 + getpid() % 30000);
    tgtd = server_spawn(argv);
    server_wait_port(tgtd, tgtd_port);
    return 0;
}

/* tgtd leaves only when nothing is left to serve. */
static int stop_tgtd(void **state)
{
    (void)state;
    kill(tgtd, SIGKILL);
    (void)waitpid(tgtd, NULL, 0);
    rmdir(directory);
    return 0;
}

static int make_unit(void **state)
{
    struct unit *unit = calloc(1, sizeof(*unit));
    int fd;

    assert_non_null(unit);
    *state = unit;
    unit->port = tgtd_port;
    (void)snprintf(unit->image, sizeof(unit->image), "%s/image", directory);
    fd = open(unit->image, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    close(fd);
    MUST("--op", "new", "--mode", "target", "--tid", "1", "-T", TARGET);
    MUST("--op", "new", "--mode", "logicalunit", "--tid", "1", "--lun", "1", "-b", unit->image);
    MUST("--op", "bind", "--mode", "target", "--tid", "1", "-I", "ALL");
    return 0;
}

static int remove_unit(void **state)
{
    struct unit *unit = *state;

    if (unit->attempt.type)
        attempt_done(&unit->attempt);
    kill(tgtd, SIGCONT);
    MUST("--op", "delete", "--mode", "target", "--tid", "1", "--force");
    unlink(unit->image);
    free(unit);
    return 0;
}

static void probe_at(struct unit *unit, const char *write, const char *offset)
{
    char address[64];

    (void)snprintf(address, sizeof(address), "127.0.0.1:%d", unit->port);
    attempt_init(&unit->attempt, "iscsi");
    unit->attempt.env.secrets_path = directory;
    attempt_set(&unit->attempt, "address", address);
    attempt_set(&unit->attempt, "target", TARGET);
    attempt_set(&unit->attempt, "lun", "1");
    attempt_set(&unit->attempt, "offset", offset);
    attempt_set(&unit->attempt, "length", "16KiB");
    attempt_set(&unit->attempt, "write", write);
}

static void probe(struct unit *unit, const char *write)
{
    probe_at(unit, write, "64KiB");
}

static void assert_errs_at(struct unit *unit, enum fl_layer layer, enum fl_step step,
                           enum fl_failure failure)
{
    attempt_run(&unit->attempt, LONG_US);
    attempt_assert_failed(&unit->attempt, layer, failure);
    assert_int_equal(unit->attempt.result.step, step);
}

static void a_healthy_unit_passes_every_step(void **state)
{
    struct unit *unit = *state;
    const struct fl_result *result = &unit->attempt.result;

    probe(unit, "true");
    for (int i = 0; i < 3; i++) {
        attempt_run(&unit->attempt, LONG_US);
        attempt_assert_ok(&unit->attempt);
        assert_int_equal(result->phase_us[FL_LAYER_RESOLVE], FL_ABSENT);
        assert_true(result->phase_us[FL_LAYER_CONNECT] >= 0);
        assert_true(result->phase_us[FL_LAYER_LOGIN] > 0);
        for (int step = 0; step < FL_STEPS; step++)
            assert_true(result->step_us[step] > 0);
        assert_true(result->phase_us[FL_LAYER_OPERATE] >= result->step_us[FL_STEP_WRITE] +
                                                              result->step_us[FL_STEP_FLUSH] +
                                                              result->step_us[FL_STEP_READ]);
        assert_true(result->tcp.rtt_us > 0);
        assert_true(result->tcp.rx_bytes >= 16384); /* the read was the last operation */
    }
}

static void without_the_grant_the_region_is_only_read(void **state)
{
    struct unit *unit = *state;

    probe(unit, "false");
    attempt_run(&unit->attempt, LONG_US);
    attempt_assert_ok(&unit->attempt);
    assert_int_equal(unit->attempt.result.step_us[FL_STEP_WRITE], FL_ABSENT);
    assert_int_equal(unit->attempt.result.step_us[FL_STEP_FLUSH], FL_ABSENT);
    assert_true(unit->attempt.result.step_us[FL_STEP_READ] > 0);
}

static void nobody_listening_is_refused_at_connect(void **state)
{
    struct unit *unit = *state;

    unit->port = server_free_port();
    probe(unit, "true");
    assert_errs_at(unit, FL_LAYER_CONNECT, FL_STEP_NONE, FL_FAILURE_REFUSED);
}

static void a_frozen_server_is_a_timeout_at_login(void **state)
{
    struct unit *unit = *state;

    server_freeze(tgtd);
    probe(unit, "true");
    attempt_run(&unit->attempt, SHORT_US);
    attempt_assert_failed(&unit->attempt, FL_LAYER_LOGIN, FL_FAILURE_TIMEOUT);
    assert_true(unit->attempt.result.phase_us[FL_LAYER_CONNECT] >= 0);
    assert_true(unit->attempt.result.tcp.rtt_us > 0);
}

static void assert_stalls_at(struct unit *unit, int64_t up, int64_t down, enum fl_step step)
{
    const struct forwarder_limits limits = {.up = up, .down = down};
    struct forwarder forwarder = forwarder_start(tgtd_port, limits);

    unit->port = forwarder.port;
    probe(unit, "true");
    attempt_run(&unit->attempt, SHORT_US);
    forwarder_stop(&forwarder);
    attempt_assert_failed(&unit->attempt, FL_LAYER_OPERATE, FL_FAILURE_TIMEOUT);
    assert_int_equal(unit->attempt.result.step, step);
    assert_true(unit->attempt.result.phase_us[FL_LAYER_LOGIN] > 0);
    assert_int_equal(unit->attempt.result.tcp.unacked, 0);
}

static void a_stalled_write_is_told_from_a_stalled_read(void **state)
{
    struct unit *unit = *state;

    assert_stalls_at(unit, 8192, FORWARDER_ALL, FL_STEP_WRITE);
    attempt_done(&unit->attempt);
    assert_stalls_at(unit, FORWARDER_ALL, 8192, FL_STEP_READ);
    assert_true(unit->attempt.result.step_us[FL_STEP_FLUSH] > 0);
}

static void a_target_that_is_not_there_is_denied_at_login(void **state)
{
    struct unit *unit = *state;

    probe(unit, "true");
    attempt_set(&unit->attempt, "initiator", "iqn.2026-11.invalid.faultline:other");
    MUST("--op", "unbind", "--mode", "target", "--tid", "1", "-I", "ALL");
    assert_errs_at(unit, FL_LAYER_LOGIN, FL_STEP_NONE, FL_FAILURE_DENIED);
}

static void write_secret(const char *text)
{
    char path[64];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/chap", directory);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void a_password_opens_and_a_wrong_one_is_denied(void **state)
{
    struct unit *unit = *state;
    char path[64];

    MUST("--op", "new", "--mode", "account", "--user", "prober", "--password", PASSWORD);
    MUST("--op", "bind", "--mode", "account", "--tid", "1", "--user", "prober");
    probe(unit, "true");
    attempt_set(&unit->attempt, "user", "prober");
    attempt_set(&unit->attempt, "password_file", "chap");
    write_secret(PASSWORD "\n");
    attempt_run(&unit->attempt, LONG_US);
    attempt_assert_ok(&unit->attempt);
    write_secret("not-the-password\n");
    assert_errs_at(unit, FL_LAYER_LOGIN, FL_STEP_NONE, FL_FAILURE_DENIED);
    (void)snprintf(path, sizeof(path), "%s/chap", directory);
    unlink(path);
    MUST("--op", "delete", "--mode", "account", "--user", "prober");
}

static void a_read_only_unit_refuses_the_write(void **state)
{
    struct unit *unit = *state;

    MUST("--op", "update", "--mode", "logicalunit", "--tid", "1", "--lun", "1", "--params",
         "readonly=1");
    probe(unit, "true");
    assert_errs_at(unit, FL_LAYER_OPERATE, FL_STEP_WRITE, FL_FAILURE_READ_ONLY);
}

static void a_medium_that_cannot_be_read_is_an_io_error(void **state)
{
    struct unit *unit = *state;

    probe(unit, "false");
    assert_int_equal(truncate(unit->image, 4096), 0);
    assert_errs_at(unit, FL_LAYER_OPERATE, FL_STEP_READ, FL_FAILURE_IO_ERROR);
}

static void bytes_that_come_back_changed_are_a_content_failure(void **state)
{
    const struct forwarder_limits limits = {FORWARDER_ALL, FORWARDER_ALL, .change = true};
    struct forwarder forwarder = forwarder_start(tgtd_port, limits);
    struct unit *unit = *state;

    unit->port = forwarder.port;
    probe(unit, "true");
    attempt_run(&unit->attempt, LONG_US);
    forwarder_stop(&forwarder);
    attempt_assert_failed(&unit->attempt, FL_LAYER_OPERATE, FL_FAILURE_CONTENT);
    assert_int_equal(unit->attempt.result.step, FL_STEP_READ);
}

static void a_region_beyond_the_end_is_an_io_error(void **state)
{
    struct unit *unit = *state;

    probe_at(unit, "true", "1MiB");
    assert_errs_at(unit, FL_LAYER_OPERATE, FL_STEP_WRITE, FL_FAILURE_IO_ERROR);
}

static void assert_answer_is(struct unit *unit, const char *answer, enum fl_failure failure)
{
    pid_t pid = says_start(answer, &unit->port);

    probe(unit, "true");
    attempt_run(&unit->attempt, LONG_US);
    server_stop(pid);
    attempt_assert_failed(&unit->attempt, FL_LAYER_LOGIN, failure);
}

static void a_server_that_speaks_another_protocol_is_a_protocol_failure(void **state)
{
    assert_answer_is(*state, "HTTP/1.1 400 Bad Request and some more bytes to read here\r\n\r\n",
                     FL_FAILURE_PROTOCOL);
}

static void a_server_that_hangs_up_is_a_reset(void **state)
{
    assert_answer_is(*state, "", FL_FAILURE_RESET);
}

static void settings_that_contradict_are_refused(void **state)
{
    struct unit *unit = *state;
    struct fl_error err;

    probe(unit, "true");
    attempt_set(&unit->attempt, "user", "prober");
    assert_int_equal(attempt_open(&unit->attempt, &err), -EINVAL);
    assert_non_null(strstr(err.message, "password_file"));
}

#define UNIT_TEST(name) cmocka_unit_test_setup_teardown(name, make_unit, remove_unit)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(a_healthy_unit_passes_every_step),
        UNIT_TEST(without_the_grant_the_region_is_only_read),
        UNIT_TEST(nobody_listening_is_refused_at_connect),
        UNIT_TEST(a_frozen_server_is_a_timeout_at_login),
        UNIT_TEST(a_stalled_write_is_told_from_a_stalled_read),
        UNIT_TEST(a_target_that_is_not_there_is_denied_at_login),
        UNIT_TEST(a_password_opens_and_a_wrong_one_is_denied),
        UNIT_TEST(a_read_only_unit_refuses_the_write),
        UNIT_TEST(a_medium_that_cannot_be_read_is_an_io_error),
        UNIT_TEST(bytes_that_come_back_changed_are_a_content_failure),
        UNIT_TEST(a_region_beyond_the_end_is_an_io_error),
        UNIT_TEST(a_server_that_speaks_another_protocol_is_a_protocol_failure),
        UNIT_TEST(a_server_that_hangs_up_is_a_reset),
        UNIT_TEST(settings_that_contradict_are_refused),
    };

    return cmocka_run_group_tests(tests, start_tgtd, stop_tgtd);
}
