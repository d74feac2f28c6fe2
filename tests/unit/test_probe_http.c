// links: agent_probe agent_http_request
/* The http and https probes against a real nginx on loopback, with certificates of the test's
 * own authority. */
#include "agent/probe/http_request.h"
#include "agent/probe/http_session.h"
#include "agent/probe/probe_types.h"
#include "tests/support/certificates.h"
#include "tests/support/probe_attempt.h"

#define LONG_US (10 * FL_SECOND)
#define SHORT_US (300 * FL_MS)

/* Ports by what they serve; BRIEF is no port of nginx. */
enum port { PLAIN, VALID, EXPIRED, STRANGER, PORTS, BRIEF = PORTS, ALL_PORTS };

struct site {
    char root[64];
    int ports[ALL_PORTS];
    pid_t pid;
};

struct visit {
    struct site *site;
    struct attempt attempt;
    pid_t pid; /* of a listener of the test's own */
};

static struct site the_site;

static void put(const struct site *site, const char *name, const char *text)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", site->root, name);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static const char nginx_conf[] =
    "daemon off; master_process off; pid %s/pid; error_log %s/error.log;\n"
    "events { worker_connections 64; }\n"
    "http { access_log off; root %s;\n"
    " client_body_temp_path %s/t1; proxy_temp_path %s/t2; fastcgi_temp_path %s/t3;\n"
    " uwsgi_temp_path %s/t4; scgi_temp_path %s/t5;\n"
    " server { listen 127.0.0.1:%d; listen 127.0.0.1:%d ssl;\n"
    "  ssl_certificate %s/valid.pem; ssl_certificate_key %s/valid.key;\n"
    "  location /busy { return 503 busy; } location /away { return 302 /; }\n"
    "  location /hangup { return 444; }\n"
    "  location /echo { return 200 \"$request_method $host $http_x_probe\"; } }\n"
    " server { listen 127.0.0.1:%d ssl;\n"
    "  ssl_certificate %s/expired.pem; ssl_certificate_key %s/expired.key; }\n"
    " server { listen 127.0.0.1:%d ssl;\n"
    "  ssl_certificate %s/stranger.pem; ssl_certificate_key %s/stranger.key; } }\n";

static void put_large(const struct site *site)
{
    char *text = malloc(1 << 20);

    assert_non_null(text);
    memset(text, 'x', (1 << 20) - 1);
    memcpy(text, "near", 4);
    memcpy(text + 500000, "far", 3);
    text[(1 << 20) - 1] = '\0';
    put(site, "large", text);
    free(text);
}

static void start_nginx(struct site *site)
{
    char text[4096], path[96];
    const char *r = site->root;
    char *argv[] = {"nginx", "-p", site->root, "-c", path, "-e", "stderr", NULL};

    (void)snprintf(path, sizeof(path), "%s/nginx.conf", r);
    (void)snprintf(text, sizeof(text), nginx_conf, r, r, r, r, r, r, r, r, site->ports[PLAIN],
                   site->ports[VALID], r, r, site->ports[EXPIRED], r, r, site->ports[STRANGER], r,
                   r);
    put(site, "nginx.conf", text);
    put(site, "index.html", "<html>hello from the site</html>");
    put_large(site);
    site->pid = server_spawn(argv);
    for (int i = 0; i < PORTS; i++)
        server_wait_port(site->pid, site->ports[i]);
}

static int start_site(void **state)
{
    struct site *site = &the_site;

    (void)state;
    strcpy(site->root, "/tmp/faultline-http-XXXXXX");
    assert_non_null(mkdtemp(site->root));
    for (int i = 0; i < PORTS; i++)
        site->ports[i] = server_free_port();
    certificates_make(site->root);
    (void)setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
    start_nginx(site);
    return 0;
}

static int stop_site(void **state)
{
    char command[128];

    (void)state;
    server_stop(the_site.pid);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", the_site.root);
    return system(command);
}

static int start_visit(void **state)
{
    struct visit *visit = calloc(1, sizeof(*visit));

    assert_non_null(visit);
    visit->site = &the_site;
    *state = visit;
    return 0;
}

static int end_visit(void **state)
{
    struct visit *visit = *state;

    if (visit->attempt.type)
        attempt_done(&visit->attempt);
    server_stop(visit->pid);
    free(visit);
    return 0;
}

static void aim(struct visit *visit, const char *scheme, const char *host, int port,
                const char *path)
{
    char url[128];

    (void)snprintf(url, sizeof(url), "%s://%s:%d%s", scheme, host, port, path);
    attempt_init(&visit->attempt, scheme);
    attempt_set(&visit->attempt, "url", url);
}

