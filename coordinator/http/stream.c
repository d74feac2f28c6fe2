#include "coordinator/http/stream.h"

#include "coordinator/http/http_connections.h"
#include "coordinator/http/http_server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MAX_INPUT 1024 /* nothing is expected from a reader */
#define WRITE_S 30     /* who takes no byte for so long is gone */

struct reader {
    LIST_ENTRY(reader) entry;
    struct stream *stream;
    struct exchange *exchange;
};

LIST_HEAD(reader_list, reader);

struct stream {
    struct event *heartbeat;
    struct reader_list readers;
    struct stream_stats stats;
};

/* An event as it goes over the wire, one chunk of HTTP/1.1, shared by all who have yet to take
 * it. */
struct block {
    size_t references, size;
    char bytes[];
};

static void block_release(struct block *block)
{
    if (--block->references == 0)
        free(block);
}

static void on_sent(const void *bytes, size_t size, void *arg)
{
    (void)bytes;
    (void)size;
    block_release(arg);
}

/* The caller's with one reference; NULL: no memory. */
static struct block *block_new(const char *type, uint64_t id, const char *data)
{
    char number[32] = "", head[24];
    size_t size, room = strlen(type) + strlen(data) + 128;
    struct block *block = malloc(sizeof(*block) + room);

    if (!block)
        return NULL;
    if (id)
        (void)snprintf(number, sizeof(number), "id: %" PRIu64 "\n", id);
    size =
        strlen("event: \n") + strlen(type) + strlen(number) + strlen("data: \n\n") + strlen(data);
    (void)snprintf(head, sizeof(head), "%zx\r\n", size);
    block->references = 1;
    block->size = (size_t)snprintf(block->bytes, room, "%sevent: %s\n%sdata: %s\n\n\r\n", head,
                                   type, number, data);
    return block;
}

static struct block *heartbeat_new(void)
{
    static const char text[] = "3\r\n:\n\n\r\n";
    struct block *block = malloc(sizeof(*block) + sizeof(text));

    if (!block)
        return NULL;
    block->references = 1;
    block->size = strlen(text);
    memcpy(block->bytes, text, sizeof(text));
    return block;
}

static void leave(struct reader *reader)
{
    reader->exchange->on_closed = NULL;
    reader->stream->stats.readers--;
    LIST_REMOVE(reader, entry);
    free(reader);
}

static void on_closed(struct exchange *exchange, void *arg)
{
    (void)exchange;
    leave(arg);
}

/* Straight into the socket when nothing waits before it, which spares the loop two turns a
 * reader; what the socket does not take goes by way of the buffer, without being copied. */
static bool give(const struct exchange *exchange, struct block *block)
{
    struct bufferevent *bufferevent =
        evhttp_connection_get_bufferevent(exchange->connection->evhttp);
    struct evbuffer *output = bufferevent_get_output(bufferevent);
    size_t waiting = evbuffer_get_length(output), sent = 0;

    if (waiting > STREAM_BACKLOG)
        return false;
    if (waiting == 0 && !http_server_is_secure(exchange->server)) {
        ssize_t n =
            send(exchange->connection->fd, block->bytes, block->size, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        sent = n > 0 ? (size_t)n : 0;
    }
    if (sent == block->size)
        return true;
    block->references++;
    if (evbuffer_add_reference(output, block->bytes + sent, block->size - sent, on_sent, block) ==
        0)
        return true;
    block_release(block);
    return false;
}

static void give_all(struct stream *stream, struct block *block)
{
    struct reader *next;

    for (struct reader *reader = LIST_FIRST(&stream->readers); reader; reader = next) {
        next = LIST_NEXT(reader, entry);
        if (give(reader->exchange, block))
            continue;
        stream->stats.dropped++;
        evhttp_connection_free(reader->exchange->connection->evhttp); /* comes to on_closed */
    }
    block_release(block);
}

static void on_heartbeat(evutil_socket_t fd, short what, void *arg)
{
    struct block *block = heartbeat_new();

    (void)fd;
    (void)what;
    if (block)
        give_all(arg, block);
}

int stream_new(struct event_base *base, struct stream **ret)
{
    FL_CLEANUP(stream_freep) struct stream *stream = calloc(1, sizeof(*stream));
    const struct timeval every = {STREAM_HEARTBEAT / FL_SECOND, 0};

    if (!stream)
        return -ENOMEM;
    LIST_INIT(&stream->readers);
    stream->heartbeat = event_new(base, -1, EV_PERSIST, on_heartbeat, stream);
    if (!stream->heartbeat || event_add(stream->heartbeat, &every) < 0)
        return -ENOMEM;
    *ret = FL_TAKE(stream);
    return 0;
}

struct stream *stream_free(struct stream *stream)
{
    if (!stream)
        return NULL;
    while (!LIST_EMPTY(&stream->readers))
        leave(LIST_FIRST(&stream->readers));
    if (stream->heartbeat)
        event_free(stream->heartbeat);
    free(stream);
    return NULL;
}

bool stream_join(struct stream *stream, struct exchange *exchange)
{
    struct bufferevent *bufferevent =
        evhttp_connection_get_bufferevent(exchange->connection->evhttp);
    const struct timeval patience = {WRITE_S, 0};
    struct reader *reader;

    if (!exchange_is_1_1(exchange)) {
        reply_error(exchange, HTTP_BADREQUEST, "events are sent over HTTP/1.1 only");
        return false;
    }
    reader = calloc(1, sizeof(*reader));
    if (!reader) {
        reply_error(exchange, HTTP_SERVUNAVAIL, "no memory for one more reader");
        return false;
    }
    reader->stream = stream;
    reader->exchange = exchange;
    LIST_INSERT_HEAD(&stream->readers, reader, entry);
    stream->stats.joined++;
    stream->stats.readers++;
    exchange->on_closed = on_closed;
    exchange->on_closed_arg = reader;
    reply_start(exchange, "text/event-stream");
    (void)bufferevent_set_timeouts(bufferevent, NULL, &patience);
    bufferevent_setwatermark(bufferevent, EV_READ, 0, MAX_INPUT);
    return true;
}

void stream_send(struct exchange *exchange, const char *type, uint64_t id, const char *data)
{
    struct block *block = block_new(type, id, data);

    if (!block)
        return; /* the next event says all that counts, or the next one after that */
    (void)give(exchange, block);
    block_release(block);
}

void stream_publish(struct stream *stream, const char *type, uint64_t id, const char *data)
{
    struct block *block = LIST_EMPTY(&stream->readers) ? NULL : block_new(type, id, data);

    stream->stats.events++;
    if (block)
        give_all(stream, block);
}

void stream_stats(const struct stream *stream, struct stream_stats *ret)
{
    *ret = stream->stats;
}
