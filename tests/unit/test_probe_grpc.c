// links: agent_probe
/* The grpc probe against Debian's gRPC for Python, and against servers that are none. */
#include "tests/support/probe_cases.h"

static char root[64] = "/tmp/faultline-grpc-XXXXXX";
static char address[32], secure[32], ca_file[96];
static pid_t plain_server, secure_server;
static const char *tls_settings[] = {"tls", "true", "ca_file", ca_file, NULL};
static const struct probe_case plain = {.type = "grpc"};
static const struct probe_case tls = {.type = "grpc", .settings = tls_settings};

static pid_t start_server(int port, bool with_tls, char ret_address[32])
{
    char port_text[8], key[96], certificate[96];
    char *argv[] = {(char *)(uintptr_t)HEALTH_SERVER, port_text, with_tls ? key : NULL, certificate,
                    NULL};
    pid_t pid;

    (void)snprintf(port_text, sizeof(port_text), "%d", port);
    (void)snprintf(key, sizeof(key), "%s/valid.key", root);
    (void)snprintf(certificate, sizeof(certificate), "%s/valid.pem", root);
    (void)snprintf(ret_address, 32, "localhost:%d", port);
    pid = server_spawn(argv);
    server_wait_port(pid, port);
    return pid;
}

static int start_site(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN); /* as the agent has it */
    assert_non_null(mkdtemp(root));
    certificates_make(root);
    (void)snprintf(ca_file, sizeof(ca_file), "%s/ca.pem", root);
    plain_server = start_server(server_free_port(), false, address);
    secure_server = start_server(server_free_port(), true, secure);
    return 0;
}

static int stop_site(void **state)
{
    char command[128];

    (void)state;
    server_stop(plain_server);
    server_stop(secure_server);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", root);
    return system(command);
}

static void a_server_that_serves_is_well(void **state)
{
    struct fl_result result = CASE_RUN(&plain, "address", address);

    (void)state;
    CASE_OK(result);
    assert_true(result.phase_us[FL_LAYER_CONNECT] > 0);
    assert_int_equal(result.phase_us[FL_LAYER_TLS], FL_ABSENT);
    assert_true(result.phase_us[FL_LAYER_OPERATE] > 0);
    assert_true(result.tcp.rx_bytes > 20);
    CASE_OK(CASE_RUN(&plain, "address", address, "service", "up"));
}

static void each_state_of_a_service_has_its_word(void **state)
{
    (void)state;
    CASE_FAILED("operate", "content", CASE_RUN(&plain, "address", address, "service", "down"));
    CASE_FAILED("operate", "denied", CASE_RUN(&plain, "address", address, "service", "secret"));
    CASE_FAILED("operate", "status", CASE_RUN(&plain, "address", address, "service", "other"));
    CASE_FAILED("operate", "timeout", CASE_BRIEF(&plain, "address", address, "service", "slow"));
}

static void tls_is_a_layer_of_its_own(void **state)
{
    struct fl_result result = CASE_RUN(&tls, "address", secure, "service", "up");

    (void)state;
    CASE_OK(result);
    assert_true(result.phase_us[FL_LAYER_TLS] > 0);
    CASE_FAILED("tls", "cert_invalid", CASE_RUN(&plain, "address", secure, "tls", "true"));
    CASE_FAILED("tls", "cert_invalid",
                CASE_RUN(&tls, "address", secure, "server_name", "other.test"));
}

static void a_server_that_stands_still_times_out(void **state)
{
    (void)state;
    server_freeze(plain_server);
    CASE_FAILED("operate", "timeout", CASE_BRIEF(&plain, "address", address));
    assert_int_equal(kill(plain_server, SIGCONT), 0);
}

static void what_is_no_grpc_is_told(void **state)
{
    static const char web[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    struct bad_server bad;
    char nobody[32];

    (void)state;
    (void)snprintf(nobody, sizeof(nobody), "127.0.0.1:%d", server_free_port());
    CASE_FAILED("connect", "refused", CASE_RUN(&plain, "address", nobody));
    bad_server_start(&bad, BAD_SILENT, web, sizeof(web) - 1);
    CASE_FAILED("operate", "protocol", CASE_RUN(&plain, "address", bad.address));
    bad_server_stop(&bad);
    bad_server_start(&bad, BAD_RESETS, "", 0);
    CASE_FAILED("operate", "reset", CASE_RUN(&plain, "address", bad.address));
    bad_server_stop(&bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_serves_is_well),
        cmocka_unit_test(each_state_of_a_service_has_its_word),
        cmocka_unit_test(tls_is_a_layer_of_its_own),
        cmocka_unit_test(a_server_that_stands_still_times_out),
        cmocka_unit_test(what_is_no_grpc_is_told),
    };

    return cmocka_run_group_tests(tests, start_site, stop_site);
}
