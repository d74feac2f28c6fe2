#include "agent/probe/stream.h"

#include "agent/probe/resolver.h"
#include "agent/probe/tcp_info.h"
#include "proto/runtime/fl_clock.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct stream {
    const struct probe_env *env;
    stream_done_cb done;
    void *arg;
    struct resolver_query *query; /* alive while the name is asked for */
    struct event *event;          /* alive while the connection is made */
    int fd;
    int error;               /* of a connect() that failed at once */
    int64_t layer_start_us;  /* of the layer that is under way */
    struct fl_result result; /* what is known so far */
};

enum fl_failure stream_failure(int error)
{
    switch (error < 0 ? -error : error) {
    case 0:
        return FL_FAILURE_NONE;
    case ETIMEDOUT:
        return FL_FAILURE_TIMEOUT;
    case ECONNREFUSED:
        return FL_FAILURE_REFUSED;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
        return FL_FAILURE_RESET;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
    case ENONET:
    case ENOPROTOOPT: /* ICMP: protocol unreachable */
    case EOPNOTSUPP:  /* ICMP: source route failed */
        return FL_FAILURE_UNREACHABLE;
    case EPROTO:
        return FL_FAILURE_PROTOCOL;
    default: /* no descriptors, no memory, no source port, forbidden by the own host */
        return FL_FAILURE_LOCAL;
    }
}

enum fl_failure stream_failure_remote(int error)
{
    enum fl_failure failure = stream_failure(error);

    /* ICMP's "forbidden" and "too large" share their errno with refusals of the own host. */
    return failure == FL_FAILURE_LOCAL ? FL_FAILURE_UNREACHABLE : failure;
}

void stream_fail(struct fl_result *result, enum fl_layer layer, enum fl_failure failure)
{
    result->ok = false;
    result->layer = layer;
    result->failure = failure;
}

/* Hand over and be gone. */
static void finish(struct stream *stream)
{
    const struct fl_result result = stream->result;
    const stream_done_cb done = stream->done;
    void *const arg = stream->arg;
    int fd = -1;

    if (result.failure == FL_FAILURE_NONE) {
        fd = stream->fd;
        stream->fd = -1;
    }
    stream_free(stream);
    done(fd, &result, arg);
}

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
    struct stream *stream = arg;
    enum fl_failure failure = stream_failure(stream->error);
    int error = 0;
    socklen_t size = sizeof(error);

    (void)what;
    if (failure == FL_FAILURE_NONE && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0)
        failure = stream_failure_remote(error);
    if (failure == FL_FAILURE_NONE) {
        stream->result.phase_us[FL_LAYER_CONNECT] = fl_clock_monotonic() - stream->layer_start_us;
    } else {
        tcp_info_read(stream->fd, NULL, &stream->result.tcp);
        stream_fail(&stream->result, FL_LAYER_CONNECT, failure);
    }
    finish(stream);
}

/* 0 when `on_connected` will be called, or a negative errno of the agent's own. */
static int start_connect(struct stream *stream, const struct sockaddr *address, socklen_t size)
{
    stream->layer_start_us = fl_clock_monotonic();
    stream->fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (stream->fd < 0)
        return -errno;
    stream->event = event_new(stream->env->base, stream->fd, EV_WRITE, on_connected, stream);
    if (!stream->event || event_add(stream->event, NULL) < 0)
        return -ENOMEM;
    if (connect(stream->fd, address, size) < 0 && errno != EINPROGRESS) {
        stream->error = errno;
        event_active(stream->event, EV_WRITE, 0);
    }
    return 0;
}

static void on_resolved(enum fl_failure failure, const struct sockaddr *address, socklen_t size,
                        void *arg)
{
    struct stream *stream = arg;
    int r;

    stream->query = NULL;
    if (failure != FL_FAILURE_NONE) {
        stream_fail(&stream->result, FL_LAYER_RESOLVE, failure);
        finish(stream);
        return;
    }
    stream->result.phase_us[FL_LAYER_RESOLVE] = fl_clock_monotonic() - stream->layer_start_us;
    r = start_connect(stream, address, size);
    if (r < 0) {
        stream_fail(&stream->result, FL_LAYER_CONNECT, stream_failure(r));
        finish(stream);
    }
}

int stream_start_family(const struct probe_env *env, const char *host, uint16_t port, int family,
                        stream_done_cb done, void *arg, struct stream **ret)
{
    FL_CLEANUP(stream_freep) struct stream *stream = calloc(1, sizeof(*stream));
    struct sockaddr_storage address;
    socklen_t size;
    int r;

    if (!stream)
        return -ENOMEM;
    stream->env = env;
    stream->done = done;
    stream->arg = arg;
    stream->fd = -1;
    stream->layer_start_us = fl_clock_monotonic();
    fl_result_init(&stream->result);
    if (resolver_numeric(host, port, &address, &size))
        r = start_connect(stream, (const struct sockaddr *)&address, size);
    else
        r = resolver_start_family(env->resolver, host, port, family, on_resolved, stream,
                                  &stream->query);
    if (r < 0)
        return r;
    *ret = FL_TAKE(stream);
    return 0;
}

int stream_start(const struct probe_env *env, const char *host, uint16_t port, stream_done_cb done,
                 void *arg, struct stream **ret)
{
    return stream_start_family(env, host, port, AF_UNSPEC, done, arg, ret);
}

void stream_expire(struct stream *stream, struct fl_result *result)
{
    *result = stream->result;
    if (stream->query) {
        stream_fail(result, FL_LAYER_RESOLVE, FL_FAILURE_TIMEOUT);
        return;
    }
    tcp_info_read(stream->fd, NULL, &result->tcp);
    stream_fail(result, FL_LAYER_CONNECT, FL_FAILURE_TIMEOUT);
}

struct stream *stream_free(struct stream *stream)
{
    if (!stream)
        return NULL;
    resolver_cancel(stream->query);
    if (stream->event)
        event_free(stream->event);
    if (stream->fd >= 0)
        close(stream->fd);
    free(stream);
    return NULL;
}
