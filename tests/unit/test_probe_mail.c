// links: agent_probe
/* The tcp probe's conversations with real servers: SMTP, IMAP and POP3 of nginx with STARTTLS, the
 * banner of sshd, and what goes wrong in them. */
#include "tests/support/probe_cases.h"

enum { SMTP, IMAP, POP3, OLD, PORTS };

static char root[64] = "/tmp/faultline-mail-XXXXXX";
static char ca_file[96];
static int ports[PORTS];
static pid_t nginx;
static const char *settings[] = {"ca_file", ca_file, NULL};
static const struct probe_case mail = {.type = "tcp", .settings = settings};

static const char conf[] =
    "daemon off; master_process off; pid pid; error_log stderr;\n"
    "load_module /usr/lib/nginx/modules/ngx_mail_module.so;\n"
    "events { worker_connections 64; }\n"
    "mail { server_name mail.test; auth_http 127.0.0.1:1/; smtp_auth none;\n"
    " server { listen 127.0.0.1:%d; protocol smtp; starttls on;\n"
    "  ssl_certificate %s/valid.pem; ssl_certificate_key %s/valid.key; }\n"
    " server { listen 127.0.0.1:%d; protocol imap; starttls on;\n"
    "  ssl_certificate %s/valid.pem; ssl_certificate_key %s/valid.key; }\n"
    " server { listen 127.0.0.1:%d ssl; protocol pop3;\n"
    "  ssl_certificate %s/valid.pem; ssl_certificate_key %s/valid.key; }\n"
    " server { listen 127.0.0.1:%d; protocol smtp; starttls on;\n"
    "  ssl_certificate %s/expired.pem; ssl_certificate_key %s/expired.key; } }\n";

static const char smtp_script[] = "expect ^220 .*ESMTP\n"
                                  "send EHLO prober.test\n"
                                  "await ^250 STARTTLS\n"
                                  "send STARTTLS\n"
                                  "expect ^220\n"
                                  "starttls\n"
                                  "send EHLO prober.test\n"
                                  "await ^250 \n"
                                  "send QUIT\n"
                                  "expect ^221";
static const char imap_script[] = "expect ^[*] OK\n"
                                  "send a STARTTLS\n"
                                  "expect ^a OK\n"
                                  "starttls\n"
                                  "send b CAPABILITY\n"
                                  "await ^b OK";

static int start_site(void **state)
{
    char text[2048], path[96];
    char *argv[] = {"/usr/sbin/nginx", "-p", root, "-c", path, "-e", "stderr", NULL};
    FILE *file;

    (void)state;
    (void)signal(SIGPIPE, SIG_IGN); /* as the agent has it */
    assert_non_null(mkdtemp(root));
    certificates_make(root);
    (void)snprintf(ca_file, sizeof(ca_file), "%s/ca.pem", root);
    for (int i = 0; i < PORTS; i++)
        ports[i] = server_free_port();
    (void)snprintf(text, sizeof(text), conf, ports[SMTP], root, root, ports[IMAP], root, root,
                   ports[POP3], root, root, ports[OLD], root, root);
    (void)snprintf(path, sizeof(path), "%s/nginx.conf", root);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    nginx = server_spawn(argv);
    for (int i = 0; i < PORTS; i++)
        server_wait_port(nginx, ports[i]);
    return 0;
}

static int stop_site(void **state)
{
    char command[128];

    (void)state;
    server_stop(nginx);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", root);
    return system(command);
}

static const char *address(int server)
{
    static char text[32];

    (void)snprintf(text, sizeof(text), "localhost:%d", ports[server]);
    return text;
}

static void mail_is_spoken_in_clear_and_then_over_tls(void **state)
{
    struct fl_result result = CASE_RUN(&mail, "address", address(SMTP), "script", smtp_script);

    (void)state;
    CASE_OK(result);
    assert_true(result.phase_us[FL_LAYER_TLS] > 0);
    assert_true(result.phase_us[FL_LAYER_OPERATE] > 0);
    CASE_OK(CASE_RUN(&mail, "address", address(IMAP), "script", imap_script));
}

static void tls_from_the_first_byte_on_needs_no_script(void **state)
{
    struct fl_result result = CASE_RUN(&mail, "address", address(POP3), "tls", "true");

    (void)state;
    CASE_OK(result);
    assert_true(result.phase_us[FL_LAYER_TLS] > 0);
    CASE_OK(CASE_RUN(&mail, "address", address(POP3), "tls", "true", "script", "expect ^[+]OK"));
    CASE_FAILED("tls", "protocol", CASE_RUN(&mail, "address", address(SMTP), "tls", "true"));
}

static void a_bad_certificate_behind_starttls_fails_in_tls(void **state)
{
    (void)state;
    CASE_FAILED("tls", "cert_expired",
                CASE_RUN(&mail, "address", address(OLD), "script", smtp_script));
    CASE_FAILED("tls", "cert_invalid",
                CASE_RUN(&mail, "address", address(SMTP), "script", smtp_script, "server_name",
                         "other.test"));
}

