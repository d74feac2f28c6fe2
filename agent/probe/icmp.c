/* Sends an echo request and waits for its reply, or a burst of them and judges loss and jitter.
 * Layers: resolve (for a name), connect (the echo; of a burst, the middle one).
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
#include "agent/probe/stream.h"

#include <errno.h>
#include <event2/event.h>
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
#define MAX_BURST 50

struct icmp_settings {
    char *address;
    int64_t size;
    bool fragments;
    int64_t count;
    int64_t spacing_us;
    int64_t max_loss;
    int64_t max_jitter_us;
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
     .help = "bytes after the ICMP header"},
    {.name = "fragments",
     .kind = FL_OPTION_BOOL,
     .offset = offsetof(struct icmp_settings, fragments),
     .standard = "false",
     .help = "let a packet that is too large for the way be cut; else it is lost"},
    {.name = "count",
     .kind = FL_OPTION_INT,
     .offset = offsetof(struct icmp_settings, count),
     .min = 1,
     .max = MAX_BURST,
     .standard = "1",
     .help = "requests to send, one after the other"},
    {.name = "spacing",
     .kind = FL_OPTION_DURATION,
     .offset = offsetof(struct icmp_settings, spacing_us),
     .min = FL_MS,
     .max = FL_SECOND,
     .standard = "20ms",
     .help = "time between two of them"},
    {.name = "max_loss",
     .kind = FL_OPTION_INT,
     .offset = offsetof(struct icmp_settings, max_loss),
     .max = 99,
     .standard = "0",
     .help = "how many of a hundred may get no reply in time"},
    {.name = "max_jitter",
     .kind = FL_OPTION_DURATION,
     .offset = offsetof(struct icmp_settings, max_jitter_us),
     .min = 1,
     .max = 60 * FL_SECOND,
     .standard = FL_OPTION_UNSET,
     .help = "mean difference between two replies in a row; not judged when left out"},
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

static const struct datagram_protocol whole_protocol = {
    .layer = FL_LAYER_CONNECT,
    .refusal = FL_FAILURE_UNREACHABLE,
    .open = icmp_socket,
    .request = icmp_request,
    .answer = icmp_answer,
};

static const struct datagram_protocol cut_protocol = {
    .layer = FL_LAYER_CONNECT,
    .refusal = FL_FAILURE_UNREACHABLE,
    .fragments = true,
    .open = icmp_socket,
    .request = icmp_request,
    .answer = icmp_answer,
};

static int icmp_open(const struct probe_env *env, const struct fl_probe_spec *spec,
                     const void *settings, struct probe_instance **ret, struct fl_error *err)
{
    const struct icmp_settings *icmp = settings;
    struct probe_instance *instance;

    if ((icmp->count - 1) * icmp->spacing_us >= spec->timeout_us)
        return fl_error_set(err, -EINVAL,
                            "settings \"count\" and \"spacing\": %lld requests take longer to "
                            "send than the probe's timeout",
                            (long long)icmp->count);
    instance = calloc(1, sizeof(*instance));
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

/* One request of a burst. */
struct shot {
    struct probe_run *run;   /* the burst */
    struct probe_run *inner; /* NULL: not sent yet, or over */
    int64_t took_us;         /* FL_ABSENT: no reply */
};

struct probe_run {
    const struct probe_instance *instance;
    probe_done_cb done;
    void *arg;
    struct event *timer; /* of a burst: when the next is sent */
    int64_t n_sent, n_over;
    struct fl_result last; /* of those that failed, or the only one */
    struct shot shots[];
};

static void run_free(struct probe_run *run)
{
    for (int64_t i = 0; i < run->n_sent; i++)
        if (run->shots[i].inner)
            (void)datagram_cancel(run->shots[i].inner);
    if (run->timer)
        event_free(run->timer);
    free(run);
}

