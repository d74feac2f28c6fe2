// links: agent_probe agent_http_request
/* What the http and https probes can be told, against nginx, HAProxy and tinyproxy; and what
 * hostile servers do to them. */
#include "agent/probe/http_request.h"
#include "tests/support/probe_cases.h"

enum { PLAIN, TLS, H2C, MUTUAL, HAPROXY, PROXY, PORTS };

static char root[64] = "/tmp/faultline-http2-XXXXXX";
static char ca_file[96];
static int ports[PORTS];
static pid_t nginx, haproxy, tinyproxy;
static const char *tls_settings[] = {"ca_file", ca_file, NULL};
static const struct probe_case http = {.type = "http", .secrets_path = root};
static const struct probe_case https = {
    .type = "https", .secrets_path = root, .settings = tls_settings};

static const char nginx_conf[] =
    "daemon off; master_process off; pid pid; error_log error.log;\n"
    "events { worker_connections 64; }\n"
    "http { access_log off; root site; gzip on; gzip_min_length 1; gzip_types *;\n"
    " client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3;\n"
    " uwsgi_temp_path t4; scgi_temp_path t5;\n"
    " ssl_certificate valid.pem; ssl_certificate_key valid.key;\n"
    " server { listen 127.0.0.1:%d; listen 127.0.0.1:%d ssl http2;\n"
    "  listen 127.0.0.1:%d http2; listen [::1]:%d;\n"
    "  location /method { default_type text/plain; return 200 \"$request_method\"; }\n"
    "  location /version { return 200 \"$server_protocol\"; }\n"
    "  location /peer { return 200 \"$remote_addr\"; }\n"
    "  location /health { return 200 '{\"db\":{\"state\":\"up\",\"lag\":3},\"ok\":true,"
    "\"nodes\":[{\"name\":\"a\"}]}'; }\n"
    "  location /basic { auth_basic x; auth_basic_user_file users; }\n"
    "  location /bearer { if ($http_authorization != \"Bearer right\") { return 401; }\n"
    "   return 200 in; }\n"
    "  location /hop { return 302 /hop2; } location /hop2 { return 301 /method; }\n"
    "  location /loop { return 302 /loop; }\n"
    "  location /tls { return 302 https://localhost:%d/method; }\n"
    "  location /plain { return 302 http://localhost:%d/method; }\n"
    "  location /nobody { return 302 http://localhost:1/; }\n"
    "  location /keep { return 307 /method; }\n"
    "  location /away { return 302 http://127.0.0.1:%d/shown; }\n"
    "  location /shown { return 200 \"<$http_authorization><$http_x_probe>\"; } }\n"
    " server { listen 127.0.0.1:%d ssl; ssl_client_certificate ca.pem;\n"
    "  ssl_verify_client on; location / { return 200 \"$ssl_client_s_dn\"; } } }\n";

static const char haproxy_conf[] =
    "defaults\n    mode http\n    timeout connect 5s\n    timeout client 5s\n"
    "    timeout server 5s\n"
    "frontend web\n    bind 127.0.0.1:%d ssl crt %s/both.pem alpn h2,http/1.1\n"
    "    http-request return status 503 if { path /drained }\n"
    "    http-request return status 200 content-type text/plain lf-string \"%%[req.ver] up\"\n";

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

