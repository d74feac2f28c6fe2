/* One transaction of advice and one of the book are under way at most, so that what is written is
 * written in order. When it is not known whether one came to be, advice is written again, which
 * does no harm, and the book is read again. */
#include "coordinator/group_keys.h"

#include "coordinator/core/told.h"
#include "coordinator/trace/decision_json.h"
#include "coordinator/trace/verdict_json.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IN_ONE 64      /* keys; etcd takes 128 operations in a transaction */
#define CHANGE_BITS 20 /* of the number of a change: a leadership tells fewer */
#define RENEWALS 4     /* of the lease of advice, in its length */
#define RETRY_US FL_SECOND

struct waiting {
    char *key, *value; /* value NULL: the key goes */
};

struct group_keys {
    const struct config_lease *config;
    struct notifier *notifier;
    struct leadership *leadership;
    int64_t keep_us;
    bool leads;
    fl_time began_us, led_us;

    uint64_t advice; /* the lease; 0: none yet */
    bool asking;     /* for it */
    int64_t asked_us;
    bool writing;
    size_t n_waiting, n_written; /* the first `n_written` are under way */
    struct waiting waiting[GROUP_KEYS_QUEUE];

    struct told told;
    bool has_book, in_book; /* it is read; something of it is under way */
    uint64_t last_change;
    struct told_next next; /* what is under way */
    struct group_keys_stats stats;
};

static void drop_waiting(struct group_keys *keys)
{
    for (size_t i = 0; i < keys->n_waiting; i++) {
        free(keys->waiting[i].key);
        free(keys->waiting[i].value);
    }
    keys->n_waiting = keys->n_written = 0;
}

/* `value` is taken over. */
static void queue(struct group_keys *keys, const char *key, char *value)
{
    size_t i = keys->n_written;

    while (i < keys->n_waiting && strcmp(keys->waiting[i].key, key) != 0)
        i++;
    if (i < keys->n_waiting) {
        free(keys->waiting[i].value);
        keys->waiting[i].value = value;
        return;
    }
    if (keys->n_waiting < GROUP_KEYS_QUEUE)
        keys->waiting[keys->n_waiting] = (struct waiting){strdup(key), value};
    if (keys->n_waiting == GROUP_KEYS_QUEUE || !keys->waiting[keys->n_waiting].key) {
        keys->stats.dropped++;
        free(value);
        return;
    }
    keys->n_waiting++;
}

static char *text_of(json_t *json) /* taken over */
{
    char *text = json ? json_dumps(json, VERDICT_JSON_FLAGS) : NULL;

    json_decref(json);
    return text;
}

void group_keys_decision(struct group_keys *keys, const struct decision *decision)
{
    char key[LEADERSHIP_KEY_SIZE], *text = text_of(decision_json(decision));

    leadership_key(keys->leadership, key, "decisions/%s/%s", decision->group, decision->zone);
    if (text)
        queue(keys, key, text);
}

static void queue_verdict(struct group_keys *keys, const struct verdict *verdict, bool open)
{
    const char *cause = verdict_cause_name(verdict->cause);
    char key[LEADERSHIP_KEY_SIZE], *text = NULL;

    leadership_key(keys->leadership, key, "verdicts/%s", verdict->component);
    if (open)
        text = text_of(json_pack("{s:s, s:I, s:s, s:s, s:s?, s:f, s:I}", "coordinator",
                                 keys->config->name, "id", (json_int_t)verdict->id, "class",
                                 verdict_class_name(verdict->class), "component",
                                 verdict->component, "cause", cause, "confidence",
                                 verdict->confidence, "since_us", (json_int_t)verdict->since_us));
    if (text || !open)
        queue(keys, key, text);
}

void group_keys_verdict(struct group_keys *keys, const struct verdict_event *event)
{
    told_verdict(&keys->told, event);
    if (keys->leads)
        queue_verdict(keys, &event->verdict, event->type != VERDICT_CLOSE);
}

