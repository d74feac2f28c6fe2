// links: agent_probe
/* The memcached probe against a real memcached, and against servers that are none. */
#include "tests/support/probe_cases.h"

static char address[32];
static pid_t server;
static const char *settings[] = {NULL};
static const struct probe_case plain = {.type = "memcached", .settings = settings};

static int start_site(void **state)
{
    char port_text[8];
    char *argv[] = {"memcached", "-u", "root", "-l", "127.0.0.1", "-U", "0", "-p", port_text, NULL};
    const int port = server_free_port();

    (void)state;
    (void)snprintf(port_text, sizeof(port_text), "%d", port);
    (void)snprintf(address, sizeof(address), "127.0.0.1:%d", port);
    server = server_spawn(argv);
    server_wait_port(server, port);
    return 0;
}

static int stop_site(void **state)
{
    (void)state;
    server_stop(server);
    return 0;
}

static void a_server_that_answers_is_well(void **state)
{
    struct fl_result result = CASE_RUN(&plain, "address", address);

    (void)state;
    CASE_OK(result);
    assert_true(result.phase_us[FL_LAYER_CONNECT] > 0);
    assert_true(result.phase_us[FL_LAYER_OPERATE] > 0);
    assert_true(result.tcp.rx_bytes > 8);
}

static void a_key_is_stored_and_read_back(void **state)
{
    struct fl_result result = CASE_RUN(&plain, "address", address, "write", "true");

    (void)state;
    CASE_OK(result);
    assert_true(result.step_us[FL_STEP_WRITE] > 0);
    assert_true(result.step_us[FL_STEP_READ] > 0);
}

static void a_key_that_is_not_there_is_wrong_content(void **state)
{
    (void)state;
    CASE_FAILED("operate", "content", CASE_RUN(&plain, "address", address, "key", "no-such-key"));
}

/* What the server says, judged with settings that store or read. */
static void judge(const char *says, const char *failure, const char *setting, const char *value)
{
    struct bad_server bad;

    bad_server_start(&bad, BAD_SILENT, says, strlen(says));
    CASE_FAILED("operate", failure, CASE_RUN(&plain, "address", bad.address, setting, value));
    bad_server_stop(&bad);
}

static void each_error_has_its_word(void **state)
{
    (void)state;
    judge("SERVER_ERROR out of memory storing object\r\n", "no_space", "write", "true");
    judge("SERVER_ERROR backend\r\n", "io_error", "write", "true");
    judge("CLIENT_ERROR unauthenticated\r\n", "denied", "write", "true");
    judge("ERROR\r\n", "protocol", "write", "true");
    judge("STORED\r\nVALUE k 0 3\r\nabc\r\nEND\r\n", "content", "write", "true");
    judge("VALUE k 0 99999999\r\n", "protocol", "key", "k");
    judge("VALUE k 0 -1\r\n", "protocol", "key", "k");
    judge("VALUE k 0 3\r\nabcdef\r\nEND\r\n", "protocol", "key", "k");
    judge("VALUE\r\n", "protocol", "key", "k");
}

static void a_server_that_stands_still_times_out_in_its_step(void **state)
{
    struct fl_result result;

    (void)state;
    server_freeze(server);
    result = CASE_BRIEF(&plain, "address", address, "write", "true");
    CASE_FAILED("operate", "timeout", result);
    assert_int_equal(result.step, FL_STEP_WRITE);
    assert_int_equal(kill(server, SIGCONT), 0);
}

static void servers_that_are_none_fail_as_what_they_are(void **state)
{
    (void)state;
    CASE_BAD_SERVERS(&plain, "operate", "VERSION");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_answers_is_well),
        cmocka_unit_test(a_key_is_stored_and_read_back),
        cmocka_unit_test(a_key_that_is_not_there_is_wrong_content),
        cmocka_unit_test(each_error_has_its_word),
        cmocka_unit_test(a_server_that_stands_still_times_out_in_its_step),
        cmocka_unit_test(servers_that_are_none_fail_as_what_they_are),
    };

    return cmocka_run_group_tests(tests, start_site, stop_site);
}
