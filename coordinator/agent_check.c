#include "coordinator/agent_check.h"

#include "proto/runtime/fl_log.h"
#include "proto/types/fl_option.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define MAX_LINE 256
#define PATIENCE_S 2 /* for the line to come, and for the answer to go */

struct caller {
    LIST_ENTRY(caller) entry;
    struct agent_check *check;
    struct bufferevent *bufferevent;
};

struct agent_check {
    struct event_base *base;
    struct evconnlistener *listener;
    agent_check_find_cb find;
    void *arg;
    LIST_HEAD(, caller) callers;
    size_t n_callers;
    struct agent_check_stats stats;
};

void agent_check_answer(const struct decision *decision, bool drain, char ret[AGENT_CHECK_ANSWER])
{
    /* "ready" and "up" take back an earlier drain and down */
    if (decision->standing == DECISION_AVOID && decision->weight <= 0)
        (void)snprintf(ret, AGENT_CHECK_ANSWER, drain ? "up drain\n" : "down ready # avoid\n");
    else
        (void)snprintf(ret, AGENT_CHECK_ANSWER, "up ready %lld%%\n", (long long)decision->weight);
}

static void hang_up(struct caller *caller)
{
    LIST_REMOVE(caller, entry);
    caller->check->n_callers--;
    bufferevent_free(caller->bufferevent);
    free(caller);
}

static void on_event(struct bufferevent *bufferevent, short what, void *arg)
{
    (void)bufferevent;
    (void)what;
    hang_up(arg);
}

static void on_written(struct bufferevent *bufferevent, void *arg)
{
    (void)bufferevent;
    hang_up(arg);
}

static void answer(struct caller *caller, const char *line)
{
    char group[FL_NAME_SIZE] = "", zone[FL_NAME_SIZE] = "", how[8] = "";
    char text[AGENT_CHECK_ANSWER] = "# no such group and zone\n";
    struct agent_check *check = caller->check;
    struct decision decision;
    int n = sscanf(line, "%64s %64s %7s", group, zone, how);
    bool known = n >= 2 && (n == 2 || strcmp(how, "drain") == 0 || strcmp(how, "down") == 0);

    if (known && check->find(group, zone, &decision, check->arg)) {
        agent_check_answer(&decision, strcmp(how, "drain") == 0, text);
        check->stats.answered++;
    } else {
        check->stats.unknown++;
    }
    bufferevent_setcb(caller->bufferevent, NULL, on_written, on_event, caller);
    (void)bufferevent_disable(caller->bufferevent, EV_READ);
    if (bufferevent_write(caller->bufferevent, text, strlen(text)) < 0)
        hang_up(caller);
}

static void on_read(struct bufferevent *bufferevent, void *arg)
{
    struct evbuffer *input = bufferevent_get_input(bufferevent);
    char *line = evbuffer_readln(input, NULL, EVBUFFER_EOL_ANY);

    if (line)
        answer(arg, line);
    else if (evbuffer_get_length(input) > MAX_LINE)
        hang_up(arg);
    free(line);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                      int size, void *arg)
{
    static const struct timeval patience = {PATIENCE_S, 0};
    struct agent_check *check = arg;
    struct caller *caller = check->n_callers < AGENT_CHECK_MAX ? calloc(1, sizeof(*caller)) : NULL;

    (void)listener;
    (void)address;
    (void)size;
    if (caller)
        caller->bufferevent = bufferevent_socket_new(check->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!caller || !caller->bufferevent) {
        check->stats.refused++;
        free(caller);
        (void)evutil_closesocket(fd);
        return;
    }
    caller->check = check;
    LIST_INSERT_HEAD(&check->callers, caller, entry);
    check->n_callers++;
    bufferevent_setcb(caller->bufferevent, on_read, NULL, on_event, caller);
    (void)bufferevent_set_timeouts(caller->bufferevent, &patience, &patience);
    (void)bufferevent_enable(caller->bufferevent, EV_READ | EV_WRITE);
}

static int resolve(const char *address, struct sockaddr_storage *ret, int *ret_size,
                   struct fl_error *err)
{
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;
    struct sockaddr_in *four = (struct sockaddr_in *)ret;
    char host[FL_OPTION_HOST_SIZE];
    uint16_t port;
    int r = fl_address_split(address, host, sizeof(host), &port, err);

    if (r < 0)
        return r;
    memset(ret, 0, sizeof(*ret));
    if (inet_pton(AF_INET6, host, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(port);
        *ret_size = sizeof(*six);
        return 0;
    }
    if (inet_pton(AF_INET, host, &four->sin_addr) != 1)
        return fl_error_set(err, -EADDRNOTAVAIL,
                            "field \"agent_check\": \"%s\" must have an IP address", address);
    four->sin_family = AF_INET;
    four->sin_port = htons(port);
    *ret_size = sizeof(*four);
    return 0;
}

int agent_check_new(struct event_base *base, const char *address, agent_check_find_cb find,
                    void *arg, struct agent_check **ret, struct fl_error *err)
{
    FL_CLEANUP(agent_check_freep) struct agent_check *check = calloc(1, sizeof(*check));
    struct sockaddr_storage at;
    int size = 0, r = resolve(address, &at, &size, err);

    if (r < 0)
        return r;
    if (!check)
        return fl_error_set(err, -ENOMEM, "no memory for the agent checks");
    check->base = base;
    check->find = find;
    check->arg = arg;
    LIST_INIT(&check->callers);
    errno = 0;
    check->listener = evconnlistener_new_bind(
        base, on_accept, check, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE,
        AGENT_CHECK_MAX, (struct sockaddr *)&at, size);
    if (!check->listener)
        return fl_error_set(err, errno ? -errno : -EADDRNOTAVAIL,
                            "field \"agent_check\": cannot listen at \"%s\": %s", address,
                            strerror(errno ? errno : EADDRNOTAVAIL));
    *ret = FL_TAKE(check);
    return 0;
}

struct agent_check *agent_check_free(struct agent_check *check)
{
    if (!check)
        return NULL;
    while (!LIST_EMPTY(&check->callers))
        hang_up(LIST_FIRST(&check->callers));
    if (check->listener)
        evconnlistener_free(check->listener);
    free(check);
    return NULL;
}

uint16_t agent_check_port(const struct agent_check *check)
{
    struct sockaddr_storage at = {0};
    socklen_t size = sizeof(at);

    if (getsockname(evconnlistener_get_fd(check->listener), (struct sockaddr *)&at, &size) < 0)
        return 0;
    return at.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&at)->sin6_port)
                                    : ntohs(((struct sockaddr_in *)&at)->sin_port);
}

void agent_check_stats(const struct agent_check *check, struct agent_check_stats *ret)
{
    *ret = check->stats;
}
