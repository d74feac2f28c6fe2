#include "coordinator/http/http_connections.h"

#include "coordinator/http/http_failure.h"
#include "proto/runtime/fl_clock.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdlib.h>
#include <string.h>

#define MAX_EXPECTED 4096 /* more than one turn of the loop ever accepts */

TAILQ_HEAD(connection_list, http_connection);

struct http_connections {
    struct event *adopt, *sweep, *replace;
    struct bufferevent *expected[MAX_EXPECTED];
    size_t n_expected;
    struct connection_list waiting, busy, failed;
    struct http_connection **by_fd;
    size_t n_fds;
    uint32_t max;
    struct http_connections_stats stats;
};

static struct bufferevent *stream_of(const struct evhttp_connection *evhttp)
{
    /* evhttp only forgot to say const */
    return evhttp_connection_get_bufferevent((struct evhttp_connection *)evhttp);
}

static int fd_of(const struct evhttp_connection *evhttp)
{
    return bufferevent_getfd(stream_of(evhttp));
}

/* The place for a descriptor; NULL: no memory, or it is none. */
static struct http_connection **place_of(struct http_connections *all, int fd)
{
    size_t wanted = fd < 0 ? 0 : (size_t)fd + 1, n = all->n_fds ? all->n_fds : 64;
    struct http_connection **larger;

    while (n < wanted)
        n *= 2;
    if (n != all->n_fds) {
        larger = realloc(all->by_fd, n * sizeof(struct http_connection *));
        if (!larger)
            return NULL;
        memset(larger + all->n_fds, 0, (n - all->n_fds) * sizeof(struct http_connection *));
        all->by_fd = larger;
        all->n_fds = n;
    }
    return wanted ? &all->by_fd[fd] : NULL;
}

static void forget(struct http_connection *connection)
{
    struct http_connections *all = connection->all;

    all->by_fd[connection->fd] = NULL;
    if (connection->failed)
        TAILQ_REMOVE(&all->failed, connection, failed_entry);
    TAILQ_REMOVE(connection->busy ? &all->busy : &all->waiting, connection, entry);
    all->stats.now--;
    free(connection);
}

static void on_close(struct evhttp_connection *evhttp, void *arg)
{
    struct http_connection *connection = arg;

    (void)evhttp;
    exchange_closed(&connection->exchange);
    forget(connection);
}

/* evhttp writes with no request of ours: once it is through, and before any of it is sent, its
 * answer is replaced. */
static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
    struct http_connection *connection = arg;
    struct http_connections *all = connection->all;

    (void)output;
    if (info->n_added == 0 || connection->failed)
        return;
    connection->failed = true;
    TAILQ_INSERT_TAIL(&all->failed, connection, failed_entry);
    event_active(all->replace, EV_TIMEOUT, 0);
}

static void on_replace(evutil_socket_t fd, short what, void *arg)
{
    struct http_connections *all = arg;
    struct http_connection *connection;

    (void)fd;
    (void)what;
    while ((connection = TAILQ_FIRST(&all->failed))) {
        struct bufferevent *stream = stream_of(connection->evhttp);

        http_failure_answer(bufferevent_get_output(stream),
                            bufferevent_openssl_get_ssl(stream) != NULL);
        TAILQ_REMOVE(&all->failed, connection, failed_entry);
        connection->failed = false;
    }
}

/* True: there is room for one more. */
static bool make_room(struct http_connections *all)
{
    struct http_connection *idle = TAILQ_FIRST(&all->waiting);

    if (all->stats.now < all->max)
        return true;
    if (!idle)
        return false;
    all->stats.evicted++;
    evhttp_connection_free(idle->evhttp);
    return true;
}

static void adopt(struct http_connections *all, struct evhttp_connection *evhttp)
{
    struct http_connection **place = make_room(all) ? place_of(all, fd_of(evhttp)) : NULL;
    struct http_connection *connection = place ? calloc(1, sizeof(*connection)) : NULL;

    all->stats.accepted++;
    if (connection)
        connection->watch =
            evbuffer_add_cb(bufferevent_get_output(stream_of(evhttp)), on_output, connection);
    if (!connection || !connection->watch) {
        all->stats.refused++;
        evhttp_connection_free(evhttp);
        free(connection);
        return;
    }
    connection->all = all;
    connection->evhttp = evhttp;
    connection->fd = fd_of(evhttp);
    *place = connection;
    connection->since_us = fl_clock_monotonic();
    evhttp_connection_set_closecb(evhttp, on_close, connection);
    TAILQ_INSERT_TAIL(&all->waiting, connection, entry);
    if (++all->stats.now > all->stats.most)
        all->stats.most = all->stats.now;
}

