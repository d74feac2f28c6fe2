/* The contract of a history backend: batches and verdict events in, durable, once.
 *
 * The store works on a thread of its own; `done` comes on the loop. A batch is stored together
 * with its (agent, boot, sequence) in one transaction, so that what is acknowledged is there once
 * and what is not acknowledged can be sent again. */
#pragma once

#include "coordinator/core/decision.h"
#include "coordinator/core/fleet.h"
#include "coordinator/core/rollup.h"
#include "coordinator/core/uptime.h"
#include "coordinator/core/verdict.h"
#include "proto/codec/fl_codec.h"

struct event_base;
struct store;

enum store_outcome { STORE_STORED, STORE_DUPLICATE, STORE_FAILED };

/* On the loop, in the order of submission. */
typedef void (*store_done_cb)(const char *agent, uint64_t boot, uint64_t sequence,
                              enum store_outcome outcome, void *arg);

struct store_stats {
    uint64_t batches, results, duplicates, failures; /* since start */
    uint64_t packed;                                 /* results in chunks since start */
    uint64_t unreadable; /* batches that could not be packed and were given up */
    uint64_t queued;     /* batches waiting now */
    uint64_t capacity;   /* that may wait */
    char last_error[256];
};

/* How long what is kept, and how often results are packed. */
struct store_keep {
    int64_t raw_us, minutes_us, hours_us;
    int64_t pack_us;
};

/* A day (UTC) of a component, seen from one zone or from all. */
struct store_uptime {
    char target[FL_TARGET_SIZE];
    char zone[FL_NAME_SIZE]; /* "": from all */
    fl_time day_us;
    fl_time first_us, last_us; /* the first and the last that was seen of it that day */
    struct uptime_times times;
};

/* A past incident: its newest verdict and its life. */
struct store_incident {
    struct verdict verdict;
    fl_time opened_us;
    fl_time updated_us;
    fl_time closed_us; /* FL_ABSENT while open */
    uint32_t n_events;
};

struct store_query {
    const char *agent;
    uint32_t series;
    fl_time from_us, to_us;
    unsigned level;
    int64_t step_us;
};

/* A negative return ends the reading and is returned. */
typedef int (*store_point_cb)(fl_time start_us, const struct rollup *point, void *arg);

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

/* What the history has of one agent. */
struct store_account {
    char agent[FL_NAME_SIZE];
    uint64_t number; /* of the agent's own account; 0: not known yet */
    int64_t base;    /* what of that account lies elsewhere: in the history before this one */
    uint64_t stored,
        lost; /* results; lost: said to be lost by the agent, in records that arrived */
};

struct store_type {
    const char *name;
    const char *summary;
    /* `location` is a path (SQLite). Creates or migrates the schema. */
    int (*open)(const char *location, const struct store_keep *keep, struct event_base *base,
                store_done_cb done, void *arg, struct store **ret, struct fl_error *err);
    /* Everything submitted is written first. */
    struct store *(*close)(struct store *store);

    /* Queue a batch received at rx_us with the message that it came in (copied). -EAGAIN when the
     * queue is full: the caller drops the message, and the agent sends it again. */
    int (*put_batch)(struct store *store, const struct fl_batch *batch, const uint8_t *bytes,
                     size_t size, fl_time rx_us);
    /* Queue a verdict event (copied). Never refused. */
    int (*put_verdict)(struct store *store, const struct verdict_event *event);
    /* Queue a decision, one withheld, or a drill (then with its outcome as JSON). Copied; never
     * refused. */
    int (*put_decision)(struct store *store, const struct store_decision *decision);

    /* What is durable now of an agent; zeroes, with its name, when nothing is. */
    void (*account)(const struct store *store, const char *agent, struct store_account *ret);
    /* Keep `number` and `base` of account->agent. Never refused, written before what is queued
     * later. */
    int (*put_account)(struct store *store, const struct store_account *account);

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
    /* Results of an agent that were ever stored, or of all agents when NULL. */
    int (*count_results)(struct store *store, const char *agent, uint64_t *ret,
                         struct fl_error *err);

    /* The results of a series that started in [from_us, to_us): those not yet packed as well. In
     * order of time but for stragglers, up to `limit`. -ENOENT: there is no such agent. */
    int (*results)(struct store *store, const char *agent, uint32_t series, fl_time from_us,
                   fl_time to_us, size_t limit, struct fl_result **ret, size_t *ret_n,
                   struct fl_error *err);
    /* The points of a series in [from_us, to_us), each of `step_us` from from_us on; both are whole
     * numbers of the level's points. Those of results not yet packed as well. In order. */
    int (*points)(struct store *store, const struct store_query *query, store_point_cb visit,
                  void *arg, struct fl_error *err);
    /* The days that begin in [from_us, to_us), in order of target, zone and day. What was not yet
     * packed is not in. The caller frees them. */
    int (*uptime)(struct store *store, fl_time from_us, fl_time to_us, struct store_uptime **ret,
                  size_t *ret_n, struct fl_error *err);
    /* The agents, targets and probes that there are from now on, and work that is announced (both
     * copied). */
    int (*put_fleet)(struct store *store, const struct fleet *fleet);
    int (*put_works)(struct store *store, const struct uptime_work *works, size_t n);

    void (*stats)(const struct store *store, struct store_stats *ret);
};

extern const struct store_type *const store_table[]; /* NULL-terminated */
const struct store_type *store_type_find(const char *name);
