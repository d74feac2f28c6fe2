/* One request on its way to its answer. What a handler is given, what it may ask of the request,
 * and how it answers. It lives until the answer is sent or the connection is gone. */
#pragma once

#include "coordinator/coordinator.h"
#include "coordinator/http/http_access.h"

#include <event2/keyvalq_struct.h>
#include <jansson.h>

#define EXCHANGE_PATH_SIZE 512
#define EXCHANGE_PARAMETERS 3

struct evhttp_request;
struct http_connection;
struct http_server;
struct reply_body;
struct route;

struct exchange {
    struct http_server *server;
    struct coordinator *coordinator;
    struct http_connection *connection;
    struct evhttp_request *request; /* NULL: none is open */
    const struct route *route;
    char path[EXCHANGE_PATH_SIZE];               /* decoded; the parameters lie in it */
    const char *parameters[EXCHANGE_PARAMETERS]; /* what stood for {...}, in order; else "" */
    struct evkeyvalq query;
    enum api_scope granted;
    const char *policy; /* Content-Security-Policy of a page, static; NULL: nothing is let */
    bool head;          /* HEAD: the answer without its body */

    /* While an answer is owed: the connection is gone. */
    void (*on_closed)(struct exchange *exchange, void *arg);
    void *on_closed_arg;
};

/* Answer and be done with it: exactly once an exchange. `body` is taken over; NULL for want of
 * memory is said as 500. Times in fields ending in _us get a field with RFC 3339 beside them. */
void reply_json(struct exchange *exchange, int status, json_t *body);
/* A problem as RFC 9457 has it; the sentence is its detail. */
void reply_error(struct exchange *exchange, int status, const char *format, ...) FL_PRINTF(3, 4);
/* Any body (copied), with its media type. */
void reply_bytes(struct exchange *exchange, int status, const char *type, const void *bytes,
                 size_t size);
/* Begin an answer whose body is then written to the connection in chunks, until it hangs up. */
void reply_start(struct exchange *exchange, const char *type);
/* A field of the answer's head, before the answer. */
void reply_header(struct exchange *exchange, const char *name, const char *value);

bool exchange_is_1_1(const struct exchange *exchange); /* HTTP/1.1 or later */
/* NULL: not given. */
const char *exchange_query(const struct exchange *exchange, const char *name);
const char *exchange_header(const struct exchange *exchange, const char *name);
/* A whole number of the query, `standard` when it is not given. False: it was no number up to
 * `max`, and that is answered. */
bool exchange_query_number(struct exchange *exchange, const char *name, uint64_t standard,
                           uint64_t max, uint64_t *ret);
/* A duration up to `max_us`, likewise. */
bool exchange_query_duration(struct exchange *exchange, const char *name, int64_t standard,
                             int64_t max_us, int64_t *ret);
/* The request's body as a JSON object, which the caller owns; NULL: it was none, and that is
 * answered. */
json_t *exchange_body(struct exchange *exchange);

/* Private to the server. -EINVAL: the path or the query cannot be read. */
int exchange_begin(struct exchange *exchange, struct evhttp_request *request);
void exchange_end(struct exchange *exchange);    /* the answer is sent */
void exchange_closed(struct exchange *exchange); /* the connection is gone */
/* Give an answer that is kept. */
void reply_body(struct exchange *exchange, const struct reply_body *body);
/* What the head of every answer has unless the answer says otherwise; ends with a name of NULL. */
extern const char *const reply_usual[][2];
#define REPLY_TRANSPORT_SECURITY "max-age=31536000" /* over TLS */
const char *reply_phrase(int status);