static void start_servers(void)
{
    char text[4096], path[3][96];
    char *nginx_argv[] = {"nginx", "-p", root, "-c", path[0], "-e", "stderr", NULL};
    char *haproxy_argv[] = {"haproxy", "-q", "-db", "-f", path[1], NULL};
    char *proxy_argv[] = {"tinyproxy", "-d", "-c", path[2], NULL};

    (void)snprintf(path[0], sizeof(path[0]), "%s/nginx.conf", root);
    (void)snprintf(path[1], sizeof(path[1]), "%s/haproxy.cfg", root);
    (void)snprintf(path[2], sizeof(path[2]), "%s/tinyproxy.conf", root);
    (void)snprintf(text, sizeof(text), nginx_conf, ports[PLAIN], ports[TLS], ports[H2C],
                   ports[PLAIN], ports[TLS], ports[PLAIN], ports[PLAIN], ports[MUTUAL]);
    put("nginx.conf", text);
    (void)snprintf(text, sizeof(text), haproxy_conf, ports[HAPROXY], root);
    put("haproxy.cfg", text);
    (void)snprintf(text, sizeof(text),
                   "Port %d\nListen 127.0.0.1\nTimeout 10\nMaxClients 10\nAllow 127.0.0.1\n"
                   "ConnectPort %d\nLogLevel Error\n",
                   ports[PROXY], ports[TLS]);
    put("tinyproxy.conf", text);
    nginx = server_spawn(nginx_argv);
    haproxy = server_spawn(haproxy_argv);
    tinyproxy = server_spawn(proxy_argv);
    server_wait_port(nginx, ports[PLAIN]);
    server_wait_port(nginx, ports[MUTUAL]);
    server_wait_port(haproxy, ports[HAPROXY]);
    server_wait_port(tinyproxy, ports[PROXY]);
}

static int start_site(void **state)
{
    char command[512];

    (void)state;
    (void)signal(SIGPIPE, SIG_IGN); /* as the agent has it */
    (void)setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
    assert_non_null(mkdtemp(root));
    certificates_make(root);
    (void)snprintf(ca_file, sizeof(ca_file), "%s/ca.pem", root);
    (void)snprintf(command, sizeof(command),
                   "cd %s && mkdir site && cat client.pem client.key >card &&"
                   " cat valid.pem valid.key >both.pem && echo 'prober:{PLAIN}right' >users &&"
                   " head -c 30000000 /dev/zero | gzip -9 >bomb.gz",
                   root);
    assert_int_equal(system(command), 0);
    put("right", "right\n");
    put("wrong", "wrong\n");
    put("site/basic", "in\n");
    for (int i = 0; i < PORTS; i++)
        ports[i] = server_free_port();
    start_servers();
    return 0;
}

static int stop_site(void **state)
{
    char command[128];

    (void)state;
    server_stop(nginx);
    server_stop(haproxy);
    server_stop(tinyproxy);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", root);
    return system(command);
}

static const char *url(const char *host, int port, const char *path)
{
    static char text[128];

    (void)snprintf(text, sizeof(text), "%s://%s:%d%s",
                   port == TLS || port == MUTUAL || port == HAPROXY ? "https" : "http", host,
                   ports[port], path);
    return text;
}

static void every_method_is_sent(void **state)
{
    static const char *const methods[] = {"GET", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(methods); i++) {
        const bool sends = i > 0;

        CASE_OK(CASE_RUN(&http, "url", url("127.0.0.1", PLAIN, "/method"), "method", methods[i],
                         "body", methods[i]));
        if (sends)
            CASE_OK(CASE_RUN(&http, "url", url("127.0.0.1", PLAIN, "/method"), "method", methods[i],
                             "body", methods[i], "data", "{\"a\": 1}"));
    }
}

static void the_body_is_judged_by_expressions(void **state)
{
    const char *health = url("127.0.0.1", PLAIN, "/health");

    (void)state;
    CASE_OK(CASE_RUN(&http, "url", health, "body_match", "\"state\":\"(up|ok)\""));
    CASE_FAILED("operate", "content", CASE_RUN(&http, "url", health, "body_match", "^down"));
    CASE_OK(CASE_RUN(&http, "url", health, "body_reject", "error|down"));
    CASE_FAILED("operate", "content", CASE_RUN(&http, "url", health, "body_reject", "lag.*3"));
}

