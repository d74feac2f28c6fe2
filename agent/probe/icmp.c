/* Sends an echo request and waits for its reply. Layers: resolve (for a name), connect (the echo).
 *
 *   0       1       2       3       4       5       6       7
 *   +-------+-------+-------+-------+-------+-------+-------+-------+
 *   | type  | code 0|   checksum    |      id       |   sequence    |
 *   +-------+-------+-------+-------+-------+-------+-------+-------+
 *   | cookie (16 random bytes), then zeroes up to `size`            |
 *   +---------------------------------------------------------------+
 *
 * An unprivileged ping socket where net.ipv4.ping_group_range allows it: the kernel then chooses
 * the id and sorts by it. Otherwise a raw socket (CAP_NET_RAW), connected, so that only the
 * target's packets come in, and filtered to echo replies. With neither, results are `local`. */
#include "agent/probe/datagram.h"
#include "agent/probe/probe_types.h"

#include <errno.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define HEADER 8
#define ID_AT 4
#define TYPE_REQUEST6 128
#define TYPE_REPLY6 129
#define IP4_LEAST 20

struct icmp_settings {
    char *address;
    int64_t size;
};

static const struct fl_option icmp_options[] = {
    {.name = "address",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct icmp_settings, address),
     .min = 1,
     .max = 253,
     .help = "host name or IP address to send the echo request to"},
    {.name = "size",
     .kind = FL_OPTION_SIZE,
     .offset = offsetof(struct icmp_settings, size),
     .min = DATAGRAM_NONCE,
     .max = 8972,
     .standard = "56",
     .help = "bytes after the ICMP header; never sent in fragments"},
    {0},
};

struct probe_instance {
    const struct probe_env *env;
    const struct icmp_settings *settings;
};

static int socket_option(int fd, int name)
{
    int value = 0;
    socklen_t size = sizeof(value);

    (void)getsockopt(fd, SOL_SOCKET, name, &value, &size); /* our own open socket */
    return value;
}

/* RFC 1071 over an even number of bytes or an odd one. */
static uint16_t checksum(const uint8_t *bytes, size_t size)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < size; i++)
        sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static int filter_replies(int fd, sa_family_t family)
{
    const struct icmp_filter filter = {.data = ~(1U << ICMP_ECHOREPLY)};
    struct icmp6_filter filter6;

    if (family == AF_INET)
        return setsockopt(fd, IPPROTO_RAW, ICMP_FILTER, &filter, sizeof(filter));
    ICMP6_FILTER_SETBLOCKALL(&filter6);
    ICMP6_FILTER_SETPASS(TYPE_REPLY6, &filter6);
    return setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter6, sizeof(filter6));
}

static int icmp_socket(sa_family_t family)
{
    const int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    const int protocol = family == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    int fd = socket(family, SOCK_DGRAM | flags, protocol);

    if (fd >= 0)
        return fd;
    fd = socket(family, SOCK_RAW | flags, protocol);
    if (fd < 0)
        return -errno;
    (void)filter_replies(fd, family); /* spares wake-ups; every packet is checked all the same */
    return fd;
}

/* Id and sequence are the first bytes of the nonce, so they need no counter. */
static size_t icmp_request(const struct datagram_exchange *exchange, uint8_t *bytes)
{
    const struct icmp_settings *settings = exchange->arg;
    const size_t size = HEADER + (size_t)settings->size;
    uint16_t sum;

    memset(bytes, 0, size);
    bytes[0] = socket_option(exchange->fd, SO_DOMAIN) == AF_INET6 ? TYPE_REQUEST6 : ICMP_ECHO;
    memcpy(bytes + ID_AT, exchange->nonce, 4);
    memcpy(bytes + HEADER, exchange->nonce, DATAGRAM_NONCE);
    sum = checksum(bytes, size); /* the kernel overwrites it, but for raw IPv4 */
    bytes[2] = (uint8_t)(sum >> 8);
    bytes[3] = (uint8_t)sum;
    return size;
}

static bool icmp_answer(const struct datagram_exchange *exchange, const uint8_t *bytes, size_t size,
                        enum fl_failure *ret)
{
    const struct icmp_settings *settings = exchange->arg;
    const int family = socket_option(exchange->fd, SO_DOMAIN);
    const bool raw = socket_option(exchange->fd, SO_TYPE) == SOCK_RAW;
    size_t skip = 0;

    if (raw && family == AF_INET) { /* raw IPv4 comes with its IP header */
        if (size < IP4_LEAST)
            return false;
        skip = (size_t)(bytes[0] & 0x0f) * 4;
    }
    if (size < skip || size - skip != HEADER + (size_t)settings->size)
        return false;
    bytes += skip;
    if (bytes[0] != (family == AF_INET6 ? TYPE_REPLY6 : ICMP_ECHOREPLY) || bytes[1] != 0)
        return false;
    if (raw && memcmp(bytes + ID_AT, exchange->nonce, 2) != 0)
        return false;
    if (memcmp(bytes + ID_AT + 2, exchange->nonce + 2, 2) != 0 ||
        memcmp(bytes + HEADER, exchange->nonce, DATAGRAM_NONCE) != 0)
        return false;
    *ret = FL_FAILURE_NONE;
    return true;
}

static const struct datagram_protocol icmp_protocol = {
    .layer = FL_LAYER_CONNECT,
    .refusal = FL_FAILURE_UNREACHABLE,
    .open = icmp_socket,
    .request = icmp_request,
    .answer = icmp_answer,
};

static int icmp_open(const struct probe_env *env, const struct fl_probe_spec *spec,
                     const void *settings, struct probe_instance **ret, struct fl_error *err)
{
    struct probe_instance *instance = calloc(1, sizeof(*instance));

    (void)spec;
    if (!instance)
        return fl_error_set(err, -ENOMEM, "out of memory");
    instance->env = env;
    instance->settings = settings;
    *ret = instance;
    return 0;
}

static void icmp_close(struct probe_instance *instance)
{
    free(instance);
}

static int icmp_start(struct probe_instance *instance, probe_done_cb done, void *arg,
                      struct probe_run **ret)
{
    return datagram_start(instance->env, &icmp_protocol, instance->settings->address, 0,
                          instance->settings, done, arg, ret);
}

const struct probe_type probe_icmp = {
    .name = "icmp",
    .summary = "sends an ICMP echo request and waits for its reply",
    .options = icmp_options,
    .settings_size = sizeof(struct icmp_settings),
    .parallel = true,
    .open = icmp_open,
    .close = icmp_close,
    .start = icmp_start,
    .expire = datagram_expire,
    .cancel = datagram_cancel,
};
