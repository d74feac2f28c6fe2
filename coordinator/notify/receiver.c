#include "coordinator/notify/receiver.h"

#include "coordinator/core/notify_plan.h"
#include "coordinator/store/outbox.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_log.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_US FL_SECOND /* between two looks when nothing is heard */

struct receiver {
    struct notify_settings settings;
    const struct notify_type *type;
    struct notify_news *news;
    struct outbox *outbox; /* the thread's own connection */
    pthread_t thread;
    bool running;
    bool started, ending, ended;        /* under the lock of the news */
    char last_error[NOTIFY_ERROR_SIZE]; /* likewise */
    struct receiver *before;            /* had the same name; has to end first; owned */
    struct notify_bucket bucket;
    unsigned attempts; /* of the message that is being sent */
    fl_time repeated_us;
    uint64_t superseded, dropped; /* still to be said */
    struct fl_log_limit limit;
    atomic_uint_fast64_t delivered, failed, given_up, all_superseded, all_dropped, refused;
};

/* Sleep for so long, or until there is news. False: it ends. */
static bool rest(struct receiver *receiver, int64_t us, bool for_news)
{
    struct notify_news *news = receiver->news;
    int64_t end = fl_clock_monotonic() + us;
    uint64_t heard;
    bool ending;

    (void)pthread_mutex_lock(&news->lock);
    heard = news->count;
    while (!receiver->ending && !(for_news && news->count != heard)) {
        int64_t left = end - fl_clock_monotonic();
        struct timespec until;

        if (left <= 0)
            break;
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += left / FL_SECOND;
        until.tv_nsec += left % FL_SECOND * 1000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        (void)pthread_cond_timedwait(&news->changed, &news->lock, &until);
    }
    ending = receiver->ending;
    (void)pthread_mutex_unlock(&news->lock);
    return !ending;
}

static bool may_send(const struct receiver *receiver)
{
    return fl_clock_monotonic() < (int64_t)atomic_load(&receiver->news->until_us);
}

static bool is_ending(void *arg)
{
    struct receiver *receiver = arg;
    bool ending;

    (void)pthread_mutex_lock(&receiver->news->lock);
    ending = receiver->ending;
    (void)pthread_mutex_unlock(&receiver->news->lock);
    return ending || !may_send(receiver);
}

static void note(struct receiver *receiver, const char *error)
{
    (void)pthread_mutex_lock(&receiver->news->lock);
    (void)snprintf(receiver->last_error, sizeof(receiver->last_error), "%.*s",
                   NOTIFY_ERROR_SIZE - 1, error);
    (void)pthread_mutex_unlock(&receiver->news->lock);
}

static void complain(struct receiver *receiver, const struct fl_error *err)
{
    uint64_t held;

    note(receiver, err->message);
    if (fl_log_allowed(&receiver->limit, FL_MINUTE, &held))
        fl_log_warning("notify", "receiver %s: %s", receiver->settings.name, err->message);
}

static int send_events(struct receiver *receiver, const json_t *events, const char *key,
                       struct fl_error *err)
{
    const struct notify_message message = {
        events,    key,     receiver->superseded, receiver->dropped, fl_clock_steady(),
        is_ending, receiver};
    int r = receiver->type->deliver(&receiver->settings, &message, err);

