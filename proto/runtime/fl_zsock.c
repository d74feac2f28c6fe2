/* Routers and dealers with CURVE. Their parts: fl_zwatch serves a socket from the loop,
 * fl_zmonitor tells what happens to its connections, fl_zap admits who may connect.
 *
 * A routing id is always the router's own choice: who could name itself could take another's
 * place. A dealer queues nothing while it is not connected; what is in flight when a connection
 * breaks is lost, and who sends must keep it until it is acknowledged. */
#include "proto/runtime/fl_zsock.h"

#include "proto/runtime/fl_zap.h"
#include "proto/runtime/fl_zmonitor.h"
#include "proto/runtime/fl_zwatch.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <zmq.h>

#define ENDPOINT_SIZE 256
#define QUEUE_LENGTH 256 /* messages waiting in one direction for one peer */
#define MAX_DESCRIPTORS 65536
#define HANDSHAKE_FAILED                                                          \
    (ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | \
     ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)

/* libzmq may or may not come again after a refused handshake, depending on which of its threads
 * was first. Longer than its own longest wait, so that this steps in only when it gave up. */
static const struct timeval retry_after = {2, 500000};

/* Between attempts to listen again where this process has listened until now. */
static const struct timeval rebind_after = {0, 20000};

static const struct {
    int option;
    int value;
} common_options[] = {
    {ZMQ_LINGER, 200}, /* ms that a last word may take to leave */
    {ZMQ_SNDHWM, QUEUE_LENGTH},  {ZMQ_RCVHWM, QUEUE_LENGTH},    {ZMQ_IPV6, 1},
    {ZMQ_HEARTBEAT_IVL, 2000},   {ZMQ_HEARTBEAT_TIMEOUT, 6000}, {ZMQ_HANDSHAKE_IVL, 10000},
    {ZMQ_CONNECT_TIMEOUT, 3000}, {ZMQ_RECONNECT_IVL, 200},      {ZMQ_RECONNECT_IVL_MAX, 2000},
};

struct fl_zcontext {
    void *zmq;
    size_t max_message;
    struct fl_zap *zap; /* while there is a router */
    unsigned last_domain;
};

struct fl_zsock {
    struct fl_zcontext *context;
    void *socket;
    struct fl_zwatch watch;
    struct fl_zmonitor monitor;
    char endpoint[ENDPOINT_SIZE];
    fl_zsock_message_cb message;
    void *arg;
    struct fl_zsock_refusals refusals;

    bool router;
    struct fl_zap_domain domain;
    uint8_t *spoke;        /* by descriptor, one bit each: has a message come over it? */
    uint64_t not_admitted; /* refused by ZAP and not yet disconnected */
    struct event *rebind;
    char bound[ENDPOINT_SIZE]; /* as libzmq writes it */

    struct fl_zsock_dealer_callbacks callbacks;
    struct event *retry;
    bool connected;
    const char *told; /* the last word given to `lost` since then */
};

int fl_zcontext_new(size_t max_message, struct fl_zcontext **ret, struct fl_error *err)
{
    FL_CLEANUP(fl_zcontext_freep) struct fl_zcontext *context = calloc(1, sizeof(*context));

    if (!context || !(context->zmq = zmq_ctx_new()))
        return fl_error_set(err, -ENOMEM, "cannot make a ZeroMQ context: out of memory or files");
    if (!zmq_has("curve"))
        return fl_error_set(err, -ENOTSUP,
                            "this libzmq was built without CURVE, which every "
                            "connection needs");
    context->max_message = max_message;
    *ret = FL_TAKE(context);
    return 0;
}

struct fl_zcontext *fl_zcontext_free(struct fl_zcontext *context)
{
    if (!context)
        return NULL;
    fl_zap_free(context->zap);
    if (context->zmq)
        while (zmq_ctx_term(context->zmq) < 0 && errno == EINTR)
            continue;
    free(context);
    return NULL;
}

void *fl_zcontext_raw(const struct fl_zcontext *context)
{
    return context->zmq;
}

