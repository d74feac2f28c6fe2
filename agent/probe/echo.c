#include "agent/probe/echo.h"

#include "agent/probe/resolver.h"
#include "proto/types/fl_option.h"
#include "proto/types/fl_plan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define KIND_AT 4
#define NONCE_AT 8
#define MAC_AT 24
#define MAC_SIZE 16
#define READS_PER_WAKE 64 /* a flood must not hold the loop */

static const uint8_t magic[KIND_AT] = {'F', 'L', 'E', '1'};

struct echo {
    const uint8_t *key;
    int fd;
    struct event *event;
    struct echo_stats stats;
};

/* An all-zero MAC would verify against an all-zero one, so failure must be said. */
static bool make_mac(const uint8_t *key, const uint8_t *bytes, uint8_t ret_mac[MAC_SIZE])
{
    uint8_t whole[EVP_MAX_MD_SIZE];

    if (!HMAC(EVP_sha256(), key, FL_MESH_KEY_SIZE, bytes, MAC_AT, whole, NULL))
        return false;
    memcpy(ret_mac, whole, MAC_SIZE);
    return true;
}

static bool key_is_set(const uint8_t *key)
{
    static const uint8_t none[FL_MESH_KEY_SIZE];

    return memcmp(key, none, sizeof(none)) != 0;
}

static void write_head(enum echo_kind kind, const uint8_t nonce[ECHO_NONCE], uint8_t *packet)
{
    memset(packet, 0, ECHO_SIZE);
    memcpy(packet, magic, sizeof(magic));
    packet[KIND_AT] = (uint8_t)kind;
    memcpy(packet + NONCE_AT, nonce, ECHO_NONCE);
}

void echo_write(enum echo_kind kind, const uint8_t *key, const uint8_t nonce[ECHO_NONCE],
                uint8_t ret_packet[ECHO_SIZE])
{
    write_head(kind, nonce, ret_packet);
    (void)make_mac(key, ret_packet, ret_packet + MAC_AT); /* without one nobody answers it */
}

bool echo_read(const uint8_t *bytes, size_t size, enum echo_kind kind, const uint8_t *key,
               uint8_t ret_nonce[ECHO_NONCE])
{
    uint8_t expected[ECHO_SIZE];

    if (size != ECHO_SIZE || !key_is_set(key))
        return false;
    write_head(kind, bytes + NONCE_AT, expected);
    if (memcmp(bytes, expected, MAC_AT) != 0 || !make_mac(key, expected, expected + MAC_AT))
        return false;
    if (CRYPTO_memcmp(bytes + MAC_AT, expected + MAC_AT, MAC_SIZE) != 0)
        return false;
    memcpy(ret_nonce, bytes + NONCE_AT, ECHO_NONCE);
    return true;
}

/* Answer from the address that was asked, by the route of the own table: a connected asker takes
 * no other. The interface that it came in by is no order to leave by it. */
static void forget_interface(struct msghdr *message)
{
    for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at; at = CMSG_NXTHDR(message, at))
        if (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;

            memcpy(&info, CMSG_DATA(at), sizeof(info));
            info.ipi_ifindex = 0;
            memcpy(CMSG_DATA(at), &info, sizeof(info));
        }
}

/* False when nothing waits any more. */
static bool answer_one(struct echo *echo)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo))];
    } control;
    uint8_t packet[ECHO_SIZE + 1]; /* one more, to see that a packet is too long */
    uint8_t nonce[ECHO_NONCE];
    struct sockaddr_storage from;
    struct iovec part = {.iov_base = packet, .iov_len = sizeof(packet)};
    struct msghdr message = {.msg_name = &from,
                             .msg_namelen = sizeof(from),
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    ssize_t size = recvmsg(echo->fd, &message, 0);

    if (size < 0)
        return errno != EAGAIN && errno != EWOULDBLOCK;
    if (!echo_read(packet, (size_t)size, ECHO_REQUEST, echo->key, nonce)) {
        echo->stats.refused++;
        return true;
    }
    echo_write(ECHO_REPLY, echo->key, nonce, packet);
    part.iov_len = ECHO_SIZE;
    forget_interface(&message);
    if (sendmsg(echo->fd, &message, MSG_NOSIGNAL) == ECHO_SIZE)
        echo->stats.answered++;
    else
        echo->stats.unsent++;
    return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    for (int i = 0; i < READS_PER_WAKE; i++)
        if (!answer_one(arg))
            return;
}

static int bind_socket(struct echo *echo, const char *address, struct fl_error *err)
{
    const int on = 1;
    struct sockaddr_storage at;
    socklen_t size;
    char host[256];
    uint16_t port;
    int r = fl_address_split(address, host, sizeof(host), &port, err);

    if (r < 0)
        return fl_error_prefix(err, r, "echo responder");
    if (!resolver_numeric(host, port, &at, &size))
        return fl_error_set(err, -EINVAL,
                            "echo responder: cannot listen on \"%s\": a numeric address of this "
                            "host is wanted, as in 0.0.0.0:5571",
                            address);
    echo->fd = socket(at.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (echo->fd < 0 || bind(echo->fd, (struct sockaddr *)&at, size) < 0) {
        r = -errno;
        return fl_error_set(err, r, "echo responder: cannot listen on \"%s\": %s", address,
                            strerror(-r));
    }
    /* Without these the answer of a host with several addresses may leave from another. */
    (void)setsockopt(echo->fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
    if (at.ss_family == AF_INET6)
        (void)setsockopt(echo->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
    return 0;
}

uint16_t echo_port(const struct echo *echo)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at = {0};
    socklen_t size = sizeof(at);

    if (getsockname(echo->fd, &at.any, &size) < 0)
        return 0;
    return ntohs(at.any.sa_family == AF_INET6 ? at.v6.sin6_port : at.v4.sin_port);
}

void echo_stats(const struct echo *echo, struct echo_stats *ret)
{
    *ret = echo->stats;
}

int echo_new(struct event_base *base, const char *address, const uint8_t *key, struct echo **ret,
             struct fl_error *err)
{
    FL_CLEANUP(echo_freep) struct echo *echo = calloc(1, sizeof(*echo));
    int r;

    if (!echo)
        return fl_error_set(err, -ENOMEM, "echo responder: out of memory");
    echo->fd = -1;
    echo->key = key;
    r = bind_socket(echo, address, err);
    if (r < 0)
        return r;
    echo->event = event_new(base, echo->fd, EV_READ | EV_PERSIST, on_readable, echo);
    if (!echo->event || event_add(echo->event, NULL) < 0)
        return fl_error_set(err, -ENOMEM, "echo responder: out of memory");
    *ret = FL_TAKE(echo);
    return 0;
}

struct echo *echo_free(struct echo *echo)
{
    if (!echo)
        return NULL;
    if (echo->event)
        event_free(echo->event);
    if (echo->fd >= 0)
        close(echo->fd);
    free(echo);
    return NULL;
}
