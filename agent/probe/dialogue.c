/* One event watches the connection, for whatever is awaited: the handshake's wish, room for what
 * is still to be sent, bytes. Hooks only mark what shall happen; it happens when they return. */
#include "agent/probe/dialogue.h"

#include "agent/probe/certificate.h"
#include "agent/probe/stream.h"
#include "agent/probe/tcp_info.h"
#include "proto/runtime/fl_clock.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK 4096
#define LEAST_ROOM 512   /* most answers fit, and a silent server holds nothing */
#define READS_PER_WAKE 8 /* a server that floods must not hold the loop */

struct bytes {
    uint8_t *at;
    size_t n, room;
};

struct probe_run {
    const struct probe_env *env;
    const struct dialogue_protocol *protocol;
    const struct dialogue_peer *peer;
    const void *arg;
    probe_done_cb done;
    void *done_arg;
    struct stream *stream; /* alive until the connection is there */
    int fd;
    struct event *event;
    SSL *tls;
    bool securing; /* the handshake is wanted, or under way */
    bool passed;   /* when all is sent */
    bool over;     /* `result` is complete */
    enum fl_layer layer;
    int64_t layer_start_us;
    int64_t spent_us[FL_LAYERS]; /* in layers that were left, complete or not */
    struct tcp_info_mark mark;   /* at the beginning of the layer */
    struct bytes in, out;
    long n_read;
    struct fl_result result;
    void *state;
};

int dialogue_peer_init(struct dialogue_peer *peer, const struct probe_env *env, const char *address,
                       const struct tls_settings *tls, struct fl_error *err)
{
    int r = fl_address_split(address, peer->host, sizeof(peer->host), &peer->port, err);

    if (r < 0 || !tls)
        return r;
    r = tls_client_get(tls, env->secrets_path, peer->host, &peer->tls);
    return r < 0 ? fl_error_set(err, r, "out of memory") : 0;
}

void dialogue_peer_done(struct dialogue_peer *peer)
{
    tls_client_put(peer->tls);
    peer->tls = NULL;
}

const void *dialogue_arg(const struct probe_run *run)
{
    return run->arg;
}

void *dialogue_state(struct probe_run *run)
{
    return run->state;
}

const struct fl_result *dialogue_result(const struct probe_run *run)
{
    return &run->result;
}

SSL *dialogue_tls(const struct probe_run *run)
{
    return run->tls;
}

static void run_free(struct probe_run *run)
{
    stream_free(run->stream);
    if (run->event)
        event_free(run->event);
    SSL_free(run->tls);
    if (run->fd >= 0)
        close(run->fd);
    if (run->state && run->protocol->release)
        run->protocol->release(run->state);
    free(run->in.at);
    if (run->out.at)
        explicit_bzero(run->out.at, run->out.room); /* passwords went through it */
    free(run->out.at);
    free(run->state);
    free(run);
}

/* The run is gone afterwards. */
static void finish(struct probe_run *run)
{
    run->done(&run->result, run->done_arg);
    run_free(run);
}

static void leave_layer(struct probe_run *run, bool complete)
{
    run->spent_us[run->layer] += fl_clock_monotonic() - run->layer_start_us;
    if (complete)
        run->result.phase_us[run->layer] = run->spent_us[run->layer];
}

static void begin_layer(struct probe_run *run, enum fl_layer layer)
{
    run->layer = layer;
    run->layer_start_us = fl_clock_monotonic();
    if (layer != FL_LAYER_CONNECT) /* whose mark is the connection's own beginning */
        run->mark = tcp_info_mark(run->fd);
}

void dialogue_enter(struct probe_run *run, enum fl_layer layer)
{
    if (layer == run->layer)
        return;
    leave_layer(run, true);
    begin_layer(run, layer);
}

void dialogue_secure(struct probe_run *run)
{
    leave_layer(run, false); /* it goes on over TLS */
    begin_layer(run, FL_LAYER_TLS);
    run->securing = true;
}

void dialogue_pass(struct probe_run *run)
{
    run->passed = true;
}

void dialogue_fail(struct probe_run *run, enum fl_failure failure)
{
    if (run->over)
        return;
    run->over = true;
    tcp_info_read(run->fd, &run->mark, &run->result.tcp);
    stream_fail(&run->result, run->layer, failure);
}

void dialogue_fail_step(struct probe_run *run, enum fl_step step, enum fl_failure failure)
{
    run->result.step = step;
    dialogue_fail(run, failure);
}

void dialogue_pass_step(struct probe_run *run, enum fl_step step, int64_t took_us)
{
    run->result.step_us[step] = took_us;
}

static void complete(struct probe_run *run)
{
    leave_layer(run, true);
    run->over = true;
    run->result.ok = true;
    tcp_info_read(run->fd, &run->mark, &run->result.tcp);
}

