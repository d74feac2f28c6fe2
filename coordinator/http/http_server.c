#include "coordinator/http/http_server.h"

#include "coordinator/asker.h"
#include "coordinator/decisions.h"
#include "coordinator/http/request_rate.h"
#include "coordinator/http/route.h"
#include "coordinator/http/tls.h"
#include "coordinator/trace/verdict_json.h"
#include "proto/runtime/fl_clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAX_HEADERS 8192      /* bytes of a request line with its headers */
#define MAX_BODY (64 << 10)   /* of what is posted: a question, an announcement */
#define IDLE_S 15             /* a connection that says nothing is closed */
#define BACKLOG 1024          /* connections that wait to be accepted */
#define OTHER_DESCRIPTORS 256 /* for agents' sockets, the store and files */

struct http_server {
    struct coordinator *coordinator;
    struct event_base *base;
    struct http_access *access;
    SSL_CTX *tls;              /* NULL: without */
    struct request_rate *rate; /* NULL: any */
    struct reply_cache *cache;
    struct stream *streams[HTTP_STREAMS];
    struct waiters *waiters[HTTP_WAITS];
    struct http_connections *connections;
    struct status_page *page;
    struct timeline *timeline;
    struct event *each_second;
    struct evhttp *http;
    uint16_t port;
    uint64_t told;         /* the newest event that the stream has */
    uint64_t told_decided; /* likewise of decisions */
    struct http_stats stats;
};

static uint64_t client_of(struct evhttp_request *request)
{
    char *address = NULL;
    uint8_t bytes[16] = {0};
    uint64_t client = 0;
    ev_uint16_t port;

    evhttp_connection_get_peer(evhttp_request_get_connection(request), &address, &port);
    /* of IPv6 the network, which is what one customer has */
    if (address && inet_pton(AF_INET, address, bytes) != 1)
        (void)inet_pton(AF_INET6, address, bytes);
    memcpy(&client, bytes, sizeof(client));
    return client;
}

static const char *method_of(const struct evhttp_request *request)
{
    static const struct {
        enum evhttp_cmd_type type;
        const char *name;
    } methods[] = {
        {EVHTTP_REQ_GET, "GET"},         {EVHTTP_REQ_HEAD, "GET"}, {EVHTTP_REQ_POST, "POST"},
        {EVHTTP_REQ_DELETE, "DELETE"},   {EVHTTP_REQ_PUT, "PUT"},  {EVHTTP_REQ_PATCH, "PATCH"},
        {EVHTTP_REQ_OPTIONS, "OPTIONS"},
    };

    for (size_t i = 0; i < FL_COUNT(methods); i++)
        if (methods[i].type == evhttp_request_get_command(request))
            return methods[i].name;
    return "OTHER";
}

static bool is_allowed(struct exchange *exchange)
{
    const struct http_server *server = exchange->server;
    const char *why;
    int r = http_access_scope(server->access, exchange->request, &exchange->granted);

    if (r == 0 && exchange->granted >= exchange->route->scope) {
        if (strcmp(exchange->route->method, "GET") == 0 ||
            http_access_own_site(server->access, exchange->request, &why))
            return true;
        reply_error(exchange, 403, "%s", why);
        return false;
    }
    if (r == 0 &&
        (exchange_header(exchange, "Authorization") || !http_access_asks(server->access))) {
        reply_error(exchange, 403, "this needs scope %s, and the request has scope %s",
                    api_scope_name(exchange->route->scope), api_scope_name(exchange->granted));
        return false;
    }
    reply_header(exchange, "WWW-Authenticate", "Basic realm=\"Faultline\", charset=\"UTF-8\"");
    reply_error(exchange, 401, "this needs a token of scope %s, as Bearer or as the password",
                api_scope_name(exchange->route->scope));
    return false;
}

/* What a browser asks before it lets a page of another site read or send something. */
static void answer_options(struct exchange *exchange, const char *allowed)
{
    const char *origin = exchange_header(exchange, "Origin");

    reply_header(exchange, "Allow", allowed);
    if (origin && http_access_cors(exchange->server->access, origin)) {
        reply_header(exchange, "Access-Control-Allow-Methods", allowed);
        reply_header(exchange, "Access-Control-Allow-Headers", "Authorization, Content-Type");
        reply_header(exchange, "Access-Control-Max-Age", "600");
    }
    reply_bytes(exchange, HTTP_NOCONTENT, "text/plain", "", 0);
}

