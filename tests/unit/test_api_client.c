// links: faultline_cli
#include "coordinator/cli/api_client.h"
#include "tests/support/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OK "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"

/* Answers one request with what the test says, or never. */
struct fixture {
    int listener;
    char address[64];
    pthread_t thread;
    const char *answer; /* NULL: nobody answers */
    bool endless;       /* zeros follow for as long as they are taken */
    char request[2048];
    struct api_client *client;
    struct fl_error err;
};

static int setup(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    socklen_t size = sizeof(address);

    if (!fixture)
        return -1;
    *state = fixture;
    fixture->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fixture->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fixture->listener, 4), 0);
    assert_int_equal(getsockname(fixture->listener, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(fixture->address, sizeof(fixture->address), "http://127.0.0.1:%d/",
                   ntohs(address.sin_port));
    return api_client_new(fixture->address, &fixture->client, &fixture->err);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    api_client_free(fixture->client);
    (void)close(fixture->listener);
    free(fixture);
    return 0;
}

static void *serve(void *arg)
{
    static const char zeros[65536];
    struct fixture *fixture = arg;
    int fd = accept(fixture->listener, NULL, NULL);
    size_t used = 0;
    ssize_t n;

    while (used < sizeof(fixture->request) - 1 && !strstr(fixture->request, "\r\n\r\n")) {
        n = recv(fd, fixture->request + used, sizeof(fixture->request) - 1 - used, 0);
        if (n <= 0)
            break;
        used += (size_t)n;
    }
    n = send(fd, fixture->answer, strlen(fixture->answer), MSG_NOSIGNAL);
    while (fixture->endless && n > 0)
        n = send(fd, zeros, sizeof(zeros), MSG_NOSIGNAL);
    (void)close(fd);
    return NULL;
}

static int get(struct fixture *fixture, const char *answer, json_t **ret)
{
    int r;

    fixture->answer = answer;
    if (answer)
        assert_int_equal(pthread_create(&fixture->thread, NULL, serve, fixture), 0);
    r = api_client_get(fixture->client, "/api/v1/status", answer ? FL_MINUTE : 100 * FL_MS, ret,
                       &fixture->err);
    if (answer)
        assert_int_equal(pthread_join(fixture->thread, NULL), 0);
    return r;
}

static void an_answer_comes_back_as_json(void **state)
{
    struct fixture *fixture = *state;
    json_t *json = NULL;

    assert_int_equal(get(fixture, OK "{\"seq\":7}", &json), 0);
    assert_int_equal(json_integer_value(json_object_get(json, "seq")), 7);
    assert_int_equal(strncmp(fixture->request, "GET /api/v1/status HTTP/1.1\r\n", 29), 0);
    json_decref(json);
}

static void what_the_coordinator_does_not_know_is_said_in_its_words(void **state)
{
    struct fixture *fixture = *state;
    json_t *json = NULL;

    assert_int_equal(get(fixture,
                         "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n"
                         "{\"detail\":\"there is no incident 9\"}",
                         &json),
                     -ENOENT);
    assert_non_null(strstr(fixture->err.message, "there is no incident 9"));
}

static void another_server_is_no_coordinator(void **state)
{
    struct fixture *fixture = *state;
    json_t *json = NULL;

    assert_int_equal(get(fixture, OK "<html>welcome</html>", &json), -EPROTO);
    assert_non_null(strstr(fixture->err.message, "is no coordinator"));
}

static void an_answer_that_is_cut_is_none(void **state)
{
    struct fixture *fixture = *state;
    json_t *json = NULL;

    assert_true(get(fixture, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"seq\":", &json) < 0);
    assert_null(json);
}

static void an_endless_answer_is_given_up(void **state)
{
    struct fixture *fixture = *state;
    json_t *json = NULL;

    fixture->endless = true;
    assert_int_equal(get(fixture, OK, &json), -E2BIG);
    assert_non_null(strstr(fixture->err.message, "64 MiB"));
}

static void silence_ends_with_the_time(void **state)
{
    struct fixture *fixture = *state;
    json_t *json = NULL;

    assert_int_equal(get(fixture, NULL, &json), -ETIMEDOUT);
}

static void a_closed_port_is_a_coordinator_that_cannot_be_reached(void **state)
{
    struct fixture *fixture = *state;
    json_t *json = NULL;

    assert_int_equal(close(fixture->listener), 0);
    assert_int_equal(get(fixture, NULL, &json), -EHOSTUNREACH);
    assert_non_null(strstr(fixture->err.message, "FAULTLINE_API"));
}

static void a_client_can_ask_again_after_a_failure(void **state)
{
    struct fixture *fixture = *state;
    json_t *json = NULL;

    assert_int_equal(get(fixture, OK "no", &json), -EPROTO);
    memset(fixture->request, 0, sizeof(fixture->request));
    assert_int_equal(get(fixture, OK "{}", &json), 0);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_answer_comes_back_as_json, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_coordinator_does_not_know_is_said_in_its_words,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(another_server_is_no_coordinator, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_that_is_cut_is_none, setup, teardown),
        cmocka_unit_test_setup_teardown(an_endless_answer_is_given_up, setup, teardown),
        cmocka_unit_test_setup_teardown(silence_ends_with_the_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_closed_port_is_a_coordinator_that_cannot_be_reached,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_client_can_ask_again_after_a_failure, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
