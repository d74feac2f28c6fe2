/* The loop's side: what is new goes into the outbox, for the receivers there are. */
#include "coordinator/notify/notifier.h"

#include "coordinator/core/notify_plan.h"
#include "coordinator/notify/receiver.h"
#include "coordinator/store/outbox.h"
#include "coordinator/trace/verdict_json.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_log.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_RETIRED 64 /* removed by reloads, and not ended yet; each does within a second */

struct notifier {
    char *path;
    struct outbox *outbox; /* the loop's; NULL until there is a receiver */
    struct notify_told told;
    struct notify_news news;
    size_t n_receivers, n_retired;
    struct receiver *receivers[NOTIFY_MAX_RECEIVERS];
    struct receiver *retired[MAX_RETIRED];
};

struct notifier_next {
    struct outbox *outbox; /* NULL: that of the notifier stays */
    size_t n;
    struct receiver *receivers[NOTIFY_MAX_RECEIVERS]; /* NULL: it is as it was */
    size_t kept[NOTIFY_MAX_RECEIVERS];                /* and then its index */
};

static void wake(struct notifier *notifier)
{
    (void)pthread_mutex_lock(&notifier->news.lock);
    notifier->news.count++;
    (void)pthread_cond_broadcast(&notifier->news.changed);
    (void)pthread_mutex_unlock(&notifier->news.lock);
}

static const char *name_of(const struct receiver *receiver)
{
    return receiver_settings(receiver)->name;
}

static void put(struct notifier *notifier, uint64_t incident, bool is_open, bool send,
                const json_t *event)
{
    const char *names[NOTIFY_MAX_RECEIVERS];
    char *text = event ? json_dumps(event, VERDICT_JSON_FLAGS) : NULL;
    struct fl_error err = {"no memory"};

    for (size_t i = 0; i < notifier->n_receivers; i++)
        names[i] = name_of(notifier->receivers[i]);
    if (!text || outbox_put(notifier->outbox, names, send ? notifier->n_receivers : 0, incident,
                            is_open, text, &err) < 0)
        fl_log_error("notify", "incident %" PRIu64 " is told to nobody: %s", incident, err.message);
    free(text);
    wake(notifier);
}

void notifier_verdict(struct notifier *notifier, const struct verdict_event *event)
{
    json_t *json;

    if (notifier->n_receivers == 0 || !notify_plan_is_news(&notifier->told, event))
        return;
    json = verdict_event_json(event);
    put(notifier, event->verdict.id, event->type != VERDICT_CLOSE, true, json);
    json_decref(json);
}

void notifier_tell(struct notifier *notifier, uint64_t handle, bool is_open, bool send,
                   const json_t *event)
{
    if (notifier->n_receivers > 0)
        put(notifier, handle, is_open, send, event);
}

bool notifier_waits(struct notifier *notifier, uint64_t handle)
{
    struct fl_error err;
    bool waits = false;

    /* what cannot be read waits, so that it is not taken for told */
    return notifier->outbox && (outbox_waits(notifier->outbox, handle, &waits, &err) < 0 || waits);
}

void notifier_clear(struct notifier *notifier)
{
    struct fl_error err;

    if (notifier->outbox && outbox_clear(notifier->outbox, &err) < 0)
        fl_log_error("notify", "%s", err.message);
}

void notifier_allow(struct notifier *notifier, int64_t until_us)
{
    atomic_store(&notifier->news.until_us, until_us);
    wake(notifier);
}

int notifier_test(struct notifier *notifier, const char *name, struct fl_error *err)
{
    const char *names[NOTIFY_MAX_RECEIVERS];
    char event[64];
    size_t n = 0;
    int r;

    for (size_t i = 0; i < notifier->n_receivers; i++)
        if (!name || strcmp(name_of(notifier->receivers[i]), name) == 0)
            names[n++] = name_of(notifier->receivers[i]);
    if (n == 0 && name)
        return fl_error_set(err, -ENOENT, "there is no receiver \"%.64s\" in the configuration",
                            name);
    if (n == 0)
        return fl_error_set(err, -ENOENT, "there is no receiver in the configuration");
    (void)snprintf(event, sizeof(event), "{\"t_us\":%" PRId64 ",\"event\":\"test\"}",
                   fl_clock_steady());
    r = outbox_put(notifier->outbox, names, n, 0, false, event, err);
    wake(notifier);
    return r;
}

struct orphan {
    uint64_t incident;
    json_t *event;
};

struct orphans {
    size_t n;
    struct orphan list[NOTIFY_MAX_OPEN];
};

static int add_orphan(uint64_t incident, const char *event, void *arg)
{
    struct orphans *orphans = arg;

    if (orphans->n < NOTIFY_MAX_OPEN)
        orphans->list[orphans->n++] = (struct orphan){incident, json_loads(event, 0, NULL)};
    return 0;
}

/* What a coordinator before this one left open is judged anew under another number. */
static int close_orphans(struct notifier *notifier, struct fl_error *err)
{
    struct orphans *orphans = calloc(1, sizeof(*orphans));
    int r = orphans ? outbox_each_open(notifier->outbox, add_orphan, orphans, err)
                    : fl_error_set(err, -ENOMEM, "no memory");

    for (size_t i = 0; orphans && i < orphans->n; i++) {
        json_t *event = orphans->list[i].event;

        if (event && r == 0) {
            (void)json_object_set_new(event, "event", json_string("close"));
            (void)json_object_set_new(event, "t_us", json_integer(fl_clock_steady()));
            put(notifier, orphans->list[i].incident, false, true, event);
        }
        json_decref(event);
    }
    free(orphans);
    return r;
}

