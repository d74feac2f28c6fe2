#include "proto/runtime/fl_zwatch.h"

#include <errno.h>
#include <event2/event.h>
#include <stddef.h>
#include <zmq.h>

#define BUDGET 256 /* messages of one socket in one turn of the loop */

/* The watch whose receive is running in this thread; NULL once that has stopped it, when its
 * memory may be gone. */
static _Thread_local struct fl_zwatch *serving;

/* Asking ZMQ_EVENTS also lets the socket take in what its I/O thread has told it. An activated
 * event would run in this same turn, before timers and other descriptors; a timer does not. */
void fl_zwatch_check(struct fl_zwatch *watch)
{
    const struct timeval now = {0, 0};
    int events = 0;
    size_t size = sizeof(events);

    if (zmq_getsockopt(watch->socket, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLIN))
        (void)evtimer_add(watch->again, &now);
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct fl_zwatch *watch = arg;

    (void)fd;
    (void)what;
    serving = watch;
    for (int budget = BUDGET; budget > 0 && watch->receive(watch->arg); budget--)
        if (!serving)
            return;
    if (!serving)
        return;
    serving = NULL;
    fl_zwatch_check(watch);
}

int fl_zwatch_start(struct fl_zwatch *watch, struct event_base *base, void *socket,
                    bool (*receive)(void *arg), void *arg)
{
    int fd = -1;
    size_t size = sizeof(fd);

    if (zmq_getsockopt(socket, ZMQ_FD, &fd, &size) < 0)
        return -errno;
    *watch = (struct fl_zwatch){.socket = socket, .receive = receive, .arg = arg};
    watch->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_ready, watch);
    watch->again = evtimer_new(base, on_ready, watch);
    if (!watch->readable || !watch->again || event_add(watch->readable, NULL) < 0)
        return -ENOMEM;
    fl_zwatch_check(watch);
    return 0;
}

void fl_zwatch_stop(struct fl_zwatch *watch)
{
    if (serving == watch)
        serving = NULL;
    if (watch->readable)
        event_free(watch->readable);
    if (watch->again)
        event_free(watch->again);
    *watch = (struct fl_zwatch){0};
}