    if (r < 0) {
        receiver->failed++;
        return r;
    }
    receiver->delivered++;
    if (r > 0)
        complain(receiver, err);
    else
        note(receiver, "");
    receiver->refused += (unsigned)r;
    return 0;
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
        r = outbox_take_dropped(receiver->outbox, receiver->settings.name, &dropped, err);
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

/* Who takes over sends what is under way again under the same key: that of the changes in it. */
static void name_message(const struct receiver *receiver, const json_t *events, int64_t message,
                         char key[NOTIFY_KEY_SIZE])
{
    size_t n = json_array_size(events);
    json_int_t first = json_integer_value(json_object_get(json_array_get(events, 0), "change"));
    json_int_t last = json_integer_value(json_object_get(json_array_get(events, n - 1), "change"));

    if (first && last)
        (void)snprintf(key, NOTIFY_KEY_SIZE, "change-%" PRId64 "-%" PRId64 "-%zu", (int64_t)first,
                       (int64_t)last, n);
    else
        (void)snprintf(key, NOTIFY_KEY_SIZE, "%s-%" PRId64, outbox_id(receiver->outbox), message);
}

/* Try to bring a sealed message. Returns how long to wait before the next look. */
static int64_t bring(struct receiver *receiver, const struct outbox_row *rows, size_t n)
{
    json_t *events = events_of(rows, n);
    char key[NOTIFY_KEY_SIZE];
    struct fl_error err = {"no memory"};
    int r = -EAGAIN;

    name_message(receiver, events, rows[0].message, key);
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
    if (outbox_delete(receiver->outbox, receiver->settings.name, rows[0].message, &err) == 0)
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
    const struct notify_settings *settings = &receiver->settings;
    struct outbox_row rows[OUTBOX_ROWS];
    struct fl_error err;
    size_t n = 0;
    int64_t wait = IDLE_US;

    *ret_for_news = false;
    if (!may_send(receiver)) {
        *ret_for_news = true;
        return IDLE_US;
    }
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

/* Until it is its turn, and not before the one before it has ended. False: it ends at once. */
static bool wait_for_turn(struct receiver *receiver)
{
    struct notify_news *news = receiver->news;
    bool go;

    (void)pthread_mutex_lock(&news->lock);
    while ((receiver->before && !receiver->before->ended) ||
           (!receiver->started && !receiver->ending))
        (void)pthread_cond_wait(&news->changed, &news->lock);
    go = !receiver->ending;
    (void)pthread_mutex_unlock(&news->lock);
    return go;
}

static void *run(void *arg)
{
    struct receiver *receiver = arg;
    bool for_news = false, go = wait_for_turn(receiver);

    receiver->repeated_us = fl_clock_monotonic();
    while (go) {
        int64_t wait = look(receiver, &for_news);

        if (wait > 0)
            go = rest(receiver, wait, for_news);
        if (go && for_news) /* what comes together is told together */
            go = rest(receiver, receiver->settings.wait_us, false);
    }
    (void)pthread_mutex_lock(&receiver->news->lock);
    receiver->ended = true;
    (void)pthread_cond_broadcast(&receiver->news->changed);
    (void)pthread_mutex_unlock(&receiver->news->lock);
    return NULL;
}

int receiver_new(const struct notify_settings *settings, const char *path, struct notify_news *news,
                 struct receiver **ret, struct fl_error *err)
{
    FL_CLEANUP(receiver_freep) struct receiver *receiver = calloc(1, sizeof(*receiver));
    int r = receiver ? notify_settings_copy(settings, &receiver->settings) : -ENOMEM;

    if (r < 0)
        return fl_error_set(err, r, "no memory for receiver \"%s\"", settings->name);
    receiver->type = notify_table[settings->type];
    receiver->news = news;
    r = outbox_open(path, &receiver->outbox, err);
    if (r == 0 && pthread_create(&receiver->thread, NULL, run, receiver) != 0)
        r = fl_error_set(err, -EAGAIN, "a thread for receiver \"%s\" cannot be started",
                         settings->name);
    receiver->running = r == 0;
    if (r == 0)
        *ret = FL_TAKE(receiver);
    return r;
}

void receiver_start(struct receiver *receiver, struct receiver *before)
{
    struct receiver *oldest = NULL;

    (void)pthread_mutex_lock(&receiver->news->lock);
    if (before && before->before && before->before->ended)
        oldest = FL_TAKE(before->before);
    receiver->before = before;
    receiver->started = true;
    (void)pthread_cond_broadcast(&receiver->news->changed);
    (void)pthread_mutex_unlock(&receiver->news->lock);
    receiver_free(oldest);
}

void receiver_end(struct receiver *receiver)
{
    (void)pthread_mutex_lock(&receiver->news->lock);
    receiver->ending = true;
    (void)pthread_cond_broadcast(&receiver->news->changed);
    (void)pthread_mutex_unlock(&receiver->news->lock);
}

bool receiver_has_ended(const struct receiver *receiver)
{
    bool ended;

    (void)pthread_mutex_lock(&receiver->news->lock);
    ended = receiver->ended;
    (void)pthread_mutex_unlock(&receiver->news->lock);
    return ended;
}

struct receiver *receiver_free(struct receiver *receiver)
{
    struct receiver *before;

    while (receiver) {
        if (receiver->running) {
            receiver_end(receiver);
            (void)pthread_join(receiver->thread, NULL);
        }
        before = receiver->before;
        outbox_free(receiver->outbox);
        notify_settings_done(&receiver->settings);
        free(receiver);
        receiver = before;
    }
    return NULL;
}

const struct notify_settings *receiver_settings(const struct receiver *receiver)
{
    return &receiver->settings;
}

void receiver_stats(const struct receiver *receiver, struct notifier_stats *ret)
{
    *ret = (struct notifier_stats){.delivered = receiver->delivered,
                                   .failed = receiver->failed,
                                   .given_up = receiver->given_up,
                                   .superseded = receiver->all_superseded,
                                   .dropped = receiver->all_dropped,
                                   .refused = receiver->refused};
    (void)pthread_mutex_lock(&receiver->news->lock);
    memcpy(ret->last_error, receiver->last_error, sizeof(ret->last_error));
    (void)pthread_mutex_unlock(&receiver->news->lock);
}
