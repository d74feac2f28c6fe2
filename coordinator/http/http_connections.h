/* Every connection of the server, from its first byte to its close: how many there may be, how
 * long one may take to say what it wants, and who makes room when all places are taken.
 *
 * libevent 2.1 tells of a connection only with its first whole request; to bound those that never
 * get that far, each is taken over here right after it was accepted. */
#pragma once

#include "coordinator/http/exchange.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define HTTP_REQUEST_TIME (15 * FL_SECOND) /* to say one request, or nothing between two */

struct bufferevent;
struct event_base;
struct evhttp_connection;
struct http_connections;

struct http_connection {
    TAILQ_ENTRY(http_connection) entry; /* in order of `since_us` while it waits for a request */
    struct http_connections *all;
    struct evhttp_connection *evhttp;
    int fd;
    struct evbuffer_cb_entry *watch; /* of what is written while no request is being answered */
    TAILQ_ENTRY(http_connection) failed_entry;
    int64_t since_us; /* monotonic; of the state that it is in */
    bool busy;        /* a request is being answered */
    bool failed;      /* evhttp answered by itself */
    struct exchange exchange;
};

struct http_connections_stats {
    uint64_t accepted; /* since start */
    uint64_t refused;  /* closed at once since every place was busy */
    uint64_t evicted;  /* closed while idle to make room */
    uint64_t overdue;  /* closed since the request did not come in time */
    uint32_t now, most;
};

int http_connections_new(struct event_base *base, uint32_t max, struct http_connections **ret);
/* The server's connections must be closed by then. */
struct http_connections *http_connections_free(struct http_connections *all);
FL_DEFINE_FREEP(struct http_connections, http_connections)

/* A bufferevent that the server was given for a connection that it has just accepted. */
void http_connections_expect(struct http_connections *all, struct bufferevent *bufferevent);
/* The connection on which a request came; NULL: it was closed meanwhile. */
struct http_connection *http_connections_find(const struct http_connections *all,
                                              const struct evhttp_connection *evhttp);
/* A request is being answered; it has been answered. */
void http_connection_busy(struct http_connection *connection);
void http_connection_idle(struct http_connection *connection);

void http_connections_stats(const struct http_connections *all, struct http_connections_stats *ret);