static void aim_plain(struct visit *visit, const char *path)
{
    aim(visit, "http", "127.0.0.1", visit->site->ports[PLAIN], path);
}

static void aim_tls(struct visit *visit, enum port port)
{
    char ca_file[96];

    aim(visit, "https", "127.0.0.1", visit->site->ports[port], "/");
    (void)snprintf(ca_file, sizeof(ca_file), "%s/ca.pem", visit->site->root);
    attempt_set(&visit->attempt, "ca_file", ca_file);
}

static void expect_failure(struct visit *visit, enum fl_layer layer, enum fl_failure failure)
{
    attempt_run(&visit->attempt, LONG_US);
    attempt_assert_failed(&visit->attempt, layer, failure);
}

static void expect_ok(struct visit *visit)
{
    attempt_run(&visit->attempt, LONG_US);
    attempt_assert_ok(&visit->attempt);
}

static void a_page_that_is_there_is_fine(void **state)
{
    struct visit *visit = *state;
    const struct fl_result *result = &visit->attempt.result;

    aim_plain(visit, "/");
    attempt_set(&visit->attempt, "body", "hello from");
    for (int i = 0; i < 3; i++) {
        expect_ok(visit);
        assert_int_equal(result->phase_us[FL_LAYER_RESOLVE], FL_ABSENT);
        assert_true(result->phase_us[FL_LAYER_CONNECT] >= 0);
        assert_int_equal(result->phase_us[FL_LAYER_TLS], FL_ABSENT);
        assert_true(result->phase_us[FL_LAYER_OPERATE] > 0);
        assert_true(result->tcp.rtt_us > 0);
        assert_true(result->tcp.rx_bytes > 100);
    }
}

static void a_name_is_resolved_first(void **state)
{
    struct visit *visit = *state;

    aim(visit, "http", "localhost", visit->site->ports[PLAIN], "/echo");
    attempt_set(&visit->attempt, "body", "GET localhost");
    expect_ok(visit);
    assert_true(visit->attempt.result.phase_us[FL_LAYER_RESOLVE] >= 0);
}

static void method_and_headers_are_sent(void **state)
{
    struct visit *visit = *state;

    aim_plain(visit, "/echo");
    attempt_set(&visit->attempt, "method", "POST");
    attempt_set(&visit->attempt, "header", "X-Probe: it\nX-Other: 2");
    attempt_set(&visit->attempt, "body", "POST 127.0.0.1 it");
    expect_ok(visit);
}

static void a_head_request_needs_no_body(void **state)
{
    struct visit *visit = *state;

    aim_plain(visit, "/large");
    attempt_set(&visit->attempt, "method", "HEAD");
    expect_ok(visit);
}

static void a_bad_status_fails_at_operate(void **state)
{
    struct visit *visit = *state;

    aim_plain(visit, "/busy");
    expect_failure(visit, FL_LAYER_OPERATE, FL_FAILURE_STATUS);
    assert_true(visit->attempt.result.phase_us[FL_LAYER_CONNECT] >= 0);
}

static void a_redirect_is_an_answer_and_not_followed(void **state)
{
    struct visit *visit = *state;

    aim_plain(visit, "/away");
    attempt_set(&visit->attempt, "status", "204,302");
    expect_ok(visit);
}

static void a_missing_text_fails_the_content(void **state)
{
    struct visit *visit = *state;

    aim_plain(visit, "/");
    attempt_set(&visit->attempt, "body", "goodbye");
    expect_failure(visit, FL_LAYER_OPERATE, FL_FAILURE_CONTENT);
}

static void a_large_answer_is_read_only_so_far(void **state)
{
    struct visit *visit = *state;

    aim_plain(visit, "/large");
    attempt_set(&visit->attempt, "body", "near");
    expect_ok(visit);
    assert_true(visit->attempt.result.tcp.rx_bytes >= 64 * 1024);
}

static void a_text_beyond_what_is_read_is_not_found(void **state)
{
    struct visit *visit = *state;

    aim_plain(visit, "/large");
    attempt_set(&visit->attempt, "body", "far");
    expect_failure(visit, FL_LAYER_OPERATE, FL_FAILURE_CONTENT);
}

static void a_server_that_hangs_up_is_a_reset(void **state)
{
    struct visit *visit = *state;

    aim_plain(visit, "/hangup");
    expect_failure(visit, FL_LAYER_OPERATE, FL_FAILURE_RESET);
}

