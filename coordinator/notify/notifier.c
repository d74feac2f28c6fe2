#include "coordinator/notify/notifier.h"

#include "coordinator/core/notify_plan.h"
#include "coordinator/store/outbox.h"
#include "coordinator/trace/verdict_json.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_log.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_US FL_SECOND /* between two looks when nothing is heard */

struct receiver {
    const struct notify_settings *settings;
    const struct notify_type *type;
    struct notifier *notifier;
    struct outbox *outbox; /* the thread's own connection */
    pthread_t thread;
    bool running;
    struct notify_bucket bucket;
    unsigned attempts; /* of the message that is being sent */
    fl_time repeated_us;
    uint64_t superseded, dropped; /* still to be said */
    struct fl_log_limit limit;
    atomic_uint_fast64_t delivered, failed, given_up, all_superseded, all_dropped;
};

struct notifier {
    struct notify_config config;
    struct outbox *outbox; /* the loop's */
    struct notify_told told;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ending;
    uint64_t news; /* how often something was put */
    size_t n_receivers;
    struct receiver receivers[NOTIFY_MAX_RECEIVERS];
};

/* Sleep for so long, or until there is news. False: it ends. */
static bool rest(struct receiver *receiver, int64_t us, bool for_news)
{
    struct notifier *notifier = receiver->notifier;
    int64_t end = fl_clock_monotonic() + us;
    uint64_t news;
    bool ending;

    (void)pthread_mutex_lock(&notifier->lock);
    news = notifier->news;
    while (!notifier->ending && !(for_news && notifier->news != news)) {
        int64_t left = end - fl_clock_monotonic();
        struct timespec until;

        if (left <= 0)
            break;
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += left / FL_SECOND;
        until.tv_nsec += left % FL_SECOND * 1000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        (void)pthread_cond_timedwait(&notifier->changed, &notifier->lock, &until);
    }
    ending = notifier->ending;
    (void)pthread_mutex_unlock(&notifier->lock);
    return !ending;
}

static bool is_ending(void *arg)
{
    struct notifier *notifier = arg;
    bool ending;

    (void)pthread_mutex_lock(&notifier->lock);
    ending = notifier->ending;
    (void)pthread_mutex_unlock(&notifier->lock);
    return ending;
}

static void complain(struct receiver *receiver, const struct fl_error *err)
{
    uint64_t held;

    if (fl_log_allowed(&receiver->limit, FL_MINUTE, &held))
        fl_log_warning("notify", "receiver %s: %s", receiver->settings->name, err->message);
}

static int send_events(struct receiver *receiver, const json_t *events, const char *key,
                       struct fl_error *err)
{
    const struct notify_message message = {events,
                                           key,
                                           receiver->superseded,
                                           receiver->dropped,
                                           fl_clock_steady(),
                                           is_ending,
                                           receiver->notifier};
    int r = receiver->type->deliver(receiver->settings, &message, err);

    if (r == 0)
        receiver->delivered++;
    else
        receiver->failed++;
    return r;
}

/* One message out of what waits: its rows are sealed, so that it stays the same however often it
 * is sent. */
static int seal(struct receiver *receiver, const struct outbox_row *rows, size_t n,
                struct fl_error *err)
{
    struct notify_row plan[OUTBOX_ROWS];
    int64_t ids[OUTBOX_ROWS];
    bool superseded[OUTBOX_ROWS];
    uint64_t dropped = 0;
    size_t n_superseded;
    int r;

    for (size_t i = 0; i < n; i++)
        plan[i] = (struct notify_row){rows[i].id, rows[i].incident, false};
    n_superseded = notify_plan_supersede(plan, n);
    for (size_t i = 0; i < n; i++) {
        ids[i] = plan[i].id;
        superseded[i] = plan[i].superseded;
    }
    r = outbox_seal(receiver->outbox, ids, superseded, n, err);
    if (r == 0)
        r = outbox_take_dropped(receiver->outbox, receiver->settings->name, &dropped, err);
    if (r < 0)
        return r;
    receiver->superseded += n_superseded;
    receiver->dropped += dropped;
    receiver->all_superseded += n_superseded;
    receiver->all_dropped += dropped;
    return 0;
}

