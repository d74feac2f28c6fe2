/* The loop queues, one thread writes: whatever was queued while the last transaction was on its
 * way to the disk goes into the next one, so that a slow disk makes larger transactions and not a
 * longer queue. */
#include "coordinator/store/store_sqlite.h"

#include "coordinator/store/sqlite_db.h"
#include "coordinator/store/sqlite_decisions.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_log.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MAX_BATCHES 1024      /* waiting; what is more is refused and sent again */
#define MAX_BYTES (64u << 20) /* likewise */
#define MAX_VERDICTS 4096     /* waiting for a disk with room; the oldest is dropped */
#define GROUP_US (20 * FL_MS) /* what comes within this shares a transaction */
#define RETRY_US FL_SECOND    /* before verdicts that could not be written are tried again */
#define EXPIRE_STEP 200       /* batches deleted at once, so that nobody waits long */
#define EXPIRE_EVERY (10 * FL_SECOND)
#define MAX_EVENTS 10000 /* of one incident that are read */

struct job {
    struct job *next;
    bool is_verdict;
    enum store_outcome outcome;
    struct sqlite_batch batch;
    struct verdict_event event;
    struct store_decision *decision; /* in place of the event; kept like a verdict */
};

struct job_list {
    struct job *first;
    struct job **end;
    size_t n_batches, n_verdicts, n_bytes;
};

struct store {
    char *path;
    int64_t keep_us;
    store_done_cb done;
    void *arg;
    struct event *event;
    int wake_fd;
    struct sqlite_db *reader; /* the loop's connection */
    unsigned reader_of;       /* generation of the file that it reads */

    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t more;
    struct job_list queue, finished;
    bool closing;
    unsigned generation; /* grows when a damaged file was moved aside */
    struct store_stats stats;

    struct sqlite_db *writer; /* the thread's connection */
    int64_t expire_at, retry_at;
};

static void list_init(struct job_list *list)
{
    memset(list, 0, sizeof(*list));
    list->end = &list->first;
}

static void list_append(struct job_list *list, struct job *job)
{
    job->next = NULL;
    *list->end = job;
    list->end = &job->next;
    list->n_verdicts += job->is_verdict;
    list->n_batches += !job->is_verdict;
    list->n_bytes += job->batch.size;
}

static struct job *list_pop(struct job_list *list)
{
    struct job *job = list->first;

    if (!job)
        return NULL;
    list->first = job->next;
    if (!list->first)
        list->end = &list->first;
    list->n_verdicts -= job->is_verdict;
    list->n_batches -= !job->is_verdict;
    list->n_bytes -= job->batch.size;
    return job;
}

static void list_move(struct job_list *to, struct job_list *from)
{
    struct job *job;

    while ((job = list_pop(from)))
        list_append(to, job);
}

static void job_free(struct job *job)
{
    free(job->batch.bytes);
    free(job->decision);
    free(job);
}

/* A file that is damaged is evidence: it is kept beside, and history begins anew. */
static int move_aside(const char *path, struct fl_error *err)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    long long now = (long long)(fl_clock_wall() / FL_SECOND);
    char from[4200], to[4300];

    for (size_t i = 0; i < FL_COUNT(suffixes); i++) {
        (void)snprintf(from, sizeof(from), "%s%s", path, suffixes[i]);
        (void)snprintf(to, sizeof(to), "%s.damaged-%lld%s", path, now, suffixes[i]);
        if (rename(from, to) < 0 && (i == 0 || errno != ENOENT))
            return fl_error_prefix(err, -errno, "\"%s\" is damaged and cannot be moved aside",
                                   path);
    }
    fl_log_error("store",
                 "\"%s\" is damaged: it is kept as \"%s.damaged-%lld\" and history begins "
                 "anew",
                 path, path, now);
    return 0;
}

