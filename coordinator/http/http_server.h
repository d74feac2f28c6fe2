/* The HTTP side: the JSON API, its streams and the pages, on one address, one table of routes.
 * Connections, requests, their sizes and their rate are bounded. */
#pragma once

#include "coordinator/coordinator.h"
#include "coordinator/http/http_access.h"
#include "coordinator/http/http_connections.h"
#include "coordinator/http/reply_cache.h"
#include "coordinator/http/stream.h"
#include "coordinator/http/timeline.h"
#include "coordinator/http/waiters.h"
#include "coordinator/status/status_page.h"

#include <stdint.h>

struct http_server;

/* What one may follow as server-sent events. */
enum http_stream {
    HTTP_STREAM_VERDICTS,  /* what opens, changes and closes */
    HTTP_STREAM_PAGE,      /* news of the status page */
    HTTP_STREAM_MATRIX,    /* what each agent sees, every second */
    HTTP_STREAM_DECISIONS, /* each change of a group's zone */
    HTTP_STREAMS
};

/* What one may wait for. */
enum http_wait {
    HTTP_WAIT_EVENTS,    /* the next verdict event */
    HTTP_WAIT_DECISIONS, /* the next change in a group, or in any */
    HTTP_WAIT_ASKS,      /* more of what agents were asked */
    HTTP_WAIT_PROBES,    /* what they were asked for a scrape */
    HTTP_WAITS
};

struct http_stats {
    uint64_t requests, limited, unauthorized; /* since start */
    struct http_connections_stats connections;
    struct stream_stats streams[HTTP_STREAMS];
    size_t waiting;
};

/* Port 0 takes any free one. Becomes the listener of the coordinator's events. */
int http_server_new(struct coordinator *coordinator, struct event_base *base, const char *address,
                    struct http_server **ret, struct fl_error *err);
struct http_server *http_server_free(struct http_server *server);
FL_DEFINE_FREEP(struct http_server, http_server)

/* Read tokens and certificate again, after the coordinator has read its configuration again.
 * When that fails, those of before stay. */
int http_server_reload(struct http_server *server, struct fl_error *err);

uint16_t http_server_port(const struct http_server *server);
void http_server_stats(const struct http_server *server, struct http_stats *ret);
struct stream *http_server_stream(struct http_server *server, enum http_stream which);
struct waiters *http_server_waiters(struct http_server *server, enum http_wait which);
const struct http_access *http_server_access(const struct http_server *server);
struct status_page *http_server_page(const struct http_server *server);
struct timeline *http_server_timeline(const struct http_server *server);
struct reply_cache *http_server_cache(struct http_server *server);
bool http_server_is_secure(const struct http_server *server);
