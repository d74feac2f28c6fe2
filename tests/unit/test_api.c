// links: coordinator_http PkgConfig::EVENT
/* The routes over a real coordinator, asked over real HTTP, with a real agent's connection. */
#include "coordinator/http/http_server.h"
#include "coordinator/http/waiters.h"
#include "proto/codec/fl_codec.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_loop.h"
#include "proto/types/fl_name.h"
#include "tests/support/unit.h"

#include <dirent.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAIT_US (20 * FL_SECOND)

struct bench {
    char directory[64];
    char config_path[96];
    struct fl_keypair keys, agent_keys;
    struct fl_loop *loop;
    struct coordinator *coordinator;
    struct http_server *server;
    /* the agent */
    struct fl_zcontext *zmq;
    struct fl_zsock *dealer;
    bool plan_came, connected;
    size_t n_acks;
    uint64_t sequence;
};

struct answer {
    bool done;
    int status;
    char type[64];
    json_t *body;
};

static struct event_base *base_of(const struct bench *bench)
{
    return fl_loop_base(bench->loop);
}

static void turn(const struct bench *bench)
{
    const struct timeval step = {0, 20000};

    (void)event_base_loopexit(base_of(bench), &step);
    assert_true(event_base_dispatch(base_of(bench)) >= 0);
}

static void write_config(const struct bench *bench, const char *api, const char *targets)
{
    FILE *file = fopen(bench->config_path, "w");

    assert_non_null(file);
    (void)fprintf(file,
                  "coordinator:\n  listen: tcp://127.0.0.1:*\n  api: %s\n"
                  "  secret_key_file: %s/key\n  state: %s/state\n  record: %s/trace\n"
                  "http: {rate: 0}\nzones: [a, b]\n"
                  "agents:\n  - {name: a1, zone: a, public_key: \"%s\"}\n"
                  "targets:\n%s",
                  api, bench->directory, bench->directory, bench->directory,
                  bench->agent_keys.public_key, targets);
    assert_int_equal(fclose(file), 0);
}

#define WEB "  - {name: web, kind: service, place: b, probes: [{type: tcp, address: \"h:1\"}]}\n"

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct fl_error err = {""};
    char path[128];

    (void)snprintf(bench->directory, sizeof(bench->directory), "/tmp/faultline-api-XXXXXX");
    assert_non_null(mkdtemp(bench->directory));
    (void)snprintf(bench->config_path, sizeof(bench->config_path), "%s/c.yaml", bench->directory);
    (void)snprintf(path, sizeof(path), "%s/key", bench->directory);
    assert_int_equal(fl_keypair_new(&bench->keys, &err), 0);
    assert_int_equal(fl_keypair_new(&bench->agent_keys, &err), 0);
    assert_int_equal(fl_keypair_write(path, &bench->keys, &err), 0);
    write_config(bench, "127.0.0.1:8570", WEB);
    assert_int_equal(fl_loop_new(&bench->loop, &err), 0);
    if (coordinator_new(bench->config_path, base_of(bench), &bench->coordinator, &err) < 0 ||
        http_server_new(bench->coordinator, base_of(bench), "127.0.0.1:0", &bench->server, &err) <
            0)
        fail_msg("%s", err.message);
    *state = bench;
    return 0;
}

static void remove_files(const char *path)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;

    while (directory && (entry = readdir(directory)))
        (void)unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory)
        (void)closedir(directory);
    (void)rmdir(path);
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    char path[128];

    fl_zsock_free(bench->dealer);
    fl_zcontext_free(bench->zmq);
    http_server_free(bench->server);
    coordinator_free(bench->coordinator);
    fl_loop_free(bench->loop);
    (void)snprintf(path, sizeof(path), "%s/state", bench->directory);
    remove_files(path);
    remove_files(bench->directory);
    free(bench);
    return 0;
}