/* Open; a damaged file is moved aside first. Returns 1 when it was. */
static int open_whole(const char *path, struct sqlite_db **ret, struct fl_error *err)
{
    int r = sqlite_db_open(path, ret, err);

    if (r != -EBADMSG)
        return r;
    r = move_aside(path, err);
    if (r == 0)
        r = sqlite_db_open(path, ret, err);
    return r < 0 ? r : 1;
}

static int write_job(struct store *store, struct job *job, struct fl_error *err)
{
    int r;

    job->outcome = STORE_STORED;
    if (job->decision)
        return sqlite_decisions_put(store->writer, job->decision, err);
    if (job->is_verdict)
        return sqlite_db_put_verdict(store->writer, &job->event, err);
    r = sqlite_db_put_batch(store->writer, &job->batch, err);
    if (r == 0)
        job->outcome = STORE_DUPLICATE;
    return r < 0 ? r : 0;
}

static int write_once(struct store *store, const struct job_list *jobs, struct fl_error *err)
{
    int r = store->writer ? 0 : sqlite_db_open(store->path, &store->writer, err);

    if (r == 0)
        r = sqlite_db_begin(store->writer, err);
    if (r < 0)
        return r;
    for (struct job *job = jobs->first; job && r == 0; job = job->next)
        r = write_job(store, job, err);
    if (r == 0)
        r = sqlite_db_commit(store->writer, err);
    if (r < 0)
        sqlite_db_rollback(store->writer);
    return r;
}

static void start_anew(struct store *store)
{
    struct fl_error err;

    store->writer = sqlite_db_free(store->writer);
    if (move_aside(store->path, &err) < 0) {
        fl_log_error("store", "%s", err.message);
        return;
    }
    (void)pthread_mutex_lock(&store->lock);
    store->generation++;
    (void)pthread_mutex_unlock(&store->lock);
}

static int write_group(struct store *store, const struct job_list *jobs, struct fl_error *err)
{
    int r = write_once(store, jobs, err);

    if (r != -EBADMSG)
        return r;
    start_anew(store);
    return write_once(store, jobs, err);
}

static void count(struct store *store, const struct job *job)
{
    if (job->outcome == STORE_FAILED)
        store->stats.failures++;
    else if (job->outcome == STORE_DUPLICATE)
        store->stats.duplicates++;
    else if (!job->is_verdict) {
        store->stats.batches++;
        store->stats.results += job->batch.n_results;
    }
}

/* With the lock held. Verdicts wait for better times, before what was queued meanwhile; batches
 * are their agent's to send again. */
static void finish_group(struct store *store, struct job_list *jobs, int result)
{
    struct job_list waiting;
    struct job *job;

    list_init(&waiting);
    while ((job = list_pop(jobs))) {
        if (result < 0)
            job->outcome = STORE_FAILED;
        if (job->is_verdict && result < 0 && !store->closing && waiting.n_verdicts < MAX_VERDICTS) {
            list_append(&waiting, job);
            continue;
        }
        count(store, job);
        if (job->is_verdict)
            job_free(job);
        else
            list_append(&store->finished, job);
    }
    list_move(&waiting, &store->queue);
    list_move(&store->queue, &waiting);
}

static void wake_loop(const struct store *store)
{
    uint64_t one = 1;

    if (write(store->wake_fd, &one, sizeof(one)) < 0)
        return; /* it is full, so the loop is awake */
}

static void note_error(struct store *store, const char *message)
{
    (void)snprintf(store->stats.last_error, sizeof(store->stats.last_error), "%.*s",
                   (int)sizeof(store->stats.last_error) - 1, message);
}

static void expire(struct store *store)
{
    int64_t every = store->keep_us / 10 < EXPIRE_EVERY ? store->keep_us / 10 : EXPIRE_EVERY;
    struct fl_error err;
    int r = 0;

    if (fl_clock_monotonic() < store->expire_at)
        return;
    if (store->writer)
        r = sqlite_db_expire(store->writer, fl_clock_wall() - store->keep_us, EXPIRE_STEP, &err);
    store->expire_at = fl_clock_monotonic() + (r == EXPIRE_STEP ? GROUP_US : every);
    if (r >= 0)
        return;
    (void)pthread_mutex_lock(&store->lock);
    note_error(store, err.message);
    (void)pthread_mutex_unlock(&store->lock);
}

