/* c-ares does the asking; this file gives it the loop. c-ares tells which of its descriptors it
 * wants watched, each has one event; one timer carries its retries.
 *
 * c-ares may answer from inside its own start (the hosts file, a name it refuses), so an answer
 * is kept in the query and handed on by the loop's next turn. It cannot drop a single query
 * either: a cancelled one is left to it without a listener and freed when it answers. And it
 * reads /etc/resolv.conf once: when the file has changed, a new channel takes the old one's
 * place, and what the old one was asking ends as `local`, evidence of nothing. */
#include "agent/probe/resolver.h"

#include <ares.h>
#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SYSTEM_FILE "/etc/resolv.conf"
#define TRY_MS 800 /* a dead first server must leave time for the second within usual deadlines */
#define TRIES 2
#define MAX_QUERIES 1024 /* alive at once; cancelled ones count until c-ares lets them go */

struct watch {
    struct watch *next;
    struct resolver *resolver;
    ares_socket_t fd;
    struct event *event;
};

struct resolver {
    struct event_base *base;
    ares_channel channel;
    struct event *timer;
    struct watch *watches;
    size_t n_queries;
    const char *file;     /* that names the servers; NULL: they were set */
    struct timespec read; /* its time of change when it was read */
};

struct resolver_query {
    struct resolver *resolver;
    resolver_done_cb done;
    void *arg;
    struct event *answer_event;
    int family;
    bool asked;     /* c-ares holds a pointer to this */
    bool cancelled; /* nobody listens */
    enum fl_failure failure;
    struct sockaddr_storage address;
    socklen_t address_size;
};

static enum fl_failure failure_of(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return FL_FAILURE_NONE;
    case ARES_ENOTFOUND:
    case ARES_ENODATA: /* the name is there and has no address: as good as none */
    case ARES_EBADNAME:
        return FL_FAILURE_NXDOMAIN;
    case ARES_ETIMEOUT:
        return FL_FAILURE_TIMEOUT;
    case ARES_ENOMEM:
    case ARES_EDESTRUCTION:
    case ARES_ENOTINITIALIZED:
        return FL_FAILURE_LOCAL;
    default: /* ARES_ECONNREFUSED too: every server failed, dead or with an error of its own */
        return FL_FAILURE_SERVFAIL;
    }
}

static void arm_timer(struct resolver *resolver)
{
    struct timeval wait;
    struct timeval *due = ares_timeout(resolver->channel, NULL, &wait);

    if (due)
        (void)event_add(resolver->timer, due);
    else
        (void)event_del(resolver->timer);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct resolver *resolver = arg;

    (void)fd;
    (void)what;
    ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm_timer(resolver);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct resolver *resolver = ((struct watch *)arg)->resolver; /* the watch may go meanwhile */

    ares_process_fd(resolver->channel, what & EV_READ ? fd : ARES_SOCKET_BAD,
                    what & EV_WRITE ? fd : ARES_SOCKET_BAD);
    arm_timer(resolver);
}

static void watch_free(struct watch *watch)
{
    if (watch->event)
        event_free(watch->event);
    free(watch);
}

static void unwatch(struct resolver *resolver, ares_socket_t fd)
{
    for (struct watch **at = &resolver->watches; *at; at = &(*at)->next) {
        struct watch *watch = *at;

        if (watch->fd != fd)
            continue;
        *at = watch->next;
        watch_free(watch);
        return;
    }
}

/* Without memory the descriptor stays unwatched, and the query ends by its time-out. */
static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct resolver *resolver = arg;
    short what = (short)((readable ? EV_READ : 0) | (writable ? EV_WRITE : 0) | EV_PERSIST);
    struct watch *watch;

    unwatch(resolver, fd);
    if (!readable && !writable)
        return;
    watch = calloc(1, sizeof(*watch));
    if (!watch)
        return;
    watch->resolver = resolver;
    watch->fd = fd;
    watch->event = event_new(resolver->base, fd, what, on_socket, watch);
    if (!watch->event || event_add(watch->event, NULL) < 0) {
        watch_free(watch);
        return;
    }
    watch->next = resolver->watches;
    resolver->watches = watch;
}

static void query_free(struct resolver_query *query)
{
    if (query->answer_event)
        event_free(query->answer_event);
    query->resolver->n_queries--;
    free(query);
}

static void on_answer_event(evutil_socket_t fd, short what, void *arg)
{
    struct resolver_query *query = arg;
    const struct sockaddr_storage address = query->address;
    const socklen_t size = query->address_size;
    const enum fl_failure failure = query->failure;
    const resolver_done_cb done = query->done;
    void *const done_arg = query->arg;

    (void)fd;
    (void)what;
    query_free(query);
    done(failure, failure ? NULL : (const struct sockaddr *)&address, failure ? 0 : size, done_arg);
}

static void on_lookup(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    struct resolver_query *query = arg;
    const struct ares_addrinfo_node *node = info ? info->nodes : NULL;

    (void)timeouts;
    /* c-ares 1.18 loses memory when it is asked for a family that the hosts file does not have */
    while (node && query->family != AF_UNSPEC && node->ai_family != query->family)
        node = node->ai_next;
    query->asked = false;
    query->failure = failure_of(status);
    if (query->failure == FL_FAILURE_NONE && node && node->ai_addrlen <= sizeof(query->address)) {
        memcpy(&query->address, node->ai_addr, node->ai_addrlen);
        query->address_size = node->ai_addrlen;
    } else if (query->failure == FL_FAILURE_NONE) {
        query->failure = FL_FAILURE_NXDOMAIN;
    }
    ares_freeaddrinfo(info);
    if (query->cancelled)
        query_free(query);
    else
        event_active(query->answer_event, EV_TIMEOUT, 0);
}