static void handle(struct exchange *exchange)
{
    const struct reply_body *kept = NULL;

    if (!is_allowed(exchange)) {
        exchange->server->stats.unauthorized++;
        return;
    }
    if (exchange->route->cache_us > 0)
        kept = reply_cache_get(exchange->server->cache, evhttp_request_get_uri(exchange->request),
                               fl_clock_monotonic());
    if (kept)
        reply_body(exchange, kept);
    else
        exchange->route->handle(exchange);
}

static void answer(struct exchange *exchange)
{
    const char *method = method_of(exchange->request);
    char allowed[ROUTE_ALLOWED_SIZE];

    exchange->route = route_find(method, exchange->path, exchange->parameters, allowed);
    if (exchange->route)
        handle(exchange);
    else if (!*allowed)
        reply_error(exchange, HTTP_NOTFOUND, "there is nothing at this path");
    else if (strcmp(method, "OPTIONS") == 0)
        answer_options(exchange, allowed);
    else {
        reply_header(exchange, "Allow", allowed);
        reply_error(exchange, HTTP_BADMETHOD, "only %s is served here", allowed);
    }
}

static void on_complete(struct evhttp_request *request, void *arg)
{
    struct http_connection *connection = arg;

    (void)request;
    exchange_end(&connection->exchange);
    http_connection_idle(connection);
}

static void on_request(struct evhttp_request *request, void *arg)
{
    struct http_server *server = arg;
    struct http_connection *connection =
        http_connections_find(server->connections, evhttp_request_get_connection(request));
    struct exchange *exchange = &connection->exchange;
    int r;

    server->stats.requests++;
    http_connection_busy(connection);
    exchange->server = server;
    exchange->coordinator = server->coordinator;
    exchange->connection = connection;
    evhttp_request_set_on_complete_cb(request, on_complete, connection);
    r = exchange_begin(exchange, request);
    if (server->rate &&
        !request_rate_take(server->rate, client_of(request), fl_clock_monotonic())) {
        server->stats.limited++;
        reply_header(exchange, "Retry-After", "1");
        reply_error(exchange, 429, "more than %lld requests a second from one address",
                    (long long)coordinator_settings(server->coordinator)->http.rate);
    } else if (r < 0)
        reply_error(exchange, HTTP_BADREQUEST, "the path or the query cannot be read");
    else
        answer(exchange);
}

static struct bufferevent *on_accept(struct event_base *base, void *arg)
{
    const struct http_server *server = arg;
    SSL *ssl = server->tls ? SSL_new(server->tls) : NULL;
    struct bufferevent *bufferevent;

    if (server->tls)
        bufferevent = ssl ? bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                                           BEV_OPT_CLOSE_ON_FREE)
                          : NULL;
    else
        bufferevent = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (bufferevent)
        http_connections_expect(server->connections, bufferevent);
    return bufferevent;
}

static void on_event(void *arg)
{
    struct http_server *server = arg;
    uint64_t newest = coordinator_newest_event(server->coordinator);

    waiters_wake(server->waiters[HTTP_WAIT_EVENTS]);
    while (server->told < newest) {
        route_stream_publish(server->streams[HTTP_STREAM_VERDICTS], server->coordinator,
                             ++server->told);
    }
    status_page_look(server->page);
}

static void on_news(const char *news, void *arg)
{
    struct http_server *server = arg;

    reply_cache_clear(server->cache);
    stream_publish(server->streams[HTTP_STREAM_PAGE], "status", 0, news);
}

static void on_decided(void *arg)
{
    struct http_server *server = arg;
    uint64_t newest = decisions_newest(coordinator_decisions(server->coordinator));

    waiters_wake(server->waiters[HTTP_WAIT_DECISIONS]);
    while (server->told_decided < newest)
        route_decisions_publish(server->streams[HTTP_STREAM_DECISIONS], server->coordinator,
                                ++server->told_decided);
}