static void nobody_listening_is_refused_at_connect(void **state)
{
    struct visit *visit = *state;

    aim(visit, "http", "127.0.0.1", server_free_port(), "/");
    expect_failure(visit, FL_LAYER_CONNECT, FL_FAILURE_REFUSED);
}

static void a_name_that_is_not_there_fails_at_resolve(void **state)
{
    struct visit *visit = *state;

    aim(visit, "http", "no-such..name", 80, "/");
    attempt_run(&visit->attempt, LONG_US);
    assert_false(visit->attempt.result.ok);
    assert_int_equal(visit->attempt.result.layer, FL_LAYER_RESOLVE);
}

static void a_tls_handshake_is_a_layer_of_its_own(void **state)
{
    struct visit *visit = *state;

    aim_tls(visit, VALID);
    for (int i = 0; i < 3; i++) {
        expect_ok(visit);
        assert_true(visit->attempt.result.phase_us[FL_LAYER_TLS] > 0);
        assert_true(visit->attempt.result.phase_us[FL_LAYER_OPERATE] > 0);
    }
}

static void most_handshakes_go_on_from_the_session_before(void **state)
{
    struct visit *visit = *state;

    aim_tls(visit, VALID);
    for (int i = 0; i < 2 * (HTTP_SESSION_RESUMED + 1); i++) {
        expect_ok(visit);
        assert_int_equal(visit->attempt.result.tls_resumed, i % (HTTP_SESSION_RESUMED + 1) > 0);
        assert_int_equal(visit->attempt.result.facts.tls_version, 0x0303); /* nginx 1.22 */
    }
}

static void after_a_failure_the_handshake_is_a_full_one(void **state)
{
    struct visit *visit = *state;

    aim_tls(visit, VALID);
    expect_ok(visit);
    expect_ok(visit);
    assert_int_equal(visit->attempt.result.tls_resumed, 1);
    kill(visit->site->pid, SIGSTOP);
    attempt_run(&visit->attempt, SHORT_US);
    kill(visit->site->pid, SIGCONT);
    attempt_assert_failed(&visit->attempt, FL_LAYER_TLS, FL_FAILURE_TIMEOUT);
    assert_int_equal(visit->attempt.result.tls_resumed, FL_ABSENT);
    expect_ok(visit);
    assert_int_equal(visit->attempt.result.tls_resumed, 0);
}

/* By a server that speaks TLS 1.3. Returns when its certificate expires. */
static time_t serve_shortly(struct visit *visit, int seconds)
{
    static const char make[] =
        "cd \"$1\"; openssl req -new -key valid.key -subj /CN=127.0.0.1"
        " -addext subjectAltName=IP:127.0.0.1 -out brief.csr 2>>make.log && openssl ca -batch"
        " -config ca.cnf -in brief.csr -out brief.pem -notext -startdate 20200101000000Z"
        " -enddate $(date -u -d @$2 +%Y%m%d%H%M%SZ) 2>>make.log &&"
        " exec openssl s_server -accept 127.0.0.1:$3 -cert brief.pem -key valid.key -quiet -www";
    const time_t end = time(NULL) + seconds;
    char end_text[24], port_text[8];
    char *argv[] = {"sh",      "-c", (char *)(uintptr_t)make, "sh", visit->site->root, end_text,
                    port_text, NULL};
    int port = server_free_port();

    (void)snprintf(end_text, sizeof(end_text), "%lld", (long long)end);
    (void)snprintf(port_text, sizeof(port_text), "%d", port);
    visit->pid = server_spawn(argv);
    server_wait_port(visit->pid, port);
    visit->site->ports[BRIEF] = port;
    return end;
}

static void a_session_does_not_outlive_the_certificate(void **state)
{
    struct visit *visit = *state;
    const struct timespec turn = {0, 20000000};
    time_t end = serve_shortly(visit, 5);

    aim_tls(visit, BRIEF);
    expect_ok(visit);
    expect_ok(visit);
    assert_int_equal(visit->attempt.result.tls_resumed, 1);
    assert_int_equal(visit->attempt.result.facts.cert_end_s, end);
    while (time(NULL) <= end)
        nanosleep(&turn, NULL);
    expect_failure(visit, FL_LAYER_TLS, FL_FAILURE_CERT_EXPIRED);
}

static void an_expired_certificate_says_so(void **state)
{
    struct visit *visit = *state;

    aim_tls(visit, EXPIRED);
    expect_failure(visit, FL_LAYER_TLS, FL_FAILURE_CERT_EXPIRED);
    assert_int_equal(visit->attempt.result.phase_us[FL_LAYER_TLS], FL_ABSENT);
    assert_true(visit->attempt.result.tcp.rtt_us > 0);
}

