/* Tells people and machines of verdicts: what is new goes to disk, and from there each receiver's
 * own thread brings it, one message at a time, until it has arrived. */
#pragma once

#include "coordinator/core/verdict.h"
#include "coordinator/notify/notify.h"
#include "proto/types/fl_cleanup.h"

struct fl_yaml_node;
struct notifier;
struct notifier_next; /* what a reload brings, made before anything of the old is given up */

#define NOTIFY_ERROR_SIZE 320

struct notify_config {
    size_t n;
    struct notify_settings receivers[NOTIFY_MAX_RECEIVERS];
};

struct notifier_stats {
    uint64_t delivered, failed, given_up; /* messages since start; failed: attempts */
    uint64_t superseded, dropped;         /* events */
    uint64_t refused;                     /* addresses of messages that arrived elsewhere */
    char last_error[NOTIFY_ERROR_SIZE];   /* "": nothing is wrong now */
};

/* Reads the section "notify", which may be missing. */
int notify_config_read(const struct fl_yaml_node *root, struct notify_config *ret,
                       struct fl_error *err);
void notify_config_done(struct notify_config *config);
/* 0 or -ENOMEM, and then `ret` owns nothing. */
int notify_settings_copy(const struct notify_settings *from, struct notify_settings *ret);
void notify_settings_done(struct notify_settings *settings);
bool notify_settings_equal(const struct notify_settings *a, const struct notify_settings *b);

/* `path`: of the outbox. The settings are copied. Alone, it tells what a coordinator that died left
 * open as closed. `shared`: others tell as well, and who leads them knows what is still to be told;
 * what is left of an earlier life is thrown away, and nothing is sent until notifier_allow. */
int notifier_new(const struct notify_config *config, const char *path, bool shared,
                 struct notifier **ret, struct fl_error *err);
/* What is not delivered stays on disk. Waits for no answer longer than a second. */
struct notifier *notifier_free(struct notifier *notifier);
FL_DEFINE_FREEP(struct notifier, notifier)

/* A receiver whose settings are the same goes on undisturbed. What waits for one that changes goes
 * to the new one; what waits for one that is not there any more stays on disk until it is again. */
int notifier_prepare(struct notifier *notifier, const struct notify_config *config,
                     struct notifier_next **ret, struct fl_error *err);
struct notifier_next *notifier_next_free(struct notifier_next *next);
FL_DEFINE_FREEP(struct notifier_next, notifier_next)
/* Cannot fail, and waits for nobody; takes `next` over. */
void notifier_switch(struct notifier *notifier, struct notifier_next *next);

/* Tell one receiver, or all when `name` is NULL, that this is a test. -ENOENT: there is none of
 * that name, or none at all; else negative when it cannot be written down. */
int notifier_test(struct notifier *notifier, const char *name, struct fl_error *err);
void notifier_verdict(struct notifier *notifier, const struct verdict_event *event);

/* For those that share what they tell. An incident is known by its `handle`; `send`: bring it to
 * all receivers, else it is only known as open or closed. */
void notifier_tell(struct notifier *notifier, uint64_t handle, bool is_open, bool send,
                   const json_t *event);
/* Is something of it still to be brought to anybody? */
bool notifier_waits(struct notifier *notifier, uint64_t handle);
/* Nothing is to be told any more. */
void notifier_clear(struct notifier *notifier);
/* Nothing is sent from then on, of the monotonic clock; what is under way is given up. */
void notifier_allow(struct notifier *notifier, int64_t until_us);
void notifier_stats(const struct notifier *notifier, size_t receiver, struct notifier_stats *ret);
