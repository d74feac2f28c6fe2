/* The contract of a history backend: batches and verdict events in, durable, once.
 *
 * The store works on a thread of its own; `done` comes on the loop. A batch is stored together
 * with its (agent, boot, sequence) in one transaction, so that what is acknowledged is there once
 * and what is not acknowledged can be sent again. */
#pragma once

#include "coordinator/core/decision.h"
#include "proto/codec/fl_codec.h"

struct event_base;
struct store;

enum store_outcome { STORE_STORED, STORE_DUPLICATE, STORE_FAILED };

/* On the loop, in the order of submission. */
typedef void (*store_done_cb)(const char *agent, uint64_t boot, uint64_t sequence,
                              enum store_outcome outcome, void *arg);

struct store_stats {
    uint64_t batches, results, duplicates, failures; /* since start */
    uint64_t queued;                                 /* batches waiting now */
    char last_error[256];
};

/* A past incident: its newest verdict and its life. */
struct store_incident {
    struct verdict verdict;
    fl_time opened_us;
    fl_time updated_us;
    fl_time closed_us; /* FL_ABSENT while open */
    uint32_t n_events;
};

#define STORE_TEXT_SIZE 8192

/* What was decided, and what was not, with its reason. */
struct store_decision {
    uint64_t id; /* given by the store */
    fl_time t_us;
    char type[16]; /* made, withheld, drill */
    char group[FL_NAME_SIZE];
    char zone[FL_NAME_SIZE];
    char json[STORE_TEXT_SIZE]; /* the decision, or the drill */
};

struct store_type {
    const char *name;
    const char *summary;
    /* `location` is a path (SQLite). Creates or migrates the schema. */
    int (*open)(const char *location, int64_t keep_results_us, struct event_base *base,
                store_done_cb done, void *arg, struct store **ret, struct fl_error *err);
    /* Everything submitted is written first. */
    struct store *(*close)(struct store *store);

    /* Queue a batch received at rx_us (copied). -EAGAIN when the queue is full: the caller drops
     * the message, and the agent sends it again. */
    int (*put_batch)(struct store *store, const struct fl_batch *batch, fl_time rx_us);
    /* Queue a verdict event (copied). Never refused. */
    int (*put_verdict)(struct store *store, const struct verdict_event *event);

    /* Queue a decision, one withheld, or a drill (then with its outcome as JSON). Copied; never
     * refused. */
    int (*put_decision)(struct store *store, const struct store_decision *decision);

    /* Read on the calling thread, from its own connection. */
    int (*last_incident_id)(struct store *store, uint64_t *ret_id, struct fl_error *err);
    /* Newest first, up to `limit`, with id < before_id (0: from the newest). */
    int (*incidents)(struct store *store, uint64_t before_id, size_t limit,
                     struct store_incident **ret, size_t *ret_n, struct fl_error *err);
    /* One incident, -ENOENT if there is none; and all its events in order. */
    int (*incident)(struct store *store, uint64_t id, struct store_incident *ret,
                    struct verdict_event **ret_events, size_t *ret_n, struct fl_error *err);
    /* What was decided for a group, newest first, up to `limit`, with id < before_id (0: from the
     * newest). */
    int (*decisions)(struct store *store, const char *group, uint64_t before_id, size_t limit,
                     struct store_decision **ret, size_t *ret_n, struct fl_error *err);
    /* Close, at time t_us, what a coordinator that died left open. Before the first put. */
    int (*close_orphans)(struct store *store, fl_time t_us, struct fl_error *err);
    /* Stored results of an agent, or of all when NULL: for accounts and tests. */
    int (*count_results)(struct store *store, const char *agent, uint64_t *ret,
                         struct fl_error *err);

    void (*stats)(const struct store *store, struct store_stats *ret);
};

extern const struct store_type *const store_table[]; /* NULL-terminated */
const struct store_type *store_type_find(const char *name);