static void another_answer_is_wrong_content(void **state)
{
    (void)state;
    CASE_FAILED("operate", "content",
                CASE_RUN(&mail, "address", address(SMTP), "script", "expect ^554"));
    CASE_FAILED("operate", "content",
                CASE_BRIEF(&mail, "address", address(SMTP), "script",
                           "expect ^220\nsend EHLO a\nawait ^999"));
}

static void what_is_sent_ahead_of_tls_is_refused(void **state)
{
    static const char text[] = "220 go ahead\r\n220 injected\r\n";
    struct bad_server bad;

    (void)state;
    bad_server_start(&bad, BAD_SILENT, text, strlen(text));
    CASE_FAILED("tls", "protocol",
                CASE_RUN(&mail, "address", bad.address, "script", "expect ^220\nstarttls"));
    bad_server_stop(&bad);
}

static pid_t start_sshd(int port)
{
    char command[256], key[96], port_text[8];
    char *argv[] = {"/usr/sbin/sshd",
                    "-D",
                    "-e",
                    "-f",
                    "/dev/null",
                    "-h",
                    key,
                    "-p",
                    port_text,
                    "-o",
                    "PidFile=none",
                    "-o",
                    "ListenAddress=127.0.0.1",
                    NULL};
    pid_t pid;

    (void)snprintf(key, sizeof(key), "%s/ssh-key", root);
    (void)snprintf(port_text, sizeof(port_text), "%d", port);
    (void)snprintf(command, sizeof(command),
                   "ssh-keygen -q -t ed25519 -N '' -f %s && mkdir -p /run/sshd", key);
    assert_int_equal(system(command), 0);
    pid = server_spawn(argv);
    server_wait_port(pid, port);
    return pid;
}

static void a_banner_is_enough(void **state)
{
    const int port = server_free_port();
    const pid_t sshd = start_sshd(port);
    char text[32];

    (void)state;
    (void)snprintf(text, sizeof(text), "127.0.0.1:%d", port);
    CASE_OK(CASE_RUN(&mail, "address", text, "script", "expect ^SSH-2[.]0-OpenSSH"));
    CASE_FAILED("operate", "content", CASE_RUN(&mail, "address", text, "script", "expect ^220"));
    server_stop(sshd);
}

static void a_server_that_stands_still_times_out_in_the_conversation(void **state)
{
    (void)state;
    server_freeze(nginx);
    CASE_FAILED("operate", "timeout",
                CASE_BRIEF(&mail, "address", address(SMTP), "script", smtp_script));
    CASE_FAILED("tls", "timeout", CASE_BRIEF(&mail, "address", address(POP3), "tls", "true"));
    assert_int_equal(kill(nginx, SIGCONT), 0);
}

static void servers_that_flood_or_drip_are_left(void **state)
{
    struct bad_server bad;

    (void)state;
    bad_server_start(&bad, BAD_FLOODS, "250-more\r\n", 10);
    CASE_FAILED("operate", "protocol",
                CASE_RUN(&mail, "address", bad.address, "script", "await ^250 "));
    bad_server_stop(&bad);
    bad_server_start(&bad, BAD_FLOODS, "xxxxxxxx", 8);
    CASE_FAILED("operate", "protocol",
                CASE_RUN(&mail, "address", bad.address, "script", "expect ^250 "));
    bad_server_stop(&bad);
    bad_server_start(&bad, BAD_DRIPS, "2", 1);
    CASE_FAILED("operate", "timeout",
                CASE_BRIEF(&mail, "address", bad.address, "script", "expect ^250 "));
    bad_server_stop(&bad);
    bad_server_start(&bad, BAD_RESETS, "", 0);
    CASE_FAILED("operate", "reset",
                CASE_RUN(&mail, "address", bad.address, "script", "expect ^250 "));
    bad_server_stop(&bad);
}

static void tls_twice_is_refused(void **state)
{
    struct attempt attempt;
    struct fl_error err = {""};

    (void)state;
    attempt_init(&attempt, "tcp");
    attempt_set(&attempt, "address", "127.0.0.1:25");
    attempt_set(&attempt, "script", "starttls");
    attempt_set(&attempt, "tls", "true");
    assert_true(attempt_open(&attempt, &err) < 0);
    assert_non_null(strstr(err.message, "setting \"tls\""));
    attempt_done(&attempt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_is_spoken_in_clear_and_then_over_tls),
        cmocka_unit_test(tls_from_the_first_byte_on_needs_no_script),
        cmocka_unit_test(a_bad_certificate_behind_starttls_fails_in_tls),
        cmocka_unit_test(another_answer_is_wrong_content),
        cmocka_unit_test(what_is_sent_ahead_of_tls_is_refused),
        cmocka_unit_test(a_banner_is_enough),
        cmocka_unit_test(a_server_that_stands_still_times_out_in_the_conversation),
        cmocka_unit_test(servers_that_flood_or_drip_are_left),
        cmocka_unit_test(tls_twice_is_refused),
    };

    return cmocka_run_group_tests(tests, start_site, stop_site);
}
