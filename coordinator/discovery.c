/* A thread only fetches and hands over; files and the configuration are the loop's. Threads are
 * not joined: each frees its source when it ends, and the last one is waited for. */
#include "coordinator/discovery.h"

#include "coordinator/list_fetch.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_daemon.h"
#include "proto/runtime/fl_log.h"

#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PATH_SIZE 4200

struct source {
    struct config_list list;
    struct discovery *discovery;
    /* under the lock: */
    bool ending, fresh; /* fresh: what follows was not looked at yet */
    int outcome;
    char *body;
    size_t size;
    struct fl_error error;
    /* the loop's: */
    uint64_t fetched, failed;
    fl_time good_us;
    struct fl_error last_error;
    struct fl_log_limit limit;
};

struct discovery {
    char *state;
    struct discovery_host host;
    struct event *wake;
    int wake_fd;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t n_threads; /* under the lock */
    size_t n;
    struct source *sources[CONFIG_MAX_LISTS];
};

static void source_free(struct source *source)
{
    config_list_done(&source->list);
    free(source->body);
    free(source);
}

/* ---- the thread ---- */

static bool is_ending(void *arg)
{
    struct source *source = arg;
    bool ending;

    (void)pthread_mutex_lock(&source->discovery->lock);
    ending = source->ending;
    (void)pthread_mutex_unlock(&source->discovery->lock);
    return ending;
}

static void hand_over(struct source *source, int outcome, char *body, size_t size,
                      const struct fl_error *error)
{
    const uint64_t one = 1;

    (void)pthread_mutex_lock(&source->discovery->lock);
    free(source->body);
    source->outcome = outcome;
    source->body = body;
    source->size = size;
    source->error = *error;
    source->fresh = true;
    (void)pthread_mutex_unlock(&source->discovery->lock);
    (void)!write(source->discovery->wake_fd, &one, sizeof(one));
}

/* Until its interval is over. False: it ends. */
static bool rest(struct source *source)
{
    struct discovery *discovery = source->discovery;
    int64_t end = fl_clock_monotonic() + source->list.interval_us;
    const struct timespec until = {end / FL_SECOND, end % FL_SECOND * 1000};
    int r = 0;
    bool ending;

    (void)pthread_mutex_lock(&discovery->lock);
    while (!source->ending && r == 0)
        r = pthread_cond_timedwait(&discovery->changed, &discovery->lock, &until);
    ending = source->ending;
    (void)pthread_mutex_unlock(&discovery->lock);
    return !ending;
}

static void *run(void *arg)
{
    struct source *source = arg;
    struct discovery *discovery = source->discovery;

    do {
        struct fl_error err = {""};
        char *body = NULL;
        size_t size = 0;
        int r = list_fetch(&source->list, is_ending, source, &body, &size, &err);

        hand_over(source, r, body, size, &err);
    } while (rest(source));
    source_free(source);
    (void)pthread_mutex_lock(&discovery->lock);
    discovery->n_threads--;
    (void)pthread_cond_broadcast(&discovery->changed);
    (void)pthread_mutex_unlock(&discovery->lock);
    return NULL;
}

static int start(struct source *source)
{
    struct discovery *discovery = source->discovery;
    pthread_attr_t attributes;
    pthread_t thread;
    int r;

    (void)pthread_mutex_lock(&discovery->lock);
    discovery->n_threads++;
    (void)pthread_mutex_unlock(&discovery->lock);
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    r = -pthread_create(&thread, &attributes, run, source);
    (void)pthread_attr_destroy(&attributes);
    if (r == 0)
        return 0;
    (void)pthread_mutex_lock(&discovery->lock);
    discovery->n_threads--;
    (void)pthread_mutex_unlock(&discovery->lock);
    return r;
}

/* ---- the loop ---- */

static struct source *find(const struct discovery *discovery, const char *url)
{
    for (size_t i = 0; i < discovery->n; i++)
        if (strcmp(discovery->sources[i]->list.url, url) == 0)
            return discovery->sources[i];
    return NULL;
}