/* With the lock held: is there something that may be written now? */
static bool ready(const struct store *store, int64_t now)
{
    return store->queue.n_batches > 0 || store->closing ||
           (store->queue.n_verdicts > 0 && now >= store->retry_at);
}

static void wait_until(struct store *store, int64_t when)
{
    struct timespec at = {.tv_sec = when / FL_SECOND, .tv_nsec = when % FL_SECOND * 1000};

    (void)pthread_cond_timedwait(&store->more, &store->lock, &at);
}

/* With the lock held: wait for work, then a moment for more of it. False: it is over. */
static bool wait_for_work(struct store *store)
{
    int64_t now = fl_clock_monotonic(), end;

    while (!ready(store, now)) {
        end = store->expire_at;
        if (store->queue.n_verdicts > 0 && store->retry_at < end)
            end = store->retry_at;
        if (end <= now)
            return true; /* to expire */
        wait_until(store, end);
        now = fl_clock_monotonic();
    }
    for (end = now + GROUP_US; !store->closing && now < end; now = fl_clock_monotonic())
        wait_until(store, end);
    return store->queue.first || !store->closing;
}

static void *work(void *arg)
{
    struct store *store = arg;
    struct job_list jobs;
    struct fl_error err;

    list_init(&jobs);
    (void)pthread_mutex_lock(&store->lock);
    while (wait_for_work(store)) {
        int r = 0;

        list_move(&jobs, &store->queue);
        store->stats.queued = jobs.n_batches;
        (void)pthread_mutex_unlock(&store->lock);
        if (jobs.first)
            r = write_group(store, &jobs, &err);
        if (r < 0)
            store->retry_at = fl_clock_monotonic() + RETRY_US;
        (void)pthread_mutex_lock(&store->lock);
        if (r < 0)
            note_error(store, err.message);
        finish_group(store, &jobs, r);
        store->stats.queued = store->queue.n_batches;
        (void)pthread_mutex_unlock(&store->lock);
        wake_loop(store);
        expire(store);
        (void)pthread_mutex_lock(&store->lock);
    }
    (void)pthread_mutex_unlock(&store->lock);
    return NULL;
}

