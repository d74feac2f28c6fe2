// links: agent_probe
/* The nbd probe against a real nbdkit on loopback. */
#include "agent/probe/probe_types.h"
#include "tests/support/probe_attempt.h"
#include "tests/support/server.h"

#define LONG_US (10 * FL_SECOND)
#define SHORT_US (300 * FL_MS)

struct volume {
    struct attempt attempt;
    pid_t pid;
    int port;
};

static void serve(struct volume *volume, const char *const arguments[])
{
    char port[16];
    char *argv[24] = {"nbdkit", "-f", "-i", "127.0.0.1", "-p", port};
    size_t n = 6;

    volume->port = server_free_port();
    (void)snprintf(port, sizeof(port), "%d", volume->port);
    for (size_t i = 0; arguments[i] && n < 23; i++)
        argv[n++] = (char *)(uintptr_t)arguments[i];
    volume->pid = server_spawn(argv);
    server_wait_port(volume->pid, volume->port);
}

/* `host` may be a name. */
static void probe(struct volume *volume, const char *host, const char *write)
{
    char address[64];

    (void)snprintf(address, sizeof(address), "%s:%d", host, volume->port);
    attempt_init(&volume->attempt, "nbd");
    attempt_set(&volume->attempt, "address", address);
    attempt_set(&volume->attempt, "offset", "64KiB");
    attempt_set(&volume->attempt, "length", "16KiB");
    attempt_set(&volume->attempt, "write", write);
}

static int make_volume(void **state)
{
    *state = calloc(1, sizeof(struct volume));
    return *state ? 0 : -1;
}

static int remove_volume(void **state)
{
    struct volume *volume = *state;

    if (volume->attempt.type)
        attempt_done(&volume->attempt);
    server_stop(volume->pid);
    free(volume);
    return 0;
}

#define SERVE(volume, ...) serve(volume, (const char *const[]){__VA_ARGS__, NULL})

static void a_healthy_volume_passes_every_step(void **state)
{
    struct volume *volume = *state;
    const struct fl_result *result = &volume->attempt.result;

    SERVE(volume, "memory", "1M");
    probe(volume, "127.0.0.1", "true");
    for (int i = 0; i < 3; i++) {
        attempt_run(&volume->attempt, LONG_US);
        attempt_assert_ok(&volume->attempt);
        assert_int_equal(result->layer, FL_LAYER_NONE);
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
        assert_true(result->tcp.rx_bytes < 2 * 16384);
    }
}

static void without_the_grant_the_region_is_only_read(void **state)
{
    struct volume *volume = *state;
    const struct fl_result *result = &volume->attempt.result;

    SERVE(volume, "-r", "memory", "1M");
    probe(volume, "127.0.0.1", "false");
    attempt_run(&volume->attempt, LONG_US);
    attempt_assert_ok(&volume->attempt);
    assert_int_equal(result->step_us[FL_STEP_WRITE], FL_ABSENT);
    assert_int_equal(result->step_us[FL_STEP_FLUSH], FL_ABSENT);
    assert_true(result->step_us[FL_STEP_READ] > 0);
}

static void a_name_is_resolved_first(void **state)
{
    struct volume *volume = *state;

    SERVE(volume, "memory", "1M");
    probe(volume, "localhost", "true");
    attempt_run(&volume->attempt, LONG_US);
    attempt_assert_ok(&volume->attempt);
    assert_true(volume->attempt.result.phase_us[FL_LAYER_RESOLVE] >= 0);
}

static void nobody_listening_is_refused_at_connect(void **state)
{
    struct volume *volume = *state;

    volume->port = server_free_port();
    probe(volume, "127.0.0.1", "true");
    attempt_run(&volume->attempt, LONG_US);
    attempt_assert_failed(&volume->attempt, FL_LAYER_CONNECT, FL_FAILURE_REFUSED);
}

static void a_frozen_server_is_a_timeout_at_login(void **state)
{
    struct volume *volume = *state;

    SERVE(volume, "memory", "1M");
    server_freeze(volume->pid);
    probe(volume, "127.0.0.1", "true");
    attempt_run(&volume->attempt, SHORT_US);
    attempt_assert_failed(&volume->attempt, FL_LAYER_LOGIN, FL_FAILURE_TIMEOUT);
    assert_int_equal(volume->attempt.result.step, FL_STEP_NONE);
    assert_true(volume->attempt.result.phase_us[FL_LAYER_CONNECT] >= 0);
    assert_true(volume->attempt.result.tcp.rtt_us > 0);
}

static void assert_stalls_at(struct volume *volume, enum fl_step step)
{
    probe(volume, "127.0.0.1", "true");
    attempt_run(&volume->attempt, SHORT_US);
    attempt_assert_failed(&volume->attempt, FL_LAYER_OPERATE, FL_FAILURE_TIMEOUT);
    assert_int_equal(volume->attempt.result.step, step);
    assert_true(volume->attempt.result.phase_us[FL_LAYER_LOGIN] > 0);
    assert_int_equal(volume->attempt.result.tcp.unacked, 0);
    assert_int_equal(volume->attempt.result.tcp.rx_bytes, 0);
    assert_int_equal(volume->attempt.result.step_us[step], FL_ABSENT);
}

