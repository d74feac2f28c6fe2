/* evhttp does not read while an answer is owed, so it would not notice who hangs up meanwhile:
 * the descriptor is watched here for that alone. */
#include "coordinator/http/event_waiters.h"

#include "coordinator/http/route.h"
#include "coordinator/trace/verdict_json.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdlib.h>

struct waiter {
    struct event_waiters *all; /* NULL: this place is free */
    struct evhttp_request *request;
    struct event *timer, *hangup;
    uint64_t after;
};

struct event_waiters {
    struct coordinator *coordinator;
    struct event_base *base;
    struct waiter places[EVENT_WAITERS_MAX];
};

int event_waiters_new(struct coordinator *coordinator, struct event_base *base,
                      struct event_waiters **ret)
{
    struct event_waiters *waiters = calloc(1, sizeof(*waiters));

    if (!waiters)
        return -ENOMEM;
    waiters->coordinator = coordinator;
    waiters->base = base;
    *ret = waiters;
    return 0;
}

/* Free the place; returns the request, which then is nobody's here. */
static struct evhttp_request *leave(struct waiter *waiter)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(waiter->request);

    if (connection)
        evhttp_connection_set_closecb(connection, NULL, NULL);
    event_free(waiter->timer);
    event_free(waiter->hangup);
    waiter->all = NULL;
    return waiter->request;
}

struct event_waiters *event_waiters_free(struct event_waiters *waiters)
{
    if (!waiters)
        return NULL;
    for (size_t i = 0; i < EVENT_WAITERS_MAX; i++)
        if (waiters->places[i].all)
            (void)leave(&waiters->places[i]);
    free(waiters);
    return NULL;
}

static json_t *events_json(const struct coordinator *coordinator, uint64_t after)
{
    uint64_t newest = coordinator_newest_event(coordinator), number = after + 1;
    json_t *array = json_array();

    if (newest - after > COORDINATOR_EVENTS)
        number = newest - COORDINATOR_EVENTS + 1;
    for (; array && after < newest && number <= newest; number++) {
        json_t *event = verdict_event_json(coordinator_event(coordinator, number));

        if (json_object_set_new(event, "seq", json_integer((json_int_t)number)) < 0 ||
            json_array_append_new(array, event) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

void event_waiters_answer(struct coordinator *coordinator, struct evhttp_request *request,
                          uint64_t after)
{
    reply_json(request, HTTP_OK,
               json_pack("{s:I, s:o}", "seq", (json_int_t)coordinator_newest_event(coordinator),
                         "events", events_json(coordinator, after)));
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
    struct waiter *waiter = arg;
    struct coordinator *coordinator = waiter->all->coordinator;
    uint64_t after = waiter->after;

    (void)fd;
    (void)what;
    event_waiters_answer(coordinator, leave(waiter), after);
}

static void on_close(struct evhttp_connection *connection, void *arg)
{
    (void)connection;
    (void)leave(arg); /* the request goes with its connection */
}

static void on_hangup(evutil_socket_t fd, short what, void *arg)
{
    struct waiter *waiter = arg;

    (void)fd;
    (void)what;
    evhttp_connection_free(evhttp_request_get_connection(leave(waiter)));
}

static int watch(struct waiter *waiter, struct event_base *base,
                 struct evhttp_connection *connection, int64_t wait_us)
{
    struct timeval at = {wait_us / FL_SECOND, wait_us % FL_SECOND};
    evutil_socket_t fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection));

    waiter->timer = event_new(base, -1, 0, on_timeout, waiter);
    waiter->hangup = event_new(base, fd, EV_CLOSED, on_hangup, waiter);
    if (waiter->timer && waiter->hangup && event_add(waiter->timer, &at) == 0 &&
        event_add(waiter->hangup, NULL) == 0)
        return 0;
    if (waiter->timer)
        event_free(waiter->timer);
    if (waiter->hangup)
        event_free(waiter->hangup);
    return -ENOMEM;
}

int event_waiters_add(struct event_waiters *waiters, struct evhttp_request *request, uint64_t after,
                      int64_t wait_us)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    struct waiter *waiter = waiters->places;

    while (waiter < waiters->places + EVENT_WAITERS_MAX && waiter->all)
        waiter++;
    if (waiter == waiters->places + EVENT_WAITERS_MAX)
        return -E2BIG;
    if (watch(waiter, waiters->base, connection, wait_us) < 0)
        return -ENOMEM;
    waiter->all = waiters;
    waiter->request = request;
    waiter->after = after;
    evhttp_connection_set_closecb(connection, on_close, waiter);
    return 0;
}

void event_waiters_wake(struct event_waiters *waiters)
{
    for (size_t i = 0; i < EVENT_WAITERS_MAX; i++) {
        struct waiter *waiter = &waiters->places[i];

        if (waiter->all && waiter->after < coordinator_newest_event(waiters->coordinator))
            event_waiters_answer(waiters->coordinator, leave(waiter), waiter->after);
    }
}