static int open_channel(struct resolver *resolver, ares_channel *ret)
{
    union {
        const char *read_only;
        char *as_declared; /* c-ares copies it */
    } file = {.read_only = resolver->file};
    struct ares_options options = {.timeout = TRY_MS,
                                   .tries = TRIES,
                                   .sock_state_cb = on_socket_state,
                                   .sock_state_cb_data = resolver,
                                   .resolvconf_path = file.as_declared};

    return ares_init_options(ret, &options,
                             ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
                                 ARES_OPT_RESOLVCONF);
}

/* Has the file changed since this was last asked? */
static bool file_changed(struct resolver *resolver)
{
    struct stat now;

    if (!resolver->file || stat(resolver->file, &now) < 0)
        return false; /* away for a moment, while it is rewritten */
    if (now.st_mtim.tv_sec == resolver->read.tv_sec &&
        now.st_mtim.tv_nsec == resolver->read.tv_nsec)
        return false;
    resolver->read = now.st_mtim;
    return true;
}

/* When it cannot be read, the old servers are kept. */
static void reload_if_changed(struct resolver *resolver)
{
    ares_channel fresh;

    if (!file_changed(resolver) || open_channel(resolver, &fresh) != ARES_SUCCESS)
        return;
    ares_destroy(resolver->channel);
    resolver->channel = fresh;
}

bool resolver_numeric(const char *host, uint16_t port, struct sockaddr_storage *ret,
                      socklen_t *ret_size)
{
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_DGRAM};
    struct addrinfo *info = NULL;
    char service[8];

    (void)snprintf(service, sizeof(service), "%u", (unsigned)port);
    if (getaddrinfo(host, service, &hints, &info) != 0)
        return false;
    memcpy(ret, info->ai_addr, info->ai_addrlen);
    *ret_size = info->ai_addrlen;
    freeaddrinfo(info);
    return true;
}

int resolver_start_family(struct resolver *resolver, const char *host, uint16_t port, int family,
                          resolver_done_cb done, void *arg, struct resolver_query **ret)
{
    const struct ares_addrinfo_hints hints = {
        .ai_flags = ARES_AI_NUMERICSERV, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct resolver_query *query;
    char service[8];

    reload_if_changed(resolver);
    if (resolver->n_queries >= MAX_QUERIES)
        return -EAGAIN;
    query = calloc(1, sizeof(*query));
    if (!query)
        return -ENOMEM;
    query->answer_event = evtimer_new(resolver->base, on_answer_event, query);
    query->resolver = resolver;
    query->done = done;
    query->arg = arg;
    query->family = family;
    query->asked = true;
    resolver->n_queries++;
    if (!query->answer_event) {
        query_free(query);
        return -ENOMEM;
    }
    *ret = query;
    (void)snprintf(service, sizeof(service), "%u", (unsigned)port);
    /* c-ares takes port 0 for no number */
    ares_getaddrinfo(resolver->channel, host, port ? service : NULL, &hints, on_lookup, query);
    arm_timer(resolver);
    return 0;
}

int resolver_start(struct resolver *resolver, const char *host, uint16_t port,
                   resolver_done_cb done, void *arg, struct resolver_query **ret)
{
    return resolver_start_family(resolver, host, port, AF_UNSPEC, done, arg, ret);
}

void resolver_cancel(struct resolver_query *query)
{
    if (!query)
        return;
    if (!query->asked) {
        query_free(query);
        return;
    }
    query->cancelled = true;
}

int resolver_set_servers(struct resolver *resolver, const char *servers, struct fl_error *err)
{
    int status = ares_set_servers_ports_csv(resolver->channel, servers);

    if (status == ARES_SUCCESS) {
        resolver->file = NULL;
        return 0;
    }
    return fl_error_set(err, -EINVAL,
                        "resolver: cannot use the servers \"%s\" (%s): numeric ADDRESS:PORT, "
                        "separated by commas, are allowed",
                        servers, ares_strerror(status));
}

int resolver_new(struct event_base *base, struct resolver **ret, struct fl_error *err)
{
    FL_CLEANUP(resolver_freep) struct resolver *resolver = calloc(1, sizeof(*resolver));
    int status;

    if (!resolver)
        return fl_error_set(err, -ENOMEM, "resolver: out of memory");
    resolver->base = base;
    resolver->file = SYSTEM_FILE;
    resolver->timer = evtimer_new(base, on_timer, resolver);
    if (!resolver->timer)
        return fl_error_set(err, -ENOMEM, "resolver: out of memory");
    (void)file_changed(resolver); /* notes the time */
    status = ares_library_init(ARES_LIB_INIT_ALL);
    if (status == ARES_SUCCESS)
        status = open_channel(resolver, &resolver->channel);
    if (status != ARES_SUCCESS)
        return fl_error_set(err, -EIO, "resolver: cannot start c-ares: %s", ares_strerror(status));
    *ret = FL_TAKE(resolver);
    return 0;
}

struct resolver *resolver_free(struct resolver *resolver)
{
    if (!resolver)
        return NULL;
    if (resolver->channel)
        ares_destroy(resolver->channel); /* answers what is asked, closes every watch */
    if (resolver->timer)
        event_free(resolver->timer);
    free(resolver);
    return NULL;
}
