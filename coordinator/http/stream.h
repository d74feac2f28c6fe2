/* Server-sent events: an event is written down once, and every reader is given the same bytes.
 * Who reads too slowly is let go; its browser comes back and says what it had. */
#pragma once

#include "coordinator/http/exchange.h"

#define STREAM_BACKLOG (256 << 10)        /* bytes that one reader may leave unread */
#define STREAM_HEARTBEAT (15 * FL_SECOND) /* so that the dead are noticed, and proxies stay */

struct stream;
struct event_base;

struct stream_stats {
    uint64_t joined, events; /* since start */
    uint64_t dropped;        /* readers that were too slow */
    size_t readers;          /* now */
};

int stream_new(struct event_base *base, struct stream **ret);
/* The server's connections must be closed by then. */
struct stream *stream_free(struct stream *stream);
FL_DEFINE_FREEP(struct stream, stream)

/* The exchange becomes a reader of the stream until it hangs up; it needs HTTP/1.1. What
 * stream_send gives it comes before the next event. False: a problem was answered instead. */
bool stream_join(struct stream *stream, struct exchange *exchange);
/* To one reader, just after it joined. */
void stream_send(struct exchange *exchange, const char *type, uint64_t id, const char *data);
/* To all. `data` is one line; `id` comes back from who comes back, as Last-Event-ID; 0: none. */
void stream_publish(struct stream *stream, const char *type, uint64_t id, const char *data);
void stream_stats(const struct stream *stream, struct stream_stats *ret);