static void a_value_of_json_is_found(void **state)
{
    const char *health = url("127.0.0.1", PLAIN, "/health");

    (void)state;
    CASE_OK(CASE_RUN(&http, "url", health, "json", "db.state", "json_value", "up"));
    CASE_OK(CASE_RUN(&http, "url", health, "json", "db.lag", "json_value", "3"));
    CASE_OK(CASE_RUN(&http, "url", health, "json", "ok", "json_value", "true"));
    CASE_OK(CASE_RUN(&http, "url", health, "json", "nodes.0.name", "json_value", "a"));
    CASE_OK(CASE_RUN(&http, "url", health, "json", "nodes"));
    CASE_FAILED("operate", "content",
                CASE_RUN(&http, "url", health, "json", "db.state", "json_value", "down"));
    CASE_FAILED("operate", "content", CASE_RUN(&http, "url", health, "json", "db.state.x"));
    CASE_FAILED("operate", "content", CASE_RUN(&http, "url", health, "json", "nodes.1"));
    CASE_FAILED("operate", "content",
                CASE_RUN(&http, "url", url("127.0.0.1", PLAIN, "/method"), "json", "ok"));
}

static void redirects_are_followed_as_far_as_is_allowed(void **state)
{
    struct fl_result result;

    (void)state;
    result = CASE_RUN(&http, "url", url("localhost", PLAIN, "/hop"), "redirects", "2", "status",
                      "200", "body", "GET");
    CASE_OK(result);
    assert_int_equal(result.facts.http_redirects, 2);
    assert_int_equal(result.facts.http_status, 200);
    assert_int_equal(result.facts.http_version, 11);
    CASE_FAILED(
        "operate", "status",
        CASE_RUN(&http, "url", url("localhost", PLAIN, "/hop"), "redirects", "1", "status", "200"));
    CASE_FAILED("operate", "status",
                CASE_RUN(&http, "url", url("localhost", PLAIN, "/loop"), "redirects", "10",
                         "status", "200"));
    CASE_FAILED("connect", "refused",
                CASE_RUN(&http, "url", url("localhost", PLAIN, "/nobody"), "redirects", "1"));
    result =
        CASE_RUN(&https, "url", url("localhost", TLS, "/tls"), "redirects", "1", "body", "GET");
    CASE_OK(result);
    assert_true(result.phase_us[FL_LAYER_TLS] > 0);
    CASE_FAILED("tls", "cert_invalid",
                CASE_RUN(&http, "url", url("localhost", PLAIN, "/tls"), "redirects", "1"));
    CASE_FAILED("operate", "protocol",
                CASE_RUN(&https, "url", url("localhost", TLS, "/plain"), "redirects", "1"));
}

static void a_redirect_keeps_a_post_only_where_it_says_so(void **state)
{
    (void)state;
    CASE_OK(CASE_RUN(&http, "url", url("localhost", PLAIN, "/keep"), "redirects", "1", "method",
                     "POST", "body", "POST"));
    CASE_OK(CASE_RUN(&http, "url", url("localhost", PLAIN, "/hop2"), "redirects", "1", "method",
                     "POST", "body", "GET"));
}

static void another_host_learns_no_secret(void **state)
{
    (void)state;
    CASE_OK(CASE_RUN(&http, "url", url("127.0.0.1", PLAIN, "/shown"), "token_file", "right",
                     "header", "X-Probe: me", "body", "<Bearer right><me>"));
    CASE_OK(CASE_RUN(&http, "url", url("localhost", PLAIN, "/away"), "token_file", "right",
                     "header", "X-Probe: me", "redirects", "1", "body", "<><>"));
}

static void who_logs_in_is_let_in(void **state)
{
    const char *basic = url("127.0.0.1", PLAIN, "/basic");

    (void)state;
    CASE_OK(CASE_RUN(&http, "url", basic, "user", "prober", "password_file", "right"));
    CASE_FAILED("operate", "status",
                CASE_RUN(&http, "url", basic, "user", "prober", "password_file", "wrong"));
    CASE_FAILED("operate", "status", CASE_RUN(&http, "url", basic));
    CASE_FAILED("operate", "local",
                CASE_RUN(&http, "url", basic, "user", "prober", "password_file", "not-there"));
    CASE_OK(CASE_RUN(&http, "url", url("127.0.0.1", PLAIN, "/bearer"), "token_file", "right"));
    CASE_FAILED("operate", "status",
                CASE_RUN(&http, "url", url("127.0.0.1", PLAIN, "/bearer"), "token_file", "wrong"));
}