static bool make_room(struct bytes *bytes, size_t more)
{
    size_t room = bytes->room ? bytes->room : LEAST_ROOM;
    uint8_t *at;

    while (room - bytes->n < more)
        room *= 2;
    if (room == bytes->room)
        return true;
    at = malloc(room);
    if (!at)
        return false;
    if (bytes->at) {
        memcpy(at, bytes->at, bytes->n);
        explicit_bzero(bytes->at, bytes->room);
        free(bytes->at);
    }
    bytes->at = at;
    bytes->room = room;
    return true;
}

void dialogue_send(struct probe_run *run, const void *bytes, size_t size)
{
    if (!make_room(&run->out, size)) {
        dialogue_fail(run, FL_FAILURE_LOCAL);
        return;
    }
    memcpy(run->out.at + run->out.n, bytes, size);
    run->out.n += size;
}

static void use_up(struct bytes *bytes, size_t n)
{
    bytes->n -= n;
    if (bytes->n > 0)
        memmove(bytes->at, bytes->at + n, bytes->n);
}

static void go_on(struct probe_run *run);

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    go_on(arg);
}

/* Watch for reading, and for writing where that is awaited too. */
static void watch(struct probe_run *run, bool write)
{
    const short wanted = (short)(EV_READ | EV_PERSIST | (write ? EV_WRITE : 0));

    if (run->event && event_get_events(run->event) == wanted)
        return;
    if (run->event)
        event_free(run->event);
    run->event = event_new(run->env->base, run->fd, wanted, on_event, run);
    if (!run->event || event_add(run->event, NULL) < 0)
        dialogue_fail(run, FL_FAILURE_LOCAL);
}

/* What stopped an SSL call that returned `r`. 0: it only waits, for the events in `ret_wanted`. */
static enum fl_failure tls_trouble(struct probe_run *run, int r, bool *ret_write)
{
    switch (SSL_get_error(run->tls, r)) {
    case SSL_ERROR_WANT_READ:
        *ret_write = false;
        return FL_FAILURE_NONE;
    case SSL_ERROR_WANT_WRITE:
        *ret_write = true;
        return FL_FAILURE_NONE;
    default:
        return tls_client_failure(run->tls, r);
    }
}

/* True when the handshake is over and went well. */
static bool shake_hands(struct probe_run *run)
{
    enum fl_failure failure;
    bool write = false;
    int r;

    if (!run->tls)
        run->tls = tls_client_session(run->peer->tls, run->fd);
    if (!run->tls) {
        dialogue_fail(run, FL_FAILURE_LOCAL);
        return false;
    }
    tls_client_clear_errors();
    r = SSL_connect(run->tls);
    if (r == 1) {
        run->securing = false;
        run->result.tls_resumed = 0;
        run->result.facts.cert_end_s = certificate_end(run->tls);
        run->result.facts.tls_version = SSL_version(run->tls);
        dialogue_enter(run, run->protocol->first);
        return true;
    }
    failure = tls_trouble(run, r, &write);
    if (failure != FL_FAILURE_NONE)
        dialogue_fail(run, failure);
    else
        watch(run, write);
    return false;
}

/* Returns bytes written, 0 when it would block. Failure marks the run. */
static size_t write_some(struct probe_run *run, const uint8_t *bytes, size_t size)
{
    ssize_t n;
    bool write;

    if (run->tls) {
        enum fl_failure failure;

        tls_client_clear_errors();
        n = SSL_write(run->tls, bytes, (int)(size < CHUNK ? size : CHUNK));
        if (n > 0)
            return (size_t)n;
        failure = tls_trouble(run, (int)n, &write);
        if (failure != FL_FAILURE_NONE)
            dialogue_fail(run, failure);
        return 0;
    }
    n = send(run->fd, bytes, size, MSG_NOSIGNAL);
    if (n >= 0)
        return (size_t)n;
    if (errno != EAGAIN && errno != EINTR)
        dialogue_fail(run, stream_failure_remote(errno));
    return 0;
}

static void flush(struct probe_run *run)
{
    size_t sent = 0;

    while (!run->over && sent < run->out.n) {
        size_t n = write_some(run, run->out.at + sent, run->out.n - sent);

        if (n == 0)
            break;
        sent += n;
    }
    use_up(&run->out, sent);
}

