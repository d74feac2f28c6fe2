// links: coordinator_http PkgConfig::EVENT
/* What the server does with every request, whatever its route: heads, limits, who may, streams.
 * Spoken to over plain sockets, byte by byte. */
#include "coordinator/http/http_server.h"
#include "coordinator/http/route.h"
#include "coordinator/store/store.h"
#include "proto/codec/fl_codec.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_loop.h"
#include "proto/runtime/fl_zsock.h"
#include "proto/types/fl_name.h"
#include "tests/support/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAIT_US (20 * FL_SECOND)
#define MAX_ANSWER (256 << 10)

struct bench {
    char directory[64];
    struct fl_loop *loop;
    struct coordinator *coordinator;
    struct http_server *server;
    struct fl_keypair keys;
    char answer[MAX_ANSWER];
};

static void write_file(const struct bench *bench, const char *name, const char *text)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", bench->directory, name);
    file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

static void write_config(const struct bench *bench, const char *http)
{
    char text[2048];

    (void)snprintf(
        text, sizeof(text),
        "coordinator:\n  listen: tcp://127.0.0.1:*\n  secret_key_file: %s/key\n"
        "  state: %s/state\n%szones: [a]\nagents: [{name: a1, zone: a, public_key: \"%s\"}]\n"
        "targets: [{name: web, kind: service, place: a, probes: [{type: tcp, address: "
        "\"h:1\"}]}]\n",
        bench->directory, bench->directory, http, bench->keys.public_key);
    write_file(bench, "c.yaml", text);
}

static struct bench *start(const char *http)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct fl_error err = {""};
    char path[128];

    (void)snprintf(bench->directory, sizeof(bench->directory), "/tmp/faultline-http-XXXXXX");
    assert_non_null(mkdtemp(bench->directory));
    (void)snprintf(path, sizeof(path), "%s/key", bench->directory);
    assert_int_equal(fl_keypair_new(&bench->keys, &err), 0);
    assert_int_equal(fl_keypair_write(path, &bench->keys, &err), 0);
    write_config(bench, http);
    (void)snprintf(path, sizeof(path), "%s/c.yaml", bench->directory);
    assert_int_equal(fl_loop_new(&bench->loop, &err), 0);
    if (coordinator_new(path, fl_loop_base(bench->loop), &bench->coordinator, &err) < 0 ||
        http_server_new(bench->coordinator, fl_loop_base(bench->loop), "127.0.0.1:0",
                        &bench->server, &err) < 0)
        fail_msg("%s", err.message);
    return bench;
}

static void stop(struct bench *bench)
{
    char command[160];

    http_server_free(bench->server);
    coordinator_free(bench->coordinator);
    fl_loop_free(bench->loop);
    (void)snprintf(command, sizeof(command), "rm -r '%s'", bench->directory);
    assert_int_equal(system(command), 0);
    free(bench);
}

static void turn(const struct bench *bench)
{
    const struct timeval step = {0, 5000};

    (void)event_base_loopexit(fl_loop_base(bench->loop), &step);
    assert_true(event_base_dispatch(fl_loop_base(bench->loop)) >= 0);
}

