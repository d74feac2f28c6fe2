/* TCP, HTTP and DNS: a few sockets at a time on epoll, a new one for each probe. */
#include "tests/bench/floors/floors.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLOTS 16

struct slot {
    int fd;
    bool sent;
};

struct kind {
    int type;            /* of the socket */
    const char *request; /* NULL: connecting is all */
    size_t request_size;
};

static const char http_request[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: floor\r\n"
                                   "Accept: */*\r\nConnection: close\r\n\r\n";
/* www.test, an address, recursion desired */
static const char dns_request[] = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
                                  "\x03www\x04test\x00\x00\x01\x00\x01";

static const struct kind tcp = {SOCK_STREAM, NULL, 0};
static const struct kind http = {SOCK_STREAM, http_request, sizeof(http_request) - 1};
static const struct kind dns = {SOCK_DGRAM, dns_request, sizeof(dns_request) - 1};

static int begin(const struct kind *kind, const struct floor_run *run, int loop, struct slot *slot)
{
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons(run->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = slot};

    slot->sent = kind->type == SOCK_DGRAM;
    slot->fd = socket(AF_INET, kind->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (slot->fd < 0)
        return -1;
    if (slot->sent)
        event.events = EPOLLIN;
    if (epoll_ctl(loop, EPOLL_CTL_ADD, slot->fd, &event) < 0 ||
        (connect(slot->fd, (const struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS))
        return -1;
    return !slot->sent || send(slot->fd, kind->request, kind->request_size, 0) > 0 ? 0 : -1;
}

static int send_request(const struct kind *kind, int loop, struct slot *slot)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = slot};
    int error = 0;
    socklen_t size = sizeof(error);

    if (getsockopt(slot->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error != 0) {
        errno = error;
        return -1;
    }
    if (!kind->request)
        return 1;
    slot->sent = true;
    return send(slot->fd, kind->request, kind->request_size, 0) > 0 &&
                   epoll_ctl(loop, EPOLL_CTL_MOD, slot->fd, &event) == 0
               ? 0
               : -1;
}

/* 1 when the probe is over, 0 not yet, -1 when it failed. */
static int go_on(const struct kind *kind, int loop, struct slot *slot)
{
    char answer[4096];
    ssize_t n;

    if (!slot->sent)
        return send_request(kind, loop, slot);
    do
        n = recv(slot->fd, answer, sizeof(answer), 0);
    while (n > 0 && kind->type == SOCK_STREAM);
    if (n >= 0)
        return 1;
    return errno == EAGAIN ? 0 : -1;
}

/* Serve what is ready; how many probes ended, -1 when one failed. */
static long turn(const struct kind *kind, int loop, int timeout_ms)
{
    struct epoll_event events[SLOTS];
    int n = epoll_wait(loop, events, SLOTS, timeout_ms);
    long over = 0;

    for (int i = 0; i < n; i++) {
        struct slot *slot = events[i].data.ptr;
        int r = go_on(kind, loop, slot);

        if (r < 0)
            return -1;
        if (r > 0) {
            close(slot->fd);
            slot->fd = -1;
            over++;
        }
    }
    return over;
}

static long run_kind(const struct kind *kind, const struct floor_run *run)
{
    int n_slots = run->pace_us ? 1 : SLOTS, loop = epoll_create1(EPOLL_CLOEXEC);
    struct slot slots[SLOTS];
    int64_t due_us = 0;
    long n = 0;

    for (int i = 0; i < SLOTS; i++)
        slots[i].fd = -1;
    while (floor_next(run, &due_us)) {
        long over;

        for (int i = 0; i < n_slots; i++)
            if (slots[i].fd < 0 && begin(kind, run, loop, &slots[i]) < 0)
                return -1;
        do
            over = turn(kind, loop, 1000);
        while (over == 0 && floor_now_us() < run->end_us);
        if (over < 0)
            return -1;
        n += over;
    }
    for (int i = 0; i < SLOTS; i++)
        if (slots[i].fd >= 0)
            close(slots[i].fd);
    close(loop);
    return n;
}

long floor_tcp(const struct floor_run *run)
{
    return run_kind(&tcp, run);
}

long floor_http(const struct floor_run *run)
{
    return run_kind(&http, run);
}

long floor_dns(const struct floor_run *run)
{
    return run_kind(&dns, run);
}

/* Is the answer there whole: as long as it says, or up to its last chunk? */
static bool whole(const char *answer, size_t size)
{
    static const char last_chunk[] = "\r\n0\r\n\r\n", length[] = "\r\nContent-Length: ";
    const char *body = strstr(answer, "\r\n\r\n"), *at = strstr(answer, length);

    if (!body)
        return false;
    if (at && at < body)
        return (size_t)(body + 4 - answer) + strtoul(at + sizeof(length) - 1, NULL, 10) <= size;
    return strcmp(answer + size - (sizeof(last_chunk) - 1), last_chunk) == 0;
}

/* Take the chunks' sizes out: nothing else there has a carriage return. */
static void join_chunks(char *text)
{
    char *at, *end;

    while ((at = strstr(text, "\r\n")) && (end = strstr(at + 2, "\r\n")))
        memmove(at, end + 2, strlen(end + 2) + 1);
}

static bool ask(int fd, const char *request)
{
    char answer[32768];
    size_t size = 0;

    if (send(fd, request, strlen(request), 0) < 0)
        return false;
    do {
        ssize_t got = recv(fd, answer + size, sizeof(answer) - 1 - size, 0);

        if (got <= 0)
            return false;
        size += (size_t)got;
        answer[size] = '\0';
    } while (!whole(answer, size));
    join_chunks(strstr(answer, "\r\n\r\n") + 2);
    return strstr(answer, "\nprobe_success 1\n") != NULL;
}

long floor_ask(const struct floor_run *run, const char *path)
{
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons(run->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0;
    char request[1024];
    int64_t due_us = 0;
    long n = 0;

    (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    for (; good && floor_next(run, &due_us); n++)
        good = ask(fd, request);
    close(fd);
    return good ? n : -1;
}
