#include "agent/probe/datagram.h"

#include "agent/probe/resolver.h"
#include "agent/probe/stream.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_daemon.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#define READS_PER_WAKE 16 /* a flood of strangers' datagrams must not hold the loop */

struct probe_run {
    const struct probe_env *env;
    const struct datagram_protocol *protocol;
    probe_done_cb done;
    void *done_arg;
    struct resolver_query *query; /* alive while the name is asked for */
    struct event *event;          /* alive while the answer is awaited */
    struct datagram_exchange exchange;
    int error;              /* of a request that could not be sent */
    int64_t layer_start_us; /* of the layer that is under way */
    struct fl_result result;
};

static void run_free(struct probe_run *run)
{
    resolver_cancel(run->query);
    if (run->event)
        event_free(run->event);
    if (run->exchange.fd >= 0)
        close(run->exchange.fd);
    free(run);
}

static void finish(struct probe_run *run, enum fl_layer layer, enum fl_failure failure)
{
    const int64_t took_us = fl_clock_monotonic() - run->layer_start_us;

    if (failure == FL_FAILURE_NONE) {
        run->result.phase_us[layer] = took_us;
        run->result.ok = true;
    } else {
        stream_fail(&run->result, layer, failure);
    }
    run->done(&run->result, run->done_arg);
    run_free(run);
}

static enum fl_failure failure_of(const struct probe_run *run, int error)
{
    enum fl_failure failure = stream_failure_remote(error);

    return failure == FL_FAILURE_REFUSED ? run->protocol->refusal : failure;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct probe_run *run = arg;
    const enum fl_layer layer = run->protocol->layer;

    (void)what;
    if (run->error != 0) {
        finish(run, layer, stream_failure(run->error));
        return;
    }
    for (int i = 0; i < READS_PER_WAKE; i++) {
        uint8_t bytes[DATAGRAM_MAX];
        ssize_t size = recv(fd, bytes, sizeof(bytes), 0);
        enum fl_failure failure = FL_FAILURE_NONE;

        if (size < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (size < 0)
            failure = failure_of(run, errno);
        else if (!run->protocol->answer(&run->exchange, bytes, (size_t)size, &failure))
            continue;
        finish(run, layer, failure);
        return;
    }
}

static int open_udp(sa_family_t family)
{
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    return fd < 0 ? -errno : fd;
}

/* Ask for ICMP errors of every kind, and forbid fragments unless they are wanted: a packet too
 * large for the way must be lost, as one of TCP's would be. */
static int set_options(int fd, sa_family_t family, bool fragments)
{
    const int on = 1;
    const int probe = fragments ? IP_PMTUDISC_DONT : IP_PMTUDISC_PROBE;
    const int probe6 = fragments ? IPV6_PMTUDISC_DONT : IPV6_PMTUDISC_PROBE;
    int r;

    if (family == AF_INET6)
        r = setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on)) |
            setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &probe6, sizeof(probe6));
    else
        r = setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)) |
            setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof(probe));
    return r < 0 ? -errno : 0;
}

static int connect_and_send(struct probe_run *run, const struct sockaddr *address, socklen_t size)
{
    uint8_t bytes[DATAGRAM_MAX];
    size_t n;

    if (connect(run->exchange.fd, address, size) < 0)
        return -errno;
    n = run->protocol->request(&run->exchange, bytes);
    run->layer_start_us = fl_clock_monotonic();
    return send(run->exchange.fd, bytes, n, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* 0 when `on_readable` will be called or waits, or a negative errno of the agent's own. */
static int start_exchange(struct probe_run *run, const struct sockaddr *address, socklen_t size)
{
    int r;

    run->layer_start_us = fl_clock_monotonic();
    run->exchange.fd = run->protocol->open ? run->protocol->open(address->sa_family)
                                           : open_udp(address->sa_family);
    if (run->exchange.fd < 0)
        return run->exchange.fd;
    r = set_options(run->exchange.fd, address->sa_family, run->protocol->fragments);
    if (r < 0)
        return r;
    run->event =
        event_new(run->env->base, run->exchange.fd, EV_READ | EV_PERSIST, on_readable, run);
    if (!run->event || event_add(run->event, NULL) < 0)
        return -ENOMEM;
    run->error = connect_and_send(run, address, size);
    if (run->error != 0)
        event_active(run->event, EV_READ, 0);
    return 0;
}

static void on_resolved(enum fl_failure failure, const struct sockaddr *address, socklen_t size,
                        void *arg)
{
    struct probe_run *run = arg;
    int r;

    run->query = NULL;
    if (failure != FL_FAILURE_NONE) {
        finish(run, FL_LAYER_RESOLVE, failure);
        return;
    }
    run->result.phase_us[FL_LAYER_RESOLVE] = fl_clock_monotonic() - run->layer_start_us;
    r = start_exchange(run, address, size);
    if (r < 0)
        finish(run, run->protocol->layer, stream_failure(r));
}

int datagram_start(const struct probe_env *env, const struct datagram_protocol *protocol,
                   const char *host, uint16_t port, const void *arg, probe_done_cb done,
                   void *done_arg, struct probe_run **ret)
{
    struct probe_run *run = calloc(1, sizeof(*run));
    struct sockaddr_storage address;
    socklen_t size;
    int r;

    if (!run)
        return -ENOMEM;
    run->env = env;
    run->protocol = protocol;
    run->done = done;
    run->done_arg = done_arg;
    run->exchange.arg = arg;
    run->exchange.fd = -1;
    run->layer_start_us = fl_clock_monotonic();
    fl_result_init(&run->result);
    r = fl_daemon_random(run->exchange.nonce, sizeof(run->exchange.nonce), NULL);
    if (r == 0 && resolver_numeric(host, port, &address, &size))
        r = start_exchange(run, (const struct sockaddr *)&address, size);
    else if (r == 0)
        r = resolver_start(env->resolver, host, port, on_resolved, run, &run->query);
    if (r < 0) {
        run_free(run);
        return r;
    }
    *ret = run;
    return 0;
}

bool datagram_expire(struct probe_run *run, struct fl_result *result)
{
    *result = run->result;
    stream_fail(result, run->query ? FL_LAYER_RESOLVE : run->protocol->layer, FL_FAILURE_TIMEOUT);
    return datagram_cancel(run);
}

bool datagram_cancel(struct probe_run *run)
{
    run_free(run);
    return true;
}
