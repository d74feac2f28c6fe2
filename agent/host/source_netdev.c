/* Bytes, packets and drops of the network interfaces (/proc/self/net/dev) and the speed of the
 * link (/sys/class/net/NAME/speed).
 *
 * A packet through a bridge, a bond or a container passes several interfaces. It is counted once:
 * where interfaces have a device below them, only those count; where none has (a container, a
 * namespace), all but the loopback do. */
#include "agent/host/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_LINKS 64 /* what is beyond is not counted; a host of so many is a router */
#define NAME_SIZE 16 /* the kernel's IFNAMSIZ */
#define SPEED_AGE 60 /* samples after which the speed is asked again: it takes a lock */
#define MEGABIT INT64_C(1000000)
#define BITS 8

struct reading {
    uint64_t rx_bytes, rx_packets, rx_dropped, tx_bytes;
};

struct net_link {
    char name[NAME_SIZE];
    bool physical;
    bool fresh; /* seen in this sample */
    int64_t speed_bps;
    unsigned int speed_age;
    struct source_counter rx_bytes, rx_packets, rx_dropped, tx_bytes;
    struct reading grown; /* since the last sample */
    bool grew;            /* `grown` can be told */
};

struct source_state {
    const char *sys;
    int fd;
    size_t n_links;
    struct net_link links[MAX_LINKS];
};

static int netdev_open(const struct source_place *place, struct source_state **ret)
{
    struct source_state *state = calloc(1, sizeof(*state));

    if (!state)
        return -ENOMEM;
    state->sys = place->sys;
    state->fd = source_open(place->proc, "self/net/dev");
    *ret = state;
    return 0;
}

static int64_t read_speed(const char *sys, const char *name)
{
    char path[SOURCE_PATH_SIZE], text[32];
    int64_t megabits;
    int fd;

    (void)snprintf(path, sizeof(path), "class/net/%s/speed", name);
    fd = source_open(sys, path);
    if (source_read(fd, text, sizeof(text)) <= 0)
        text[0] = '\0';
    source_close(&fd);
    megabits = strtoll(text, NULL, 10);
    return megabits > 0 ? megabits * MEGABIT : FL_ABSENT;
}

static bool has_device(const char *sys, const char *name)
{
    char path[SOURCE_PATH_SIZE];
    int length = snprintf(path, sizeof(path), "%s/class/net/%s/device", sys, name);

    return length > 0 && (size_t)length < sizeof(path) && access(path, F_OK) == 0;
}

static struct net_link *find_link(struct source_state *state, const char *name)
{
    struct net_link *made;

    for (size_t i = 0; i < state->n_links; i++)
        if (!strcmp(state->links[i].name, name))
            return &state->links[i];
    if (state->n_links == MAX_LINKS)
        return NULL;
    made = &state->links[state->n_links++];
    memset(made, 0, sizeof(*made));
    memcpy(made->name, name, strlen(name) + 1);
    made->physical = has_device(state->sys, name);
    made->speed_age = SPEED_AGE;
    return made;
}

/* "  eth0: bytes packets errs drop fifo frame compressed multicast  bytes …" */
static bool parse_line(const char *line, char name[NAME_SIZE], struct reading *ret)
{
    uint64_t v[9];
    const char *colon = strrchr(line, ':'); /* an alias has one in its name */
    size_t length;

    line += strspn(line, " ");
    if (!colon || colon <= line)
        return false;
    length = (size_t)(colon - line);
    if (length >= NAME_SIZE)
        return false;
    memcpy(name, line, length);
    name[length] = '\0';
    if (source_numbers(colon + 1, v, FL_COUNT(v)) != FL_COUNT(v))
        return false;
    *ret = (struct reading){v[0], v[1], v[3] + v[4], v[8]};
    return true;
}

static void step_link(struct net_link *net_link, const struct reading *now)
{
    struct reading *grown = &net_link->grown;
    bool grew = source_counter_step(&net_link->rx_bytes, now->rx_bytes, &grown->rx_bytes);

    grew = source_counter_step(&net_link->rx_packets, now->rx_packets, &grown->rx_packets) && grew;
    grew = source_counter_step(&net_link->rx_dropped, now->rx_dropped, &grown->rx_dropped) && grew;
    grew = source_counter_step(&net_link->tx_bytes, now->tx_bytes, &grown->tx_bytes) && grew;
    net_link->grew = grew;
    net_link->fresh = true;
}

/* Links that went away are forgotten, so that one of the same name starts anew. */
static void forget_gone(struct source_state *state)
{
    size_t kept = 0;

    for (size_t i = 0; i < state->n_links; i++)
        if (state->links[i].fresh)
            state->links[kept++] = state->links[i];
    state->n_links = kept;
}

static void read_links(struct source_state *state, char *text)
{
    char *rest, name[NAME_SIZE];
    struct reading now;

    for (size_t i = 0; i < state->n_links; i++)
        state->links[i].fresh = false;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        struct net_link *net_link;

        if (!parse_line(line, name, &now) || !strcmp(name, "lo"))
            continue;
        net_link = find_link(state, name);
        if (net_link)
            step_link(net_link, &now);
    }
    forget_gone(state);
}

static void read_link_speed(const struct source_state *state, struct net_link *net_link)
{
    if (++net_link->speed_age < SPEED_AGE)
        return;
    net_link->speed_bps = read_speed(state->sys, net_link->name);
    net_link->speed_age = 0;
}

/* Adds up the links that count; false when none could be told. */
static bool sum_links(struct source_state *state, struct reading *sum, int64_t *ret_speed_bps)
{
    bool any_physical = false, any = false;

    memset(sum, 0, sizeof(*sum));
    for (size_t i = 0; i < state->n_links; i++)
        any_physical = any_physical || state->links[i].physical;
    for (size_t i = 0; i < state->n_links; i++) {
        struct net_link *net_link = &state->links[i];

        if ((any_physical && !net_link->physical) || !net_link->grew)
            continue;
        any = true;
        sum->rx_bytes += net_link->grown.rx_bytes;
        sum->rx_packets += net_link->grown.rx_packets;
        sum->rx_dropped += net_link->grown.rx_dropped;
        sum->tx_bytes += net_link->grown.tx_bytes;
        if (net_link->grown.rx_bytes + net_link->grown.tx_bytes == 0)
            continue;
        read_link_speed(state, net_link);
        if (net_link->speed_bps > *ret_speed_bps)
            *ret_speed_bps = net_link->speed_bps;
    }
    return any;
}

static void netdev_sample(struct source_state *state, int64_t elapsed_us,
                          struct fl_host_sample *ret)
{
    char text[SOURCE_TEXT_SIZE];
    struct reading sum;

    if (source_read(state->fd, text, sizeof(text)) <= 0)
        return;
    read_links(state, text);
    if (elapsed_us <= 0 || !sum_links(state, &sum, &ret->values[FL_HOST_LINK_BPS]))
        return;
    ret->values[FL_HOST_RX_BPS] = source_rate(sum.rx_bytes * BITS, elapsed_us);
    ret->values[FL_HOST_TX_BPS] = source_rate(sum.tx_bytes * BITS, elapsed_us);
    ret->values[FL_HOST_RX_PPS] = source_rate(sum.rx_packets, elapsed_us);
    ret->values[FL_HOST_NIC_DROPS_PS] = source_rate(sum.rx_dropped, elapsed_us);
}

static void netdev_close(struct source_state *state)
{
    if (!state)
        return;
    source_close(&state->fd);
    free(state);
}

const struct source source_netdev = {netdev_open, netdev_sample, netdev_close};