static void on_answer(struct evhttp_request *request, void *arg)
{
    struct answer *answer = arg;
    struct evbuffer *buffer = request ? evhttp_request_get_input_buffer(request) : NULL;
    const char *type =
        request ? evhttp_find_header(evhttp_request_get_input_headers(request), "Content-Type")
                : NULL;

    answer->done = true;
    answer->status = request ? evhttp_request_get_response_code(request) : -1;
    (void)snprintf(answer->type, sizeof(answer->type), "%s", type ? type : "");
    if (buffer)
        answer->body = json_loadb((const char *)evbuffer_pullup(buffer, -1),
                                  evbuffer_get_length(buffer), 0, NULL);
}

static struct evhttp_connection *ask(const struct bench *bench, enum evhttp_cmd_type method,
                                     const char *path, struct answer *answer)
{
    struct evhttp_connection *connection = evhttp_connection_base_new(
        base_of(bench), NULL, "127.0.0.1", http_server_port(bench->server));
    struct evhttp_request *request = evhttp_request_new(on_answer, answer);

    *answer = (struct answer){0};
    (void)evhttp_add_header(evhttp_request_get_output_headers(request), "Host", "127.0.0.1");
    assert_int_equal(evhttp_make_request(connection, request, method, path), 0);
    return connection;
}

/* The body is the caller's. */
static json_t *get(const struct bench *bench, const char *path, int status)
{
    int64_t end = fl_clock_monotonic() + WAIT_US;
    struct answer answer;
    struct evhttp_connection *connection = ask(bench, EVHTTP_REQ_GET, path, &answer);

    while (!answer.done) {
        assert_true(fl_clock_monotonic() < end);
        turn(bench);
    }
    evhttp_connection_free(connection);
    assert_int_equal(answer.status, status);
    assert_string_equal(answer.type,
                        status < 400 ? "application/json" : "application/problem+json");
    assert_non_null(answer.body);
    return answer.body;
}

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    assert_non_null(text);
    return text;
}

static void assert_error(const struct bench *bench, const char *path, int status,
                         const char *sentence)
{
    json_t *body = get(bench, path, status);

    assert_string_equal(text_at(body, "detail"), sentence);
    json_decref(body);
}

static void send_message(const struct bench *bench, const struct fl_message *message)
{
    struct fl_error err = {""};
    uint8_t *bytes = NULL;
    size_t size = 0;

    assert_int_equal(fl_codec_encode(message, &bytes, &size, &err), 0);
    assert_int_equal(fl_zsock_send(bench->dealer, NULL, 0, bytes, size), 0);
    free(bytes);
}

static void on_connected(void *arg)
{
    struct bench *bench = arg;
    struct fl_message message = {.type = FL_MESSAGE_HELLO};

    bench->connected = true;
    strcpy(message.hello.agent, "a1");
    strcpy(message.hello.zone, "a");
    strcpy(message.hello.software, "test");
    message.hello.boot = 7;
    send_message(bench, &message);
}

static void on_message(const uint8_t *peer, size_t peer_size, const char *user,
                       const uint8_t *bytes, size_t size, void *arg)
{
    struct bench *bench = arg;
    struct fl_message message;
    struct fl_error err;

    (void)peer;
    (void)peer_size;
    (void)user;
    assert_int_equal(fl_codec_decode(bytes, size, &message, &err), 0);
    bench->plan_came = bench->plan_came || message.type == FL_MESSAGE_PLAN;
    bench->n_acks += message.type == FL_MESSAGE_ACK;
    fl_message_done(&message);
}

static void connect_agent(struct bench *bench, const struct fl_keypair *keys)
{
    static const struct fl_zsock_dealer_callbacks callbacks = {on_message, on_connected, NULL};
    struct fl_error err = {""};

    assert_int_equal(fl_zcontext_new(FL_MAX_PLAN_MESSAGE, &bench->zmq, &err), 0);
    if (fl_zsock_dealer_new(bench->zmq, base_of(bench), coordinator_endpoint(bench->coordinator),
                            keys, bench->keys.public_key, &callbacks, bench, &bench->dealer,
                            &err) < 0)
        fail_msg("%s", err.message);
}

static void agent_says_hello(struct bench *bench)
{
    int64_t end = fl_clock_monotonic() + WAIT_US;

    connect_agent(bench, &bench->agent_keys);
    while (!bench->plan_came) {
        assert_true(fl_clock_monotonic() < end);
        turn(bench);
    }
}