void group_keys_lead(struct group_keys *keys, bool leads)
{
    if (leads == keys->leads)
        return;
    keys->leads = leads;
    drop_waiting(keys);
    keys->has_book = false;
    keys->advice = 0;
    keys->asked_us = 0;
    notifier_clear(keys->notifier);
    if (!leads)
        return;
    keys->led_us = fl_clock_steady();
    keys->last_change = leadership_revision(keys->leadership) << CHANGE_BITS;
    for (size_t i = 0; i < TOLD_VIEWS; i++)
        if (keys->told.views[i].used && !keys->told.views[i].closed_us)
            queue_verdict(keys, &keys->told.views[i].verdict, true);
}

static void on_lease(const json_t *answer, int64_t sent_us, uint64_t tag, void *arg)
{
    struct group_keys *keys = arg;
    const json_t *result = json_object_get(answer, "result"); /* of a renewal */

    (void)sent_us;
    (void)tag;
    keys->asking = false;
    if (!answer || !keys->leads)
        return;
    if (!result)
        keys->advice = etcd_number(answer, "ID");
    else if (etcd_number(result, "ID") == keys->advice && etcd_number(result, "TTL") == 0)
        keys->advice = 0;
}

/* Have a lease for advice, and keep it. */
static void keep_lease(struct group_keys *keys)
{
    int64_t now_us = fl_clock_monotonic();
    int64_t every_us = keys->advice ? keys->keep_us / RENEWALS : RETRY_US;
    struct etcd *etcd = leadership_etcd(keys->leadership);
    char id[24];

    if (keys->asking || (keys->asked_us && now_us - keys->asked_us < every_us))
        return;
    keys->asking = true;
    keys->asked_us = now_us;
    (void)snprintf(id, sizeof(id), "%" PRIu64, keys->advice);
    if (keys->advice)
        etcd_post(etcd, "/v3/lease/keepalive", json_pack("{s:s}", "ID", id), on_lease, 0, keys);
    else
        etcd_post(etcd, "/v3/lease/grant",
                  json_pack("{s:I}", "TTL", (json_int_t)(keys->keep_us / FL_SECOND)), on_lease, 0,
                  keys);
}

/* Of two words on one key the later one; etcd takes no key twice. */
static void drop_outdated(struct group_keys *keys, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < keys->n_waiting; i++) {
        struct waiting one = keys->waiting[i];
        bool outdated = false;

        for (size_t k = n; i < n && k < keys->n_waiting && !outdated; k++)
            outdated = strcmp(one.key, keys->waiting[k].key) == 0;
        if (outdated) {
            free(one.key);
            free(one.value);
        } else {
            keys->waiting[kept++] = one;
        }
    }
    keys->n_waiting = kept;
}

static void on_advice(const json_t *answer, int64_t sent_us, uint64_t tag, void *arg)
{
    struct group_keys *keys = arg;
    size_t n = keys->n_written;

    (void)sent_us;
    (void)tag;
    keys->writing = false;
    keys->n_written = 0;
    if (!answer || !etcd_succeeded(answer) || n > keys->n_waiting) {
        if (keys->leads)
            keys->advice = 0; /* it may be that which is gone */
        drop_outdated(keys, n);
        return;
    }
    keys->stats.written += n;
    for (size_t i = 0; i < n; i++) {
        free(keys->waiting[i].key);
        free(keys->waiting[i].value);
    }
    keys->n_waiting -= n;
    memmove(keys->waiting, keys->waiting + n, keys->n_waiting * sizeof(keys->waiting[0]));
}

/* A key stands once in a transaction; a later word on it waits for the next. */
static void write_advice(struct group_keys *keys)
{
    size_t n = keys->n_waiting < IN_ONE ? keys->n_waiting : IN_ONE;
    json_t *operations;

    if (keys->writing || n == 0 || !keys->advice)
        return;
    operations = json_array();
    for (size_t i = 0; i < n; i++) {
        const struct waiting *one = &keys->waiting[i];

        (void)json_array_append_new(operations, one->value
                                                    ? etcd_put(one->key, one->value, keys->advice)
                                                    : etcd_delete(one->key));
    }
    keys->writing = true;
    keys->n_written = n;
    leadership_write(keys->leadership, operations, NULL, on_advice, keys);
}

