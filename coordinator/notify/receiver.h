/* One receiver and its thread, which brings it what is in the outbox under its name. */
#pragma once

#include "coordinator/notify/notifier.h"

#include <pthread.h>
#include <stdatomic.h>

struct receiver;

/* What all threads wait on. */
struct notify_news {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t count;               /* how often something was put */
    atomic_int_fast64_t until_us; /* so long something may be sent, of the monotonic clock */
};

/* The settings are copied, the news borrowed. Its thread is there, and waits to be started. */
int receiver_new(const struct notify_settings *settings, const char *path, struct notify_news *news,
                 struct receiver **ret, struct fl_error *err);
/* Takes over `before`, whose name it has and which was told to end: nothing is sent by two at
 * once. `before` may be NULL. */
void receiver_start(struct receiver *receiver, struct receiver *before);
/* Does not wait for it: it gives up what it is at within a second. */
void receiver_end(struct receiver *receiver);
bool receiver_has_ended(const struct receiver *receiver);
/* Waits for its end. What is not delivered stays on disk. */
struct receiver *receiver_free(struct receiver *receiver);
FL_DEFINE_FREEP(struct receiver, receiver)

const struct notify_settings *receiver_settings(const struct receiver *receiver);
void receiver_stats(const struct receiver *receiver, struct notifier_stats *ret);