static void a_stalled_write_is_a_timeout_with_every_byte_acknowledged(void **state)
{
    SERVE((struct volume *)*state, "--filter=delay", "memory", "1M", "wdelay=30");
    assert_stalls_at(*state, FL_STEP_WRITE);
}

static void a_stalled_read_is_told_from_a_stalled_write(void **state)
{
    struct volume *volume = *state;

    SERVE(volume, "--filter=delay", "memory", "1M", "rdelay=30");
    assert_stalls_at(volume, FL_STEP_READ);
    assert_true(volume->attempt.result.step_us[FL_STEP_WRITE] > 0);
    assert_true(volume->attempt.result.step_us[FL_STEP_FLUSH] > 0);
}

static void assert_errs_at(struct volume *volume, enum fl_step step, enum fl_failure failure)
{
    probe(volume, "127.0.0.1", "true");
    attempt_run(&volume->attempt, LONG_US);
    attempt_assert_failed(&volume->attempt, FL_LAYER_OPERATE, failure);
    assert_int_equal(volume->attempt.result.step, step);
}

static void a_failing_write_is_an_io_error(void **state)
{
    SERVE((struct volume *)*state, "--filter=error", "memory", "1M", "error-pwrite=EIO",
          "error-pwrite-rate=100%");
    assert_errs_at(*state, FL_STEP_WRITE, FL_FAILURE_IO_ERROR);
}

static void a_failing_read_is_an_io_error_of_the_read(void **state)
{
    SERVE((struct volume *)*state, "--filter=error", "memory", "1M", "error-pread=EIO",
          "error-pread-rate=100%");
    assert_errs_at(*state, FL_STEP_READ, FL_FAILURE_IO_ERROR);
}

static void a_full_volume_has_no_space(void **state)
{
    SERVE((struct volume *)*state, "--filter=error", "memory", "1M", "error-pwrite=ENOSPC",
          "error-pwrite-rate=100%");
    assert_errs_at(*state, FL_STEP_WRITE, FL_FAILURE_NO_SPACE);
}

static void a_read_only_volume_refuses_the_write(void **state)
{
    SERVE((struct volume *)*state, "-r", "memory", "1M");
    assert_errs_at(*state, FL_STEP_WRITE, FL_FAILURE_READ_ONLY);
}

static void a_write_beyond_the_end_has_no_space(void **state)
{
    SERVE((struct volume *)*state, "memory", "68K");
    assert_errs_at(*state, FL_STEP_WRITE, FL_FAILURE_NO_SPACE);
}

static void bytes_that_come_back_changed_are_a_content_failure(void **state)
{
    SERVE((struct volume *)*state, "null", "1M"); /* swallows writes, reads zeroes */
    assert_errs_at(*state, FL_STEP_READ, FL_FAILURE_CONTENT);
}

/* A script keeps the volume's bytes in a file; while FILE.lose is there it takes writes and loses
 * them. */
static void serve_forgetful(struct volume *volume, const char *path)
{
    char get_size[] = "get_size=echo 1M", can_write[] = "can_write=exit 0";
    char pread[160], pwrite[320];

    (void)snprintf(pread, sizeof(pread),
                   "pread=dd if=%s iflag=skip_bytes,count_bytes skip=$4 count=$3 status=none",
                   path);
    (void)snprintf(pwrite, sizeof(pwrite),
                   "pwrite=if [ -e %s.lose ]; then cat >/dev/null; else dd of=%s "
                   "oflag=seek_bytes seek=$4 conv=notrunc status=none; fi",
                   path, path);
    SERVE(volume, "eval", get_size, can_write, pread, pwrite);
}

static void a_read_of_an_older_round_is_a_content_failure(void **state)
{
    struct volume *volume = *state;
    char path[] = "/tmp/faultline-nbd-XXXXXX", lose[64];
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    close(fd);
    serve_forgetful(volume, path);
    probe(volume, "127.0.0.1", "true");
    attempt_run(&volume->attempt, LONG_US);
    attempt_assert_ok(&volume->attempt);

    (void)snprintf(lose, sizeof(lose), "%s.lose", path);
    fd = open(lose, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    attempt_run(&volume->attempt, LONG_US);
    unlink(lose);
    unlink(path);
    attempt_assert_failed(&volume->attempt, FL_LAYER_OPERATE, FL_FAILURE_CONTENT);
    assert_int_equal(volume->attempt.result.step, FL_STEP_READ);
}

static void an_export_that_is_not_there_is_denied_at_login(void **state)
{
    struct volume *volume = *state;

    SERVE(volume, "--filter=exportname", "memory", "1M", "exportname=vol-1",
          "exportname-strict=true");
    probe(volume, "127.0.0.1", "true");
    attempt_set(&volume->attempt, "export", "vol-2");
    attempt_run(&volume->attempt, LONG_US);
    attempt_assert_failed(&volume->attempt, FL_LAYER_LOGIN, FL_FAILURE_DENIED);
}

/* A listener that says something, or nothing, and closes. */
static void answer_with(struct volume *volume, const char *bytes)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    volume->port = server_free_port();
    address.sin_port = htons((uint16_t)volume->port);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 8), 0);
    volume->pid = fork();
    if (volume->pid == 0) {
        int peer = accept(fd, NULL, NULL);

        (void)!write(peer, bytes, strlen(bytes));
        _exit(0); /* closes */
    }
    close(fd);
}