static json_t *events_of(const struct outbox_row *rows, size_t n)
{
    json_t *events = json_array();

    for (size_t i = 0; events && i < n; i++)
        (void)json_array_append_new(events,
                                    rows[i].event ? json_loads(rows[i].event, 0, NULL) : NULL);
    return events;
}

/* Try to bring a sealed message. Returns how long to wait before the next look. */
static int64_t bring(struct receiver *receiver, const struct outbox_row *rows, size_t n)
{
    json_t *events = events_of(rows, n);
    char key[NOTIFY_KEY_SIZE];
    struct fl_error err = {"no memory"};
    int r = -EAGAIN;

    (void)snprintf(key, sizeof(key), "%s-%" PRId64, outbox_id(receiver->outbox), rows[0].message);
    if (events)
        r = send_events(receiver, events, key, &err);
    json_decref(events);
    if (r < 0)
        complain(receiver, &err);
    if (r == -EAGAIN)
        return notify_plan_backoff(++receiver->attempts);
    receiver->attempts = 0;
    receiver->given_up += r < 0;
    if (r == 0)
        receiver->superseded = receiver->dropped = 0;
    if (outbox_delete(receiver->outbox, receiver->settings->name, rows[0].message, &err) == 0)
        return 0;
    complain(receiver, &err);
    return IDLE_US;
}

static int add_open(uint64_t incident, const char *event, void *arg)
{
    (void)incident;
    return json_array_append_new(arg, json_loads(event, 0, NULL)) == 0 ? 0 : -ENOMEM;
}

/* What is open is said again to who forgets it otherwise. When it fails, the next time will do. */
static void repeat(struct receiver *receiver)
{
    json_t *events = json_array();
    struct fl_error err = {"no memory"};
    char key[NOTIFY_KEY_SIZE];
    int r = events ? outbox_each_open(receiver->outbox, add_open, events, &err) : -ENOMEM;

    receiver->repeated_us = fl_clock_monotonic();
    (void)snprintf(key, sizeof(key), "%s-at-%" PRId64, outbox_id(receiver->outbox),
                   fl_clock_steady());
    if (r == 0 && json_array_size(events) > 0)
        r = send_events(receiver, events, key, &err);
    if (r < 0)
        complain(receiver, &err);
    json_decref(events);
}

/* One look at what there is to tell; how long to rest after it. */
static int64_t look(struct receiver *receiver, bool *ret_for_news)
{
    const struct notify_settings *settings = receiver->settings;
    struct outbox_row rows[OUTBOX_ROWS];
    struct fl_error err;
    size_t n = 0;
    int64_t wait = IDLE_US;

    *ret_for_news = false;
    if (outbox_read(receiver->outbox, settings->name, rows, &n, &err) < 0) {
        complain(receiver, &err);
    } else if (n == 0) {
        *ret_for_news = true;
        if (settings->repeat_us > 0 &&
            fl_clock_monotonic() - receiver->repeated_us >= settings->repeat_us)
            repeat(receiver);
    } else if (rows[0].message != 0) {
        wait = bring(receiver, rows, n);
    } else {
        wait = notify_plan_wait(&receiver->bucket, settings->interval_us, fl_clock_monotonic());
        if (wait == 0 && seal(receiver, rows, n, &err) < 0) {
            complain(receiver, &err);
            wait = IDLE_US;
        }
    }
    outbox_rows_done(rows, n);
    return wait;
}

static void *run(void *arg)
{
    struct receiver *receiver = arg;
    bool for_news = false, go = true;

    receiver->repeated_us = fl_clock_monotonic();
    while (go) {
        int64_t wait = look(receiver, &for_news);

        if (wait > 0)
            go = rest(receiver, wait, for_news);
        if (go && for_news) /* what comes together is told together */
            go = rest(receiver, receiver->settings->wait_us, false);
    }
    return NULL;
}

static void wake(struct notifier *notifier)
{
    (void)pthread_mutex_lock(&notifier->lock);
    notifier->news++;
    (void)pthread_cond_broadcast(&notifier->changed);
    (void)pthread_mutex_unlock(&notifier->lock);
}