static int by_time(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

/* Mean difference of neighbours, in the order in which they were sent. */
static int64_t jitter_of(const int64_t *took_us, int64_t n)
{
    int64_t sum = 0;

    for (int64_t i = 1; i < n; i++)
        sum += llabs(took_us[i] - took_us[i - 1]);
    return n > 1 ? sum / (n - 1) : 0;
}

/* Of the whole burst, whose missing replies are lost. */
static void judge_burst(struct probe_run *run, struct fl_result *result)
{
    const struct icmp_settings *settings = run->instance->settings;
    int64_t took_us[MAX_BURST], n = 0, jitter_us;

    for (int64_t i = 0; i < run->n_sent; i++)
        if (run->shots[i].took_us != FL_ABSENT)
            took_us[n++] = run->shots[i].took_us;
    fl_result_init(result);
    result->phase_us[FL_LAYER_RESOLVE] = run->last.phase_us[FL_LAYER_RESOLVE];
    if ((settings->count - n) * 100 > settings->max_loss * settings->count) {
        const bool told = run->last.failure != FL_FAILURE_NONE;

        stream_fail(result, told ? run->last.layer : FL_LAYER_CONNECT,
                    told ? run->last.failure : FL_FAILURE_TIMEOUT);
        return;
    }
    jitter_us = jitter_of(took_us, n);
    if (settings->max_jitter_us > 0 && jitter_us > settings->max_jitter_us) {
        stream_fail(result, FL_LAYER_CONNECT, FL_FAILURE_CONTENT);
        return;
    }
    qsort(took_us, (size_t)n, sizeof(*took_us), by_time);
    result->phase_us[FL_LAYER_CONNECT] = took_us[n / 2];
    result->ok = true;
}

static void on_shot(const struct fl_result *result, void *arg)
{
    struct shot *shot = arg;
    struct probe_run *run = shot->run;
    struct fl_result burst;

    shot->inner = NULL;
    shot->took_us = result->phase_us[FL_LAYER_CONNECT];
    run->n_over++;
    if (!result->ok || run->n_over == 1)
        run->last = *result;
    if (run->instance->settings->count == 1) {
        run->done(result, run->arg);
        run_free(run);
    } else if (run->n_over == run->instance->settings->count) {
        judge_burst(run, &burst);
        run->done(&burst, run->arg);
        run_free(run);
    }
}

static int shoot(struct probe_run *run)
{
    const struct probe_instance *instance = run->instance;
    const struct icmp_settings *settings = instance->settings;
    struct shot *shot = &run->shots[run->n_sent];
    int r;

    shot->run = run;
    shot->took_us = FL_ABSENT;
    r = datagram_start(instance->env, settings->fragments ? &cut_protocol : &whole_protocol,
                       settings->address, 0, settings, on_shot, shot, &shot->inner);
    if (r < 0)
        return r;
    run->n_sent++;
    return 0;
}

/* One that cannot be sent counts as lost at the deadline, as by the own host. */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct probe_run *run = arg;

    (void)fd;
    (void)what;
    if (shoot(run) < 0) {
        stream_fail(&run->last, FL_LAYER_CONNECT, FL_FAILURE_LOCAL);
        (void)event_del(run->timer);
    } else if (run->n_sent == run->instance->settings->count) {
        (void)event_del(run->timer);
    }
}

static int start_timer(struct probe_run *run)
{
    const int64_t us = run->instance->settings->spacing_us;
    const struct timeval spacing = {us / FL_SECOND, us % FL_SECOND};

    run->timer = event_new(run->instance->env->base, -1, EV_PERSIST, on_timer, run);
    return run->timer && event_add(run->timer, &spacing) == 0 ? 0 : -ENOMEM;
}

static int icmp_start(struct probe_instance *instance, probe_done_cb done, void *arg,
                      struct probe_run **ret)
{
    const int64_t count = instance->settings->count;
    struct probe_run *run = calloc(1, sizeof(*run) + (size_t)count * sizeof(run->shots[0]));
    int r;

    if (!run)
        return -ENOMEM;
    run->instance = instance;
    run->done = done;
    run->arg = arg;
    fl_result_init(&run->last);
    r = shoot(run);
    if (r == 0 && count > 1)
        r = start_timer(run);
    if (r < 0) {
        run_free(run);
        return r;
    }
    *ret = run;
    return 0;
}

static bool icmp_cancel(struct probe_run *run)
{
    run_free(run);
    return true;
}

static bool icmp_expire(struct probe_run *run, struct fl_result *result)
{
    if (run->instance->settings->count > 1) {
        judge_burst(run, result);
    } else {
        (void)datagram_expire(run->shots[0].inner, result);
        run->shots[0].inner = NULL;
    }
    return icmp_cancel(run);
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
    .expire = icmp_expire,
    .cancel = icmp_cancel,
};