static int dial(const struct bench *bench)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(http_server_port(bench->server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Read until `what` has come, or with NULL until the other side closes. */
static const char *hear(struct bench *bench, int fd, const char *what)
{
    int64_t end = fl_clock_monotonic() + WAIT_US;
    size_t size = 0;

    bench->answer[0] = '\0';
    for (;;) {
        ssize_t n = recv(fd, bench->answer + size, MAX_ANSWER - 1 - size, 0);

        if (n > 0) {
            size += (size_t)n;
            bench->answer[size] = '\0';
        }
        if ((what && memmem(bench->answer, size, what, strlen(what))) || n == 0 ||
            (n < 0 && errno == ECONNRESET))
            return bench->answer;
        if (fl_clock_monotonic() > end)
            fail_msg("this came and no more: %s", bench->answer);
        turn(bench);
    }
}

/* One request on a connection of its own; the whole answer. `head` are fields with their ends. */
static const char *ask(struct bench *bench, const char *line, const char *head, const char *body)
{
    char request[4096];
    int fd = dial(bench);

    (void)snprintf(request, sizeof(request),
                   "%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%sContent-Length: "
                   "%zu\r\n\r\n%s",
                   line, head, strlen(body), body);
    say(fd, request);
    (void)hear(bench, fd, NULL);
    (void)close(fd);
    return bench->answer;
}

static void assert_says(const char *answer, const char *what)
{
    if (!strcasestr(answer, what))
        fail_msg("\"%s\" is not in:\n%s", what, answer);
}

static void assert_silent_of(const char *answer, const char *what)
{
    if (strcasestr(answer, what))
        fail_msg("\"%s\" is in:\n%s", what, answer);
}

static int setup(void **state)
{
    *state = start("http: {rate: 0, cors_origin: \"https://www.example.org\", public_url: "
                   "\"https://status.example.org/\"}\n");
    return 0;
}

static int teardown(void **state)
{
    stop(*state);
    return 0;
}

static void every_answer_has_a_strict_head(void **state)
{
    static const char *const lines[] = {"GET /healthz", "GET /nowhere", "GET /api/v1/status"};

    for (size_t i = 0; i < FL_COUNT(lines); i++) {
        const char *answer = ask(*state, lines[i], "", "");

        assert_says(answer, "\r\nContent-Security-Policy: default-src 'none'; frame-ancestors");
        assert_says(answer, "\r\nX-Content-Type-Options: nosniff\r\n");
        assert_says(answer, "\r\nReferrer-Policy: no-referrer\r\n");
        assert_says(answer, "\r\nX-Frame-Options: DENY\r\n");
        assert_silent_of(answer, "Strict-Transport-Security");
        assert_silent_of(answer, "Access-Control");
    }
}

static void a_problem_says_what_it_is(void **state)
{
    const char *answer = ask(*state, "GET /nowhere", "", "");

    assert_says(answer, "HTTP/1.1 404 Not Found\r\n");
    assert_says(answer, "\r\nContent-Type: application/problem+json\r\n");
    assert_says(answer, "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
                        "\"detail\":\"there is nothing at this path\"}");
    answer = ask(*state, "POST /healthz", "", "{}");
    assert_says(answer, "HTTP/1.1 405 ");
    assert_says(answer, "\r\nAllow: GET, HEAD\r\n");
    assert_says(ask(*state, "GET /api/v1/events?wait=x", "", ""), "HTTP/1.1 400 ");
    assert_says(ask(*state, "GET /%00", "", ""), "HTTP/1.1 400 ");
}

/* What libevent answers by itself, before a handler hears of it. */
static void what_is_no_request_is_a_problem_too(void **state)
{
    static const struct {
        const char *request, *status;
    } refused[] = {
        {"nonsense\r\n\r\n", "400 Bad Request"},
        {"GET / HTTP/1.1\r\nno field\r\n\r\n", "400 Bad Request"},
        {"POST /api/v1/status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n",
         "413 Content Too Large"},
        {"POST /api/v1/status HTTP/1.1\r\nHost: localhost\r\nExpect: a miracle\r\n"
         "Content-Length: 5\r\n\r\n",
         "417 Expectation Failed"},
        {"BREW /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", "501 Not Implemented"},
    };
    struct bench *bench = *state;

    for (size_t i = 0; i < FL_COUNT(refused); i++) {
        int fd = dial(bench);
        const char *answer;

        say(fd, refused[i].request);
        answer = hear(bench, fd, "\"detail\":\"");
        assert_memory_equal(answer, "HTTP/1.1 ", 9);
        assert_memory_equal(answer + 9, refused[i].status, strlen(refused[i].status));
        assert_says(answer, "\r\nX-Content-Type-Options: nosniff\r\n");
        assert_says(answer, "\r\nContent-Type: application/problem+json\r\n");
        assert_silent_of(answer, "<html>");
        (void)close(fd);
    }
}

static void who_asks_before_it_sends_is_told_to_go_on(void **state)
{
    struct bench *bench = *state;
    int fd = dial(bench);

    say(fd, "POST /api/v1/maintenance HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
            "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n");
    assert_says(hear(bench, fd, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n");
    say(fd, "{}");
    assert_says(hear(bench, fd, "\"detail\":\""), "HTTP/1.1 4");
    (void)close(fd);
}

static void what_has_not_changed_is_not_sent_again(void **state)
{
    const char *answer = ask(*state, "GET /healthz", "", ""), *tag;
    char head[128];

    assert_says(answer, "\r\nETag: W/\"");
    tag = strcasestr(answer, "ETag: ") + 6;
    (void)snprintf(head, sizeof(head), "If-None-Match: %.*s\r\n", (int)strcspn(tag, "\r"), tag);
    answer = ask(*state, "GET /healthz", head, "");
    assert_says(answer, "HTTP/1.1 304 ");
    assert_true(strcmp(strstr(answer, "\r\n\r\n"), "\r\n\r\n") == 0);
    assert_says(ask(*state, "GET /healthz", "If-None-Match: W/\"0\"\r\n", ""), "HTTP/1.1 200 ");
}

/* One of the web's, that failed, into the history as if it came late. */
static void put_result(const struct bench *bench, fl_time t_us)
{
    static uint64_t sequence;
    struct fl_result result;
    struct fl_message message = {
        .type = FL_MESSAGE_BATCH,
        .batch = {
            .agent = "a1", .boot = 1, .sequence = ++sequence, .n_results = 1, .results = &result}};
    const struct store_type *type;
    struct store_stats stats;
    struct store *store;
    uint8_t *bytes = NULL;
    size_t size = 0;

    fl_result_init(&result);
    result.t_us = t_us;
    result.series = fl_series_id("web", "tcp");
    result.took_us = 1000;
    result.layer = FL_LAYER_CONNECT;
    result.failure = FL_FAILURE_REFUSED;
    assert_int_equal(fl_codec_encode(&message, &bytes, &size, NULL), 0);
    type = coordinator_store(bench->coordinator, &store);
    assert_int_equal(type->put_batch(store, &message.batch, bytes, size, fl_clock_wall()), 0);
    free(bytes);
    do {
        turn(bench);
        type->stats(store, &stats);
    } while (stats.batches < sequence);
}

static const char *ask_minute(struct bench *bench, fl_time t_us)
{
    char line[96];

    (void)snprintf(line, sizeof(line), "GET /api/v1/timeline/%" PRId64, t_us);
    return ask(bench, line, "", "");
}

static void a_minute_of_long_ago_is_read_from_the_history(void **state)
{
    struct bench *bench = start("");
    fl_time now_us = fl_clock_wall(), minute_us = now_us - 3 * 24 * FL_HOUR,
            hour_us = now_us - 60 * 24 * FL_HOUR;
    char when[64];

    (void)state;
    put_result(bench, minute_us);
    put_result(bench, hour_us);
    for (int again = 0; again < 2; again++) {
        const char *answer = ask_minute(bench, minute_us);

        (void)snprintf(when, sizeof(when), "{\"t_us\":%" PRId64 ",\"step_us\":60000000,",
                       minute_us / FL_MINUTE * FL_MINUTE);
        assert_says(answer, when);
        assert_says(answer, "\"complete\":true");
        assert_says(answer, "\"state\":\"fail\",\"layer\":\"connect\",\"error\":\"refused\"");
        (void)snprintf(when, sizeof(when), "{\"t_us\":%" PRId64 ",\"step_us\":3600000000,",
                       hour_us / FL_HOUR * FL_HOUR);
        assert_says(ask_minute(bench, hour_us), when);
        assert_says(bench->answer, "\"state\":\"fail\",\"layer\":\"connect\"");
    }
    assert_says(ask_minute(bench, minute_us - FL_HOUR), "\"state\":\"unseen\"");
    assert_says(ask_minute(bench, now_us - 3 * 366 * 24 * FL_HOUR), "HTTP/1.1 410 ");
    assert_says(bench->answer, "the history keeps hours for");
    assert_says(ask_minute(bench, now_us + FL_HOUR), "HTTP/1.1 404 ");
    stop(bench);
}

static void a_head_is_the_answer_without_its_body(void **state)
{
    const char *answer = ask(*state, "HEAD /healthz", "", "");

    assert_says(answer, "HTTP/1.1 200 OK\r\n");
    assert_says(answer, "\r\nContent-Length: 15\r\n");
    assert_true(strcmp(strstr(answer, "\r\n\r\n"), "\r\n\r\n") == 0);
}

static void what_is_long_is_compressed_for_who_takes_it(void **state)
{
    const char *answer = ask(*state, "GET /api/v1/openapi.json", "Accept-Encoding: gzip\r\n", "");

    assert_says(answer, "\r\nContent-Encoding: gzip\r\n");
    assert_says(answer, "\r\nVary: Accept-Encoding");
    answer = ask(*state, "GET /api/v1/openapi.json", "", "");
    assert_silent_of(answer, "Content-Encoding");
    assert_says(answer, "\"/api/v1/verdicts/{id}\"");
}

static void other_sites_read_only_when_configured(void **state)
{
    const char *good = "Origin: https://www.example.org\r\n";
    const char *answer = ask(*state, "GET /healthz", good, "");

    assert_says(answer, "\r\nAccess-Control-Allow-Origin: https://www.example.org\r\n");
    assert_silent_of(ask(*state, "GET /healthz", "Origin: https://evil.example\r\n", ""),
                     "Access-Control");
    answer = ask(*state, "OPTIONS /api/v1/status", good, "");
    assert_says(answer, "HTTP/1.1 204 ");
    assert_says(answer, "\r\nAccess-Control-Allow-Headers: Authorization, Content-Type\r\n");
    assert_silent_of(ask(*state, "OPTIONS /api/v1/status", "", ""), "Access-Control");
}

static void a_name_that_points_here_from_elsewhere_gets_only_what_is_public(void **state)
{
    struct bench *bench = *state;
    static const char *const good[] = {"localhost", "127.0.0.1:80", "[::1]:80",
                                       "status.example.org"};
    char request[256];

    for (size_t i = 0; i <= FL_COUNT(good); i++) {
        bool is_good = i < FL_COUNT(good);
        int fd = dial(bench);

        (void)snprintf(request, sizeof(request),
                       "GET /api/v1/verdicts HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
                       is_good ? good[i] : "rebound.evil.example:8570");
        say(fd, request);
        assert_says(hear(bench, fd, NULL), is_good ? "HTTP/1.1 200 " : "HTTP/1.1 403 ");
        (void)close(fd);
    }
}

static void a_connection_is_kept_for_the_next_request(void **state)
{
    struct bench *bench = *state;
    struct http_stats stats;
    int fd = dial(bench);

    for (int i = 0; i < 5; i++) {
        say(fd, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_says(hear(bench, fd, "{\"status\":\"ok\"}"), "HTTP/1.1 200 ");
    }
    http_server_stats(bench->server, &stats);
    assert_int_equal(stats.requests, 5);
    assert_int_equal(stats.connections.accepted, 1);
    assert_int_equal(stats.connections.now, 1);
    (void)close(fd);
}

static void what_is_too_large_is_refused(void **state)
{
    struct bench *bench = *state;
    char *large = malloc(100001);
    int fd;

    assert_non_null(large);
    memset(large, 'a', 100000);
    large[100000] = '\0';
    fd = dial(bench);
    say(fd, "GET /");
    say(fd, large);
    assert_silent_of(hear(bench, fd, NULL), "HTTP/1.1 200");
    (void)close(fd);
    fd = dial(bench);
    say(fd, "POST /api/v1/status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n");
    say(fd, large);
    assert_says(hear(bench, fd, "\r\n\r\n"), "HTTP/1.1 413 ");
    (void)close(fd);
    free(large);
    assert_says(ask(bench, "GET /healthz", "", ""), "HTTP/1.1 200 ");
}

static void too_many_connections_make_room_for_the_next(void **state)
{
    struct bench *bench = start("http: {max_connections: 16}\n");
    struct http_stats stats;
    int idle[64];

    (void)state;
    for (size_t i = 0; i < FL_COUNT(idle); i++) {
        idle[i] = dial(bench);
        turn(bench);
    }
    assert_says(ask(bench, "GET /healthz", "", ""), "HTTP/1.1 200 ");
    http_server_stats(bench->server, &stats);
    assert_int_equal(stats.connections.most, 16);
    assert_int_equal(stats.connections.evicted, 64 + 1 - 16);
    assert_int_equal(stats.connections.refused, 0);
    for (size_t i = 0; i < FL_COUNT(idle); i++)
        (void)close(idle[i]);
    stop(bench);
}

static void too_many_requests_are_told_so(void **state)
{
    struct bench *bench = start("http: {rate: 5}\n");
    struct http_stats stats;

    (void)state;
    for (int i = 0; i < 10; i++)
        assert_says(ask(bench, "GET /healthz", "", ""), "HTTP/1.1 200 ");
    for (int i = 0; i < 100 && !strstr(bench->answer, " 429 "); i++)
        (void)ask(bench, "GET /healthz", "", "");
    assert_says(bench->answer, "HTTP/1.1 429 ");
    assert_says(bench->answer, "\r\nRetry-After: 1\r\n");
    http_server_stats(bench->server, &stats);
    assert_true(stats.limited >= 1);
    stop(bench);
}

/* A verdict event, as if one had come. */
static void publish(const struct bench *bench, uint64_t id, const char *data)
{
    stream_publish(http_server_stream(bench->server, HTTP_STREAM_VERDICTS), "verdict", id, data);
}

static size_t readers(const struct bench *bench)
{
    struct http_stats stats;

    http_server_stats(bench->server, &stats);
    return stats.streams[HTTP_STREAM_VERDICTS].readers;
}

static int join(struct bench *bench)
{
    int fd = dial(bench);

    say(fd, "GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_says(hear(bench, fd, "\r\n\r\n"), "\r\nContent-Type: text/event-stream\r\n");
    return fd;
}

static void all_readers_of_a_stream_get_each_event(void **state)
{
    struct bench *bench = *state;
    int fds[5];

    for (size_t i = 0; i < FL_COUNT(fds); i++)
        fds[i] = join(bench);
    assert_int_equal(readers(bench), FL_COUNT(fds));
    publish(bench, 7, "{\"a\":1}");
    publish(bench, 8, "{\"a\":2}");
    for (size_t i = 0; i < FL_COUNT(fds); i++) {
        const char *heard = hear(bench, fds[i], "{\"a\":2}\n\n");

        assert_says(heard, "event: verdict\nid: 7\ndata: {\"a\":1}\n\n");
        assert_says(heard, "event: verdict\nid: 8\ndata: {\"a\":2}\n\n");
    }
    for (size_t i = 0; i < FL_COUNT(fds); i++)
        (void)close(fds[i]);
    for (int64_t end = fl_clock_monotonic() + WAIT_US; readers(bench) > 0; turn(bench))
        assert_true(fl_clock_monotonic() < end);
}

static void a_reader_that_does_not_read_is_let_go(void **state)
{
    struct bench *bench = *state;
    struct http_stats stats;
    int fd = join(bench), small = 4096;
    char *data = calloc(1, 60001);

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    memset(data, 'x', 60000);
    for (int i = 0; i < 400 && readers(bench) > 0; i++) {
        publish(bench, 0, data);
        turn(bench);
    }
    free(data);
    http_server_stats(bench->server, &stats);
    assert_int_equal(stats.streams[HTTP_STREAM_VERDICTS].readers, 0);
    assert_int_equal(stats.streams[HTTP_STREAM_VERDICTS].dropped, 1);
    (void)close(fd);
}

static void a_stream_is_not_for_http_1_0(void **state)
{
    struct bench *bench = *state;
    int fd = dial(bench);

    say(fd, "GET /api/v1/stream HTTP/1.0\r\n\r\n");
    assert_says(hear(bench, fd, NULL), " 400 ");
    (void)close(fd);
}

static void a_server_may_end_while_readers_and_waiters_are_there(void **state)
{
    struct bench *bench = start("");
    int reader = join(bench), waiter = dial(bench);

    (void)state;
    say(waiter, "GET /api/v1/events?wait=60s HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for (int i = 0; i < 10; i++)
        turn(bench);
    stop(bench);
    (void)close(reader);
    (void)close(waiter);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_answer_has_a_strict_head),
        TEST(a_problem_says_what_it_is),
        TEST(what_is_no_request_is_a_problem_too),
        TEST(a_minute_of_long_ago_is_read_from_the_history),
        TEST(who_asks_before_it_sends_is_told_to_go_on),
        TEST(what_has_not_changed_is_not_sent_again),
        TEST(a_head_is_the_answer_without_its_body),
        TEST(what_is_long_is_compressed_for_who_takes_it),
        TEST(other_sites_read_only_when_configured),
        TEST(a_name_that_points_here_from_elsewhere_gets_only_what_is_public),
        TEST(a_connection_is_kept_for_the_next_request),
        TEST(what_is_too_large_is_refused),
        cmocka_unit_test(too_many_connections_make_room_for_the_next),
        cmocka_unit_test(too_many_requests_are_told_so),
        TEST(all_readers_of_a_stream_get_each_event),
        TEST(a_reader_that_does_not_read_is_let_go),
        TEST(a_stream_is_not_for_http_1_0),
        cmocka_unit_test(a_server_may_end_while_readers_and_waiters_are_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