/* Take the next frame. Returns whether more follow, negative when there is none. */
static int receive_frame(void *socket, zmq_msg_t *frame)
{
    (void)zmq_msg_init(frame);
    if (zmq_msg_recv(frame, socket, ZMQ_DONTWAIT) < 0) {
        (void)zmq_msg_close(frame);
        return -1;
    }
    return zmq_msg_more(frame);
}

static void skip_frames(void *socket)
{
    zmq_msg_t frame;
    int more;

    do {
        more = receive_frame(socket, &frame);
        if (more >= 0)
            (void)zmq_msg_close(&frame);
    } while (more > 0);
}

static bool bit(const struct fl_zsock *sock, int32_t fd)
{
    return (sock->spoke[fd / 8] >> fd % 8 & 1) != 0;
}

static void set_bit(struct fl_zsock *sock, int32_t fd, bool value)
{
    uint8_t mask = (uint8_t)(1u << fd % 8);

    sock->spoke[fd / 8] =
        (uint8_t)(value ? sock->spoke[fd / 8] | mask : sock->spoke[fd / 8] & ~mask);
}

static void note_speaker(struct fl_zsock *sock, zmq_msg_t *body)
{
    int fd = zmq_msg_get(body, ZMQ_SRCFD);

    if (fd >= 0 && fd < MAX_DESCRIPTORS)
        set_bit(sock, fd, true);
}

/* Hand on one message. Ours have one part; what has several is handed on as empty, which no
 * reader of messages takes, so that it is counted where the sender is known. */
static void hand_on(struct fl_zsock *sock, zmq_msg_t *peer, zmq_msg_t *body, int more)
{
    const char *user = sock->router ? zmq_msg_gets(body, "User-Id") : "";
    size_t size = zmq_msg_size(body);

    if (sock->router)
        note_speaker(sock, body);
    if (more) {
        skip_frames(sock->socket);
        size = 0;
    }
    if (size > sock->context->max_message) {
        sock->refusals.oversized++;
        return;
    }
    sock->message(peer ? zmq_msg_data(peer) : NULL, peer ? zmq_msg_size(peer) : 0, user ? user : "",
                  zmq_msg_data(body), size, sock->arg);
}

static bool receive(void *arg)
{
    struct fl_zsock *sock = arg;
    bool router = sock->router; /* the callback may free the socket */
    zmq_msg_t peer, body;
    int more;

    if (router && receive_frame(sock->socket, &peer) < 0)
        return false;
    more = receive_frame(sock->socket, &body);
    if (more >= 0) {
        hand_on(sock, router ? &peer : NULL, &body, more);
        (void)zmq_msg_close(&body);
    }
    if (router)
        (void)zmq_msg_close(&peer);
    return more >= 0;
}

/* A connection attempt that fails is retried for ever, so each reason is told once. */
static void lose(struct fl_zsock *sock, const char *why)
{
    sock->connected = false;
    if (sock->told == why)
        return;
    sock->told = why;
    if (sock->callbacks.lost)
        sock->callbacks.lost(why, sock->arg);
}

static void gain(struct fl_zsock *sock)
{
    sock->connected = true;
    sock->told = NULL;
    (void)evtimer_del(sock->retry);
    fl_zwatch_check(&sock->watch); /* takes in the new connection, so that a send works at once */
    if (sock->callbacks.connected)
        sock->callbacks.connected(sock->arg);
}

static void on_dealer_event(uint16_t event, int32_t value, void *arg)
{
    struct fl_zsock *sock = arg;

    (void)value;
    if (event & HANDSHAKE_FAILED)
        (void)evtimer_add(sock->retry, &retry_after);
    switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        gain(sock);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        lose(sock, "the other side does not know our public key");
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        lose(sock, "the other side speaks another protocol or has another key");
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        lose(sock, "the handshake was broken off; is the public key of the other side right?");
        break;
    case ZMQ_EVENT_DISCONNECTED:
        if (sock->connected)
            lose(sock, "the connection is gone");
        break;
    case ZMQ_EVENT_CLOSED:
        lose(sock, "the address cannot be reached");
        break;
    default:
        break;
    }
}

