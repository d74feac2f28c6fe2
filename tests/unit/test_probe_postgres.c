// links: agent_probe
/* The postgres probe against a real PostgreSQL, and against servers that are none. */
#include "agent/probe/scram.h"
#include "tests/support/probe_cases.h"

static char root[64] = "/tmp/faultline-postgres-XXXXXX";
static char address[32], ca_file[96];
static pid_t server;
static const char *settings[] = {"user",     "prober", "password_file", "right", "database",
                                 "postgres", NULL};
static const struct probe_case usual = {
    .type = "postgres", .secrets_path = root, .settings = settings};
static const char *user_settings[] = {"database", "postgres", NULL};
static const struct probe_case other_user = {
    .type = "postgres", .secrets_path = root, .settings = user_settings};

static const struct probe_case bare = {.type = "postgres", .secrets_path = root};

/* $1 folder, $2 port, $3 what to do. PostgreSQL does not run as root. */
static const char script[] =
    "set -e; cd \"$1\"; bin=/usr/lib/postgresql/15/bin\n"
    "as() { if [ \"$(id -u)\" = 0 ]; then setpriv --reuid postgres --regid postgres"
    " --clear-groups \"$@\"; else \"$@\"; fi; }\n"
    "case $3 in make)\n"
    "echo right >right; echo wrong >wrong\n"
    "mkdir data; cp valid.pem server.pem; cp valid.key server.key; chmod 600 server.key\n"
    "[ \"$(id -u)\" != 0 ] || chown -R postgres . \n"
    "chmod 711 .\n"
    "as $bin/initdb -D data -U owner -A trust -N >init.log 2>&1\n"
    "cat >data/pg_hba.conf <<'END'\n"
    "local all owner trust\n"
    "host all digested 127.0.0.1/32 md5\n"
    "host all clear 127.0.0.1/32 password\n"
    "host all open 127.0.0.1/32 trust\n"
    "hostssl all secured 127.0.0.1/32 scram-sha-256\n"
    "hostnossl all secured 127.0.0.1/32 reject\n"
    "host all all 127.0.0.1/32 scram-sha-256\n"
    "END\n"
    "cat >users.sql <<'END'\n"
    "CREATE ROLE prober LOGIN SUPERUSER PASSWORD 'right';\n"
    "CREATE ROLE secured LOGIN PASSWORD 'right'; CREATE ROLE clear LOGIN PASSWORD 'right';\n"
    "CREATE ROLE open LOGIN; CREATE ROLE reader LOGIN SUPERUSER PASSWORD 'right';\n"
    "ALTER ROLE reader SET default_transaction_read_only = on;\n"
    "SET password_encryption = md5; CREATE ROLE digested LOGIN PASSWORD 'right';\n"
    "END\n"
    ";; run) exec setpriv $([ \"$(id -u)\" != 0 ] || echo --reuid postgres --regid postgres"
    " --clear-groups) $bin/postgres -D data -p $2 -k \"$1\" -h 127.0.0.1 -F -c ssl=on"
    " -c ssl_cert_file=\"$1/server.pem\" -c ssl_key_file=\"$1/server.key\" >server.log 2>&1\n"
    ";; users) until psql -q -h \"$1\" -p $2 -U owner postgres -c 'SELECT 1' >/dev/null 2>&1;"
    " do sleep 0.1; done\n"
    "psql -q -h \"$1\" -p $2 -U owner -v ON_ERROR_STOP=1 -f users.sql postgres\n"
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
        fail_msg("\"%s\" failed; install postgresql-15; see %s", what, root);
}

static int start_site(void **state)
{
    const int port = server_free_port();

    (void)state;
    (void)signal(SIGPIPE, SIG_IGN); /* as the agent has it */
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
    if (server > 0)
        (void)kill(server, SIGINT); /* it would wait for connections otherwise */
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
    CASE_OK(
        CASE_RUN(&usual, "address", address, "query", "SELECT 'abc' || 'def'", "expect", "cde"));
    CASE_FAILED("operate", "content", CASE_RUN(&usual, "address", address, "expect", "2"));
    CASE_FAILED("operate", "status", CASE_RUN(&usual, "address", address, "query", "SELECT 1/0"));
}

static void each_way_of_logging_in_is_known(void **state)
{
    static const char *const users[] = {"digested", "clear", "secured"};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(users); i++) {
        CASE_OK(CASE_RUN(&other_user, "address", address, "user", users[i], "password_file",
                         "right", "tls", "true", "ca_file", ca_file));
        CASE_FAILED(
            "login", "denied",
            CASE_RUN(&other_user, "address", address, "user", users[i], "password_file", "wrong"));
        CASE_FAILED("login", "denied", CASE_RUN(&other_user, "address", address, "user", users[i]));
    }
    CASE_OK(CASE_RUN(&other_user, "address", address, "user", "open"));
    CASE_FAILED(
        "login", "denied",
        CASE_RUN(&other_user, "address", address, "user", "nobody", "password_file", "right"));
    CASE_FAILED(
        "login", "local",
        CASE_RUN(&other_user, "address", address, "user", "prober", "password_file", "not-there"));
    CASE_FAILED("login", "status",
                CASE_RUN(&bare, "address", address, "user", "open", "database", "not-there"));
}