static void a_certificate_of_another_name_is_invalid(void **state)
{
    struct visit *visit = *state;

    aim_tls(visit, STRANGER);
    expect_failure(visit, FL_LAYER_TLS, FL_FAILURE_CERT_INVALID);
}

static void the_name_to_ask_for_can_be_given(void **state)
{
    struct visit *visit = *state;

    aim_tls(visit, STRANGER);
    attempt_set(&visit->attempt, "server_name", "other.test");
    expect_ok(visit);
}

static void a_certificate_of_an_unknown_authority_is_invalid(void **state)
{
    struct visit *visit = *state;

    aim(visit, "https", "localhost", visit->site->ports[VALID], "/");
    expect_failure(visit, FL_LAYER_TLS, FL_FAILURE_CERT_INVALID);
}

static void without_verification_any_certificate_will_do(void **state)
{
    struct visit *visit = *state;

    aim(visit, "https", "127.0.0.1", visit->site->ports[EXPIRED], "/");
    attempt_set(&visit->attempt, "verify", "false");
    expect_ok(visit);
}

static void tls_to_a_plain_port_is_a_protocol_failure(void **state)
{
    struct visit *visit = *state;

    aim(visit, "https", "127.0.0.1", visit->site->ports[PLAIN], "/");
    attempt_set(&visit->attempt, "verify", "false");
    expect_failure(visit, FL_LAYER_TLS, FL_FAILURE_PROTOCOL);
}

static void a_missing_file_of_authorities_is_the_agents_own_fault(void **state)
{
    struct visit *visit = *state;

    aim(visit, "https", "127.0.0.1", visit->site->ports[VALID], "/");
    attempt_set(&visit->attempt, "ca_file", "/nowhere/ca.pem");
    expect_failure(visit, FL_LAYER_TLS, FL_FAILURE_LOCAL);
}

static void expect_stall(struct visit *visit, enum fl_layer layer)
{
    server_freeze(visit->site->pid);
    attempt_run(&visit->attempt, SHORT_US);
    kill(visit->site->pid, SIGCONT);
    attempt_assert_failed(&visit->attempt, layer, FL_FAILURE_TIMEOUT);
    assert_true(visit->attempt.result.phase_us[FL_LAYER_CONNECT] >= 0);
    assert_int_equal(visit->attempt.result.tcp.unacked, 0);
}

static void a_frozen_server_is_a_timeout_at_operate(void **state)
{
    aim_plain(*state, "/");
    expect_stall(*state, FL_LAYER_OPERATE);
}

static void a_frozen_tls_server_is_a_timeout_at_tls(void **state)
{
    aim_tls(*state, VALID);
    expect_stall(*state, FL_LAYER_TLS);
}

/* A listener that reads, says something that is no HTTP and closes. */
static int answer_with(struct visit *visit, const char *bytes)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int port = server_free_port();

    address.sin_port = htons((uint16_t)port);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 8), 0);
    visit->pid = fork();
    if (visit->pid == 0) {
        char request[4096];
        int peer = accept(fd, NULL, NULL);

        (void)!read(peer, request, sizeof(request));
        (void)!write(peer, bytes, strlen(bytes));
        _exit(0);
    }
    close(fd);
    return port;
}

static void an_answer_that_is_no_http_is_a_protocol_failure(void **state)
{
    struct visit *visit = *state;
    int port = answer_with(visit, "SSH-2.0-OpenSSH_9.2\r\n");

    aim(visit, "http", "127.0.0.1", port, "/");
    expect_failure(visit, FL_LAYER_OPERATE, FL_FAILURE_PROTOCOL);
}