/* One result of the series web/tcp, refused or fine, as of now. */
static void send_result(struct bench *bench, bool ok)
{
    struct fl_message message = {.type = FL_MESSAGE_BATCH};
    struct fl_result result;

    fl_result_init(&result);
    result.series = fl_series_id("web", "tcp");
    result.took_us = 500;
    result.t_us = fl_clock_steady() - result.took_us;
    result.ok = ok;
    if (!ok) {
        result.layer = FL_LAYER_CONNECT;
        result.failure = FL_FAILURE_REFUSED;
    }
    strcpy(message.batch.agent, "a1");
    message.batch.boot = 7;
    message.batch.sequence = ++bench->sequence;
    message.batch.n_results = 1;
    message.batch.results = &result;
    send_message(bench, &message);
}

static void wait_acks(const struct bench *bench, size_t n)
{
    int64_t end = fl_clock_monotonic() + WAIT_US;

    while (bench->n_acks < n) {
        assert_true(fl_clock_monotonic() < end);
        turn(bench);
    }
}

/* Sends failures until a verdict comes. */
static void bring_about_a_verdict(struct bench *bench)
{
    int64_t end = fl_clock_monotonic() + WAIT_US, next = 0;

    while (coordinator_newest_event(bench->coordinator) == 0) {
        assert_true(fl_clock_monotonic() < end);
        if (fl_clock_monotonic() >= next) {
            send_result(bench, false);
            next = fl_clock_monotonic() + FL_SECOND / 2;
        }
        turn(bench);
    }
}

static void health_is_ok(void **state)
{
    json_t *body = get(*state, "/healthz", 200);

    assert_string_equal(text_at(body, "status"), "ok");
    json_decref(body);
}

static void status_shows_the_fleet_before_anyone_came(void **state)
{
    json_t *body = get(*state, "/api/v1/status", 200), *agents, *row;

    assert_string_equal(text_at(body, "worst"), "ok");
    agents = json_object_get(body, "agents");
    assert_int_equal(json_array_size(agents), 1);
    assert_true(json_is_false(json_object_get(json_array_get(agents, 0), "connected")));
    assert_true(json_is_null(json_object_get(json_array_get(agents, 0), "clock_offset_us")));
    row = json_array_get(json_object_get(body, "matrix"), 0);
    assert_string_equal(text_at(row, "target"), "web");
    assert_true(json_is_null(json_object_get(row, "backend")));
    assert_string_equal(text_at(json_array_get(json_object_get(row, "cells"), 0), "state"),
                        "unseen");
    assert_int_equal(json_array_size(json_object_get(body, "places")), 2);
    json_decref(body);
}

static void a_result_is_acknowledged_and_shown(void **state)
{
    struct bench *bench = *state;
    json_t *body, *cell, *agent;

    agent_says_hello(bench);
    send_result(bench, true);
    wait_acks(bench, 1);
    body = get(bench, "/api/v1/status", 200);
    agent = json_array_get(json_object_get(body, "agents"), 0);
    assert_true(json_is_true(json_object_get(agent, "connected")));
    assert_string_equal(text_at(agent, "software"), "test");
    cell = json_array_get(
        json_object_get(json_array_get(json_object_get(body, "matrix"), 0), "cells"), 0);
    assert_string_equal(text_at(cell, "state"), "ok");
    assert_true(json_is_null(json_object_get(cell, "error")));
    assert_int_equal(json_integer_value(json_object_get(cell, "took_us")), 500);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(body, "store"), "results")),
                     1);
    json_decref(body);
}

static void an_unknown_key_is_counted_and_named(void **state)
{
    struct bench *bench = *state;
    int64_t end = fl_clock_monotonic() + WAIT_US;
    json_t *body, *refusals;
    json_int_t n = 0;

    connect_agent(bench, &bench->keys);
    while (n == 0) {
        assert_true(fl_clock_monotonic() < end);
        body = get(bench, "/api/v1/status", 200);
        refusals = json_object_get(body, "refusals");
        n = json_integer_value(json_object_get(refusals, "unknown_key"));
        if (n > 0)
            assert_non_null(
                strstr(json_string_value(json_array_get(json_object_get(refusals, "last"), 0)),
                       bench->keys.public_key));
        json_decref(body);
    }
    assert_false(bench->plan_came);
}

