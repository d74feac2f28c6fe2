/* A real server as a child of the test: started on a free loopback port, waited for until it
 * listens, ended with the test. */
#pragma once

#include "tests/support/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static inline int server_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static inline bool server_listens(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = connect(fd, (struct sockaddr *)&address, sizeof(address));

    close(fd);
    return r == 0;
}

static inline void server_pause(void)
{
    const struct timespec pause = {0, 5 * 1000 * 1000};

    nanosleep(&pause, NULL);
}

static inline pid_t server_spawn(char *const argv[])
{
    pid_t pid;
    int r = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);

    if (r != 0)
        fail_msg("cannot start %s: %s; install its package", argv[0], strerror(r));
    return pid;
}

static inline void server_wait_port(pid_t pid, int port)
{
    for (int i = 0; i < 2000 && !server_listens(port); i++) {
        if (waitpid(pid, NULL, WNOHANG) == pid)
            fail_msg("the server ended before it listened on port %d", port);
        server_pause();
    }
    assert_true(server_listens(port));
}

static inline void server_stop(pid_t pid)
{
    if (pid <= 0)
        return;
    kill(pid, SIGCONT);
    kill(pid, SIGTERM);
    for (int i = 0; i < 400; i++) {
        if (waitpid(pid, NULL, WNOHANG) == pid)
            return;
        server_pause();
    }
    kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

/* Stopped as by a debugger: its kernel still accepts and acknowledges, it answers nothing. */
static inline void server_freeze(pid_t pid)
{
    int status;

    assert_int_equal(kill(pid, SIGSTOP), 0);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
}
