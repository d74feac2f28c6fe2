/* A listener on loopback in a child, which treats each connection badly in one way. */
#pragma once

#include "tests/support/server.h"

#include <poll.h>
#include <sys/prctl.h>

enum bad_way {
    BAD_SILENT, /* says its text, then nothing any more */
    BAD_CLOSES, /* says its text and closes */
    BAD_RESETS, /* says its text and resets */
    BAD_DRIPS,  /* a byte every 50 ms, for ever; the text again and again */
    BAD_FLOODS, /* its text again and again, as fast as it goes */
};

struct bad_server {
    pid_t pid;
    int port;
    char address[32];
};

static inline void bad_say(int fd, const char *text, size_t size, enum bad_way way)
{
    const struct timespec pause = {0, 50 * 1000 * 1000};

    do {
        const size_t step = way == BAD_DRIPS ? 1 : size;

        for (size_t at = 0; at < size; at += step) {
            if (send(fd, text + at, step, MSG_NOSIGNAL) < 0)
                return;
            if (way == BAD_DRIPS)
                nanosleep(&pause, NULL);
        }
    } while (size > 0 && (way == BAD_DRIPS || way == BAD_FLOODS));
}

static inline void bad_serve(int listener, const char *text, size_t size, enum bad_way way)
{
    for (;;) {
        const struct linger hard = {1, 0};
        int fd = accept(listener, NULL, NULL);

        bad_say(fd, text, size, way);
        if (way == BAD_CLOSES || way == BAD_RESETS) /* once the connection was seen */
            (void)poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 100);
        if (way == BAD_RESETS)
            (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        if (way != BAD_SILENT)
            close(fd);
    }
}

static inline void bad_server_start(struct bad_server *server, enum bad_way way, const char *text,
                                    size_t size)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t at_size = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, at_size), 0);
    assert_int_equal(listen(listener, 64), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &at_size), 0);
    server->port = ntohs(at.sin_port);
    (void)snprintf(server->address, sizeof(server->address), "127.0.0.1:%d", server->port);
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        bad_serve(listener, text, size, way);
    }
    close(listener);
}

static inline void bad_server_stop(struct bad_server *server)
{
    if (server->pid <= 0)
        return;
    (void)kill(server->pid, SIGKILL);
    (void)waitpid(server->pid, NULL, 0);
    server->pid = 0;
}
