#include "coordinator/http/http_server.h"

#include "coordinator/http/route.h"
#include "proto/types/fl_option.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HEADERS 8192 /* bytes of a request line with its headers */
#define MAX_BODY 1024    /* nobody has anything to send */
#define IDLE_S 15        /* a connection that says nothing is closed */

struct http_server {
    struct coordinator *coordinator;
    struct event_waiters *waiters;
    struct evhttp *http;
    uint16_t port;
};

void reply_json(struct evhttp_request *request, int status, json_t *body)
{
    static const char no_memory[] = "{\"error\":\"no memory\"}";
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    struct evbuffer *buffer = evhttp_request_get_output_buffer(request);
    char *text = body ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;

    json_decref(body);
    (void)evhttp_add_header(headers, "Content-Type", "application/json");
    (void)evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    (void)evhttp_add_header(headers, "Cache-Control", "no-store");
    /* a connection a request: who is done makes room for who comes */
    (void)evhttp_add_header(headers, "Connection", "close");
    (void)evbuffer_add(buffer, text ? text : no_memory, strlen(text ? text : no_memory));
    free(text);
    evhttp_send_reply(request, text ? status : HTTP_INTERNAL, NULL, NULL);
}

void reply_error(struct evhttp_request *request, int status, const char *format, ...)
{
    char sentence[512];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    reply_json(request, status, json_pack("{s:s}", "error", sentence));
}

bool query_number(const struct exchange *exchange, const char *name, uint64_t standard,
                  uint64_t max, uint64_t *ret)
{
    const char *text = evhttp_find_header(exchange->query, name);
    size_t digits = text ? strspn(text, "0123456789") : 0;
    uint64_t value = standard;

    if (text) {
        errno = 0;
        value = strtoull(text, NULL, 10);
        if (digits == 0 || text[digits] != '\0' || errno != 0 || value > max) {
            reply_error(exchange->request, HTTP_BADREQUEST,
                        "\"%s\" must be a whole number from 0 to %llu", name,
                        (unsigned long long)max);
            return false;
        }
    }
    *ret = value;
    return true;
}

static const struct route *find_route(const char *path, const char **ret_rest)
{
    for (const struct route *route = route_table; route->path; route++) {
        size_t size = strlen(route->path);

        *ret_rest = "";
        if (strcmp(route->path, path) == 0 && route->path[size - 1] != '/')
            return route;
        *ret_rest = path + size;
        if (route->path[size - 1] == '/' && strncmp(route->path, path, size) == 0 && path[size])
            return route;
    }
    return NULL;
}

static void on_request(struct evhttp_request *request, void *arg)
{
    struct http_server *server = arg;
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL, *rest = "";
    const char *query_text = uri ? evhttp_uri_get_query(uri) : NULL;
    const struct route *route = path ? find_route(path, &rest) : NULL;
    struct evkeyvalq query = {0};

    if (evhttp_request_get_command(request) != EVHTTP_REQ_GET) {
        reply_error(request, HTTP_BADMETHOD, "only GET is served here");
        return;
    }
    if (!route) {
        reply_error(request, HTTP_NOTFOUND, "there is nothing at this path");
        return;
    }
    if (evhttp_parse_query_str(query_text ? query_text : "", &query) < 0) {
        reply_error(request, HTTP_BADREQUEST, "the query cannot be read");
        return;
    }
    route->handle(&(struct exchange){server->coordinator, server->waiters, request, rest, &query});
    evhttp_clear_headers(&query);
}

static void on_event(void *arg)
{
    const struct http_server *server = arg;

    event_waiters_wake(server->waiters);
}

static uint16_t port_of(struct evhttp_bound_socket *bound)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);

    if (getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &size) < 0)
        return 0;
    return address.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&address)->sin6_port)
                                         : ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static int bind_address(struct http_server *server, const char *address, struct fl_error *err)
{
    struct evhttp_bound_socket *bound;
    char host[256];
    uint16_t port;
    int r = fl_address_split(address, host, sizeof(host), &port, err);

    if (r < 0)
        return r;
    errno = 0;
    bound = evhttp_bind_socket_with_handle(server->http, host, port);
    if (!bound)
        return fl_error_set(err, errno ? -errno : -EADDRNOTAVAIL,
                            "field \"api\": cannot listen at \"%s\": %s", address,
                            strerror(errno ? errno : EADDRNOTAVAIL));
    server->port = port_of(bound);
    return 0;
}

int http_server_new(struct coordinator *coordinator, struct event_base *base, const char *address,
                    struct http_server **ret, struct fl_error *err)
{
    FL_CLEANUP(http_server_freep) struct http_server *server = calloc(1, sizeof(*server));
    int r;

    if (!server || event_waiters_new(coordinator, base, &server->waiters) < 0 ||
        !(server->http = evhttp_new(base)))
        return fl_error_set(err, -ENOMEM, "no memory for the API");
    server->coordinator = coordinator;
    evhttp_set_max_headers_size(server->http, MAX_HEADERS);
    evhttp_set_max_body_size(server->http, MAX_BODY);
    evhttp_set_timeout(server->http, IDLE_S);
    evhttp_set_allowed_methods(server->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
                                                 EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE);
    evhttp_set_gencb(server->http, on_request, server);
    r = bind_address(server, address, err);
    if (r < 0)
        return r;
    coordinator_on_event(coordinator, on_event, server);
    *ret = FL_TAKE(server);
    return 0;
}

struct http_server *http_server_free(struct http_server *server)
{
    if (!server)
        return NULL;
    if (server->coordinator)
        coordinator_on_event(server->coordinator, NULL, NULL);
    event_waiters_free(server->waiters);
    if (server->http)
        evhttp_free(server->http);
    free(server);
    return NULL;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}