static void a_row_is_written_and_read_back(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) { /* the first makes the table */
        struct fl_result result = CASE_RUN(&usual, "address", address, "write", "true");

        CASE_OK(result);
        assert_true(result.step_us[FL_STEP_WRITE] > 0);
        assert_true(result.step_us[FL_STEP_READ] > 0);
    }
}

static void who_may_not_write_is_told_so(void **state)
{
    struct fl_result result;

    (void)state;
    result = CASE_RUN(&other_user, "address", address, "user", "open", "write", "true", "table",
                      "not_yet_there");
    CASE_FAILED("operate", "denied", result);
    assert_int_equal(result.step, FL_STEP_WRITE);
    result = CASE_RUN(&other_user, "address", address, "user", "reader", "password_file", "right",
                      "write", "true");
    CASE_FAILED("operate", "read_only", result);
    assert_int_equal(result.step, FL_STEP_WRITE);
}

static void tls_is_a_layer_of_its_own(void **state)
{
    struct fl_result result =
        CASE_RUN(&usual, "address", address, "tls", "true", "ca_file", ca_file);

    (void)state;
    CASE_OK(result);
    assert_true(result.phase_us[FL_LAYER_TLS] > 0);
    CASE_FAILED("tls", "cert_invalid", CASE_RUN(&usual, "address", address, "tls", "true"));
}

static void a_slow_question_times_out_in_it(void **state)
{
    (void)state;
    CASE_FAILED("operate", "timeout",
                CASE_BRIEF(&usual, "address", address, "query", "SELECT pg_sleep(5)"));
    server_freeze(server);
    CASE_FAILED("login", "timeout", CASE_BRIEF(&usual, "address", address));
    assert_int_equal(kill(server, SIGCONT), 0);
}

/* The server lets in, and answers the first question with an error. */
static void judge_error(const char *sqlstate, const char *failure)
{
    char text[64];
    static const char in[] = "R\0\0\0\10\0\0\0\0Z\0\0\0\5IE\0\0\0\14C";
    static const char ready[] = "\0\0Z\0\0\0\5I";
    const size_t size = sizeof(in) - 1 + 5 + sizeof(ready) - 1;
    struct bad_server bad;

    memcpy(text, in, sizeof(in) - 1);
    memcpy(text + sizeof(in) - 1, sqlstate, 5);
    memcpy(text + sizeof(in) - 1 + 5, ready, sizeof(ready) - 1);
    bad_server_start(&bad, BAD_SILENT, text, size);
    CASE_FAILED("operate", failure, CASE_RUN(&usual, "address", bad.address));
    bad_server_stop(&bad);
}

static void each_error_has_its_word(void **state)
{
    (void)state;
    judge_error("53100", "no_space");
    judge_error("58030", "io_error");
    judge_error("25006", "read_only");
    judge_error("42501", "denied");
    judge_error("57014", "status");
}

static void servers_that_are_none_fail_as_what_they_are(void **state)
{
    struct bad_server bad;

    (void)state;
    CASE_BAD_SERVERS(&usual, "login", "S\0\0\x10");
    bad_server_start(&bad, BAD_SILENT, "N", 1);
    CASE_FAILED("login", "refused", CASE_RUN(&usual, "address", bad.address, "tls", "true"));
    bad_server_stop(&bad);
}

/* The example of RFC 7677, section 3, whose messages name a user, does not fit: PostgreSQL's name
 * none. What is proven here is that strange challenges are refused; the real server judges the
 * proofs. */
static void a_strange_challenge_is_refused(void **state)
{
    static const char *const rows[] = {
        "r=other,s=QSXCR+Q6sek8bf92,i=4096",
        "r=meXYZ,s=,i=4096",
        "r=meXYZ,s=QSXCR+Q6sek8bf92,i=0",
        "r=meXYZ,s=QSXCR+Q6sek8bf92,i=999999999",
        "r=meXYZ,s=QSXCR+Q6sek8bf92",
        "r=meXYZ,s=!!!!,i=4096",
        "r=meXYZ,s=QSXCR+Q6sek8bf92,i=4096x",
        "",
        "m=x,r=meXYZ,s=QSXCR+Q6sek8bf92,i=4096",
    };
    struct scram scram = {.nonce = "me"};
    char answer[SCRAM_MESSAGE];

    (void)state;
    assert_int_equal(scram_first(&scram, answer), 10);
    for (size_t i = 0; i < FL_COUNT(rows); i++)
        if (scram_final(&scram, "pencil", rows[i], strlen(rows[i]), answer) != 0)
            fail_msg("\"%s\" is taken for a challenge", rows[i]);
    assert_true(scram_final(&scram, "pencil", "r=meXYZ,s=QSXCR+Q6sek8bf92,i=4096", 33, answer) > 0);
    assert_false(scram_proven(&scram, "v=", 2));
    assert_false(scram_proven(&scram, "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 46));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_is_answered),
        cmocka_unit_test(each_way_of_logging_in_is_known),
        cmocka_unit_test(a_row_is_written_and_read_back),
        cmocka_unit_test(who_may_not_write_is_told_so),
        cmocka_unit_test(tls_is_a_layer_of_its_own),
        cmocka_unit_test(a_slow_question_times_out_in_it),
        cmocka_unit_test(each_error_has_its_word),
        cmocka_unit_test(servers_that_are_none_fail_as_what_they_are),
        cmocka_unit_test(a_strange_challenge_is_refused),
    };

    return cmocka_run_group_tests(tests, start_site, stop_site);
}
