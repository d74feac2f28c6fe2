// links: agent_probe
/* The dns probe over TCP and TLS against a real Knot, with HAProxy before it for TLS. */
#include "tests/support/probe_cases.h"

static char root[64] = "/tmp/faultline-dns-XXXXXX";
static char ca_file[96], plain_address[32], tls_address[32];
static pid_t knot, haproxy;
static const char *over_tcp_settings[] = {"query", "www.probe.test", "transport", "tcp", NULL};
static const char *over_tls_settings[] = {"query",   "www.probe.test", "transport", "tls",
                                          "ca_file", ca_file,          NULL};
static const struct probe_case over_tcp = {.type = "dns", .settings = over_tcp_settings};
static const struct probe_case over_tls = {.type = "dns", .settings = over_tls_settings};

static void put(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", root, name);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static const char zone[] = "$ORIGIN probe.test.\n$TTL 60\n"
                           "@ SOA ns hostmaster 1 60 60 60 60\n@ NS ns\nns A 127.0.0.1\n"
                           "www A 192.0.2.80\nwww AAAA 2001:db8::80\n"
                           "@ CAA 0 issue \"ca.example\"\n"
                           "_443._tcp TLSA 3 1 1 "
                           "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";

static void start_knot(int port)
{
    char text[1024], path[96];
    char *argv[] = {"/usr/sbin/knotd", "-c", path, NULL};

    (void)snprintf(path, sizeof(path), "%s/knot.conf", root);
    (void)snprintf(text, sizeof(text),
                   "server:\n    rundir: %s\n    listen: 127.0.0.1@%d\n"
                   "    udp-workers: 1\n    tcp-workers: 1\n    background-workers: 1\n"
                   "log:\n  - target: stderr\n    any: error\n"
                   "database:\n    storage: %s\n"
                   "zone:\n  - domain: probe.test\n    storage: %s\n    file: zone\n",
                   root, port, root, root);
    put("knot.conf", text);
    put("zone", zone);
    knot = server_spawn(argv);
    server_wait_port(knot, port);
}

static void start_haproxy(int port, int behind)
{
    char text[1024], path[96], command[256];
    char *argv[] = {"haproxy", "-q", "-db", "-f", path, NULL};

    (void)snprintf(command, sizeof(command), "cat %s/valid.pem %s/valid.key > %s/both.pem", root,
                   root, root);
    assert_int_equal(system(command), 0);
    (void)snprintf(path, sizeof(path), "%s/haproxy.cfg", root);
    (void)snprintf(text, sizeof(text),
                   "defaults\n    mode tcp\n    timeout connect 5s\n    timeout client 5s\n"
                   "    timeout server 5s\n"
                   "listen dot\n    bind 127.0.0.1:%d ssl crt %s/both.pem\n"
                   "    server knot 127.0.0.1:%d\n",
                   port, root, behind);
    put("haproxy.cfg", text);
    haproxy = server_spawn(argv);
    server_wait_port(haproxy, port);
}

static int start_site(void **state)
{
    const int port = server_free_port(), tls = server_free_port();

    (void)state;
    (void)signal(SIGPIPE, SIG_IGN); /* as the agent has it */
    (void)setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
    assert_non_null(mkdtemp(root));
    certificates_make(root);
    (void)snprintf(ca_file, sizeof(ca_file), "%s/ca.pem", root);
    (void)snprintf(plain_address, sizeof(plain_address), "127.0.0.1:%d", port);
    (void)snprintf(tls_address, sizeof(tls_address), "127.0.0.1:%d", tls);
    start_knot(port);
    start_haproxy(tls, port);
    return 0;
}

static int stop_site(void **state)
{
    char command[128];

    (void)state;
    server_stop(haproxy);
    server_stop(knot);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", root);
    return system(command);
}

static void an_answer_over_tcp_is_well(void **state)
{
    struct fl_result result = CASE_RUN(&over_tcp, "server", plain_address, "expect", "192.0.2.80");

    (void)state;
    CASE_OK(result);
    assert_true(result.phase_us[FL_LAYER_CONNECT] > 0);
    assert_true(result.phase_us[FL_LAYER_OPERATE] > 0);
    assert_true(result.tcp.rx_bytes > 40);
    CASE_FAILED("operate", "content",
                CASE_RUN(&over_tcp, "server", plain_address, "expect", "192.0.2.81"));
}

static void an_answer_over_tls_is_well(void **state)
{
    struct fl_result result =
        CASE_RUN(&over_tls, "server", tls_address, "record", "AAAA", "expect", "2001:db8::80");

    (void)state;
    CASE_OK(result);
    assert_true(result.phase_us[FL_LAYER_TLS] > 0);
    CASE_FAILED("tls", "cert_invalid",
                CASE_RUN(&over_tls, "server", tls_address, "server_name", "other.test"));
    /* Without TLS the server waits for what it takes for a long message. */
    CASE_FAILED("tls", "timeout", CASE_BRIEF(&over_tls, "server", plain_address));
}

static void more_kinds_of_records_are_read(void **state)
{
    static const char *settings[] = {"transport", "udp", NULL};
    const struct probe_case udp = {.type = "dns", .settings = settings};

    (void)state;
    CASE_OK(CASE_RUN(&udp, "server", plain_address, "query", "probe.test", "record", "CAA",
                     "expect", "0 issue ca.example"));
    CASE_OK(CASE_RUN(&udp, "server", plain_address, "query", "_443._tcp.probe.test", "record",
                     "TLSA", "expect", "0301010123456789"));
    CASE_FAILED("operate", "nxdomain",
                CASE_RUN(&udp, "server", plain_address, "query", "nowhere.probe.test"));
    CASE_FAILED("operate", "denied",
                CASE_RUN(&udp, "server", plain_address, "query", "elsewhere.test"));
}

static void a_server_that_stands_still_times_out(void **state)
{
    (void)state;
    server_freeze(knot);
    CASE_FAILED("operate", "timeout", CASE_BRIEF(&over_tcp, "server", plain_address));
    CASE_FAILED("operate", "timeout", CASE_BRIEF(&over_tls, "server", tls_address));
    assert_int_equal(kill(knot, SIGCONT), 0);
}

static void what_is_no_dns_is_a_protocol_failure(void **state)
{
    static const char text[] = "\0\x14\0\0 this is no answer.";
    struct bad_server bad;

    (void)state;
    bad_server_start(&bad, BAD_SILENT, text, sizeof(text) - 1);
    CASE_FAILED("operate", "protocol", CASE_RUN(&over_tcp, "server", bad.address));
    bad_server_stop(&bad);
    bad_server_start(&bad, BAD_CLOSES, text, 8);
    CASE_FAILED("operate", "reset", CASE_RUN(&over_tcp, "server", bad.address));
    bad_server_stop(&bad);
    bad_server_start(&bad, BAD_DRIPS, text, sizeof(text) - 1);
    CASE_FAILED("operate", "timeout", CASE_BRIEF(&over_tcp, "server", bad.address));
    bad_server_stop(&bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_over_tcp_is_well),
        cmocka_unit_test(an_answer_over_tls_is_well),
        cmocka_unit_test(more_kinds_of_records_are_read),
        cmocka_unit_test(a_server_that_stands_still_times_out),
        cmocka_unit_test(what_is_no_dns_is_a_protocol_failure),
    };

    return cmocka_run_group_tests(tests, start_site, stop_site);
}