static void tell_finished(struct store *store)
{
    struct job_list finished;
    struct job *job;

    list_init(&finished);
    (void)pthread_mutex_lock(&store->lock);
    list_move(&finished, &store->finished);
    (void)pthread_mutex_unlock(&store->lock);
    while ((job = list_pop(&finished))) {
        store->done(job->batch.agent, job->batch.boot, job->batch.sequence, job->outcome,
                    store->arg);
        job_free(job);
    }
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    uint64_t n;

    (void)what;
    if (read(fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
        return;
    tell_finished(arg);
}

static struct store *sqlite_close(struct store *store)
{
    struct job *job;

    if (!store)
        return NULL;
    if (store->started) {
        (void)pthread_mutex_lock(&store->lock);
        store->closing = true;
        (void)pthread_cond_signal(&store->more);
        (void)pthread_mutex_unlock(&store->lock);
        (void)pthread_join(store->thread, NULL);
        tell_finished(store);
    }
    while ((job = list_pop(&store->queue)))
        job_free(job);
    if (store->event)
        event_free(store->event);
    if (store->wake_fd >= 0)
        (void)close(store->wake_fd);
    sqlite_db_free(store->writer);
    sqlite_db_free(store->reader);
    (void)pthread_mutex_destroy(&store->lock);
    (void)pthread_cond_destroy(&store->more);
    free(store->path);
    free(store);
    return NULL;
}

static struct store *store_new(const char *path, int64_t keep_us, store_done_cb done, void *arg)
{
    struct store *store = calloc(1, sizeof(*store));
    pthread_condattr_t monotonic;

    if (!store)
        return NULL;
    store->path = strdup(path);
    if (!store->path) {
        free(store);
        return NULL;
    }
    store->keep_us = keep_us;
    store->done = done;
    store->arg = arg;
    store->wake_fd = -1;
    list_init(&store->queue);
    list_init(&store->finished);
    (void)pthread_mutex_init(&store->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&store->more, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    return store;
}

static int start(struct store *store, struct event_base *base, struct fl_error *err)
{
    int r = open_whole(store->path, &store->writer, err);

    if (r >= 0)
        r = sqlite_db_open(store->path, &store->reader, err);
    if (r < 0)
        return r;
    store->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (store->wake_fd < 0)
        return fl_error_set(err, -errno, "no descriptor for the history's thread: %s",
                            strerror(errno));
    store->event = event_new(base, store->wake_fd, EV_READ | EV_PERSIST, on_wake, store);
    if (!store->event || event_add(store->event, NULL) < 0)
        return fl_error_set(err, -ENOMEM, "no memory for the history");
    r = pthread_create(&store->thread, NULL, work, store);
    if (r != 0)
        return fl_error_set(err, -r, "no thread for the history: %s", strerror(r));
    store->started = true;
    return 0;
}

static int sqlite_open(const char *location, int64_t keep_results_us, struct event_base *base,
                       store_done_cb done, void *arg, struct store **ret, struct fl_error *err)
{
    struct store *store = store_new(location, keep_results_us, done, arg);
    int r;

    if (!store)
        return fl_error_set(err, -ENOMEM, "no memory for the history");
    r = start(store, base, err);
    if (r < 0) {
        sqlite_close(store);
        return r;
    }
    *ret = store;
    return 0;
}

static int sqlite_put_batch(struct store *store, const struct fl_batch *batch, fl_time rx_us)
{
    struct fl_message message = {.type = FL_MESSAGE_BATCH, .batch = *batch};
    struct job *job = calloc(1, sizeof(*job));
    int r = job ? fl_codec_encode(&message, &job->batch.bytes, &job->batch.size, NULL) : -ENOMEM;

    if (r < 0) {
        free(job);
        return r;
    }
    (void)snprintf(job->batch.agent, sizeof(job->batch.agent), "%s", batch->agent);
    job->batch.boot = batch->boot;
    job->batch.sequence = batch->sequence;
    job->batch.rx_us = rx_us;
    job->batch.n_results = batch->n_results;
    (void)pthread_mutex_lock(&store->lock);
    if (store->queue.n_batches >= MAX_BATCHES ||
        store->queue.n_bytes + job->batch.size > MAX_BYTES) {
        r = -EAGAIN;
    } else {
        list_append(&store->queue, job);
        (void)pthread_cond_signal(&store->more);
    }
    (void)pthread_mutex_unlock(&store->lock);
    if (r < 0)
        job_free(job);
    return r;
}

/* With the lock held: the oldest verdict that waits gives way. */
static void drop_oldest_verdict(struct store *store)
{
    struct job_list kept;
    struct job *job;
    bool dropped = false;

    list_init(&kept);
    while ((job = list_pop(&store->queue))) {
        if (dropped || !job->is_verdict) {
            list_append(&kept, job);
            continue;
        }
        dropped = true;
        store->stats.failures++;
        job_free(job);
    }
    list_move(&store->queue, &kept);
}

/* What must be kept and is not acknowledged. NULL: there was no memory for it. */
static int put_kept(struct store *store, struct job *job)
{
    (void)pthread_mutex_lock(&store->lock);
    if (!job) {
        store->stats.failures++;
    } else {
        job->is_verdict = true;
        if (store->queue.n_verdicts >= MAX_VERDICTS)
            drop_oldest_verdict(store);
        list_append(&store->queue, job);
        (void)pthread_cond_signal(&store->more);
    }
    (void)pthread_mutex_unlock(&store->lock);
    return job ? 0 : -ENOMEM;
}

static int sqlite_put_verdict(struct store *store, const struct verdict_event *event)
{
    struct job *job = calloc(1, sizeof(*job));

    if (job)
        job->event = *event;
    return put_kept(store, job);
}

static int sqlite_put_decision(struct store *store, const struct store_decision *decision)
{
    struct job *job = calloc(1, sizeof(*job));

    if (job && !(job->decision = malloc(sizeof(*job->decision)))) {
        free(job);
        job = NULL;
    }
    if (job)
        *job->decision = *decision;
    return put_kept(store, job);
}

/* The loop's connection, opened again when the file was replaced. */
static int reader_of(struct store *store, struct sqlite_db **ret, struct fl_error *err)
{
    unsigned generation;
    int r = 0;

    (void)pthread_mutex_lock(&store->lock);
    generation = store->generation;
    (void)pthread_mutex_unlock(&store->lock);
    if (generation != store->reader_of)
        store->reader = sqlite_db_free(store->reader);
    if (!store->reader)
        r = sqlite_db_open(store->path, &store->reader, err);
    if (r == 0) {
        store->reader_of = generation;
        *ret = store->reader;
    }
    return r;
}

static int sqlite_last_incident_id(struct store *store, uint64_t *ret_id, struct fl_error *err)
{
    struct sqlite_db *db;
    int r = reader_of(store, &db, err);

    return r < 0 ? r : sqlite_db_last_incident(db, ret_id, err);
}

static int sqlite_incidents(struct store *store, uint64_t before_id, size_t limit,
                            struct store_incident **ret, size_t *ret_n, struct fl_error *err)
{
    struct sqlite_db *db;
    int r = reader_of(store, &db, err);

    return r < 0 ? r : sqlite_db_incidents(db, before_id, limit, ret, ret_n, err);
}

static int sqlite_incident(struct store *store, uint64_t id, struct store_incident *ret,
                           struct verdict_event **ret_events, size_t *ret_n, struct fl_error *err)
{
    struct sqlite_db *db;
    int r = reader_of(store, &db, err);

    if (r == 0)
        r = sqlite_db_incident(db, id, ret, err);
    return r < 0 ? r : sqlite_db_events(db, id, MAX_EVENTS, ret_events, ret_n, err);
}

static int sqlite_decisions(struct store *store, const char *group, uint64_t before_id,
                            size_t limit, struct store_decision **ret, size_t *ret_n,
                            struct fl_error *err)
{
    struct sqlite_db *db;
    int r = reader_of(store, &db, err);

    return r < 0 ? r : sqlite_decisions_read(db, group, before_id, limit, ret, ret_n, err);
}

static int sqlite_close_orphans(struct store *store, fl_time t_us, struct fl_error *err)
{
    struct sqlite_db *db;
    int r = reader_of(store, &db, err);

    return r < 0 ? r : sqlite_db_close_orphans(db, t_us, err);
}

static int sqlite_count_results(struct store *store, const char *agent, uint64_t *ret,
                                struct fl_error *err)
{
    struct sqlite_db *db;
    int r = reader_of(store, &db, err);

    return r < 0 ? r : sqlite_db_count_results(db, agent, ret, err);
}

static void sqlite_stats(const struct store *store, struct store_stats *ret)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&store->lock;

    (void)pthread_mutex_lock(lock);
    *ret = store->stats;
    ret->queued += store->queue.n_batches;
    (void)pthread_mutex_unlock(lock);
}

const struct store_type store_sqlite = {
    .name = "sqlite",
    .summary = "one file beside the coordinator",
    .open = sqlite_open,
    .close = sqlite_close,
    .put_batch = sqlite_put_batch,
    .put_verdict = sqlite_put_verdict,
    .put_decision = sqlite_put_decision,
    .decisions = sqlite_decisions,
    .last_incident_id = sqlite_last_incident_id,
    .incidents = sqlite_incidents,
    .incident = sqlite_incident,
    .close_orphans = sqlite_close_orphans,
    .count_results = sqlite_count_results,
    .stats = sqlite_stats,
};