/* libzmq does not tell of every handshake that fails: what is no ZMTP at all just ends. So a
 * connection that ends without having said anything did not pass; one that ZAP refused has been
 * counted there. */
static void on_router_event(uint16_t event, int32_t value, void *arg)
{
    struct fl_zsock *sock = arg;

    if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
        sock->not_admitted++;
        return;
    }
    if (value < 0 || value >= MAX_DESCRIPTORS)
        return;
    if (event == ZMQ_EVENT_DISCONNECTED && !bit(sock, value)) {
        if (sock->not_admitted > 0)
            sock->not_admitted--;
        else
            sock->refusals.handshake++;
    }
    set_bit(sock, value, false);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    struct fl_zsock *sock = arg;

    (void)fd;
    (void)what;
    if (sock->connected)
        return;
    (void)zmq_disconnect(sock->socket, sock->endpoint); /* fails where libzmq gave up by itself */
    if (zmq_connect(sock->socket, sock->endpoint) < 0)
        (void)evtimer_add(sock->retry, &retry_after);
}

static int set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof(value));
}

static int open_socket(struct fl_zcontext *context, int type, struct fl_zsock *sock,
                       struct fl_error *err)
{
    /* Beyond the wall the connection ends; what lies between can be counted. */
    const int64_t wall = 2 * (int64_t)context->max_message + 1024;
    int r = 0;

    sock->context = context;
    sock->socket = zmq_socket(context->zmq, type);
    if (!sock->socket)
        return fl_error_set(err, -errno, "cannot make a ZeroMQ socket: %s", zmq_strerror(errno));
    for (size_t i = 0; i < FL_COUNT(common_options) && r == 0; i++)
        r = set_int(sock->socket, common_options[i].option, common_options[i].value);
    if (r < 0 || zmq_setsockopt(sock->socket, ZMQ_MAXMSGSIZE, &wall, sizeof(wall)) < 0)
        return fl_error_set(err, -errno, "cannot set up a ZeroMQ socket: %s", zmq_strerror(errno));
    return 0;
}

static int use_key(struct fl_zsock *sock, int option, const char *key, struct fl_error *err)
{
    if (!fl_public_key_valid(key) || /* a secret key is written in the same way */
        zmq_setsockopt(sock->socket, option, key, FL_KEY_TEXT_SIZE) < 0)
        return fl_error_set(err, -EINVAL, "a CURVE key must be %d characters in Z85",
                            FL_KEY_TEXT_SIZE - 1);
    return 0;
}

static int watch_socket(struct fl_zsock *sock, struct event_base *base, int events,
                        void (*on_event)(uint16_t event, int32_t value, void *arg),
                        struct fl_error *err)
{
    if (fl_zwatch_start(&sock->watch, base, sock->socket, receive, sock) < 0 ||
        fl_zmonitor_start(&sock->monitor, base, sock->context->zmq, sock->socket, events, on_event,
                          sock) < 0)
        return fl_error_set(err, -ENOMEM, "cannot put a ZeroMQ socket on the loop");
    return 0;
}

/* The authenticator must stand before the first connection can come in. */
static int add_domain(struct fl_zsock *sock, struct event_base *base, fl_zsock_admit_cb admit,
                      struct fl_error *err)
{
    struct fl_zcontext *context = sock->context;
    struct fl_zap_domain *domain = &sock->domain;

    if (!context->zap) {
        int r = fl_zap_new(context->zmq, base, &context->zap, err);

        if (r < 0)
            return r;
    }
    *domain = (struct fl_zap_domain){.admit = admit, .arg = sock->arg};
    domain->refusals = &sock->refusals;
    (void)snprintf(domain->name, sizeof(domain->name), "router-%u", ++context->last_domain);
    fl_zap_add(context->zap, domain);
    if (zmq_setsockopt(sock->socket, ZMQ_ZAP_DOMAIN, domain->name, strlen(domain->name)) < 0)
        return fl_error_set(err, -errno, "cannot set the authenticator's domain: %s",
                            zmq_strerror(errno));
    return 0;
}