static enum verdict_class class_of(const char *name)
{
    int class = 0;

    while (class < VERDICT_CLASSES - 1 &&
           strcmp(verdict_class_name((enum verdict_class) class), name ? name : "") != 0)
        class ++;
    return (enum verdict_class) class;
}

static enum verdict_cause cause_of(const char *name)
{
    int cause = CAUSE_NONE + 1;

    while (name && cause < VERDICT_CAUSES &&
           strcmp(verdict_cause_name((enum verdict_cause)cause), name) != 0)
        cause++;
    return name && cause < VERDICT_CAUSES ? (enum verdict_cause)cause : CAUSE_NONE;
}

static char *entry_text(const struct told_entry *entry, json_t *event) /* taken over */
{
    return text_of(json_pack("{s:I, s:I, s:I, s:b, s:b, s:I, s:I, s:o}", "handle",
                             (json_int_t)entry->handle, "change", (json_int_t)entry->change,
                             "incident", (json_int_t)entry->incident, "open", entry->open, "done",
                             entry->done, "began_us", (json_int_t)entry->began_us, "t_us",
                             (json_int_t)entry->t_us, "event", event));
}

static json_t *event_of(const struct group_keys *keys, const struct told_next *next)
{
    json_t *json = verdict_event_json(&next->event);

    (void)json_object_set_new(json, "change", json_integer((json_int_t)next->entry.change));
    (void)json_object_set_new(json, "coordinator", json_string(keys->config->name));
    return json;
}

static void hand_over(struct group_keys *keys, const struct told_entry *entry, const json_t *event)
{
    notifier_tell(keys->notifier, entry->handle, entry->open, !entry->done, event);
}

static void take_entry(const struct etcd_key *key, void *arg)
{
    struct group_keys *keys = arg;
    json_t *json = json_loads(key->value, 0, NULL);
    const json_t *event = json_object_get(json, "event");
    const char *component = json_string_value(json_object_get(event, "component"));
    struct told_entry entry = {
        .handle = etcd_number(json, "handle"),
        .change = etcd_number(json, "change"),
        .incident = etcd_number(json, "incident"),
        .class = class_of(json_string_value(json_object_get(event, "class"))),
        .cause = cause_of(json_string_value(json_object_get(event, "cause"))),
        .open = json_is_true(json_object_get(json, "open")),
        .done = json_is_true(json_object_get(json, "done")),
        .began_us = (fl_time)etcd_number(json, "began_us"),
        .t_us = (fl_time)etcd_number(json, "t_us"),
        .revision = key->mod_revision};

    if (component && entry.handle) {
        (void)snprintf(entry.component, sizeof(entry.component), "%s", component);
        told_see(&keys->told, &entry);
        if (entry.open || !entry.done)
            hand_over(keys, &entry, event);
    }
    json_decref(json);
}

static void on_book(const json_t *answer, int64_t sent_us, uint64_t tag, void *arg)
{
    struct group_keys *keys = arg;

    (void)sent_us;
    (void)tag;
    keys->in_book = false;
    if (!answer || !etcd_succeeded(answer) || !keys->leads)
        return;
    notifier_clear(keys->notifier);
    told_reread(&keys->told);
    etcd_each(answer, 0, take_entry, keys);
    keys->has_book = true;
}

static void read_book(struct group_keys *keys)
{
    char prefix[LEADERSHIP_KEY_SIZE];

    keys->in_book = true;
    leadership_key(keys->leadership, prefix, "told/");
    leadership_write(keys->leadership, json_pack("[o]", etcd_range_prefix(prefix, 0)), NULL,
                     on_book, keys);
}