static void a_verdict_wakes_who_waits_and_is_kept(void **state)
{
    struct bench *bench = *state;
    struct answer answer;
    struct evhttp_connection *connection;
    json_t *body, *event;

    agent_says_hello(bench);
    connection = ask(bench, EVHTTP_REQ_GET, "/api/v1/events?after=0&wait=60s", &answer);
    turn(bench);
    assert_false(answer.done);
    bring_about_a_verdict(bench);
    while (!answer.done)
        turn(bench);
    evhttp_connection_free(connection);
    assert_int_equal(answer.status, 200);
    event = json_array_get(json_object_get(answer.body, "events"), 0);
    assert_string_equal(text_at(event, "event"), "open");
    assert_int_equal(json_integer_value(json_object_get(event, "seq")), 1);
    json_decref(answer.body);
    body = get(bench, "/api/v1/status", 200);
    assert_string_equal(text_at(body, "worst"), "fault");
    assert_int_equal(json_array_size(json_object_get(body, "verdicts")), 1);
    json_decref(body);
}

static void an_incident_is_found_again_with_its_history(void **state)
{
    struct bench *bench = *state;
    int64_t end = fl_clock_monotonic() + WAIT_US;
    json_t *body = NULL;

    agent_says_hello(bench);
    bring_about_a_verdict(bench);
    while (!body || json_array_size(json_object_get(body, "incidents")) == 0) {
        assert_true(fl_clock_monotonic() < end);
        json_decref(body);
        body = get(bench, "/api/v1/verdicts?limit=5", 200);
    }
    json_decref(body);
    body = get(bench, "/api/v1/verdicts/1", 200);
    assert_int_equal(json_integer_value(json_object_get(body, "id")), 1);
    assert_true(json_is_null(json_object_get(body, "closed_us")));
    assert_true(json_array_size(json_object_get(body, "history")) >= 1);
    json_decref(body);
    body = get(bench, "/api/v1/verdicts?before=1", 200);
    assert_int_equal(json_array_size(json_object_get(body, "incidents")), 0);
    json_decref(body);
}

static void who_waits_is_answered_when_the_time_is_over(void **state)
{
    json_t *body = get(*state, "/api/v1/events?wait=100ms", 200);

    assert_int_equal(json_integer_value(json_object_get(body, "seq")), 0);
    assert_int_equal(json_array_size(json_object_get(body, "events")), 0);
    json_decref(body);
}

static void a_number_of_before_a_restart_is_answered_at_once(void **state)
{
    json_t *body = get(*state, "/api/v1/events?after=500&wait=60s", 200);

    assert_int_equal(json_integer_value(json_object_get(body, "seq")), 0);
    json_decref(body);
}

static void wait_until_waiting(const struct bench *bench, size_t n)
{
    int64_t end = fl_clock_monotonic() + WAIT_US;
    struct http_stats stats;

    for (http_server_stats(bench->server, &stats); stats.waiting != n;
         http_server_stats(bench->server, &stats)) {
        assert_true(fl_clock_monotonic() < end);
        turn(bench);
    }
}

static void who_waits_and_hangs_up_is_forgotten(void **state)
{
    const struct bench *bench = *state;
    static struct evhttp_connection *connections[WAITERS_MAX];
    static struct answer answers[WAITERS_MAX];

    for (size_t i = 0; i < WAITERS_MAX; i++)
        connections[i] = ask(bench, EVHTTP_REQ_GET, "/api/v1/events?wait=60s", &answers[i]);
    wait_until_waiting(bench, WAITERS_MAX);
    assert_error(bench, "/api/v1/events?wait=1s", 503,
                 "2048 wait already, which is the most; try again later");
    for (size_t i = 0; i < WAITERS_MAX; i++)
        evhttp_connection_free(connections[i]);
    wait_until_waiting(bench, 0);
}