static void a_certificate_of_ours_is_shown(void **state)
{
    (void)state;
    CASE_OK(CASE_RUN(&https, "url", url("localhost", MUTUAL, "/"), "client_certificate", "card",
                     "body", "CN=prober"));
    CASE_FAILED("operate", "status", CASE_RUN(&https, "url", url("localhost", MUTUAL, "/")));
    CASE_FAILED(
        "tls", "local",
        CASE_RUN(&https, "url", url("localhost", MUTUAL, "/"), "client_certificate", "not-there"));
}

static void http_2_is_spoken_where_it_is_asked_for(void **state)
{
    struct fl_result result =
        CASE_RUN(&https, "url", url("localhost", TLS, "/version"), "http", "2", "body", "HTTP/2.0");

    (void)state;
    CASE_OK(result);
    assert_true(result.phase_us[FL_LAYER_TLS] > 0);
    assert_true(result.phase_us[FL_LAYER_OPERATE] > 0);
    CASE_OK(CASE_RUN(&https, "url", url("localhost", TLS, "/version"), "body", "HTTP/1.1"));
    CASE_OK(
        CASE_RUN(&http, "url", url("localhost", H2C, "/version"), "http", "2", "body", "HTTP/2.0"));
    CASE_OK(CASE_RUN(&https, "url", url("localhost", HAPROXY, "/"), "http", "2", "body", "2.0 up"));
    CASE_FAILED("operate", "status",
                CASE_RUN(&https, "url", url("localhost", HAPROXY, "/drained"), "http", "2"));
    CASE_FAILED("operate", "protocol",
                CASE_RUN(&https, "url", url("localhost", MUTUAL, "/"), "http", "2",
                         "client_certificate", "card"));
}

static void the_version_of_ip_is_chosen(void **state)
{
    struct fl_result result =
        CASE_RUN(&http, "url", url("localhost", PLAIN, "/peer"), "ip", "6", "body_match", "^::1$");

    (void)state;
    /* Not every hosts file has localhost with an address of version 6. */
    if (!result.ok)
        CASE_FAILED("resolve", "nxdomain", result);
    CASE_OK(CASE_RUN(&http, "url", url("[::1]", PLAIN, "/peer"), "ip", "6", "body", "::1"));
    CASE_OK(CASE_RUN(&http, "url", url("localhost", PLAIN, "/peer"), "ip", "4", "body_match",
                     "^127[.]"));
}

static void a_proxy_is_gone_through(void **state)
{
    char proxy[32];

    (void)state;
    (void)snprintf(proxy, sizeof(proxy), "127.0.0.1:%d", ports[PROXY]);
    CASE_OK(
        CASE_RUN(&http, "url", url("127.0.0.1", PLAIN, "/method"), "proxy", proxy, "body", "GET"));
    CASE_OK(
        CASE_RUN(&https, "url", url("localhost", TLS, "/method"), "proxy", proxy, "body", "GET"));
    CASE_FAILED("tls", "status", /* the proxy may not go there */
                CASE_RUN(&https, "url", url("localhost", MUTUAL, "/"), "proxy", proxy));
    (void)snprintf(proxy, sizeof(proxy), "127.0.0.1:%d", server_free_port());
    CASE_FAILED("connect", "refused",
                CASE_RUN(&http, "url", url("127.0.0.1", PLAIN, "/"), "proxy", proxy));
}

static void a_compressed_answer_is_read(void **state)
{
    (void)state;
    CASE_OK(CASE_RUN(&http, "url", url("127.0.0.1", PLAIN, "/method"), "compressed", "true", "body",
                     "GET"));
}

/* A server that says `text` and then nothing, as an address. */
static const char *bad_url(const struct bad_server *bad)
{
    static char text[64];

    (void)snprintf(text, sizeof(text), "http://%s/", bad->address);
    return text;
}

