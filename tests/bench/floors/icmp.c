/* Echo requests and their replies, over one socket. */
#include "tests/bench/floors/floors.h"

#include <arpa/inet.h>
#include <linux/icmp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define AT_ONCE 16
#define SIZE 64 /* as the agent sends */

static uint16_t checksum(const uint8_t *bytes, size_t size)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < size; i += 2)
        sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~(sum + (sum >> 16));
}

static bool send_echo(int fd, uint16_t id, uint16_t sequence)
{
    uint8_t bytes[SIZE] = {0};
    struct icmphdr header = {.type = ICMP_ECHO, .un.echo = {.id = id, .sequence = sequence}};

    memcpy(bytes, &header, sizeof(header));
    header.checksum = htons(checksum(bytes, SIZE));
    memcpy(bytes, &header, sizeof(header));
    return send(fd, bytes, SIZE, 0) == SIZE;
}

/* How many replies to us there are, until none is left. */
static long take_replies(int fd, uint16_t id)
{
    uint8_t bytes[256];
    long n = 0;

    while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
        struct icmphdr header;

        memcpy(&header, bytes + (bytes[0] & 15) * 4, sizeof(header));
        n += header.type == ICMP_ECHOREPLY && header.un.echo.id == id;
    }
    return n;
}

long floor_icmp(const struct floor_run *run)
{
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
    int loop = epoll_create1(EPOLL_CLOEXEC), at_once = run->pace_us ? 1 : AT_ONCE;
    const struct icmp_filter filter = {~(1U << ICMP_ECHOREPLY)};
    struct epoll_event event = {.events = EPOLLIN};
    uint16_t id = (uint16_t)getpid(), sequence = 0;
    int64_t due_us = 0;
    long n = 0;

    if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 ||
        setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof(filter)) < 0 ||
        epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) < 0)
        return -1;
    while (floor_next(run, &due_us)) {
        long waiting = at_once;

        for (int i = 0; i < at_once; i++)
            if (!send_echo(fd, id, sequence++))
                return -1;
        while (waiting > 0) {
            if (epoll_wait(loop, &event, 1, 1000) <= 0)
                return -1;
            waiting -= take_replies(fd, id);
        }
        n += at_once;
    }
    close(fd);
    close(loop);
    return n;
}