static void bad_requests_are_told_why(void **state)
{
    const struct bench *bench = *state;

    assert_error(bench, "/nowhere", 404, "there is nothing at this path");
    assert_error(bench, "/api/v1/verdicts/", 404, "there is nothing at this path");
    assert_error(bench, "/api/v1/verdicts/x", 404, "an incident is named by its number");
    assert_error(bench, "/api/v1/verdicts/9", 404, "there is no incident 9");
    assert_error(bench, "/api/v1/verdicts?limit=-1", 400,
                 "\"limit\" must be a whole number from 0 to 1000");
    assert_error(bench, "/api/v1/verdicts?limit=1001", 400,
                 "\"limit\" must be a whole number from 0 to 1000");
    assert_error(bench, "/api/v1/events?wait=1h", 400,
                 "\"wait\" must be a time up to 5 min 0 s, such as 30s");
}

static void only_get_is_served(void **state)
{
    const struct bench *bench = *state;
    struct answer answer;
    struct evhttp_connection *connection = ask(bench, EVHTTP_REQ_DELETE, "/healthz", &answer);

    while (!answer.done)
        turn(bench);
    assert_int_equal(answer.status, 405);
    assert_string_equal(text_at(answer.body, "detail"), "only GET, HEAD is served here");
    json_decref(answer.body);
    evhttp_connection_free(connection);
}

static void a_reload_takes_the_new_fleet_and_closes_what_is_open(void **state)
{
    struct bench *bench = *state;
    struct fl_error err = {""};
    json_t *body;

    agent_says_hello(bench);
    bring_about_a_verdict(bench);
    bench->plan_came = false;
    write_config(bench, "127.0.0.1:8570",
                 "  - {name: new, kind: service, place: b, probes: [{type: dns, name: x}]}\n");
    if (coordinator_reload(bench->coordinator, &err) < 0)
        fail_msg("%s", err.message);
    while (!bench->plan_came)
        turn(bench);
    assert_int_equal(
        coordinator_event(bench->coordinator, coordinator_newest_event(bench->coordinator))->type,
        VERDICT_CLOSE);
    body = get(bench, "/api/v1/status", 200);
    assert_string_equal(text_at(json_array_get(json_object_get(body, "matrix"), 0), "target"),
                        "new");
    assert_int_equal(json_integer_value(json_object_get(body, "plan_version")), 2);
    json_decref(body);
}

static void a_bad_reload_leaves_everything_as_it_was(void **state)
{
    struct bench *bench = *state;
    struct fl_error err = {""};
    json_t *body;

    write_config(bench, "127.0.0.1:8570", "  - {name: web, kind: none}\n");
    assert_true(coordinator_reload(bench->coordinator, &err) < 0);
    write_config(bench, "127.0.0.1:9999", WEB);
    assert_true(coordinator_reload(bench->coordinator, &err) < 0);
    assert_string_equal(err.message, "field \"api\" cannot change from \"127.0.0.1:8570\" to "
                                     "\"127.0.0.1:9999\" while running; restart the coordinator");
    body = get(bench, "/api/v1/status", 200);
    assert_int_equal(json_integer_value(json_object_get(body, "plan_version")), 1);
    json_decref(body);
}

static void the_key_of_the_mesh_is_kept_for_its_owner_alone(void **state)
{
    const struct bench *bench = *state;
    char path[128];
    struct stat status;

    (void)snprintf(path, sizeof(path), "%s/state/mesh.key", bench->directory);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(status.st_size, FL_MESH_KEY_SIZE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(health_is_ok),
        TEST(status_shows_the_fleet_before_anyone_came),
        TEST(a_result_is_acknowledged_and_shown),
        TEST(an_unknown_key_is_counted_and_named),
        TEST(a_verdict_wakes_who_waits_and_is_kept),
        TEST(an_incident_is_found_again_with_its_history),
        TEST(who_waits_is_answered_when_the_time_is_over),
        TEST(a_number_of_before_a_restart_is_answered_at_once),
        TEST(who_waits_and_hangs_up_is_forgotten),
        TEST(bad_requests_are_told_why),
        TEST(only_get_is_served),
        TEST(a_reload_takes_the_new_fleet_and_closes_what_is_open),
        TEST(a_bad_reload_leaves_everything_as_it_was),
        TEST(the_key_of_the_mesh_is_kept_for_its_owner_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
