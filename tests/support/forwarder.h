/* A TCP forwarder to a server of the test's own: it passes so many bytes each way and then holds
 * the rest, as a server does that stalls in the middle, or changes what the server says. A child of
 * the test. */
#pragma once

#include "tests/support/server.h"

#include <poll.h>
#include <sys/prctl.h>

#define FORWARDER_ALL INT64_MAX
#define FORWARDER_LONG 2048 /* pieces from here on carry data and are changed where asked for */

struct forwarder_limits {
    int64_t up;   /* bytes from the client that are passed */
    int64_t down; /* from the server */
    bool change;  /* a byte in the middle of what the server says */
};

struct forwarder {
    pid_t pid;
    int port;
};

/* Pass on what came, as far as it may; false when the connection is over. */
static inline bool forwarder_pass(int from, int to, int64_t *left, bool change)
{
    char bytes[4096];
    size_t most = *left < (int64_t)sizeof(bytes) ? (size_t)*left : sizeof(bytes);
    ssize_t n = recv(from, bytes, most, 0);

    if (n <= 0)
        return false;
    *left -= n;
    if (change && n >= FORWARDER_LONG)
        bytes[n / 2] ^= 1;
    return send(to, bytes, (size_t)n, MSG_NOSIGNAL) == n;
}

static inline void forwarder_serve(int client, int server, struct forwarder_limits limits)
{
    for (;;) {
        struct pollfd ends[2] = {{.fd = limits.up > 0 ? client : -1, .events = POLLIN},
                                 {.fd = limits.down > 0 ? server : -1, .events = POLLIN}};

        if (poll(ends, 2, -1) < 0)
            return;
        if (ends[0].revents && !forwarder_pass(client, server, &limits.up, false))
            return;
        if (ends[1].revents && !forwarder_pass(server, client, &limits.down, limits.change))
            return;
    }
}

static inline void forwarder_run(int listener, int port, struct forwarder_limits limits)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        int client = accept(listener, NULL, NULL);
        int server = socket(AF_INET, SOCK_STREAM, 0);

        if (client >= 0 && connect(server, (struct sockaddr *)&address, sizeof(address)) == 0)
            forwarder_serve(client, server, limits);
        close(client);
        close(server);
    }
}

/* To `port`, within the limits. */
static inline struct forwarder forwarder_start(int port, struct forwarder_limits limits)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct forwarder forwarder = {0};

    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    forwarder.port = ntohs(address.sin_port);
    forwarder.pid = fork();
    assert_true(forwarder.pid >= 0);
    if (forwarder.pid == 0)
        forwarder_run(listener, port, limits);
    close(listener);
    return forwarder;
}

static inline void forwarder_stop(struct forwarder *forwarder)
{
    kill(forwarder->pid, SIGKILL);
    (void)waitpid(forwarder->pid, NULL, 0);
}
