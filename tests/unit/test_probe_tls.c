// links: agent_probe
/* The tls probe against openssl s_server, and against servers that are none. */
#include "tests/support/probe_cases.h"

static char root[64] = "/tmp/faultline-tls-XXXXXX";
static char ca_file[96];
static const char *settings[] = {"ca_file", ca_file, NULL};
static const struct probe_case tls = {.type = "tls", .secrets_path = root, .settings = settings};
static const struct probe_case trusting = {.type = "tls"};

struct server {
    pid_t pid;
    char address[32];
};

/* `more` are further arguments; up to eight. */
static struct server start_server(const char *certificate, const char *const *more)
{
    char port_text[8], file[96], key[96];
    char *argv[20] = {"openssl", "s_server",    "-quiet", "-accept", port_text, "-cert",
                      file,      "-cert_chain", file,     "-key",    key};
    struct server server;
    const int port = server_free_port();
    size_t n = 11;

    (void)snprintf(port_text, sizeof(port_text), "%d", port);
    (void)snprintf(file, sizeof(file), "%s/%s.pem", root, certificate);
    (void)snprintf(key, sizeof(key), "%s/%s.key", root, certificate);
    for (; *more; more++)
        argv[n++] = (char *)(uintptr_t)*more;
    (void)snprintf(server.address, sizeof(server.address), "localhost:%d", port);
    server.pid = server_spawn(argv);
    server_wait_port(server.pid, port);
    return server;
}
#define START_WITH(certificate, ...) start_server(certificate, (const char *const[]){__VA_ARGS__})
#define START(...) START_WITH(__VA_ARGS__, NULL)

/* A chain of so many certificates that no client reads it to its end. */
static void make_huge_chain(void)
{
    static const char script[] = "cd \"$1\" && cp valid.key huge.key && cp valid.pem huge.pem &&"
                                 " for i in $(seq 400); do cat stranger.pem; done >>huge.pem";
    char *argv[] = {"sh", "-c", (char *)(uintptr_t)script, "sh", root, NULL};
    int status;
    pid_t pid = server_spawn(argv);

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static int start_site(void **state)
{
    char command[256];

    (void)state;
    (void)signal(SIGPIPE, SIG_IGN); /* as the agent has it */
    assert_non_null(mkdtemp(root));
    certificates_make(root);
    make_huge_chain();
    (void)snprintf(ca_file, sizeof(ca_file), "%s/ca.pem", root);
    (void)snprintf(command, sizeof(command), "cat %s/client.pem %s/client.key > %s/card", root,
                   root, root);
    return system(command);
}

static int stop_site(void **state)
{
    char command[128];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", root);
    return system(command);
}

static void a_valid_certificate_is_well(void **state)
{
    struct server server = START("valid");
    struct fl_result result;

    (void)state;
    result = CASE_RUN(&tls, "address", server.address);
    CASE_OK(result);
    assert_true(result.phase_us[FL_LAYER_CONNECT] > 0);
    assert_true(result.phase_us[FL_LAYER_TLS] > 0);
    assert_int_equal(result.phase_us[FL_LAYER_OPERATE], FL_ABSENT);
    assert_int_equal(result.tls_resumed, 0);
    assert_int_equal(result.facts.tls_version, 0x0304);
    assert_true(result.facts.cert_end_s > time(NULL) + 20 * 86400);
    assert_true(result.tcp.rtt_us > 0);
    CASE_OK(CASE_RUN(&tls, "address", server.address, "min_version", "1.3", "days", "20"));
    server_stop(server.pid);
}

static void a_chain_without_an_authority_is_invalid(void **state)
{
    struct server server = START("valid");

    (void)state;
    CASE_FAILED("tls", "cert_invalid", CASE_RUN(&trusting, "address", server.address));
    CASE_OK(CASE_RUN(&trusting, "address", server.address, "verify", "false"));
    server_stop(server.pid);
}

static void a_strange_name_is_invalid(void **state)
{
    struct server server = START("stranger");

    (void)state;
    CASE_FAILED("tls", "cert_invalid", CASE_RUN(&tls, "address", server.address));
    CASE_OK(CASE_RUN(&tls, "address", server.address, "server_name", "other.test"));
    server_stop(server.pid);
}

static void what_has_expired_and_what_is_about_to_is_told(void **state)
{
    struct server server = START("expired");

    (void)state;
    CASE_FAILED("tls", "cert_expired", CASE_RUN(&tls, "address", server.address));
    server_stop(server.pid);
    server = START("soon");
    CASE_OK(CASE_RUN(&tls, "address", server.address, "days", "4"));
    CASE_FAILED("tls", "cert_expired", CASE_RUN(&tls, "address", server.address, "days", "6"));
    CASE_FAILED("tls", "cert_expired",
                CASE_RUN(&trusting, "address", server.address, "days", "6", "verify", "false"));
    server_stop(server.pid);
}

static void an_old_version_does_not_do(void **state)
{
    struct server server = START("valid", "-tls1_2");

    (void)state;
    CASE_OK(CASE_RUN(&tls, "address", server.address));
    CASE_FAILED("tls", "protocol", CASE_RUN(&tls, "address", server.address, "min_version", "1.3"));
    server_stop(server.pid);
}

static void a_certificate_of_ours_is_shown_where_it_is_wanted(void **state)
{
    struct server server =
        START("valid", "-tls1_2", "-Verify", "1", "-verify_return_error", "-CAfile", ca_file);

    (void)state;
    CASE_FAILED("tls", "protocol", CASE_RUN(&tls, "address", server.address));
    CASE_OK(CASE_RUN(&tls, "address", server.address, "client_certificate", "card"));
    CASE_FAILED("tls", "local",
                CASE_RUN(&tls, "address", server.address, "client_certificate", "not-there"));
    server_stop(server.pid);
}

static void a_huge_chain_is_not_read_to_its_end(void **state)
{
    struct server server = START("huge");

    (void)state;
    CASE_FAILED("tls", "protocol", CASE_RUN(&tls, "address", server.address));
    server_stop(server.pid);
}

static void a_server_that_stands_still_times_out_in_the_handshake(void **state)
{
    struct server server = START("valid");

    (void)state;
    server_freeze(server.pid);
    CASE_FAILED("tls", "timeout", CASE_BRIEF(&tls, "address", server.address));
    server_stop(server.pid);
}

static void servers_that_are_none_fail_as_what_they_are(void **state)
{
    (void)state;
    CASE_BAD_SERVERS(&tls, "tls", "\x16\x03\x03\x3f");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_valid_certificate_is_well),
        cmocka_unit_test(a_chain_without_an_authority_is_invalid),
        cmocka_unit_test(a_strange_name_is_invalid),
        cmocka_unit_test(what_has_expired_and_what_is_about_to_is_told),
        cmocka_unit_test(an_old_version_does_not_do),
        cmocka_unit_test(a_certificate_of_ours_is_shown_where_it_is_wanted),
        cmocka_unit_test(a_huge_chain_is_not_read_to_its_end),
        cmocka_unit_test(a_server_that_stands_still_times_out_in_the_handshake),
        cmocka_unit_test(servers_that_are_none_fail_as_what_they_are),
    };

    return cmocka_run_group_tests(tests, start_site, stop_site);
}