static void note_failure(struct source *source, const struct fl_error *err)
{
    uint64_t held;

    source->failed++;
    source->last_error = *err;
    if (fl_log_allowed(&source->limit, FL_MINUTE, &held))
        fl_log_warning("targets", "list \"%s\": %s; what was good before stays", source->list.url,
                       err->message);
}

static void note_good(struct source *source)
{
    source->good_us = fl_clock_steady();
    source->last_error = (struct fl_error){""};
    source->limit = (struct fl_log_limit){0};
}

static bool is_as_kept(const char *path, const char *body, size_t size)
{
    struct fl_error err;
    char *kept = NULL;
    size_t kept_size = 0;
    bool same = fl_daemon_read_file(path, CONFIG_MAX_LIST_BYTES, &kept, &kept_size, &err) == 0 &&
                kept_size == size && memcmp(kept, body, size) == 0;

    free(kept);
    return same;
}

/* A daemon that dies in between has the list of before. */
static int try_list(const struct discovery *discovery, const char *url, const char *body,
                    size_t size, struct fl_error *err)
{
    char kept[PATH_SIZE], tried[PATH_SIZE];
    int r = config_list_path(discovery->state, url, false, kept, sizeof(kept), err);

    if (r == 0)
        r = config_list_path(discovery->state, url, true, tried, sizeof(tried), err);
    if (r < 0 || is_as_kept(kept, body, size))
        return r;
    r = fl_daemon_write_file(tried, body, size, 0600, err);
    if (r == 0)
        r = discovery->host.take(url, discovery->host.arg, err);
    if (r == 0 && rename(tried, kept) < 0)
        return fl_error_set(err, -errno, "\"%s\" cannot be kept: %s", kept, strerror(errno));
    if (r == 0)
        fl_log_info("targets", "list \"%s\" is new and in use", url);
    else
        (void)unlink(tried);
    return r;
}

/* The source may be another one, or none, when its list has been taken. */
static void look_at(const struct discovery *discovery, struct source *source)
{
    struct fl_error err;
    char *body, *url = strdup(source->list.url);
    size_t size;
    int r;

    (void)pthread_mutex_lock(&source->discovery->lock);
    source->fresh = false;
    body = FL_TAKE(source->body);
    size = source->size;
    r = source->outcome;
    err = source->error;
    (void)pthread_mutex_unlock(&source->discovery->lock);
    source->fetched++;
    if (r == 0)
        r = url ? try_list(discovery, url, body, size, &err)
                : fl_error_set(&err, -ENOMEM, "no memory");
    source = url ? find(discovery, url) : source;
    if (source && r < 0)
        note_failure(source, &err);
    else if (source)
        note_good(source);
    free(body);
    free(url);
}

static struct source *next_fresh(struct discovery *discovery)
{
    struct source *found = NULL;

    (void)pthread_mutex_lock(&discovery->lock);
    for (size_t i = 0; i < discovery->n && !found; i++)
        if (discovery->sources[i]->fresh)
            found = discovery->sources[i];
    (void)pthread_mutex_unlock(&discovery->lock);
    return found;
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct discovery *discovery = arg;
    struct source *source;
    uint64_t count;

    (void)what;
    (void)!read(fd, &count, sizeof(count));
    while ((source = next_fresh(discovery)))
        look_at(discovery, source);
}

/* What has been kept of a list that is named no more would only be old when it is again. */
static void forget(const struct discovery *discovery, const char *url,
                   const struct config_lists *lists)
{
    char path[PATH_SIZE];
    struct fl_error err;

    for (size_t i = 0; i < lists->n; i++)
        if (strcmp(lists->lists[i].url, url) == 0)
            return;
    if (config_list_path(discovery->state, url, false, path, sizeof(path), &err) == 0)
        (void)unlink(path);
}

