/* Serves one ZeroMQ socket from the loop: the only user of ZMQ_FD, for fl_zsock and its parts.
 *
 * The descriptor is edge-triggered and any send or receive may use its edge up. So: on wake-up
 * receive until EAGAIN within a budget; after every receive batch and after every send ask
 * ZMQ_EVENTS and, if it still shows input, come back in the loop's next turn; the same once
 * right after registering. */
#pragma once

#include <stdbool.h>

struct event;
struct event_base;

struct fl_zwatch {
    void *socket;
    struct event *readable; /* the descriptor */
    struct event *again;    /* a timer of zero: the next turn, after everyone else had theirs */
    bool (*receive)(void *arg);
    void *arg;
};

/* `receive` takes one message and returns whether there was one. It may stop the watch. The
 * watch starts zeroed. 0 or -ENOMEM; stop it also after a failure. */
int fl_zwatch_start(struct fl_zwatch *watch, struct event_base *base, void *socket,
                    bool (*receive)(void *arg), void *arg);

/* To be called after every send. */
void fl_zwatch_check(struct fl_zwatch *watch);

/* Does not close the socket. */
void fl_zwatch_stop(struct fl_zwatch *watch);