static void on_asked(void *arg)
{
    const struct http_server *server = arg;

    waiters_wake(server->waiters[HTTP_WAIT_ASKS]);
    waiters_wake(server->waiters[HTTP_WAIT_PROBES]);
}

/* Bound here, since libevent listens with a backlog that is too short for a page's readers who
 * all come back at once. */
static int listen_at(const char *host, uint16_t port)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    bool is_six = inet_pton(AF_INET6, host, &six.sin6_addr) == 1;
    const struct sockaddr *address =
        is_six ? (const struct sockaddr *)&six : (const struct sockaddr *)&four;
    int fd, one = 1;

    if (!is_six && inet_pton(AF_INET, host, &four.sin_addr) != 1)
        return -EADDRNOTAVAIL;
    fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        bind(fd, address, is_six ? sizeof(six) : sizeof(four)) < 0 || listen(fd, BACKLOG) < 0) {
        int r = -errno;

        (void)close(fd);
        return r;
    }
    return fd;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return 0;
    return address.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&address)->sin6_port)
                                         : ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static int bind_address(struct http_server *server, const char *address, struct fl_error *err)
{
    char host[FL_OPTION_HOST_SIZE];
    uint16_t port;
    int fd, r = fl_address_split(address, host, sizeof(host), &port, err);

    if (r < 0)
        return r;
    fd = listen_at(host, port);
    if (fd < 0)
        return fl_error_set(err, fd, "field \"api\": cannot listen at \"%s\": %s", address,
                            strerror(-fd));
    server->port = port_of(fd);
    if (evhttp_accept_socket(server->http, fd) == 0)
        return 0;
    (void)close(fd);
    return fl_error_set(err, -ENOMEM, "no memory for the API");
}

/* As many connections as are configured and as there are descriptors for. */
static uint32_t max_connections(const struct config_http *config)
{
    struct rlimit limit;
    int64_t most = config->max_connections;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 16;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
            (void)getrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur < (rlim_t)most + OTHER_DESCRIPTORS)
        most = limit.rlim_cur > 2 * OTHER_DESCRIPTORS ? (int64_t)limit.rlim_cur - OTHER_DESCRIPTORS
                                                      : OTHER_DESCRIPTORS;
    return (uint32_t)most;
}

static void on_second(evutil_socket_t fd, short what, void *arg)
{
    const struct http_server *server = arg;

    (void)fd;
    (void)what;
    route_matrix_publish(server->timeline, server->streams[HTTP_STREAM_MATRIX]);
}

static int start_timeline(struct http_server *server)
{
    const struct timeval second = {1, 0};
    int r = timeline_new(server->coordinator, &server->timeline);

    if (r < 0)
        return r;
    server->each_second = event_new(server->base, -1, EV_PERSIST, on_second, server);
    return server->each_second && event_add(server->each_second, &second) == 0 ? 0 : -ENOMEM;
}

static int new_parts(struct http_server *server, const struct config_http *config)
{
    static const waiters_answer_cb answers[HTTP_WAITS] = {
        route_events_answer, route_decisions_answer, route_ask_answer, route_probe_answer};
    int r = http_connections_new(server->base, max_connections(config), &server->connections);

    for (size_t i = 0; r == 0 && i < HTTP_STREAMS; i++)
        r = stream_new(server->base, &server->streams[i]);
    for (size_t i = 0; r == 0 && i < HTTP_WAITS; i++)
        r = waiters_new(server->base, answers[i], &server->waiters[i]);
    if (r == 0)
        r = status_page_new(server->coordinator, server->base, on_news, server, &server->page);
    if (r == 0)
        r = start_timeline(server);
    if (r == 0)
        r = reply_cache_new(&server->cache);
    if (r == 0 && config->rate)
        r = request_rate_new((uint32_t)config->rate, &server->rate);
    return r == 0 && (server->http = evhttp_new(server->base)) ? 0 : -ENOMEM;
}