static void a_bomb_is_read_only_so_far(void **state)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
                               "Content-Length: 29154\r\n\r\n";
    struct bad_server bad;
    char path[96], *text = malloc(1 << 20);
    FILE *file;
    size_t size = sizeof(head) - 1;

    (void)state;
    assert_non_null(text);
    memcpy(text, head, size);
    (void)snprintf(path, sizeof(path), "%s/bomb.gz", root);
    file = fopen(path, "re");
    assert_non_null(file);
    size += fread(text + size, 1, (1 << 20) - size, file);
    assert_int_equal(fclose(file), 0);
    bad_server_start(&bad, BAD_SILENT, text, size);
    CASE_OK(CASE_RUN(&http, "url", bad_url(&bad), "compressed", "true"));
    CASE_FAILED("operate", "content",
                CASE_RUN(&http, "url", bad_url(&bad), "compressed", "true", "body_match", "x"));
    bad_server_stop(&bad);
    free(text);
}

static void endless_headers_are_left(void **state)
{
    struct bad_server bad;
    char *text = malloc(100000);
    static const char line[] = "X-Filler: 0123456789\r\n";
    size_t size = (size_t)sprintf(text, "HTTP/1.1 200 OK\r\n");

    (void)state;
    while (size + sizeof(line) < 100000) {
        memcpy(text + size, line, sizeof(line) - 1);
        size += sizeof(line) - 1;
    }
    bad_server_start(&bad, BAD_SILENT, text, size);
    CASE_FAILED("operate", "protocol", CASE_RUN(&http, "url", bad_url(&bad)));
    bad_server_stop(&bad);
    free(text);
}

static void an_old_server_speaks_no_http_2(void **state)
{
    static const char text[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    struct bad_server bad;

    (void)state;
    bad_server_start(&bad, BAD_SILENT, text, sizeof(text) - 1);
    CASE_FAILED("operate", "protocol", CASE_RUN(&http, "url", bad_url(&bad), "http", "2"));
    bad_server_stop(&bad);
}

static void a_server_that_drips_times_out(void **state)
{
    struct bad_server bad;

    (void)state;
    bad_server_start(&bad, BAD_DRIPS, "HTTP/1.1 200 OK\r\nX-More: 1\r\n", 28);
    CASE_FAILED("operate", "timeout", CASE_BRIEF(&http, "url", bad_url(&bad)));
    bad_server_stop(&bad);
}

static void settings_that_do_not_go_together_are_named(void **state)
{
    static const char *const rows[][3] = {
        {"body_match", "(", "setting \"body_match\": \"(\" is no"},
        {"user", "me", "both or neither"},
        {"json_value", "1", "needs \"json\""},
        {"data", "x", "method GET sends no body"},
        {"ip", "6", "of the other version"},
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(rows); i++) {
        struct attempt attempt;
        struct fl_error err = {""};

        attempt_init(&attempt, "http");
        attempt_set(&attempt, "url", "http://127.0.0.1/");
        attempt_set(&attempt, rows[i][0], rows[i][1]);
        assert_true(attempt_open(&attempt, &err) < 0);
        if (!strstr(err.message, rows[i][2]))
            fail_msg("\"%s\" does not say \"%s\"", err.message, rows[i][2]);
        attempt_done(&attempt);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_is_sent),
        cmocka_unit_test(the_body_is_judged_by_expressions),
        cmocka_unit_test(a_value_of_json_is_found),
        cmocka_unit_test(redirects_are_followed_as_far_as_is_allowed),
        cmocka_unit_test(a_redirect_keeps_a_post_only_where_it_says_so),
        cmocka_unit_test(another_host_learns_no_secret),
        cmocka_unit_test(who_logs_in_is_let_in),
        cmocka_unit_test(a_certificate_of_ours_is_shown),
        cmocka_unit_test(http_2_is_spoken_where_it_is_asked_for),
        cmocka_unit_test(the_version_of_ip_is_chosen),
        cmocka_unit_test(a_proxy_is_gone_through),
        cmocka_unit_test(a_compressed_answer_is_read),
        cmocka_unit_test(a_bomb_is_read_only_so_far),
        cmocka_unit_test(endless_headers_are_left),
        cmocka_unit_test(an_old_server_speaks_no_http_2),
        cmocka_unit_test(a_server_that_drips_times_out),
        cmocka_unit_test(settings_that_do_not_go_together_are_named),
    };

    return cmocka_run_group_tests(tests, start_site, stop_site);
}