static void end(struct discovery *discovery, struct source *source)
{
    (void)pthread_mutex_lock(&discovery->lock);
    source->ending = true;
    source->fresh = false;
    (void)pthread_cond_broadcast(&discovery->changed);
    (void)pthread_mutex_unlock(&discovery->lock);
}

static void add(struct discovery *discovery, const struct config_list *list)
{
    struct source *source = calloc(1, sizeof(*source));
    int r = source ? config_list_copy(list, &source->list) : -ENOMEM;

    if (r == 0) {
        source->discovery = discovery;
        r = start(source);
    }
    if (r == 0) {
        discovery->sources[discovery->n++] = source;
        return;
    }
    fl_log_error("targets", "list \"%s\" is not fetched: %s", list->url, strerror(-r));
    if (source)
        source_free(source);
}

void discovery_reload(struct discovery *discovery, const struct config_lists *lists)
{
    struct source *before[CONFIG_MAX_LISTS];
    size_t n = discovery->n;

    memcpy(before, discovery->sources, sizeof(before));
    discovery->n = 0;
    for (size_t i = 0; i < lists->n; i++) {
        size_t k = 0;

        while (k < n && !(before[k] && config_list_equal(&before[k]->list, &lists->lists[i])))
            k++;
        if (k < n)
            discovery->sources[discovery->n++] = FL_TAKE(before[k]);
        else
            add(discovery, &lists->lists[i]);
    }
    for (size_t k = 0; k < n; k++)
        if (before[k]) {
            forget(discovery, before[k]->list.url, lists);
            end(discovery, before[k]);
        }
}

static void init_lock(struct discovery *discovery)
{
    pthread_condattr_t attributes;

    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&discovery->lock, NULL);
    (void)pthread_cond_init(&discovery->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

int discovery_new(struct event_base *base, const char *state, const struct config_lists *lists,
                  const struct discovery_host *host, struct discovery **ret, struct fl_error *err)
{
    FL_CLEANUP(discovery_freep) struct discovery *discovery = calloc(1, sizeof(*discovery));

    if (!discovery)
        return fl_error_set(err, -ENOMEM, "no memory");
    init_lock(discovery);
    discovery->host = *host;
    discovery->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    discovery->state = strdup(state);
    if (discovery->wake_fd >= 0)
        discovery->wake =
            event_new(base, discovery->wake_fd, EV_READ | EV_PERSIST, on_wake, discovery);
    if (!discovery->state || !discovery->wake || event_add(discovery->wake, NULL) < 0)
        return fl_error_set(err, -ENOMEM, "lists of targets cannot be fetched: no memory");
    (void)curl_global_init(CURL_GLOBAL_DEFAULT); /* before there are threads that use it */
    discovery_reload(discovery, lists);
    *ret = FL_TAKE(discovery);
    return 0;
}

struct discovery *discovery_free(struct discovery *discovery)
{
    if (!discovery)
        return NULL;
    for (size_t i = 0; i < discovery->n; i++)
        end(discovery, discovery->sources[i]);
    (void)pthread_mutex_lock(&discovery->lock);
    while (discovery->n_threads > 0)
        (void)pthread_cond_wait(&discovery->changed, &discovery->lock);
    (void)pthread_mutex_unlock(&discovery->lock);
    (void)pthread_cond_destroy(&discovery->changed);
    (void)pthread_mutex_destroy(&discovery->lock);
    if (discovery->wake)
        event_free(discovery->wake);
    if (discovery->wake_fd >= 0)
        close(discovery->wake_fd);
    free(discovery->state);
    free(discovery);
    return NULL;
}

size_t discovery_count(const struct discovery *discovery)
{
    return discovery->n;
}

void discovery_at(const struct discovery *discovery, size_t i, struct discovery_stats *ret)
{
    const struct source *source = discovery->sources[i];

    *ret = (struct discovery_stats){source->list.url, source->fetched, source->failed,
                                    source->good_us, source->last_error.message};
}