/* evhttp has put its connection behind the callbacks; one that failed meanwhile has none left. */
static void on_adopt(evutil_socket_t fd, short what, void *arg)
{
    struct http_connections *all = arg;

    (void)fd;
    (void)what;
    for (size_t i = 0; i < all->n_expected; i++) {
        bufferevent_event_cb callback = NULL;
        void *evhttp = NULL;

        bufferevent_getcb(all->expected[i], NULL, NULL, &callback, &evhttp);
        bufferevent_decref(all->expected[i]);
        if (callback)
            adopt(all, evhttp);
    }
    all->n_expected = 0;
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct http_connections *all = arg;
    int64_t before = fl_clock_monotonic() - HTTP_REQUEST_TIME;
    struct http_connection *connection;

    (void)fd;
    (void)what;
    while ((connection = TAILQ_FIRST(&all->waiting)) && connection->since_us < before) {
        all->stats.overdue++;
        evhttp_connection_free(connection->evhttp);
    }
}

int http_connections_new(struct event_base *base, uint32_t max, struct http_connections **ret)
{
    FL_CLEANUP(http_connections_freep)
    struct http_connections *all = calloc(1, sizeof(*all));
    const struct timeval second = {1, 0};

    if (!all)
        return -ENOMEM;
    TAILQ_INIT(&all->waiting);
    TAILQ_INIT(&all->busy);
    TAILQ_INIT(&all->failed);
    all->max = max;
    all->adopt = event_new(base, -1, 0, on_adopt, all);
    all->sweep = event_new(base, -1, EV_PERSIST, on_sweep, all);
    all->replace = event_new(base, -1, 0, on_replace, all);
    if (!all->adopt || !all->sweep || !all->replace || event_add(all->sweep, &second) < 0)
        return -ENOMEM;
    *ret = FL_TAKE(all);
    return 0;
}

struct http_connections *http_connections_free(struct http_connections *all)
{
    if (!all)
        return NULL;
    if (all->adopt)
        event_free(all->adopt);
    if (all->sweep)
        event_free(all->sweep);
    if (all->replace)
        event_free(all->replace);
    for (size_t i = 0; i < all->n_expected; i++)
        bufferevent_decref(all->expected[i]);
    free(all->by_fd);
    free(all);
    return NULL;
}

void http_connections_expect(struct http_connections *all, struct bufferevent *bufferevent)
{
    if (all->n_expected == MAX_EXPECTED)
        on_adopt(-1, 0, all);
    bufferevent_incref(bufferevent);
    all->expected[all->n_expected++] = bufferevent;
    event_active(all->adopt, EV_TIMEOUT, 0);
}

struct http_connection *http_connections_find(const struct http_connections *all,
                                              const struct evhttp_connection *evhttp)
{
    int fd = fd_of(evhttp);

    return fd >= 0 && (size_t)fd < all->n_fds ? all->by_fd[fd] : NULL;
}

static void move(struct http_connection *connection, bool busy)
{
    struct http_connections *all = connection->all;
    struct evbuffer *output = bufferevent_get_output(stream_of(connection->evhttp));

    if (busy)
        (void)evbuffer_cb_clear_flags(output, connection->watch, EVBUFFER_CB_ENABLED);
    else
        (void)evbuffer_cb_set_flags(output, connection->watch, EVBUFFER_CB_ENABLED);
    TAILQ_REMOVE(connection->busy ? &all->busy : &all->waiting, connection, entry);
    connection->busy = busy;
    connection->since_us = fl_clock_monotonic();
    TAILQ_INSERT_TAIL(busy ? &all->busy : &all->waiting, connection, entry);
}

void http_connection_busy(struct http_connection *connection)
{
    move(connection, true);
}

void http_connection_idle(struct http_connection *connection)
{
    move(connection, false);
}

void http_connections_stats(const struct http_connections *all, struct http_connections_stats *ret)
{
    *ret = all->stats;
}
