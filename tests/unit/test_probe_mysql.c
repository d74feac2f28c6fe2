// links: agent_probe
/* The mysql probe against a real MariaDB, and against servers that are none. */
#include "tests/support/probe_cases.h"

static char root[64] = "/tmp/faultline-mysql-XXXXXX";
static char address[32], ca_file[96];
static pid_t server;
static const char *settings[] = {"user", "prober", "password_file", "right", NULL};
static const struct probe_case usual = {
    .type = "mysql", .secrets_path = root, .settings = settings};
static const struct probe_case bare = {.type = "mysql", .secrets_path = root};

/* $1 folder, $2 port, $3 what to do. */
static const char script[] =
    "set -e; cd \"$1\"; user=$(id -un)\n"
    "case $3 in make)\n"
    "echo right >right; echo wrong >wrong\n"
    "mariadb-install-db --no-defaults --user=$user --datadir=\"$1/data\""
    " --auth-root-authentication-method=normal --skip-test-db"
    " --innodb-use-native-aio=0 >make.log 2>&1 || { tail -n 20 make.log >&2; exit 1; }\n"
    "cat >users.sql <<'END'\n"
    "CREATE DATABASE probes;\n"
    "CREATE USER prober@'%' IDENTIFIED BY 'right'; GRANT ALL ON probes.* TO prober@'%';\n"
    "CREATE USER reader@'%' IDENTIFIED BY 'right'; GRANT SELECT ON probes.* TO reader@'%';\n"
    "CREATE USER open@'%'; CREATE USER secured@'%' IDENTIFIED BY 'right' REQUIRE SSL;\n"
    "END\n"
    ";; run) exec mariadbd --no-defaults --user=$user --datadir=\"$1/data\" --port=$2"
    " --bind-address=127.0.0.1 --socket=\"$1/socket\" --pid-file=\"$1/pid\""
    " --ssl-cert=\"$1/valid.pem\" --ssl-key=\"$1/valid.key\" --innodb-buffer-pool-size=8M"
    " --innodb-use-native-aio=0"
    " --skip-name-resolve --skip-log-bin --max-connect-errors=100000 >server.log 2>&1\n"
    ";; users) mariadb --no-defaults --socket=\"$1/socket\" -u root <users.sql\n"
    ";; esac";

static pid_t run_script(int port, const char *what)
{
    char port_text[8];
    char *argv[] = {"sh", "-c",      (char *)(uintptr_t)script, "sh",
                    root, port_text, (char *)(uintptr_t)what,   NULL};

    (void)snprintf(port_text, sizeof(port_text), "%d", port);
    return server_spawn(argv);
}

static void run_to_end(int port, const char *what)
{
    pid_t pid = run_script(port, what);
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0)
        fail_msg("\"%s\" failed; install mariadb-server; see %s", what, root);
}

static int start_site(void **state)
{
    const int port = server_free_port();

    (void)state;
    (void)signal(SIGPIPE, SIG_IGN); /* as the agent has it */
    (void)setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
    assert_non_null(mkdtemp(root));
    certificates_make(root);
    (void)snprintf(address, sizeof(address), "127.0.0.1:%d", port);
    (void)snprintf(ca_file, sizeof(ca_file), "%s/ca.pem", root);
    run_to_end(port, "make");
    server = run_script(port, "run");
    server_wait_port(server, port);
    run_to_end(port, "users");
    return 0;
}

static int stop_site(void **state)
{
    char command[128];

    (void)state;
    server_stop(server);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", root);
    return system(command);
}

static void a_question_is_answered(void **state)
{
    struct fl_result result = CASE_RUN(&usual, "address", address);

    (void)state;
    CASE_OK(result);
    assert_true(result.phase_us[FL_LAYER_CONNECT] > 0);
    assert_true(result.phase_us[FL_LAYER_LOGIN] > 0);
    assert_true(result.phase_us[FL_LAYER_OPERATE] > 0);
    assert_true(result.tcp.rx_bytes > 20);
    CASE_OK(CASE_RUN(&usual, "address", address, "query", "SELECT concat('abc', 'def')", "expect",
                     "cde"));
    CASE_OK(CASE_RUN(&usual, "address", address, "query", "SELECT concat(repeat('a', 300), 'z')",
                     "expect", "az"));
    CASE_FAILED("operate", "content", CASE_RUN(&usual, "address", address, "expect", "2"));
    CASE_FAILED("operate", "content",
                CASE_RUN(&usual, "address", address, "query", "SELECT NULL", "expect", "2"));
    CASE_FAILED("operate", "status", CASE_RUN(&usual, "address", address, "query", "SELECT nope"));
}

