/* The library's callbacks only note their answer: what follows is done when its `service` has
 * returned, since none of them may be freed from inside a callback.
 *
 * The loop watches a second descriptor of the library's socket, which is there until the end even
 * when the library closes its own: then the kernel can still be asked. And the socket's error is
 * read here before the library does, which only makes a sentence of it. */
#include "agent/probe/storage_run.h"

#include "agent/probe/resolver.h"
#include "agent/probe/stream.h"
#include "agent/probe/tcp_info.h"
#include "proto/runtime/fl_clock.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct probe_run {
    struct storage_peer peer;
    probe_done_cb done;
    void *arg;
    struct storage_session *session;
    struct resolver_query *query; /* alive in STORAGE_RESOLVE */
    struct event *event;
    int fd; /* of the library's socket */
    short watched;
    enum storage_stage stage;
    bool answered;
    enum fl_failure answer;
    bool named; /* the host is a name, so resolving is part of it */
    int64_t layer_start_us;
    int64_t step_start_us;
    struct tcp_info_mark mark; /* at the start of the step */
    struct fl_result result;   /* what is known so far */
};

static const struct {
    enum fl_layer layer;
    enum fl_step step;
} stages[STORAGE_OVER] = {
    [STORAGE_RESOLVE] = {FL_LAYER_RESOLVE, FL_STEP_NONE},
    [STORAGE_CONNECT] = {FL_LAYER_CONNECT, FL_STEP_NONE},
    [STORAGE_LOGIN] = {FL_LAYER_LOGIN, FL_STEP_NONE},
    [STORAGE_WRITE] = {FL_LAYER_OPERATE, FL_STEP_WRITE},
    [STORAGE_FLUSH] = {FL_LAYER_OPERATE, FL_STEP_FLUSH},
    [STORAGE_READ] = {FL_LAYER_OPERATE, FL_STEP_READ},
    [STORAGE_TIDY] = {FL_LAYER_OPERATE, FL_STEP_NONE},
};

static void run_free(struct probe_run *run)
{
    resolver_cancel(run->query);
    if (run->event)
        event_free(run->event);
    run->peer.ops->close(run->session);
    if (run->fd >= 0)
        close(run->fd);
    free(run);
}

static void note_failure(struct probe_run *run, enum fl_failure failure)
{
    run->result.step = stages[run->stage].step;
    tcp_info_read(run->fd, &run->mark, &run->result.tcp);
    stream_fail(&run->result, stages[run->stage].layer, failure);
}

/* The run is gone afterwards. */
static void finish(struct probe_run *run)
{
    run->done(&run->result, run->arg);
    run_free(run);
}

static void finish_failed(struct probe_run *run, enum fl_failure failure)
{
    note_failure(run, failure);
    finish(run);
}

static void finish_ok(struct probe_run *run)
{
    run->result.ok = true;
    run->result.phase_us[FL_LAYER_OPERATE] = fl_clock_monotonic() - run->layer_start_us;
    tcp_info_read(run->fd, &run->mark, &run->result.tcp);
    finish(run);
}

/* The stage went well: note its time and be at the next one. */
static void pass(struct probe_run *run)
{
    const int64_t now_us = fl_clock_monotonic();

    if (stages[run->stage].layer != FL_LAYER_OPERATE) {
        if (run->stage != STORAGE_RESOLVE || run->named)
            run->result.phase_us[stages[run->stage].layer] = now_us - run->layer_start_us;
        run->layer_start_us = now_us;
    } else if (stages[run->stage].step != FL_STEP_NONE) {
        run->result.step_us[stages[run->stage].step] = now_us - run->step_start_us;
    }
    run->step_start_us = now_us;
    run->stage++;
}

void storage_run_answer(struct probe_run *run, enum fl_failure failure)
{
    run->answered = true;
    run->answer = failure;
}

/* Begin the stages that follow until one has to be waited for. True when the run is gone. */
static bool begin_next(struct probe_run *run)
{
    pass(run);
    while (run->stage != STORAGE_OVER) {
        const struct tcp_info_mark mark = tcp_info_mark(run->fd);
        int r;

        run->answered = false;
        r = run->peer.ops->begin(run->session, run->stage);
        if (r == 0) {
            run->mark = mark;
            return false;
        }
        if (r < 0) {
            finish_failed(run, FL_FAILURE_LOCAL);
            return true;
        }
        run->stage++;
    }
    finish_ok(run);
    return true;
}