/* Returns bytes read, 0 when there are none now. An end or a failure is told to the protocol. */
static size_t read_some(struct probe_run *run, uint8_t *bytes, size_t size)
{
    bool write, ended;
    ssize_t n;

    if (run->tls) {
        enum fl_failure failure;

        tls_client_clear_errors();
        n = SSL_read(run->tls, bytes, (int)size);
        ended = n <= 0 && SSL_get_error(run->tls, (int)n) == SSL_ERROR_ZERO_RETURN;
        failure = n > 0 || ended ? FL_FAILURE_NONE : tls_trouble(run, (int)n, &write);
        if (failure != FL_FAILURE_NONE)
            dialogue_fail(run, failure);
    } else {
        n = recv(run->fd, bytes, size, 0);
        ended = n == 0;
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            dialogue_fail(run, stream_failure_remote(errno));
    }
    if (ended && run->protocol->ended)
        run->protocol->ended(run);
    if (ended && !run->passed)
        dialogue_fail(run, FL_FAILURE_RESET);
    return n > 0 ? (size_t)n : 0;
}

/* Let the protocol have what is there, as long as it takes something. */
static void hand_over(struct probe_run *run)
{
    size_t used = 1;

    while (used > 0 && run->in.n > 0 && !run->over && !run->passed && !run->securing) {
        used = run->protocol->input ? run->protocol->input(run, run->in.at, run->in.n) : 0;
        use_up(&run->in, used);
    }
    if (run->securing && run->in.n > 0) /* it would pass for what came over TLS */
        dialogue_fail(run, FL_FAILURE_PROTOCOL);
    if (!run->passed && (run->in.n > DIALOGUE_KEPT || run->n_read > DIALOGUE_READ))
        dialogue_fail(run, FL_FAILURE_PROTOCOL);
}

/* True when there may be more at once. */
static bool take_in(struct probe_run *run)
{
    uint8_t chunk[CHUNK];

    for (int i = 0; i < READS_PER_WAKE; i++) {
        size_t n;

        if (run->over || run->passed || run->securing)
            return false;
        n = read_some(run, chunk, sizeof(chunk));
        if (n == 0)
            return false;
        if (!make_room(&run->in, n)) {
            dialogue_fail(run, FL_FAILURE_LOCAL);
            return false;
        }
        memcpy(run->in.at + run->in.n, chunk, n);
        run->in.n += n;
        run->n_read += (long)n;
        hand_over(run);
    }
    return true;
}

/* One round: send, shake hands, read. True when there may be more to read at once. */
static bool turn(struct probe_run *run)
{
    bool more = false;

    if (!run->securing || !run->tls)
        flush(run);
    while (!run->over && run->securing && run->out.n == 0 && shake_hands(run)) {
        run->protocol->ready(run);
        flush(run);
    }
    if (!run->over && !run->securing && !run->passed) {
        more = take_in(run);
        flush(run);
    }
    return more;
}

/* All that can be done now; the run may be gone afterwards. */
static void go_on(struct probe_run *run)
{
    bool more;

    do
        more = turn(run);
    while (!run->over && run->securing && !run->tls && run->out.n == 0);
    if (!run->over && run->passed && run->out.n == 0)
        complete(run);
    if (!run->over && (!run->securing || run->out.n > 0))
        watch(run, run->out.n > 0);
    if (run->over)
        finish(run);
    else if (more)
        event_active(run->event, EV_READ, 0);
}

static void on_stream(int fd, const struct fl_result *connected, void *arg)
{
    struct probe_run *run = arg;

    run->stream = NULL;
    run->result = *connected;
    run->fd = fd;
    if (fd < 0) {
        finish(run);
        return;
    }
    run->spent_us[FL_LAYER_CONNECT] = connected->phase_us[FL_LAYER_CONNECT];
    begin_layer(run, run->peer->tls_first ? FL_LAYER_TLS : run->protocol->first);
    run->securing = run->peer->tls_first;
    if (!run->securing)
        run->protocol->ready(run);
    go_on(run);
}

int dialogue_start(const struct probe_env *env, const struct dialogue_protocol *protocol,
                   const struct dialogue_peer *peer, const void *arg, probe_done_cb done,
                   void *done_arg, struct probe_run **ret)
{
    struct probe_run *run = calloc(1, sizeof(*run));
    int r;

    if (!run)
        return -ENOMEM;
    run->env = env;
    run->protocol = protocol;
    run->peer = peer;
    run->arg = arg;
    run->done = done;
    run->done_arg = done_arg;
    run->fd = -1;
    run->state = calloc(1, protocol->state_size + 1);
    r = run->state ? stream_start(env, peer->host, peer->port, on_stream, run, &run->stream)
                   : -ENOMEM;
    if (r < 0) {
        run_free(run);
        return r;
    }
    *ret = run;
    return 0;
}

bool dialogue_expire(struct probe_run *run, struct fl_result *result)
{
    if (run->stream) {
        stream_expire(run->stream, result);
    } else {
        bool ask = run->protocol->late && !run->securing;

        dialogue_fail(run, ask ? run->protocol->late(run) : FL_FAILURE_TIMEOUT);
        *result = run->result;
    }
    return dialogue_cancel(run);
}

bool dialogue_cancel(struct probe_run *run)
{
    run_free(run);
    return true;
}