static void who_may_not_come_in_is_denied(void **state)
{
    (void)state;
    CASE_FAILED("login", "denied",
                CASE_RUN(&bare, "address", address, "user", "prober", "password_file", "wrong"));
    CASE_FAILED("login", "denied", CASE_RUN(&bare, "address", address, "user", "prober"));
    CASE_FAILED("login", "denied",
                CASE_RUN(&bare, "address", address, "user", "nobody", "password_file", "right"));
    CASE_FAILED(
        "login", "local",
        CASE_RUN(&bare, "address", address, "user", "prober", "password_file", "not-there"));
    CASE_FAILED("login", "status",
                CASE_RUN(&bare, "address", address, "user", "root", "database", "not-there"));
    CASE_FAILED("login", "denied", CASE_RUN(&usual, "address", address, "database", "mysql"));
    CASE_OK(CASE_RUN(&bare, "address", address, "user", "open"));
}

static void a_row_is_written_and_read_back(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) { /* the first makes the table */
        struct fl_result result =
            CASE_RUN(&usual, "address", address, "database", "probes", "write", "true");

        CASE_OK(result);
        assert_true(result.step_us[FL_STEP_WRITE] > 0);
        assert_true(result.step_us[FL_STEP_READ] > 0);
    }
}

static void who_may_not_write_is_told_so(void **state)
{
    struct fl_result result =
        CASE_RUN(&bare, "address", address, "user", "reader", "password_file", "right", "database",
                 "probes", "write", "true", "table", "other");

    (void)state;
    CASE_FAILED("operate", "denied", result);
    assert_int_equal(result.step, FL_STEP_WRITE);
}

static void tls_is_a_layer_of_its_own(void **state)
{
    struct fl_result result = CASE_RUN(&bare, "address", address, "user", "secured",
                                       "password_file", "right", "tls", "true", "ca_file", ca_file);

    (void)state;
    CASE_OK(result);
    assert_true(result.phase_us[FL_LAYER_TLS] > 0);
    for (int i = 0; i < 30; i++) /* the greeting comes before or after the connection is seen */
        CASE_OK(CASE_RUN(&bare, "address", address, "user", "secured", "password_file", "right",
                         "tls", "true", "ca_file", ca_file));
    CASE_FAILED("tls", "cert_invalid", CASE_RUN(&usual, "address", address, "tls", "true"));
    CASE_FAILED("login", "denied",
                CASE_RUN(&bare, "address", address, "user", "secured", "password_file", "right"));
}

static void a_slow_question_times_out_in_it(void **state)
{
    (void)state;
    CASE_FAILED("operate", "timeout",
                CASE_BRIEF(&usual, "address", address, "query", "SELECT sleep(2)"));
    server_freeze(server);
    CASE_FAILED("login", "timeout", CASE_BRIEF(&usual, "address", address));
    assert_int_equal(kill(server, SIGCONT), 0);
}

/* The server greets with an error of that number. */
static void judge_error(unsigned code, const char *failure)
{
    const char text[] = {9,   0,   0,   0,   (char)0xff, (char)code, (char)(code >> 8),
                         '#', 'H', 'Y', '0', '0',        '0'};
    struct bad_server bad;

    bad_server_start(&bad, BAD_SILENT, text, sizeof(text));
    CASE_FAILED("login", failure, CASE_RUN(&usual, "address", bad.address));
    bad_server_stop(&bad);
}

static void each_error_has_its_word(void **state)
{
    (void)state;
    judge_error(1114, "no_space");
    judge_error(1030, "io_error");
    judge_error(1290, "read_only");
    judge_error(1045, "denied");
    judge_error(1040, "status");
}

static void servers_that_are_none_fail_as_what_they_are(void **state)
{
    (void)state;
    CASE_BAD_SERVERS(&usual, "login", "\x04\0\0\0\x0aHTTP");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_is_answered),
        cmocka_unit_test(who_may_not_come_in_is_denied),
        cmocka_unit_test(a_row_is_written_and_read_back),
        cmocka_unit_test(who_may_not_write_is_told_so),
        cmocka_unit_test(tls_is_a_layer_of_its_own),
        cmocka_unit_test(a_slow_question_times_out_in_it),
        cmocka_unit_test(each_error_has_its_word),
        cmocka_unit_test(servers_that_are_none_fail_as_what_they_are),
    };

    return cmocka_run_group_tests(tests, start_site, stop_site);
}
