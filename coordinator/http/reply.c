/* The head and the body of answers: what every one of them carries is put here once. */
#include "coordinator/http/encode.h"
#include "coordinator/http/route.h"
#include "proto/runtime/fl_clock.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMPRESS_FROM 1024 /* bytes; less fits into one packet anyway */

void reply_header(struct exchange *exchange, const char *name, const char *value)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(exchange->request);

    (void)evhttp_remove_header(headers, name);
    (void)evhttp_add_header(headers, name, value);
}

static void add_unless_there(struct evkeyvalq *headers, const char *name, const char *value)
{
    if (!evhttp_find_header(headers, name))
        (void)evhttp_add_header(headers, name, value);
}

const char *const reply_usual[][2] = {
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cache-Control", "no-cache"},
    {"Vary", "Accept-Encoding, Origin"},
    {NULL, NULL},
};

static void add_head(const struct exchange *exchange, const char *type)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(exchange->request);
    const char *origin = exchange_header(exchange, "Origin");

    add_unless_there(headers, "Content-Type", type);
    if (exchange->policy)
        add_unless_there(headers, "Content-Security-Policy", exchange->policy);
    for (size_t i = 0; reply_usual[i][0]; i++)
        add_unless_there(headers, reply_usual[i][0], reply_usual[i][1]);
    if (http_server_is_secure(exchange->server))
        add_unless_there(headers, "Strict-Transport-Security", REPLY_TRANSPORT_SECURITY);
    if (origin && http_access_cors(http_server_access(exchange->server), origin))
        add_unless_there(headers, "Access-Control-Allow-Origin", origin);
}

const char *reply_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {410, "Gone"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
    };

    for (size_t i = 0; i < FL_COUNT(phrases); i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return status < 400 ? "OK" : "Error";
}

static void finish(struct exchange *exchange, int status, const void *bytes, size_t size)
{
    struct evbuffer *buffer = evhttp_request_get_output_buffer(exchange->request);
    char length[24];

    if (status != HTTP_NOCONTENT && status != HTTP_NOTMODIFIED) {
        (void)snprintf(length, sizeof(length), "%zu", size);
        reply_header(exchange, "Content-Length", length);
        if (!exchange->head)
            (void)evbuffer_add(buffer, bytes, size);
    }
    exchange->on_closed = NULL;
    evhttp_send_reply(exchange->request, status, reply_phrase(status), NULL);
}

void reply_start(struct exchange *exchange, const char *type)
{
    add_head(exchange, type);
    reply_header(exchange, "Cache-Control", "no-store");
    reply_header(exchange, "X-Accel-Buffering", "no");
    evhttp_send_reply_start(exchange->request, HTTP_OK, reply_phrase(HTTP_OK));
}

void reply_body(struct exchange *exchange, const struct reply_body *body)
{
    bool gzip = body->gzip && encode_takes_gzip(exchange_header(exchange, "Accept-Encoding"));

    exchange->policy = body->policy;
    add_head(exchange, body->type);
    reply_header(exchange, "ETag", body->etag);
    if (encode_etag_matches(exchange_header(exchange, "If-None-Match"), body->etag)) {
        finish(exchange, HTTP_NOTMODIFIED, NULL, 0);
        return;
    }
    if (gzip)
        reply_header(exchange, "Content-Encoding", "gzip");
    finish(exchange, HTTP_OK, gzip ? body->gzip : body->plain,
           gzip ? body->gzip_size : body->plain_size);
}

/* `bytes` is taken over. */
static void reply_tagged(struct exchange *exchange, const char *type, char *bytes, size_t size)
{
    bool kept = exchange->route && exchange->route->cache_us > 0;
    struct reply_body body = {.plain = bytes, .plain_size = size, .policy = exchange->policy};

    (void)snprintf(body.type, sizeof(body.type), "%s", type);
    encode_etag(bytes, size, body.etag);
    if (size >= COMPRESS_FROM &&
        (kept || encode_takes_gzip(exchange_header(exchange, "Accept-Encoding"))))
        body.gzip = encode_gzip(bytes, size, &body.gzip_size);
    reply_body(exchange, &body);
    if (kept)
        reply_cache_put(http_server_cache(exchange->server),
                        evhttp_request_get_uri(exchange->request),
                        fl_clock_monotonic() + exchange->route->cache_us, &body);
    reply_body_done(&body);
}

void reply_bytes(struct exchange *exchange, int status, const char *type, const void *bytes,
                 size_t size)
{
    char *copy = NULL;

    if (status == HTTP_OK && evhttp_request_get_command(exchange->request) != EVHTTP_REQ_POST)
        copy = malloc(size ? size : 1);
    if (copy) {
        memcpy(copy, bytes, size);
        reply_tagged(exchange, type, copy, size);
        return;
    }
    add_head(exchange, type);
    finish(exchange, status, bytes, size);
}

static void reply_dumped(struct exchange *exchange, int status, const char *type, json_t *body)
{
    static const char no_memory[] = "{\"title\":\"Internal Server Error\",\"status\":500,"
                                    "\"detail\":\"no memory\"}";
    char *text = NULL;

    if (body && encode_times(body) == 0)
        text = json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(6));
    json_decref(body);
    if (!text) {
        reply_bytes(exchange, HTTP_INTERNAL, "application/problem+json", no_memory,
                    strlen(no_memory));
        return;
    }
    reply_bytes(exchange, status, type, text, strlen(text));
    free(text);
}

void reply_json(struct exchange *exchange, int status, json_t *body)
{
    reply_dumped(exchange, status, "application/json", body);
}

void reply_error(struct exchange *exchange, int status, const char *format, ...)
{
    char sentence[1024];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    reply_header(exchange, "Cache-Control", "no-store");
    reply_dumped(exchange, status, "application/problem+json",
                 json_pack("{s:s, s:s, s:i, s:s}", "type", "about:blank", "title",
                           reply_phrase(status), "status", status, "detail", sentence));
}