/* An IPv4 address of an IPv6 socket is written as people write it. */
static void unmap_address(char endpoint[ENDPOINT_SIZE])
{
    static const char mapped[] = "tcp://[" FL_ZAP_MAPPED;
    char host[64];
    int port;

    if (strncmp(endpoint, mapped, sizeof(mapped) - 1) == 0 &&
        sscanf(endpoint + sizeof(mapped) - 1, "%63[0-9.]]:%d", host, &port) == 2)
        (void)snprintf(endpoint, ENDPOINT_SIZE, "tcp://%s:%d", host, port);
}

static int bind_router(struct fl_zsock *sock, const char *endpoint, struct fl_error *err)
{
    size_t size = sizeof(sock->bound);

    if (set_int(sock->socket, ZMQ_ROUTER_MANDATORY, 1) < 0 ||
        set_int(sock->socket, ZMQ_CURVE_SERVER, 1) < 0)
        return fl_error_set(err, -errno, "cannot set up a router: %s", zmq_strerror(errno));
    if (zmq_bind(sock->socket, endpoint) < 0)
        return fl_error_set(err, -errno, "cannot listen on \"%s\": %s", endpoint,
                            zmq_strerror(errno));
    if (zmq_getsockopt(sock->socket, ZMQ_LAST_ENDPOINT, sock->bound, &size) < 0)
        return fl_error_set(err, -errno, "cannot tell where \"%s\" listens: %s", endpoint,
                            zmq_strerror(errno));
    memcpy(sock->endpoint, sock->bound, sizeof(sock->endpoint));
    unmap_address(sock->endpoint);
    return 0;
}

static void on_rebind(evutil_socket_t fd, short what, void *arg)
{
    struct fl_zsock *sock = arg;

    (void)fd;
    (void)what;
    if (zmq_bind(sock->socket, sock->bound) < 0)
        (void)evtimer_add(sock->rebind, &rebind_after);
}

int fl_zsock_router_rekey(struct fl_zsock *sock, const struct fl_keypair *own, struct fl_error *err)
{
    int r = use_key(sock, ZMQ_CURVE_SECRETKEY, own->secret_key, err);

    if (r < 0)
        return r;
    (void)zmq_unbind(sock->socket, sock->bound); /* fails while it is not bound anew */
    on_rebind(-1, 0, sock);
    return 0;
}

int fl_zsock_router_new(struct fl_zcontext *context, struct event_base *base, const char *endpoint,
                        const struct fl_keypair *own, fl_zsock_admit_cb admit,
                        fl_zsock_message_cb message, void *arg, struct fl_zsock **ret,
                        struct fl_error *err)
{
    FL_CLEANUP(fl_zsock_freep) struct fl_zsock *sock = calloc(1, sizeof(*sock));
    int r;

    if (!sock)
        return fl_error_set(err, -ENOMEM, "out of memory for a socket");
    sock->spoke = calloc(MAX_DESCRIPTORS / 8, 1);
    sock->rebind = evtimer_new(base, on_rebind, sock);
    if (!sock->spoke || !sock->rebind)
        return fl_error_set(err, -ENOMEM, "out of memory for a socket");
    sock->router = true;
    sock->message = message;
    sock->arg = arg;
    if ((r = open_socket(context, ZMQ_ROUTER, sock, err)) < 0 ||
        (r = use_key(sock, ZMQ_CURVE_SECRETKEY, own->secret_key, err)) < 0 ||
        (r = add_domain(sock, base, admit, err)) < 0 ||
        (r = watch_socket(sock, base,
                          ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_ACCEPTED |
                              ZMQ_EVENT_DISCONNECTED,
                          on_router_event, err)) < 0 ||
        (r = bind_router(sock, endpoint, err)) < 0)
        return r;
    *ret = FL_TAKE(sock);
    return 0;
}

