/* GET /: the status page; /feed.atom: its incidents; /api/v1/stream/page: its news;
 * /api/v2/…: the same for the clients of hosted status pages. */
#include "coordinator/http/route.h"
#include "coordinator/status/status_html.h"
#include "coordinator/status/status_json.h"

#include <event2/http.h>
#include <stdlib.h>
#include <string.h>

/* `text` is taken over. */
static void reply_text(struct exchange *exchange, const char *type, char *text)
{
    if (text)
        reply_bytes(exchange, HTTP_OK, type, text, strlen(text));
    else
        reply_error(exchange, HTTP_INTERNAL, "no memory");
    free(text);
}

void route_page(struct exchange *exchange)
{
    struct status_page *page = http_server_page(exchange->server);

    exchange->policy = status_html_policy();
    reply_text(exchange, "text/html; charset=utf-8",
               status_html_page(status_page_model(page), status_page_url(page), true));
}

void route_feed(struct exchange *exchange)
{
    struct status_page *page = http_server_page(exchange->server);

    reply_text(exchange, "application/atom+xml; charset=utf-8",
               status_atom(status_page_model(page), status_page_url(page)));
}

void route_page_stream(struct exchange *exchange)
{
    struct status_page *page = http_server_page(exchange->server);
    char *news;

    if (!stream_join(http_server_stream(exchange->server, HTTP_STREAM_PAGE), exchange))
        return;
    /* whoever comes back may have missed some */
    (void)status_page_model(page);
    news = status_page_news(page);
    if (news)
        stream_send(exchange, "status", 0, news);
    free(news);
}

void route_v2_summary(struct exchange *exchange)
{
    struct status_page *page = http_server_page(exchange->server);

    reply_json(exchange, HTTP_OK,
               status_json_summary(status_page_model(page), status_page_url(page)));
}

void route_v2_status(struct exchange *exchange)
{
    struct status_page *page = http_server_page(exchange->server);

    reply_json(exchange, HTTP_OK,
               status_json_status(status_page_model(page), status_page_url(page)));
}

void route_v2_components(struct exchange *exchange)
{
    struct status_page *page = http_server_page(exchange->server);

    reply_json(exchange, HTTP_OK,
               status_json_components(status_page_model(page), status_page_url(page)));
}

static void reply_incidents(struct exchange *exchange, enum status_which which)
{
    struct status_page *page = http_server_page(exchange->server);

    reply_json(exchange, HTTP_OK,
               status_json_incidents(status_page_model(page), status_page_url(page), which));
}

void route_v2_incidents(struct exchange *exchange)
{
    reply_incidents(exchange, STATUS_ALL);
}

void route_v2_unresolved(struct exchange *exchange)
{
    reply_incidents(exchange, STATUS_UNRESOLVED);
}

static void reply_maintenances(struct exchange *exchange, enum status_which which)
{
    struct status_page *page = http_server_page(exchange->server);

    reply_json(exchange, HTTP_OK,
               status_json_maintenances(status_page_model(page), status_page_url(page), which));
}

void route_v2_maintenances(struct exchange *exchange)
{
    reply_maintenances(exchange, STATUS_ALL);
}

void route_v2_upcoming(struct exchange *exchange)
{
    reply_maintenances(exchange, STATUS_UPCOMING);
}

void route_v2_active(struct exchange *exchange)
{
    reply_maintenances(exchange, STATUS_ACTIVE);
}
