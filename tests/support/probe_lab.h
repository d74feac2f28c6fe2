/* One probe type by itself on a loop: settings in, one result out. */
#pragma once

#include "agent/probe/probe_runner.h"
#include "agent/probe/resolver.h"
#include "proto/types/fl_plan.h"
#include "tests/support/unit.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LAB_LIMIT_S 10 /* a loop that waits longer has lost its event */

struct lab {
    struct event_base *base;
    struct resolver *resolver;
    struct event *limit;
    uint8_t mesh_key[FL_MESH_KEY_SIZE];
    struct probe_env env;
    bool done;
    bool late;
    struct fl_result result;
};

static inline void lab_on_limit(evutil_socket_t fd, short what, void *arg)
{
    struct lab *lab = arg;

    (void)fd;
    (void)what;
    lab->late = true;
    lab->done = true;
}

static inline void lab_open(struct lab *lab)
{
    struct fl_error err;

    memset(lab, 0, sizeof(*lab));
    memset(lab->mesh_key, 7, sizeof(lab->mesh_key));
    lab->base = event_base_new();
    assert_non_null(lab->base);
    lab->limit = evtimer_new(lab->base, lab_on_limit, lab);
    assert_int_equal(resolver_new(lab->base, &lab->resolver, &err), 0);
    lab->env =
        (struct probe_env){.base = lab->base, .resolver = lab->resolver, .mesh_key = lab->mesh_key};
}

static inline void lab_close(struct lab *lab)
{
    resolver_free(lab->resolver);
    event_free(lab->limit);
    event_base_free(lab->base);
}

/* Turn the loop until `lab->done`. */
static inline void lab_wait(struct lab *lab)
{
    const struct timeval limit = {.tv_sec = LAB_LIMIT_S};

    evtimer_add(lab->limit, &limit);
    while (!lab->done)
        assert_int_equal(event_base_loop(lab->base, EVLOOP_ONCE), 0);
    evtimer_del(lab->limit);
    assert_false(lab->late);
    lab->done = false;
}

static inline void lab_on_result(const struct fl_result *result, void *arg)
{
    struct lab *lab = arg;

    lab->result = *result;
    lab->done = true;
}

/* Run one attempt of `type` through the runner. `settings` is key, value, key, value, NULL. The
 * result is checked as the coordinator would. */
static inline const struct fl_result *lab_probe(struct lab *lab, const char *type,
                                                int64_t timeout_us, const char *const *settings)
{
    struct probe_runner *runner = NULL;
    struct fl_error err = {""};
    struct fl_plan plan;
    struct fl_probe_spec *spec;

    fl_plan_init(&plan);
    spec = fl_plan_add(&plan, "web", "one", type, FL_SECOND, timeout_us);
    assert_non_null(spec);
    for (; *settings; settings += 2)
        assert_int_equal(fl_probe_spec_set(spec, settings[0], settings[1]), 0);
    assert_int_equal(probe_runner_new(&lab->env, lab_on_result, lab, &runner, &err), 0);
    if (probe_runner_set_plan(runner, &plan, &err) < 0)
        fail_msg("%s", err.message);
    probe_runner_start(runner, 0);
    lab_wait(lab);
    assert_int_equal(fl_result_check(&lab->result, &err), 0);
    assert_int_equal(lab->result.series, spec->series);
    probe_runner_free(runner);
    fl_plan_done(&plan);
    return &lab->result;
}
#define LAB_PROBE(lab, type, timeout_us, ...) \
    lab_probe(lab, type, timeout_us, (const char *const[]){__VA_ARGS__, NULL})

static inline void lab_assert_ok(const struct fl_result *result)
{
    if (!result->ok)
        fail_msg("failed at %s: %s", fl_layer_name(result->layer),
                 fl_failure_name(result->failure));
}

static inline void lab_assert_failed(const struct fl_result *result, enum fl_layer layer,
                                     enum fl_failure failure)
{
    assert_false(result->ok);
    assert_string_equal(fl_layer_name(result->layer), fl_layer_name(layer));
    assert_string_equal(fl_failure_name(result->failure), fl_failure_name(failure));
}

/* A socket bound to a free port of 127.0.0.1; `address` receives "127.0.0.1:PORT". */
static inline int lab_bind(int type, char address[32])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    (void)snprintf(address, 32, "127.0.0.1:%u", (unsigned)ntohs(at.sin_port));
    return fd;
}
