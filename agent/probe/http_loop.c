/* libcurl says which sockets it wants watched and when it wants to be called; each socket has one
 * event, its wishes one timer. After every call in, the transfers that ended are told. */
#include "agent/probe/http_loop.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>

#define MS_PER_SECOND 1000
#define US_PER_MS 1000

struct http_loop {
    struct http_loop *next;
    struct event_base *base;
    unsigned int users;
    CURLM *multi;
    struct event *timer;
};

static struct http_loop *all_loops; /* one for each event base, while somebody uses it */

static void tell_ended(struct http_loop *loop)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(loop->multi, &left)) != NULL) {
        struct http_transfer *transfer = NULL;
        CURLcode code = message->data.result;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        transfer->done(code, transfer->arg);
    }
}

static void act(struct http_loop *loop, curl_socket_t fd, int what)
{
    int running;

    (void)curl_multi_socket_action(loop->multi, fd, what, &running);
    tell_ended(loop);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    act(arg, fd, (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int on_wanted_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct http_loop *loop = arg;
    const struct timeval wait = {timeout_ms / MS_PER_SECOND,
                                 timeout_ms % MS_PER_SECOND * US_PER_MS};

    (void)multi;
    if (timeout_ms < 0)
        return event_del(loop->timer);
    return event_add(loop->timer, &wait);
}

static int on_wanted_socket(CURL *easy, curl_socket_t fd, int wanted, void *arg, void *socket_arg)
{
    struct http_loop *loop = arg;
    struct event *event = socket_arg;
    short what = EV_PERSIST;

    (void)easy;
    if (event)
        event_free(event);
    (void)curl_multi_assign(loop->multi, fd, NULL);
    if (wanted == CURL_POLL_REMOVE)
        return 0;
    if (wanted & CURL_POLL_IN)
        what |= EV_READ;
    if (wanted & CURL_POLL_OUT)
        what |= EV_WRITE;
    event = event_new(loop->base, fd, what, on_socket, loop);
    if (!event || event_add(event, NULL) < 0) { /* the transfer then ends by its deadline */
        if (event)
            event_free(event);
        return 0;
    }
    (void)curl_multi_assign(loop->multi, fd, event);
    return 0;
}

int http_loop_add(struct http_loop *loop, struct http_transfer *transfer)
{
    if (curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer) != CURLE_OK ||
        curl_multi_add_handle(loop->multi, transfer->easy) != CURLM_OK)
        return -ENOMEM;
    return 0;
}

void http_loop_remove(struct http_loop *loop, struct http_transfer *transfer)
{
    (void)curl_multi_remove_handle(loop->multi, transfer->easy);
}

static void loop_free(struct http_loop *loop)
{
    curl_multi_cleanup(loop->multi);
    if (loop->timer)
        event_free(loop->timer);
    free(loop);
    curl_global_cleanup();
}

void http_loop_put(struct http_loop *loop)
{
    if (!loop || --loop->users > 0)
        return;
    for (struct http_loop **at = &all_loops; *at; at = &(*at)->next) {
        if (*at != loop)
            continue;
        *at = loop->next;
        break;
    }
    loop_free(loop);
}

static bool loop_set_up(struct http_loop *loop)
{
    loop->multi = curl_multi_init();
    loop->timer = evtimer_new(loop->base, on_timer, loop);
    if (!loop->multi || !loop->timer)
        return false;
    return curl_multi_setopt(loop->multi, CURLMOPT_SOCKETFUNCTION, on_wanted_socket) == CURLM_OK &&
           curl_multi_setopt(loop->multi, CURLMOPT_SOCKETDATA, loop) == CURLM_OK &&
           curl_multi_setopt(loop->multi, CURLMOPT_TIMERFUNCTION, on_wanted_timer) == CURLM_OK &&
           curl_multi_setopt(loop->multi, CURLMOPT_TIMERDATA, loop) == CURLM_OK &&
           curl_multi_setopt(loop->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) == CURLM_OK;
}

int http_loop_new(struct event_base *base, struct http_loop **ret)
{
    struct http_loop *loop = calloc(1, sizeof(*loop));

    if (!loop)
        return -ENOMEM;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(loop);
        return -ENOMEM;
    }
    loop->base = base;
    loop->users = 1;
    if (!loop_set_up(loop)) {
        loop_free(loop);
        return -ENOMEM;
    }
    *ret = loop;
    return 0;
}

int http_loop_get(struct event_base *base, struct http_loop **ret)
{
    struct http_loop *loop;
    int r;

    for (loop = all_loops; loop; loop = loop->next) {
        if (loop->base != base)
            continue;
        loop->users++;
        *ret = loop;
        return 0;
    }
    r = http_loop_new(base, &loop);
    if (r < 0)
        return r;
    loop->next = all_loops;
    all_loops = loop;
    *ret = loop;
    return 0;
}