static void on_told(const json_t *answer, int64_t sent_us, uint64_t tag, void *arg)
{
    struct group_keys *keys = arg;
    struct told_next *next = &keys->next;
    json_t *event;

    (void)sent_us;
    (void)tag;
    keys->in_book = false;
    if (!keys->leads || !keys->has_book)
        return;
    if (!answer || !etcd_succeeded(answer)) {
        keys->has_book = false;
        return;
    }
    if (next->step == TOLD_FORGET) {
        told_forget(&keys->told, next->entry.handle);
        return;
    }
    next->entry.revision = etcd_revision(answer);
    told_see(&keys->told, &next->entry);
    if (next->entry.done)
        return;
    keys->stats.told++;
    event = event_of(keys, next);
    hand_over(keys, &next->entry, event);
    json_decref(event);
}

/* What is in `next`, into the book. */
static void write_book(struct group_keys *keys, json_t *event)
{
    const struct told_entry *entry = &keys->next.entry;
    char key[LEADERSHIP_KEY_SIZE], *text;
    json_t *operation;

    leadership_key(keys->leadership, key, "told/%" PRIu64, entry->handle);
    text = entry_text(entry, event);
    operation =
        keys->next.step == TOLD_FORGET ? etcd_delete(key) : etcd_put(key, text ? text : "", 0);
    free(text);
    keys->in_book = true;
    leadership_write(keys->leadership, json_pack("[o]", operation),
                     etcd_compare(key, "MOD", entry->revision), on_told, keys);
}

static json_t *short_event(const struct told_entry *entry)
{
    const char *cause = verdict_cause_name(entry->cause);

    return json_pack("{s:I, s:s, s:I, s:s, s:s, s:s?, s:I, s:I}", "t_us", (json_int_t)entry->t_us,
                     "event", entry->open ? "open" : "close", "id", (json_int_t)entry->incident,
                     "class", verdict_class_name(entry->class), "component", entry->component,
                     "cause", cause, "since_us", (json_int_t)entry->began_us, "change",
                     (json_int_t)entry->change);
}

/* An incident whose newest change all receivers have by now. True: that is being written. */
static bool note_done(struct group_keys *keys)
{
    for (size_t i = 0; i < keys->told.n_entries; i++) {
        const struct told_entry *entry = &keys->told.entries[i];

        if (entry->done || notifier_waits(keys->notifier, entry->handle))
            continue;
        keys->next = (struct told_next){.step = TOLD_TELL, .entry = *entry};
        keys->next.entry.done = true;
        write_book(keys, short_event(entry));
        return true;
    }
    return false;
}

static void turn_book(struct group_keys *keys)
{
    fl_time since_us = keys->led_us > keys->began_us ? keys->led_us : keys->began_us;

    if (keys->in_book)
        return;
    if (!keys->has_book) {
        read_book(keys);
        return;
    }
    if (note_done(keys))
        return;
    told_next(&keys->told, keys->last_change + 1, since_us, fl_clock_steady(), &keys->next);
    if (keys->next.step == TOLD_NOTHING)
        return;
    keys->last_change++;
    write_book(keys, event_of(keys, &keys->next));
}

void group_keys_turn(struct group_keys *keys)
{
    keep_lease(keys);
    write_advice(keys);
    turn_book(keys);
}

int group_keys_new(const struct config_lease *config, int64_t keep_us, struct notifier *notifier,
                   struct group_keys **ret, struct fl_error *err)
{
    struct group_keys *keys = calloc(1, sizeof(*keys));

    if (!keys)
        return fl_error_set(err, -ENOMEM, "no memory for the keys in etcd");
    keys->config = config;
    keys->notifier = notifier;
    keys->keep_us = keep_us;
    keys->began_us = fl_clock_steady();
    *ret = keys;
    return 0;
}

void group_keys_use(struct group_keys *keys, struct leadership *leadership)
{
    keys->leadership = leadership;
}

struct group_keys *group_keys_free(struct group_keys *keys)
{
    if (keys)
        drop_waiting(keys);
    free(keys);
    return NULL;
}

void group_keys_stats(const struct group_keys *keys, struct group_keys_stats *ret)
{
    *ret = keys->stats;
    ret->queued = keys->n_waiting;
    ret->book = keys->told.n_entries;
    ret->dropped += keys->told.lost;
}