/* Index of the receiver with just these settings, or n_receivers. */
static size_t find_same(const struct notifier *notifier, const struct notify_settings *settings)
{
    size_t i = 0;

    while (i < notifier->n_receivers &&
           !notify_settings_equal(receiver_settings(notifier->receivers[i]), settings))
        i++;
    return i;
}

int notifier_prepare(struct notifier *notifier, const struct notify_config *config,
                     struct notifier_next **ret, struct fl_error *err)
{
    FL_CLEANUP(notifier_next_freep) struct notifier_next *next = calloc(1, sizeof(*next));
    int r = 0;

    if (!next)
        return fl_error_set(err, -ENOMEM, "no memory for notifications");
    if (config->n > 0 && !notifier->outbox) {
        (void)curl_global_init(CURL_GLOBAL_DEFAULT); /* before there are threads that use it */
        r = outbox_open(notifier->path, &next->outbox, err);
    }
    for (; r == 0 && next->n < config->n; next->n++) {
        size_t kept = find_same(notifier, &config->receivers[next->n]);

        next->kept[next->n] = kept;
        if (kept == notifier->n_receivers)
            r = receiver_new(&config->receivers[next->n], notifier->path, &notifier->news,
                             &next->receivers[next->n], err);
    }
    if (r == 0)
        *ret = FL_TAKE(next);
    return r;
}

struct notifier_next *notifier_next_free(struct notifier_next *next)
{
    if (!next)
        return NULL;
    for (size_t i = 0; i < NOTIFY_MAX_RECEIVERS; i++)
        receiver_free(next->receivers[i]);
    outbox_free(next->outbox);
    free(next);
    return NULL;
}

/* Those that have ended go; when there is no room for another one, the oldest is waited for. */
static void retire(struct notifier *notifier, struct receiver *receiver)
{
    size_t n = 0;

    for (size_t i = 0; i < notifier->n_retired; i++)
        if (receiver_has_ended(notifier->retired[i]))
            receiver_free(notifier->retired[i]);
        else
            notifier->retired[n++] = notifier->retired[i];
    if (n == MAX_RETIRED) {
        receiver_free(notifier->retired[0]);
        memmove(notifier->retired, notifier->retired + 1, --n * sizeof(notifier->retired[0]));
    }
    notifier->retired[n++] = receiver;
    notifier->n_retired = n;
    receiver_end(receiver);
}

static struct receiver *take_retired(struct notifier *notifier, const char *name)
{
    for (size_t i = 0; i < notifier->n_retired; i++) {
        struct receiver *receiver = notifier->retired[i];

        if (strcmp(name_of(receiver), name) == 0) {
            notifier->retired[i] = notifier->retired[--notifier->n_retired];
            return receiver;
        }
    }
    return NULL;
}

void notifier_switch(struct notifier *notifier, struct notifier_next *next)
{
    struct receiver *made[NOTIFY_MAX_RECEIVERS] = {0};

    if (next->outbox)
        notifier->outbox = FL_TAKE(next->outbox);
    for (size_t i = 0; i < next->n; i++) {
        made[i] = FL_TAKE(next->receivers[i]);
        if (!made[i])
            next->receivers[i] = FL_TAKE(notifier->receivers[next->kept[i]]);
    }
    for (size_t i = 0; i < notifier->n_receivers; i++)
        if (notifier->receivers[i])
            retire(notifier, FL_TAKE(notifier->receivers[i]));
    for (size_t i = 0; i < next->n; i++) {
        notifier->receivers[i] = made[i] ? made[i] : FL_TAKE(next->receivers[i]);
        if (made[i])
            receiver_start(made[i], take_retired(notifier, name_of(made[i])));
    }
    notifier->n_receivers = next->n;
    notifier_next_free(next);
}

int notifier_new(const struct notify_config *config, const char *path, bool shared,
                 struct notifier **ret, struct fl_error *err)
{
    FL_CLEANUP(notifier_freep) struct notifier *notifier = calloc(1, sizeof(*notifier));
    FL_CLEANUP(notifier_next_freep) struct notifier_next *next = NULL;
    int r;

    if (!notifier)
        return fl_error_set(err, -ENOMEM, "no memory");
    (void)pthread_mutex_init(&notifier->news.lock, NULL);
    (void)pthread_cond_init(&notifier->news.changed, NULL);
    atomic_init(&notifier->news.until_us, shared ? 0 : INT64_MAX);
    notifier->path = strdup(path);
    if (!notifier->path)
        return fl_error_set(err, -ENOMEM, "no memory");
    r = notifier_prepare(notifier, config, &next, err);
    if (r < 0)
        return r;
    notifier_switch(notifier, FL_TAKE(next));
    if (notifier->outbox)
        r = shared ? outbox_clear(notifier->outbox, err) : close_orphans(notifier, err);
    if (r == 0)
        *ret = FL_TAKE(notifier);
    return r;
}

struct notifier *notifier_free(struct notifier *notifier)
{
    if (!notifier)
        return NULL;
    for (size_t i = 0; i < notifier->n_receivers; i++)
        receiver_end(notifier->receivers[i]);
    for (size_t i = 0; i < notifier->n_receivers; i++)
        receiver_free(notifier->receivers[i]);
    for (size_t i = 0; i < notifier->n_retired; i++)
        receiver_free(notifier->retired[i]);
    outbox_free(notifier->outbox);
    (void)pthread_cond_destroy(&notifier->news.changed);
    (void)pthread_mutex_destroy(&notifier->news.lock);
    free(notifier->path);
    free(notifier);
    return NULL;
}

void notifier_stats(const struct notifier *notifier, size_t receiver, struct notifier_stats *ret)
{
    receiver_stats(notifier->receivers[receiver], ret);
}
