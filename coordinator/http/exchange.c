#include "coordinator/http/exchange.h"

#include "coordinator/http/http_connections.h"
#include "coordinator/http/route.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <stdlib.h>
#include <string.h>

int exchange_begin(struct exchange *exchange, struct evhttp_request *request)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
    const char *query = uri ? evhttp_uri_get_query(uri) : NULL;
    char *decoded;
    size_t size = 0;
    bool fits;

    exchange->request = request;
    exchange->head = evhttp_request_get_command(request) == EVHTTP_REQ_HEAD;
    for (size_t i = 0; i < EXCHANGE_PARAMETERS; i++)
        exchange->parameters[i] = "";
    decoded = evhttp_uridecode(path && *path ? path : "/", 0, &size);
    if (!decoded)
        return -EINVAL;
    fits = size < sizeof(exchange->path) && strlen(decoded) == size;
    if (fits)
        memcpy(exchange->path, decoded, size + 1);
    free(decoded);
    TAILQ_INIT(&exchange->query);
    return fits && evhttp_parse_query_str(query ? query : "", &exchange->query) == 0 ? 0 : -EINVAL;
}

static void clear(struct exchange *exchange)
{
    if (exchange->request && exchange->query.tqh_last)
        evhttp_clear_headers(&exchange->query);
    exchange->query = (struct evkeyvalq){0};
    exchange->request = NULL;
    exchange->route = NULL;
    exchange->policy = NULL;
    exchange->on_closed = NULL;
}

void exchange_end(struct exchange *exchange)
{
    clear(exchange);
}

void exchange_closed(struct exchange *exchange)
{
    struct evhttp_request *request = exchange->request;
    bool owed = exchange->on_closed;

    if (owed)
        exchange->on_closed(exchange, exchange->on_closed_arg);
    clear(exchange);
    /* after an error on the wire evhttp leaves the request to who still owes its answer */
    if (owed && !evhttp_request_get_connection(request))
        evhttp_request_free(request);
}

bool exchange_is_1_1(const struct exchange *exchange)
{
    const struct evhttp_request *request = exchange->request;

    return request->major > 1 || (request->major == 1 && request->minor >= 1);
}

const char *exchange_query(const struct exchange *exchange, const char *name)
{
    return evhttp_find_header(&exchange->query, name);
}

const char *exchange_header(const struct exchange *exchange, const char *name)
{
    return evhttp_find_header(evhttp_request_get_input_headers(exchange->request), name);
}

bool exchange_query_number(struct exchange *exchange, const char *name, uint64_t standard,
                           uint64_t max, uint64_t *ret)
{
    const char *text = exchange_query(exchange, name);
    size_t digits = text ? strspn(text, "0123456789") : 0;
    uint64_t value = standard;

    if (text) {
        errno = 0;
        value = strtoull(text, NULL, 10);
        if (digits == 0 || text[digits] != '\0' || errno != 0 || value > max) {
            reply_error(exchange, HTTP_BADREQUEST, "\"%s\" must be a whole number from 0 to %llu",
                        name, (unsigned long long)max);
            return false;
        }
    }
    *ret = value;
    return true;
}

bool exchange_query_duration(struct exchange *exchange, const char *name, int64_t standard,
                             int64_t max_us, int64_t *ret)
{
    const char *text = exchange_query(exchange, name);
    char most[FL_DURATION_TEXT_SIZE];
    struct fl_error err;

    *ret = standard;
    if (!text || (fl_duration_parse(text, ret, &err) == 0 && *ret >= 0 && *ret <= max_us))
        return true;
    reply_error(exchange, HTTP_BADREQUEST, "\"%s\" must be a time up to %s, such as 30s", name,
                fl_duration_format(max_us, most));
    return false;
}

json_t *exchange_body(struct exchange *exchange)
{
    struct evbuffer *buffer = evhttp_request_get_input_buffer(exchange->request);
    size_t size = evbuffer_get_length(buffer);
    json_error_t error = {0};
    json_t *json = size ? json_loadb((const char *)evbuffer_pullup(buffer, -1), size,
                                     JSON_REJECT_DUPLICATES, &error)
                        : NULL;

    if (json_is_object(json))
        return json;
    if (json)
        reply_error(exchange, HTTP_BADREQUEST, "the body must be a JSON object");
    else
        reply_error(exchange, HTTP_BADREQUEST, "the body is no JSON: %s",
                    size ? error.text : "it is empty");
    json_decref(json);
    return NULL;
}
