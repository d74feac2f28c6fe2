/* The contract of a database that keeps the history, as the writer's thread and the readers use
 * it: one connection each. A backend is one row in store_table.c.
 *
 * A batch first lies in the inbox as it came over the wire, beside the ledger of what came before
 * it; the packer makes chunks and rollups of it and takes it out, all in transactions, so that a
 * result is there exactly once at any time. */
#pragma once

#include "coordinator/core/uptime.h"
#include "coordinator/store/store.h"

/* A connection; a backend's own begins with it. */
struct db {
    const struct db_type *type;
};

struct db_batch {
    char agent[FL_NAME_SIZE];
    uint64_t boot, sequence;
    fl_time rx_us;
    size_t n_results;
    uint64_t n_lost;  /* results that were lost on the agent, and that it says with this one */
    uint64_t skipped; /* sequences before it that it stands for as well */
    bool is_empty;    /* nothing in it is history: not kept but for the ledger */
    uint8_t *bytes;   /* the message it came in */
    size_t size;
    bool is_new;     /* told by put_batches; else it is a duplicate, */
    bool is_refused; /* or its ledger has no room before an older one comes */
};

struct db_agent {
    int64_t id;
    char name[FL_NAME_SIZE];
    int64_t packed; /* up to this row of the inbox */
};

struct db_letter { /* a row of the inbox */
    int64_t id;
    fl_time rx_us;
    const uint8_t *bytes; /* valid during the visit */
    size_t size;
};

struct db_chunk {
    uint32_t series;
    fl_time first_us, last_us; /* at most CHUNK_SPAN_US apart */
    uint32_t n;
    const uint8_t *bytes;
    size_t size;
};

#define DB_CHUNK_SPAN_US FL_HOUR

struct db_rollup { /* a row of points, see rollup.h */
    int64_t agent;
    uint32_t series;
    fl_time start_us;
    const uint8_t *bytes;
    size_t size;
};

/* What an agent saw of a probe: its row of minutes, with the names that its numbers stand for. */
struct db_seen {
    const char *target, *zone;
    int64_t agent;
    const uint8_t *bytes; /* valid during the visit, as the names */
    size_t size;
};

/* The uptime of a component over one row of minutes, as seen from one zone, or from all (""). */
struct db_uptime {
    fl_time start_us;
    char target[FL_TARGET_SIZE], zone[FL_NAME_SIZE];
    struct uptime_times times;
};

/* All accounts; valid during the visit. */
typedef int (*db_account_cb)(const struct store_account *account, void *arg);

/* Rows one by one; a negative return ends the reading and is returned. */
typedef int (*db_letter_cb)(const struct db_letter *letter, void *arg);
typedef int (*db_chunk_cb)(const struct db_chunk *chunk, void *arg);
typedef int (*db_rollup_cb)(const struct db_rollup *rollup, void *arg);
typedef int (*db_seen_cb)(const struct db_seen *seen, void *arg);

/* All return 0 or more, or: -EBADMSG the data is damaged, -ENOSPC the disk is full, -EAGAIN it is
 * locked or away, -EPROTONOSUPPORT it is a newer version's, -ENOMEM, -EIO. */
struct db_type {
    /* Creates the schema or migrates it forward. */
    int (*open)(const char *location, struct db **ret, struct fl_error *err);
    struct db *(*close)(struct db *db);
    /* Put damaged data where it can be looked at, and make room for a new beginning. NULL: that
     * is its administrator's business. */
    int (*move_aside)(const char *location, struct fl_error *err);

    int (*begin)(struct db *db, struct fl_error *err);
    /* For several readings of the same state; ends with rollback. */
    int (*begin_reading)(struct db *db, struct fl_error *err);
    int (*commit)(struct db *db, struct fl_error *err);
    void (*rollback)(struct db *db);

    /* Within a transaction. */
    int (*put_batches)(struct db *db, struct db_batch *const *batches, size_t n,
                       struct fl_error *err);
    int (*put_verdict)(struct db *db, const struct verdict_event *event, struct fl_error *err);
    int (*put_decision)(struct db *db, const struct store_decision *decision, struct fl_error *err);
    int (*put_account)(struct db *db, const struct store_account *account, struct fl_error *err);
    /* What the numbers of series mean, and where agents are. */
    int (*put_fleet)(struct db *db, const struct fleet *fleet, struct fl_error *err);