static void set_limits(struct http_server *server)
{
    evhttp_set_max_headers_size(server->http, MAX_HEADERS);
    evhttp_set_max_body_size(server->http, MAX_BODY);
    evhttp_set_timeout(server->http, IDLE_S);
    evhttp_set_allowed_methods(server->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
                                                 EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                                                 EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
    evhttp_set_gencb(server->http, on_request, server);
    evhttp_set_bevcb(server->http, on_accept, server);
}

int http_server_new(struct coordinator *coordinator, struct event_base *base, const char *address,
                    struct http_server **ret, struct fl_error *err)
{
    FL_CLEANUP(http_server_freep) struct http_server *server = calloc(1, sizeof(*server));
    int r;

    if (!server)
        return fl_error_set(err, -ENOMEM, "no memory for the API");
    server->base = base;
    server->coordinator = coordinator;
    server->told = coordinator_newest_event(coordinator);
    r = http_server_reload(server, err);
    if (r < 0)
        return r;
    if (new_parts(server, &coordinator_settings(coordinator)->http) < 0)
        return fl_error_set(err, -ENOMEM, "no memory for the API");
    set_limits(server);
    r = bind_address(server, address, err);
    if (r < 0)
        return r;
    coordinator_on_event(coordinator, on_event, server);
    server->told_decided = decisions_newest(coordinator_decisions(coordinator));
    decisions_on_change(coordinator_decisions(coordinator), on_decided, server);
    asker_on_change(coordinator_asker(coordinator), on_asked, server);
    *ret = FL_TAKE(server);
    return 0;
}

struct http_server *http_server_free(struct http_server *server)
{
    if (!server)
        return NULL;
    coordinator_on_event(server->coordinator, NULL, NULL);
    decisions_on_change(coordinator_decisions(server->coordinator), NULL, NULL);
    asker_on_change(coordinator_asker(server->coordinator), NULL, NULL);
    if (server->http)
        evhttp_free(server->http);
    for (size_t i = 0; i < HTTP_STREAMS; i++)
        stream_free(server->streams[i]);
    for (size_t i = 0; i < HTTP_WAITS; i++)
        waiters_free(server->waiters[i]);
    http_connections_free(server->connections);
    status_page_free(server->page);
    timeline_free(server->timeline);
    if (server->each_second)
        event_free(server->each_second);
    reply_cache_free(server->cache);
    request_rate_free(server->rate);
    http_access_free(server->access);
    tls_free(server->tls);
    free(server);
    return NULL;
}

int http_server_reload(struct http_server *server, struct fl_error *err)
{
    const struct config_http *config = &coordinator_settings(server->coordinator)->http;
    FL_CLEANUP(http_access_freep) struct http_access *access = NULL;
    SSL_CTX *tls = NULL;
    int r = http_access_new(config, &access, err);

    if (r == 0 && config->tls_certificate)
        r = tls_new(config->tls_certificate, config->tls_key, &tls, err);
    if (r < 0)
        return r;
    http_access_free(server->access);
    server->access = FL_TAKE(access);
    tls_free(server->tls);
    server->tls = tls;
    if (server->page)
        status_page_look(server->page);
    return 0;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

void http_server_stats(const struct http_server *server, struct http_stats *ret)
{
    *ret = server->stats;
    http_connections_stats(server->connections, &ret->connections);
    for (size_t i = 0; i < HTTP_STREAMS; i++)
        stream_stats(server->streams[i], &ret->streams[i]);
    for (size_t i = 0; i < HTTP_WAITS; i++)
        ret->waiting += waiters_count(server->waiters[i]);
}

struct stream *http_server_stream(struct http_server *server, enum http_stream which)
{
    return server->streams[which];
}

struct waiters *http_server_waiters(struct http_server *server, enum http_wait which)
{
    return server->waiters[which];
}

const struct http_access *http_server_access(const struct http_server *server)
{
    return server->access;
}

struct status_page *http_server_page(const struct http_server *server)
{
    return server->page;
}

struct timeline *http_server_timeline(const struct http_server *server)
{
    return server->timeline;
}

struct reply_cache *http_server_cache(struct http_server *server)
{
    return server->cache;
}

bool http_server_is_secure(const struct http_server *server)
{
    return server->tls;
}
