/* A listener that says some bytes to the first who connects, and closes. A child of the test. */
#pragma once

#include "tests/support/server.h"

#include <sys/prctl.h>

/* `port` receives where it listens. End it with server_stop. */
static inline pid_t says_start(const char *bytes, int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pid_t pid;

    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char greeting[4096];
        int peer;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        peer = accept(listener, NULL, NULL);
        (void)!recv(peer, greeting, sizeof(greeting), 0); /* unread bytes would make it a reset */
        (void)!write(peer, bytes, strlen(bytes));
        _exit(0); /* closes */
    }
    close(listener);
    return pid;
}