static void a_server_that_speaks_another_protocol_is_a_protocol_failure(void **state)
{
    struct volume *volume = *state;

    answer_with(volume, "HTTP/1.1 400 Bad Request and some more bytes to read\r\n\r\n");
    probe(volume, "127.0.0.1", "true");
    attempt_run(&volume->attempt, LONG_US);
    attempt_assert_failed(&volume->attempt, FL_LAYER_LOGIN, FL_FAILURE_PROTOCOL);
}

static void a_server_that_hangs_up_is_a_reset(void **state)
{
    struct volume *volume = *state;

    answer_with(volume, "");
    probe(volume, "127.0.0.1", "true");
    attempt_run(&volume->attempt, LONG_US);
    attempt_assert_failed(&volume->attempt, FL_LAYER_LOGIN, FL_FAILURE_RESET);
}

static void a_run_can_be_cancelled_while_it_waits(void **state)
{
    struct volume *volume = *state;

    SERVE(volume, "--filter=delay", "memory", "1M", "wdelay=30");
    probe(volume, "127.0.0.1", "true");
    attempt_run(&volume->attempt, SHORT_US);
    assert_int_equal(volume->attempt.type->start(volume->attempt.instance, attempt_on_done,
                                                 &volume->attempt, &volume->attempt.run),
                     0);
    assert_true(volume->attempt.type->cancel(volume->attempt.run));
    volume->attempt.run = NULL;
}

static void a_region_of_broken_sectors_is_refused(void **state)
{
    struct volume *volume = *state;
    struct fl_error err;

    attempt_init(&volume->attempt, "nbd");
    attempt_set(&volume->attempt, "address", "127.0.0.1:10809");
    attempt_set(&volume->attempt, "length", "1000");
    assert_int_equal(attempt_open(&volume->attempt, &err), -EINVAL);
    assert_non_null(strstr(err.message, "1000"));
}

static void a_region_larger_than_allowed_is_refused(void **state)
{
    struct volume *volume = *state;
    struct fl_error err;

    attempt_init(&volume->attempt, "nbd");
    attempt_set(&volume->attempt, "address", "127.0.0.1:10809");
    attempt_set(&volume->attempt, "length", "2MiB");
    assert_int_equal(attempt_open(&volume->attempt, &err), -EINVAL);
    assert_non_null(strstr(err.message, "length"));
}

#define VOLUME_TEST(name) cmocka_unit_test_setup_teardown(name, make_volume, remove_volume)

int main(void)
{
    const struct CMUnitTest tests[] = {
        VOLUME_TEST(a_healthy_volume_passes_every_step),
        VOLUME_TEST(without_the_grant_the_region_is_only_read),
        VOLUME_TEST(a_name_is_resolved_first),
        VOLUME_TEST(nobody_listening_is_refused_at_connect),
        VOLUME_TEST(a_frozen_server_is_a_timeout_at_login),
        VOLUME_TEST(a_stalled_write_is_a_timeout_with_every_byte_acknowledged),
        VOLUME_TEST(a_stalled_read_is_told_from_a_stalled_write),
        VOLUME_TEST(a_failing_write_is_an_io_error),
        VOLUME_TEST(a_failing_read_is_an_io_error_of_the_read),
        VOLUME_TEST(a_full_volume_has_no_space),
        VOLUME_TEST(a_read_only_volume_refuses_the_write),
        VOLUME_TEST(a_write_beyond_the_end_has_no_space),
        VOLUME_TEST(bytes_that_come_back_changed_are_a_content_failure),
        VOLUME_TEST(a_read_of_an_older_round_is_a_content_failure),
        VOLUME_TEST(an_export_that_is_not_there_is_denied_at_login),
        VOLUME_TEST(a_server_that_speaks_another_protocol_is_a_protocol_failure),
        VOLUME_TEST(a_server_that_hangs_up_is_a_reset),
        VOLUME_TEST(a_run_can_be_cancelled_while_it_waits),
        VOLUME_TEST(a_region_of_broken_sectors_is_refused),
        VOLUME_TEST(a_region_larger_than_allowed_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