    /* A round of packing: up to the newest row of the inbox now, agent by agent; -ENOENT: no
     * agent after `after` has anything to pack. */
    int (*inbox_newest)(struct db *db, int64_t *ret, struct fl_error *err);
    int (*inbox_agent)(struct db *db, int64_t after, int64_t up_to, struct db_agent *ret,
                       struct fl_error *err);
    /* In order, until about max_results were visited. */
    int (*inbox_read)(struct db *db, const struct db_agent *agent, int64_t up_to,
                      size_t max_results, db_letter_cb visit, void *arg, struct fl_error *err);
    int (*put_chunks)(struct db *db, int64_t agent, const struct db_chunk *chunks, size_t n,
                      struct fl_error *err);
    /* All of an agent's that start then. */
    int (*agent_rollups)(struct db *db, unsigned level, int64_t agent, fl_time start_us,
                         db_rollup_cb visit, void *arg, struct fl_error *err);
    /* In place of what is there. */
    int (*put_rollups)(struct db *db, unsigned level, const struct db_rollup *rows, size_t n,
                       struct fl_error *err);
    int (*set_packed)(struct db *db, int64_t agent, int64_t up_to, struct fl_error *err);
    /* Take out up to `limit` rows up to that one, all of which are packed; returns how many. */
    int (*inbox_delete)(struct db *db, int64_t up_to, int limit, struct fl_error *err);
    /* The rows of minutes whose uptime must be made, or made again. */
    int (*mark_stale)(struct db *db, fl_time start_us, struct fl_error *err);
    int (*next_stale)(struct db *db, fl_time *ret_start_us, struct fl_error *err); /* 1; 0: none */
    int (*clear_stale)(struct db *db, fl_time start_us, struct fl_error *err);
    /* All rows of minutes that start then, but for those of the mesh, in order of target, zone
     * and agent. */
    int (*seen_at)(struct db *db, fl_time start_us, db_seen_cb visit, void *arg,
                   struct fl_error *err);
    /* In place of what was there; the day's sum follows. */
    int (*put_uptime)(struct db *db, const struct db_uptime *uptime, struct fl_error *err);
    /* Delete some of what is older than is kept; returns whether there may be more. */
    int (*expire)(struct db *db, const struct store_keep *keep, fl_time now_us,
                  struct fl_error *err);

    /* Reading one series. -ENOENT: there is no such agent. */
    int (*find_agent)(struct db *db, const char *name, struct db_agent *ret, struct fl_error *err);
    int (*read_chunks)(struct db *db, int64_t agent, uint32_t series, fl_time from_us,
                       fl_time to_us, db_chunk_cb visit, void *arg, struct fl_error *err);
    int (*read_rollups)(struct db *db, unsigned level, int64_t agent, uint32_t series,
                        fl_time from_us, fl_time to_us, db_rollup_cb visit, void *arg,
                        struct fl_error *err);

    /* In order of target, zone and day. */
    int (*uptime)(struct db *db, fl_time from_us, fl_time to_us, struct store_uptime **ret,
                  size_t *ret_n, struct fl_error *err);

    int (*last_incident)(struct db *db, uint64_t *ret, struct fl_error *err);
    int (*incidents)(struct db *db, uint64_t before_id, size_t limit, struct store_incident **ret,
                     size_t *ret_n, struct fl_error *err);
    int (*incident)(struct db *db, uint64_t id, struct store_incident *ret, struct fl_error *err);
    int (*events)(struct db *db, uint64_t id, size_t limit, struct verdict_event **ret,
                  size_t *ret_n, struct fl_error *err);
    int (*decisions)(struct db *db, const char *group, uint64_t before_id, size_t limit,
                     struct store_decision **ret, size_t *ret_n, struct fl_error *err);
    int (*close_orphans)(struct db *db, fl_time t_us, struct fl_error *err);
    int (*accounts)(struct db *db, db_account_cb visit, void *arg, struct fl_error *err);
    int (*count_results)(struct db *db, const char *agent, uint64_t *ret, struct fl_error *err);
};
