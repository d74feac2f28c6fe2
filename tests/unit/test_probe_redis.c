// links: agent_probe
/* The redis probe against a real redis-server, and against servers that are none. */
#include "agent/probe/resp.h"
#include "tests/support/probe_cases.h"

static struct site {
    char root[64];
    char address[32], secure[32], locked[32];
    char ca_file[96];
    pid_t open, closed;
} site;

static struct probe_case plain = {.type = "redis"};

static void put(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", site.root, name);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static pid_t start_redis(const char *conf, int port)
{
    char path[128];
    char *argv[] = {"redis-server", path, NULL};
    pid_t pid;

    (void)snprintf(path, sizeof(path), "%s/%s", site.root, conf);
    pid = server_spawn(argv);
    server_wait_port(pid, port);
    return pid;
}

static int start_site(void **state)
{
    const int port = server_free_port(), secure = server_free_port(), locked = server_free_port();
    char text[1024];

    (void)state;
    (void)signal(SIGPIPE, SIG_IGN); /* as the agent has it */
    strcpy(site.root, "/tmp/faultline-redis-XXXXXX");
    assert_non_null(mkdtemp(site.root));
    certificates_make(site.root);
    (void)snprintf(site.address, sizeof(site.address), "127.0.0.1:%d", port);
    (void)snprintf(site.secure, sizeof(site.secure), "127.0.0.1:%d", secure);
    (void)snprintf(site.locked, sizeof(site.locked), "127.0.0.1:%d", locked);
    (void)snprintf(site.ca_file, sizeof(site.ca_file), "%s/ca.pem", site.root);
    (void)snprintf(text, sizeof(text),
                   "bind 127.0.0.1\nport %d\ntls-port %d\ntls-cert-file %s/valid.pem\n"
                   "tls-key-file %s/valid.key\ntls-ca-cert-file %s/ca.pem\ntls-auth-clients no\n"
                   "save \"\"\ndir %s\nlogfile %s/open.log\n",
                   port, secure, site.root, site.root, site.root, site.root, site.root);
    put("open.conf", text);
    (void)snprintf(text, sizeof(text),
                   "bind 127.0.0.1\nport %d\nrequirepass right\nuser reader on >second ~* +get "
                   "+ping\nsave \"\"\ndir %s\nlogfile %s/closed.log\n",
                   locked, site.root, site.root);
    put("closed.conf", text);
    put("right", "right\n");
    put("wrong", "wrong\n");
    put("second", "second\n");
    site.open = start_redis("open.conf", port);
    site.closed = start_redis("closed.conf", locked);
    plain.secrets_path = site.root;
    return 0;
}

static int stop_site(void **state)
{
    char command[128];

    (void)state;
    server_stop(site.open);
    server_stop(site.closed);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", site.root);
    return system(command);
}

static void a_server_that_answers_is_well(void **state)
{
    struct fl_result result = CASE_RUN(&plain, "address", site.address);

    (void)state;
    CASE_OK(result);
    assert_true(result.phase_us[FL_LAYER_CONNECT] > 0);
    assert_int_equal(result.phase_us[FL_LAYER_LOGIN], FL_ABSENT);
    assert_true(result.phase_us[FL_LAYER_OPERATE] > 0);
    assert_true(result.tcp.rtt_us > 0);
    assert_int_equal(result.tcp.rx_bytes, 7); /* +PONG and its end */
}

static void a_key_is_written_and_read_back(void **state)
{
    struct fl_result result = CASE_RUN(&plain, "address", site.address, "write", "true");

    (void)state;
    CASE_OK(result);
    assert_true(result.step_us[FL_STEP_WRITE] > 0);
    assert_true(result.step_us[FL_STEP_READ] > 0);
}

static void a_key_that_is_not_there_is_wrong_content(void **state)
{
    (void)state;
    CASE_FAILED("operate", "content",
                CASE_RUN(&plain, "address", site.address, "key", "no-such-key"));
}

static void a_password_is_asked_for_and_judged(void **state)
{
    struct fl_result result = CASE_RUN(&plain, "address", site.locked, "password_file", "right");

    (void)state;
    CASE_OK(result);
    assert_true(result.phase_us[FL_LAYER_LOGIN] > 0);
    CASE_FAILED("login", "denied",
                CASE_RUN(&plain, "address", site.locked, "password_file", "wrong"));
    CASE_FAILED("login", "local",
                CASE_RUN(&plain, "address", site.locked, "password_file", "not-there"));
    CASE_FAILED("operate", "denied", CASE_RUN(&plain, "address", site.locked));
    CASE_OK(CASE_RUN(&plain, "address", site.locked, "user", "reader", "password_file", "second"));
    CASE_FAILED("operate", "denied",
                CASE_RUN(&plain, "address", site.locked, "user", "reader", "password_file",
                         "second", "write", "true"));
}

static void tls_is_a_layer_of_its_own(void **state)
{
    struct fl_result result = CASE_RUN(&plain, "address", site.secure, "tls", "true", "ca_file",
                                       site.ca_file, "write", "true");

    (void)state;
    CASE_OK(result);
    assert_true(result.phase_us[FL_LAYER_TLS] > 0);
    CASE_FAILED("tls", "cert_invalid", CASE_RUN(&plain, "address", site.secure, "tls", "true"));
    CASE_FAILED("tls", "cert_invalid",
                CASE_RUN(&plain, "address", site.secure, "tls", "true", "ca_file", site.ca_file,
                         "server_name", "other.test"));
    CASE_OK(CASE_RUN(&plain, "address", site.secure, "tls", "true", "verify", "false"));
    /* Without TLS the server waits for the end of what it takes for a line. */
    CASE_FAILED("tls", "timeout", CASE_BRIEF(&plain, "address", site.address, "tls", "true"));
    CASE_FAILED("tls", "local",
                CASE_RUN(&plain, "address", site.secure, "tls", "true", "ca_file", "/not/there"));
}

static void a_server_that_stands_still_times_out_where_it_does(void **state)
{
    (void)state;
    server_freeze(site.closed);
    CASE_FAILED("login", "timeout",
                CASE_BRIEF(&plain, "address", site.locked, "password_file", "right"));
    CASE_FAILED("operate", "timeout", CASE_BRIEF(&plain, "address", site.locked, "write", "true"));
    assert_int_equal(CASE_BRIEF(&plain, "address", site.locked, "write", "true").step,
                     FL_STEP_WRITE);
    assert_int_equal(kill(site.closed, SIGCONT), 0);
}

static void a_full_server_has_no_space(void **state)
{
    static const char why[] = "-OOM command not allowed\r\n", what[] = "-READONLY replica\r\n";
    struct bad_server bad;

    (void)state;
    bad_server_start(&bad, BAD_SILENT, why, strlen(why));
    CASE_FAILED("operate", "no_space", CASE_RUN(&plain, "address", bad.address, "write", "true"));
    bad_server_stop(&bad);
    bad_server_start(&bad, BAD_SILENT, what, strlen(what));
    CASE_FAILED("operate", "read_only", CASE_RUN(&plain, "address", bad.address, "write", "true"));
    bad_server_stop(&bad);
}

static void servers_that_are_none_fail_as_what_they_are(void **state)
{
    (void)state;
    CASE_BAD_SERVERS(&plain, "operate", "+");
}

static void a_reply_is_read_at_any_cut(void **state)
{
    static const char *const replies[] = {"+OK\r\n",         "-ERR no\r\n", ":42\r\n",
                                          "$5\r\nhello\r\n", "$-1\r\n",     "$0\r\n\r\n"};
    static const char *const noise[] = {"*1\r\n",        "+OK\n",         "$x\r\n",
                                        "$99999999\r\n", "$2\r\nabc\r\n", "HTTP/1.1 400\r\n",
                                        "$\r\n",         "$-2\r\n"};
    struct resp reply;

    (void)state;
    for (size_t i = 0; i < FL_COUNT(replies); i++) {
        const size_t size = strlen(replies[i]);

        for (size_t cut = 0; cut < size; cut++)
            assert_int_equal(resp_read((const uint8_t *)replies[i], cut, &reply), 0);
        assert_int_equal(resp_read((const uint8_t *)replies[i], size, &reply), (int)size);
    }
    for (size_t i = 0; i < FL_COUNT(noise); i++)
        assert_true(resp_read((const uint8_t *)noise[i], strlen(noise[i]), &reply) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_answers_is_well),
        cmocka_unit_test(a_key_is_written_and_read_back),
        cmocka_unit_test(a_key_that_is_not_there_is_wrong_content),
        cmocka_unit_test(a_password_is_asked_for_and_judged),
        cmocka_unit_test(tls_is_a_layer_of_its_own),
        cmocka_unit_test(a_server_that_stands_still_times_out_where_it_does),
        cmocka_unit_test(a_full_server_has_no_space),
        cmocka_unit_test(servers_that_are_none_fail_as_what_they_are),
        cmocka_unit_test(a_reply_is_read_at_any_cut),
    };

    return cmocka_run_group_tests(tests, start_site, stop_site);
}