int fl_zsock_dealer_new(struct fl_zcontext *context, struct event_base *base, const char *endpoint,
                        const struct fl_keypair *own, const char *server_public_key,
                        const struct fl_zsock_dealer_callbacks *callbacks, void *arg,
                        struct fl_zsock **ret, struct fl_error *err)
{
    FL_CLEANUP(fl_zsock_freep) struct fl_zsock *sock = calloc(1, sizeof(*sock));
    int r;

    if (!sock || !(sock->retry = evtimer_new(base, on_retry, sock)))
        return fl_error_set(err, -ENOMEM, "out of memory for a socket");
    sock->callbacks = *callbacks;
    sock->message = callbacks->message;
    sock->arg = arg;
    if (snprintf(sock->endpoint, ENDPOINT_SIZE, "%s", endpoint) >= ENDPOINT_SIZE)
        return fl_error_set(err, -ENAMETOOLONG, "an address to connect to has at most %d bytes",
                            ENDPOINT_SIZE - 1);
    if ((r = open_socket(context, ZMQ_DEALER, sock, err)) < 0 ||
        (r = use_key(sock, ZMQ_CURVE_SERVERKEY, server_public_key, err)) < 0 ||
        (r = use_key(sock, ZMQ_CURVE_PUBLICKEY, own->public_key, err)) < 0 ||
        (r = use_key(sock, ZMQ_CURVE_SECRETKEY, own->secret_key, err)) < 0 ||
        (r = watch_socket(sock, base,
                          HANDSHAKE_FAILED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                              ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED,
                          on_dealer_event, err)) < 0)
        return r;
    if (set_int(sock->socket, ZMQ_IMMEDIATE, 1) < 0 || zmq_connect(sock->socket, endpoint) < 0)
        return fl_error_set(err, -errno,
                            "cannot connect to \"%s\": %s; write it like "
                            "tcp://10.0.0.1:5570",
                            endpoint, zmq_strerror(errno));
    *ret = FL_TAKE(sock);
    return 0;
}

struct fl_zsock *fl_zsock_free(struct fl_zsock *sock)
{
    if (!sock)
        return NULL;
    fl_zmonitor_stop(&sock->monitor);
    fl_zwatch_stop(&sock->watch);
    if (sock->retry)
        event_free(sock->retry);
    if (sock->rebind)
        event_free(sock->rebind);
    if (sock->socket)
        (void)zmq_close(sock->socket);
    /* Never before the socket is closed: without an authenticator libzmq admits everyone. */
    if (sock->domain.admit && !fl_zap_remove(sock->context->zap, &sock->domain))
        sock->context->zap = fl_zap_free(sock->context->zap);
    free(sock->spoke);
    free(sock);
    return NULL;
}

/* Returns 0 or a negative errno. A first refusal may only mean that the socket has not yet taken
 * in that the connection stands or that its queue has room again. */
static int send_frame(struct fl_zsock *sock, const uint8_t *bytes, size_t size, int flags)
{
    if (zmq_send(sock->socket, bytes, size, ZMQ_DONTWAIT | flags) >= 0)
        return 0;
    fl_zwatch_check(&sock->watch);
    return zmq_send(sock->socket, bytes, size, ZMQ_DONTWAIT | flags) >= 0 ? 0 : -errno;
}

int fl_zsock_send(struct fl_zsock *sock, const uint8_t *peer, size_t peer_size,
                  const uint8_t *bytes, size_t size)
{
    int r;

    if (!sock->router && !sock->connected) /* libzmq would still take it for a short while */
        return -EHOSTUNREACH;
    r = peer ? send_frame(sock, peer, peer_size, ZMQ_SNDMORE) : 0;
    if (r == 0)
        r = send_frame(sock, bytes, size, 0);
    fl_zwatch_check(&sock->watch);
    return r;
}

const char *fl_zsock_endpoint(const struct fl_zsock *sock)
{
    return sock->endpoint;
}

void fl_zsock_refusals(const struct fl_zsock *sock, struct fl_zsock_refusals *ret)
{
    *ret = sock->refusals;
}