static void put(struct notifier *notifier, uint64_t incident, bool is_open, const json_t *event)
{
    const char *names[NOTIFY_MAX_RECEIVERS];
    char *text = event ? json_dumps(event, VERDICT_JSON_FLAGS) : NULL;
    struct fl_error err = {"no memory"};

    for (size_t i = 0; i < notifier->n_receivers; i++)
        names[i] = notifier->receivers[i].settings->name;
    if (!text || outbox_put(notifier->outbox, names, notifier->n_receivers, incident, is_open, text,
                            &err) < 0)
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
    put(notifier, event->verdict.id, event->type != VERDICT_CLOSE, json);
    json_decref(json);
}

int notifier_test(struct notifier *notifier, const char *name, struct fl_error *err)
{
    const char *names[NOTIFY_MAX_RECEIVERS];
    char event[64];
    size_t n = 0;
    int r;

    for (size_t i = 0; i < notifier->n_receivers; i++)
        if (!name || strcmp(notifier->receivers[i].settings->name, name) == 0)
            names[n++] = notifier->receivers[i].settings->name;
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
            put(notifier, orphans->list[i].incident, false, event);
        }
        json_decref(event);
    }
    free(orphans);
    return r;
}

static int start_receiver(struct notifier *notifier, size_t i, const char *path,
                          struct fl_error *err)
{
    struct receiver *receiver = &notifier->receivers[i];
    int r = outbox_open(path, &receiver->outbox, err);

    if (r == 0 && pthread_create(&receiver->thread, NULL, run, receiver) != 0)
        r = fl_error_set(err, -EAGAIN, "a thread for receiver \"%s\" cannot be started",
                         receiver->settings->name);
    receiver->running = r == 0;
    return r;
}

int notifier_new(const struct notify_config *config, const char *path, struct notifier **ret,
                 struct fl_error *err)
{
    FL_CLEANUP(notifier_freep) struct notifier *notifier = calloc(1, sizeof(*notifier));
    int r = 0;

    if (!notifier)
        return fl_error_set(err, -ENOMEM, "no memory");
    (void)pthread_mutex_init(&notifier->lock, NULL);
    (void)pthread_cond_init(&notifier->changed, NULL);
    r = notify_config_copy(config, &notifier->config);
    for (size_t i = 0; r == 0 && i < config->n; i++) {
        struct receiver *receiver = &notifier->receivers[notifier->n_receivers++];

        receiver->settings = &notifier->config.receivers[i];
        receiver->type = notify_table[config->receivers[i].type];
        receiver->notifier = notifier;
    }
    if (r < 0)
        return fl_error_set(err, r, "no memory");
    if (config->n > 0) {
        (void)curl_global_init(CURL_GLOBAL_DEFAULT); /* before there are threads */
        r = outbox_open(path, &notifier->outbox, err);
    }
    if (r == 0 && config->n > 0)
        r = close_orphans(notifier, err);
    for (size_t i = 0; r == 0 && i < notifier->n_receivers; i++)
        r = start_receiver(notifier, i, path, err);
    if (r == 0)
        *ret = FL_TAKE(notifier);
    return r;
}

struct notifier *notifier_free(struct notifier *notifier)
{
    if (!notifier)
        return NULL;
    (void)pthread_mutex_lock(&notifier->lock);
    notifier->ending = true;
    (void)pthread_cond_broadcast(&notifier->changed);
    (void)pthread_mutex_unlock(&notifier->lock);
    for (size_t i = 0; i < notifier->n_receivers; i++) {
        if (notifier->receivers[i].running)
            (void)pthread_join(notifier->receivers[i].thread, NULL);
        outbox_free(notifier->receivers[i].outbox);
    }
    outbox_free(notifier->outbox);
    notify_config_done(&notifier->config);
    (void)pthread_cond_destroy(&notifier->changed);
    (void)pthread_mutex_destroy(&notifier->lock);
    free(notifier);
    return NULL;
}

void notifier_stats(const struct notifier *notifier, size_t receiver, struct notifier_stats *ret)
{
    const struct receiver *one = &notifier->receivers[receiver];

    *ret = (struct notifier_stats){one->delivered, one->failed, one->given_up, one->all_superseded,
                                   one->all_dropped};
}