/* What became of the connection, read before the library reads it. */
static enum fl_failure peek(const struct probe_run *run)
{
    char byte;
    ssize_t n = recv(run->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    if (n == 0)
        return FL_FAILURE_RESET;
    if (n > 0 || errno == EAGAIN || errno == EINTR)
        return FL_FAILURE_NONE;
    return stream_failure_remote(errno);
}

static enum fl_failure connect_failure(const struct probe_run *run)
{
    int error = 0;
    socklen_t size = sizeof(error);

    if (getsockopt(run->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return FL_FAILURE_LOCAL;
    return error == 0 ? FL_FAILURE_NONE : stream_failure_remote(error);
}

static void on_socket(evutil_socket_t fd, short what, void *arg);

/* Wait for what the library wants next. */
static int watch(struct probe_run *run)
{
    const int events = run->peer.ops->wanted(run->session);
    short wanted = EV_PERSIST;

    if (events & POLLIN)
        wanted |= EV_READ;
    if (events & POLLOUT)
        wanted |= EV_WRITE;
    if (wanted == run->watched)
        return 0;
    run->watched = wanted;
    (void)event_del(run->event);
    if (event_assign(run->event, run->peer.env->base, run->fd, wanted, on_socket, run) < 0 ||
        event_add(run->event, NULL) < 0)
        return -ENOMEM;
    return 0;
}

/* Give the library what came, as far as it still waits. True when the run is gone. */
static bool serve(struct probe_run *run, short what)
{
    const int events = (what & EV_READ ? POLLIN : 0) | (what & EV_WRITE ? POLLOUT : 0);
    const int r = run->peer.ops->service(run->session, events);

    if (run->answered && run->answer != FL_FAILURE_NONE) {
        finish_failed(run, run->answer);
        return true;
    }
    if (r < 0) { /* it broke off without an answer: what came made no sense to it */
        finish_failed(run, FL_FAILURE_PROTOCOL);
        return true;
    }
    return run->answered && begin_next(run);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct probe_run *run = arg;
    enum fl_failure failure = run->stage == STORAGE_CONNECT ? connect_failure(run) : peek(run);

    (void)fd;
    if (failure != FL_FAILURE_NONE) {
        finish_failed(run, failure);
        return;
    }
    if (run->stage == STORAGE_CONNECT)
        pass(run);
    if (!serve(run, what) && watch(run) < 0)
        finish_failed(run, FL_FAILURE_LOCAL);
}

static int watch_socket(struct probe_run *run)
{
    const int fd = run->peer.ops->fd(run->session);

    run->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (run->fd < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    run->event = event_new(run->peer.env->base, run->fd, EV_WRITE, on_socket, run);
    return run->event ? watch(run) : -ENOMEM;
}

static void on_resolved(enum fl_failure failure, const struct sockaddr *address, socklen_t size,
                        void *arg)
{
    struct probe_run *run = arg;
    char host[NI_MAXHOST];
    int r;

    run->query = NULL;
    if (failure == FL_FAILURE_NONE &&
        getnameinfo(address, size, host, sizeof(host), NULL, 0, NI_NUMERICHOST) != 0)
        failure = FL_FAILURE_LOCAL;
    if (failure != FL_FAILURE_NONE) {
        finish_failed(run, failure);
        return;
    }
    pass(run);
    r = run->peer.ops->connect(run->session, host, run->peer.port);
    if (r == 0)
        r = watch_socket(run);
    if (r < 0)
        finish_failed(run, stream_failure(r));
}

int storage_run_start(const struct storage_peer *peer, struct probe_instance *instance,
                      probe_done_cb done, void *arg, struct probe_run **ret)
{
    struct probe_run *run = calloc(1, sizeof(*run));
    struct sockaddr_storage address;
    socklen_t size;
    int r;

    if (!run)
        return -ENOMEM;
    run->peer = *peer;
    run->done = done;
    run->arg = arg;
    run->fd = -1;
    run->named = !resolver_numeric(peer->host, peer->port, &address, &size);
    run->layer_start_us = fl_clock_monotonic();
    fl_result_init(&run->result);
    r = peer->ops->open(instance, run, &run->session);
    if (r == 0)
        r = resolver_start(peer->env->resolver, peer->host, peer->port, on_resolved, run,
                           &run->query);
    if (r < 0) {
        run_free(run);
        return r;
    }
    *ret = run;
    return 0;
}

bool storage_run_cancel(struct probe_run *run)
{
    run_free(run);
    return true;
}

bool storage_run_expire(struct probe_run *run, struct fl_result *result)
{
    note_failure(run, FL_FAILURE_TIMEOUT);
    *result = run->result;
    return storage_run_cancel(run);
}
