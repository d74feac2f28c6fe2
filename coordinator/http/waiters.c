/* evhttp does not read while an answer is owed, so it would not notice who hangs up meanwhile:
 * the descriptor is watched here for that alone. */
#include "coordinator/http/waiters.h"

#include "coordinator/http/http_connections.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdlib.h>

struct waiter {
    LIST_ENTRY(waiter) entry;
    struct waiters *all;
    struct exchange *exchange;
    struct event *timer, *hangup;
    uint64_t after;
};

LIST_HEAD(waiter_list, waiter);

struct waiters {
    struct event_base *base;
    waiters_answer_cb answer;
    struct waiter_list list;
    size_t n;
};

int waiters_new(struct event_base *base, waiters_answer_cb answer, struct waiters **ret)
{
    struct waiters *waiters = calloc(1, sizeof(*waiters));

    if (!waiters)
        return -ENOMEM;
    waiters->base = base;
    waiters->answer = answer;
    LIST_INIT(&waiters->list);
    *ret = waiters;
    return 0;
}

/* Free the place; the exchange is then nobody's here. */
static void leave(struct waiter *waiter)
{
    waiter->exchange->on_closed = NULL;
    waiter->all->n--;
    LIST_REMOVE(waiter, entry);
    if (waiter->timer)
        event_free(waiter->timer);
    if (waiter->hangup)
        event_free(waiter->hangup);
    free(waiter);
}

struct waiters *waiters_free(struct waiters *waiters)
{
    if (!waiters)
        return NULL;
    while (!LIST_EMPTY(&waiters->list))
        leave(LIST_FIRST(&waiters->list));
    free(waiters);
    return NULL;
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
    struct waiter *waiter = arg;
    struct exchange *exchange = waiter->exchange;
    struct waiters *all = waiter->all;
    uint64_t after = waiter->after;

    (void)fd;
    (void)what;
    leave(waiter);
    (void)all->answer(exchange, after, true);
}

static void on_closed(struct exchange *exchange, void *arg)
{
    (void)exchange;
    leave(arg);
}

static void on_hangup(evutil_socket_t fd, short what, void *arg)
{
    const struct waiter *waiter = arg;

    (void)fd;
    (void)what;
    evhttp_connection_free(waiter->exchange->connection->evhttp); /* which comes to on_closed */
}

static int watch(struct waiter *waiter, int64_t wait_us)
{
    const struct timeval at = {wait_us / FL_SECOND, wait_us % FL_SECOND};
    struct event_base *base = waiter->all->base;

    waiter->timer = event_new(base, -1, 0, on_timeout, waiter);
    waiter->hangup =
        event_new(base, waiter->exchange->connection->fd, EV_CLOSED, on_hangup, waiter);
    if (waiter->timer && waiter->hangup && event_add(waiter->timer, &at) == 0 &&
        event_add(waiter->hangup, NULL) == 0)
        return 0;
    return -ENOMEM;
}

void waiters_add(struct waiters *waiters, struct exchange *exchange, uint64_t after,
                 int64_t wait_us)
{
    struct waiter *waiter = waiters->n < WAITERS_MAX ? calloc(1, sizeof(*waiter)) : NULL;
    int r;

    if (!waiter) {
        reply_error(exchange, HTTP_SERVUNAVAIL,
                    "%zu wait already, which is the most; try again later", waiters->n);
        return;
    }
    waiter->all = waiters;
    waiter->exchange = exchange;
    waiter->after = after;
    waiters->n++;
    LIST_INSERT_HEAD(&waiters->list, waiter, entry);
    exchange->on_closed = on_closed;
    exchange->on_closed_arg = waiter;
    r = watch(waiter, wait_us);
    if (r == 0)
        return;
    leave(waiter);
    reply_error(exchange, HTTP_SERVUNAVAIL, "no memory for one more who waits");
}

void waiters_wake(struct waiters *waiters)
{
    struct waiter *next;

    for (struct waiter *waiter = LIST_FIRST(&waiters->list); waiter; waiter = next) {
        struct exchange *exchange = waiter->exchange;
        uint64_t after = waiter->after;

        /* an answer ends the exchange, so its place is free before */
        next = LIST_NEXT(waiter, entry);
        exchange->on_closed = NULL;
        if (waiters->answer(exchange, after, false))
            leave(waiter);
        else
            exchange->on_closed = on_closed;
    }
}

size_t waiters_count(const struct waiters *waiters)
{
    return waiters->n;
}
