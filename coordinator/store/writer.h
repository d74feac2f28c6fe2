/* A store around a database: the loop queues, one thread writes and packs. What is common to all
 * backends; store_table.c has a row for each. For the files of this folder only. */
#pragma once

#include "coordinator/store/accounts.h"
#include "coordinator/store/chunk.h"
#include "coordinator/store/packer.h"

#include <pthread.h>

struct job {
    struct job *next;
    bool is_verdict;
    enum store_outcome outcome;
    struct db_batch batch;
    struct verdict_event event;
    struct store_decision *decision; /* in place of the event; kept like a verdict */
    struct fleet *fleet;             /* in place of the event; kept like a verdict */
    struct store_account *account;   /* in place of the event; kept like a verdict */
};

struct job_list {
    struct job *first;
    struct job **end;
    size_t n_batches, n_verdicts, n_bytes;
};

struct store {
    const struct db_type *type;
    char *location;
    store_done_cb done;
    void *arg;
    struct event *event;
    int wake_fd;
    struct db *reader;  /* the loop's connection */
    unsigned reader_of; /* generation of the data that it reads */
    struct chunk_packer *chunks;

    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t more;
    struct job_list queue, finished;
    bool closing;
    bool new_works; /* the packer is to take these */
    struct uptime_work *works;
    size_t n_works;
    unsigned generation; /* grows when damaged data was moved aside */
    struct store_stats stats;
    struct accounts *accounts; /* of what is committed */

    struct db *writer; /* the thread's connection */
    struct packer *packer;
    bool accounts_unsaved; /* the data began anew, and does not have them yet */
    int64_t retry_at;
};

int store_open(const struct db_type *type, const char *location, const struct store_keep *keep,
               struct event_base *base, store_done_cb done, void *arg, struct store **ret,
               struct fl_error *err);
struct store *store_close(struct store *store);
int store_put_batch(struct store *store, const struct fl_batch *batch, const uint8_t *bytes,
                    size_t size, fl_time rx_us);
int store_put_verdict(struct store *store, const struct verdict_event *event);
int store_put_decision(struct store *store, const struct store_decision *decision);
int store_put_fleet(struct store *store, const struct fleet *fleet);
int store_put_works(struct store *store, const struct uptime_work *works, size_t n);
void store_account(const struct store *store, const char *agent, struct store_account *ret);
int store_put_account(struct store *store, const struct store_account *account);
void store_stats(const struct store *store, struct store_stats *ret);

/* reader.c */
/* The loop's connection. */
int reader_of(struct store *store, struct db **ret, struct fl_error *err);
/* Results of a series that are not packed yet, in no order; the caller frees them. */
int reader_fresh(struct db *db, const struct db_agent *agent, const struct store_query *query,
                 struct fl_result **ret, size_t *ret_n, struct fl_error *err);
int store_last_incident_id(struct store *store, uint64_t *ret_id, struct fl_error *err);
int store_incidents(struct store *store, uint64_t before_id, size_t limit,
                    struct store_incident **ret, size_t *ret_n, struct fl_error *err);
int store_incident(struct store *store, uint64_t id, struct store_incident *ret,
                   struct verdict_event **ret_events, size_t *ret_n, struct fl_error *err);
int store_decisions(struct store *store, const char *group, uint64_t before_id, size_t limit,
                    struct store_decision **ret, size_t *ret_n, struct fl_error *err);
int store_close_orphans(struct store *store, fl_time t_us, struct fl_error *err);
int store_count_results(struct store *store, const char *agent, uint64_t *ret,
                        struct fl_error *err);
int store_results(struct store *store, const char *agent, uint32_t series, fl_time from_us,
                  fl_time to_us, size_t limit, struct fl_result **ret, size_t *ret_n,
                  struct fl_error *err);
int store_points(struct store *store, const struct store_query *query, store_point_cb visit,
                 void *arg, struct fl_error *err);
int store_uptime(struct store *store, fl_time from_us, fl_time to_us, struct store_uptime **ret,
                 size_t *ret_n, struct fl_error *err);

/* What every row of store_table.c has besides its name, its summary and how it is opened. */
#define STORE_COMMON                                                                      \
    .close = store_close, .put_batch = store_put_batch, .put_verdict = store_put_verdict, \
    .put_decision = store_put_decision, .decisions = store_decisions,                     \
    .put_fleet = store_put_fleet, .put_works = store_put_works, .account = store_account, \
    .put_account = store_put_account, .last_incident_id = store_last_incident_id,         \
    .incidents = store_incidents, .incident = store_incident,                             \
    .close_orphans = store_close_orphans, .count_results = store_count_results,           \
    .results = store_results, .points = store_points, .uptime = store_uptime, .stats = store_stats