static void an_answer_that_breaks_off_is_a_reset(void **state)
{
    struct visit *visit = *state;
    int port = answer_with(visit, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");

    aim(visit, "http", "127.0.0.1", port, "/");
    expect_failure(visit, FL_LAYER_OPERATE, FL_FAILURE_RESET);
}

static void a_head_that_breaks_off_is_a_reset(void **state)
{
    struct visit *visit = *state;
    int port = answer_with(visit, "HTTP/1.1 200 OK\r\nContent-Le");

    aim(visit, "http", "127.0.0.1", port, "/");
    expect_failure(visit, FL_LAYER_OPERATE, FL_FAILURE_RESET);
}

static void a_run_can_be_cancelled_in_the_middle(void **state)
{
    struct visit *visit = *state;

    aim_plain(visit, "/");
    expect_stall(visit, FL_LAYER_OPERATE);
    assert_int_equal(visit->attempt.type->start(visit->attempt.instance, attempt_on_done,
                                                &visit->attempt, &visit->attempt.run),
                     0);
    assert_true(visit->attempt.type->cancel(visit->attempt.run));
    visit->attempt.run = NULL;
    expect_ok(visit);
}

static void expect_refused_setting(struct visit *visit, const char *key, const char *value)
{
    struct fl_error err = {{0}};

    aim_plain(visit, "/");
    attempt_set(&visit->attempt, key, value);
    assert_int_equal(attempt_open(&visit->attempt, &err), -EINVAL);
    if (!strstr(err.message, key))
        fail_msg("\"%s\" does not name %s", err.message, key);
    attempt_done(&visit->attempt);
    visit->attempt.type = NULL;
}

static void settings_that_make_no_sense_are_refused(void **state)
{
    struct visit *visit = *state;
    struct fl_error err = {{0}};

    expect_refused_setting(visit, "status", "2xx");
    expect_refused_setting(visit, "status", "200-");
    expect_refused_setting(visit, "status", "399-200");
    expect_refused_setting(visit, "status", "200,");
    expect_refused_setting(visit, "status", "200,201,202,203,204,205,206,207,208");
    expect_refused_setting(visit, "header", "no colon");
    expect_refused_setting(visit, "header", "A: b\r\nC: d");
    attempt_init(&visit->attempt, "http");
    attempt_set(&visit->attempt, "url", "https://127.0.0.1/");
    assert_int_equal(attempt_open(&visit->attempt, &err), -EINVAL);
    assert_non_null(strstr(err.message, "http://HOST"));
}

static void statuses_are_numbers_and_ranges(void **state)
{
    struct http_settings settings = {.url = "http://[::1]:8080/", .status = "200-299,304"};
    struct http_request request;
    struct fl_error err;

    (void)state;
    assert_int_equal(http_request_init(&request, &settings, "http", &err), 0);
    assert_true(http_request_accepts(&request, 200));
    assert_true(http_request_accepts(&request, 299));
    assert_false(http_request_accepts(&request, 303));
    assert_true(http_request_accepts(&request, 304));
    assert_string_equal(request.place.host, "::1");
    assert_int_equal(request.place.port, 8080);
    http_request_done(&request);
}

#define VISIT(name) cmocka_unit_test_setup_teardown(name, start_visit, end_visit)

int main(void)
{
    const struct CMUnitTest tests[] = {
        VISIT(a_page_that_is_there_is_fine),
        VISIT(a_name_is_resolved_first),
        VISIT(method_and_headers_are_sent),
        VISIT(a_head_request_needs_no_body),
        VISIT(a_bad_status_fails_at_operate),
        VISIT(a_redirect_is_an_answer_and_not_followed),
        VISIT(a_missing_text_fails_the_content),
        VISIT(a_large_answer_is_read_only_so_far),
        VISIT(a_text_beyond_what_is_read_is_not_found),
        VISIT(a_server_that_hangs_up_is_a_reset),
        VISIT(nobody_listening_is_refused_at_connect),
        VISIT(a_name_that_is_not_there_fails_at_resolve),
        VISIT(a_tls_handshake_is_a_layer_of_its_own),
        VISIT(most_handshakes_go_on_from_the_session_before),
        VISIT(after_a_failure_the_handshake_is_a_full_one),
        VISIT(a_session_does_not_outlive_the_certificate),
        VISIT(an_expired_certificate_says_so),
        VISIT(a_certificate_of_another_name_is_invalid),
        VISIT(the_name_to_ask_for_can_be_given),
        VISIT(a_certificate_of_an_unknown_authority_is_invalid),
        VISIT(without_verification_any_certificate_will_do),
        VISIT(tls_to_a_plain_port_is_a_protocol_failure),
        VISIT(a_missing_file_of_authorities_is_the_agents_own_fault),
        VISIT(a_frozen_server_is_a_timeout_at_operate),
        VISIT(a_frozen_tls_server_is_a_timeout_at_tls),
        VISIT(an_answer_that_is_no_http_is_a_protocol_failure),
        VISIT(an_answer_that_breaks_off_is_a_reset),
        VISIT(a_head_that_breaks_off_is_a_reset),
        VISIT(a_run_can_be_cancelled_in_the_middle),
        VISIT(settings_that_make_no_sense_are_refused),
        cmocka_unit_test(statuses_are_numbers_and_ranges),
    };

    return cmocka_run_group_tests(tests, start_site, stop_site);
}
