/* The loop queues, one thread writes: whatever was queued while the last transaction was on its
 * way to the disk goes into the next one, so that a slow disk makes larger transactions and not a
 * longer queue. */
#include "coordinator/store/writer.h"

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
    fleet_free(job->fleet);
    free(job->account);
    free(job);
}

/* Open; damaged data is moved aside first, where there is a place for it. */
static int open_whole(struct store *store, struct db **ret, struct fl_error *err)
{
    int r = store->type->open(store->location, ret, err);

    if (r != -EBADMSG || !store->type->move_aside)
        return r;
    r = store->type->move_aside(store->location, err);
    return r < 0 ? r : store->type->open(store->location, ret, err);
}

static int write_batches(struct store *store, const struct job_list *jobs, struct fl_error *err)
{
    struct db_batch **batches = calloc(jobs->n_batches + 1, sizeof(*batches));
    size_t n = 0;
    int r;

    if (!batches)
        return fl_error_set(err, -ENOMEM, "no memory for the history");
    for (struct job *job = jobs->first; job; job = job->next)
        if (!job->is_verdict)
            batches[n++] = &job->batch;
    r = n > 0 ? store->type->put_batches(store->writer, batches, n, err) : 0;
    free(batches);
    return r;
}

/* As it is now, for it may have changed since it was queued. */
static int write_account(struct store *store, const char *agent, struct fl_error *err)
{
    struct store_account now;

    store_account(store, agent, &now);
    return store->type->put_account(store->writer, &now, err);
}

/* After a new beginning, before anything that is stored there. */
static int write_all_accounts(struct store *store, struct fl_error *err)
{
    int r;

    if (!store->accounts_unsaved)
        return 0;
    (void)pthread_mutex_lock(&store->lock);
    r = accounts_put_all(store->accounts, store->writer, err);
    (void)pthread_mutex_unlock(&store->lock);
    return r;
}

static int write_jobs(struct store *store, const struct job_list *jobs, struct fl_error *err)
{
    int r = write_batches(store, jobs, err);

    for (struct job *job = jobs->first; job && r == 0; job = job->next) {
        job->outcome = job->is_verdict || job->batch.is_new ? STORE_STORED
                       : job->batch.is_refused              ? STORE_FAILED
                                                            : STORE_DUPLICATE;
        if (job->account)
            r = write_account(store, job->account->agent, err);
        else if (job->decision)
            r = store->type->put_decision(store->writer, job->decision, err);
        else if (job->fleet)
            r = store->type->put_fleet(store->writer, job->fleet, err);
        else if (job->is_verdict)
            r = store->type->put_verdict(store->writer, &job->event, err);
    }
    return r;
}

static int write_once(struct store *store, const struct job_list *jobs, struct fl_error *err)
{
    int r = store->writer ? 0 : store->type->open(store->location, &store->writer, err);

    if (r == 0)
        r = store->type->begin(store->writer, err);
    if (r < 0)
        return r;
    r = write_all_accounts(store, err);
    if (r == 0)
        r = write_jobs(store, jobs, err);
    if (r == 0)
        r = store->type->commit(store->writer, err);
    if (r < 0)
        store->type->rollback(store->writer);
    else
        store->accounts_unsaved = false;
    return r;
}

static void start_anew(struct store *store)
{
    struct fl_error err;

    store->writer = store->type->close(store->writer);
    if (store->type->move_aside(store->location, &err) < 0) {
        fl_log_error("store", "%s", err.message);
        return;
    }
    (void)pthread_mutex_lock(&store->lock);
    store->generation++;
    accounts_start_anew(store->accounts);
    (void)pthread_mutex_unlock(&store->lock);
    store->accounts_unsaved = true;
    packer_restart(store->packer, fl_clock_monotonic());
}

static int write_group(struct store *store, const struct job_list *jobs, struct fl_error *err)
{
    int r = write_once(store, jobs, err);

    if (r != -EBADMSG || !store->type->move_aside)
        return r;
    start_anew(store);
    return write_once(store, jobs, err);
}

static void note_error(struct store *store, const char *message)
{
    (void)snprintf(store->stats.last_error, sizeof(store->stats.last_error), "%.*s",
                   (int)sizeof(store->stats.last_error) - 1, message);
}

static void count(struct store *store, const struct job *job)
{
    if (job->batch.is_refused)
        note_error(store, "a batch waits for older ones of its agent: too many are missing");
    if (job->outcome == STORE_FAILED)
        store->stats.failures++;
    else if (job->outcome == STORE_DUPLICATE)
        store->stats.duplicates++;
    else if (!job->is_verdict) {
        store->stats.batches++;
        store->stats.results += job->batch.n_results;
        if (accounts_add(store->accounts, &job->batch) < 0)
            store->stats.failures++;
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

static void take_works(struct store *store)
{
    (void)pthread_mutex_lock(&store->lock);
    if (store->new_works)
        packer_set_works(store->packer, FL_TAKE(store->works), store->n_works);
    store->new_works = false;
    (void)pthread_mutex_unlock(&store->lock);
}

static void pack(struct store *store)
{
    int64_t now = fl_clock_monotonic();
    struct packer_stats stats;
    struct fl_error err;
    int r;

    if (!store->writer || now < packer_due(store->packer))
        return;
    take_works(store);
    r = packer_step(store->packer, store->writer, now, fl_clock_wall(), &err);
    packer_stats(store->packer, &stats);
    if (r < 0)
        packer_restart(store->packer, now + RETRY_US);
    (void)pthread_mutex_lock(&store->lock);
    store->stats.packed = stats.results;
    store->stats.unreadable = stats.unreadable;
    if (r < 0)
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
        end = packer_due(store->packer);
        if (store->queue.n_verdicts > 0 && store->retry_at < end)
            end = store->retry_at;
        if (end <= now)
            return true; /* to pack */
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
        pack(store);
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

struct store *store_close(struct store *store)
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
    (void)store->type->close(store->writer);
    (void)store->type->close(store->reader);
    packer_free(store->packer);
    free(store->works);
    chunk_packer_free(store->chunks);
    accounts_free(store->accounts);
    (void)pthread_mutex_destroy(&store->lock);
    (void)pthread_cond_destroy(&store->more);
    free(store->location);
    free(store);
    return NULL;
}

static struct store *store_new(const struct db_type *type, const char *location, store_done_cb done,
                               void *arg)
{
    struct store *store = calloc(1, sizeof(*store));
    pthread_condattr_t monotonic;

    if (!store)
        return NULL;
    store->location = strdup(location);
    if (!store->location) {
        free(store);
        return NULL;
    }
    store->type = type;
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

static int start(struct store *store, const struct store_keep *keep, struct event_base *base,
                 struct fl_error *err)
{
    int r;

    if (packer_new(keep, &store->packer) < 0 || chunk_packer_new(&store->chunks) < 0 ||
        accounts_new(&store->accounts) < 0)
        return fl_error_set(err, -ENOMEM, "no memory for the history");
    packer_wait(store->packer, fl_clock_monotonic(), fl_clock_wall());
    r = open_whole(store, &store->writer, err);
    if (r >= 0)
        r = accounts_load(store->accounts, store->writer, err);
    if (r >= 0)
        r = store->type->open(store->location, &store->reader, err);
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

int store_open(const struct db_type *type, const char *location, const struct store_keep *keep,
               struct event_base *base, store_done_cb done, void *arg, struct store **ret,
               struct fl_error *err)
{
    struct store *store = store_new(type, location, done, arg);
    int r;

    if (!store)
        return fl_error_set(err, -ENOMEM, "no memory for the history");
    r = start(store, keep, base, err);
    if (r < 0) {
        store_close(store);
        return r;
    }
    *ret = store;
    return 0;
}

static bool is_full(const struct store *store, size_t more)
{
    return store->queue.n_batches >= MAX_BATCHES || store->queue.n_bytes + more > MAX_BYTES;
}

int store_put_batch(struct store *store, const struct fl_batch *batch, const uint8_t *bytes,
                    size_t size, fl_time rx_us)
{
    struct job *job = calloc(1, sizeof(*job));
    int r = 0;

    if (!job || !(job->batch.bytes = malloc(size + 1))) {
        free(job);
        return -ENOMEM;
    }
    memcpy(job->batch.bytes, bytes, size);
    job->batch.size = size;
    (void)snprintf(job->batch.agent, sizeof(job->batch.agent), "%s", batch->agent);
    job->batch.boot = batch->boot;
    job->batch.sequence = batch->sequence;
    job->batch.rx_us = rx_us;
    job->batch.n_results = batch->n_results;
    job->batch.n_lost = batch->lost_results;
    job->batch.skipped = batch->skipped;
    job->batch.is_empty = batch->n_results == 0 && batch->n_hosts == 0;
    (void)pthread_mutex_lock(&store->lock);
    if (is_full(store, size)) {
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

int store_put_verdict(struct store *store, const struct verdict_event *event)
{
    struct job *job = calloc(1, sizeof(*job));

    if (job)
        job->event = *event;
    return put_kept(store, job);
}

int store_put_decision(struct store *store, const struct store_decision *decision)
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

int store_put_account(struct store *store, const struct store_account *account)
{
    struct job *job = calloc(1, sizeof(*job));
    int r;

    if (job && !(job->account = malloc(sizeof(*job->account)))) {
        free(job);
        job = NULL;
    }
    if (job)
        *job->account = *account;
    (void)pthread_mutex_lock(&store->lock);
    r = accounts_set(store->accounts, account);
    (void)pthread_mutex_unlock(&store->lock);
    return put_kept(store, job) < 0 ? -ENOMEM : r;
}

void store_account(const struct store *store, const char *agent, struct store_account *ret)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&store->lock;

    (void)pthread_mutex_lock(lock);
    accounts_get(store->accounts, agent, ret);
    (void)pthread_mutex_unlock(lock);
}

static void *copy_of(const void *from, size_t n, size_t size)
{
    void *copy = calloc(n + 1, size);

    return copy && n > 0 ? memcpy(copy, from, n * size) : copy;
}

/* What the names of series and agents are made from. */
static struct fleet *copy_fleet(const struct fleet *from)
{
    struct fleet *fleet = calloc(1, sizeof(*fleet));

    if (!fleet)
        return NULL;
    fleet->places = copy_of(from->places, from->n_places, sizeof(*fleet->places));
    fleet->agents = copy_of(from->agents, from->n_agents, sizeof(*fleet->agents));
    fleet->targets = copy_of(from->targets, from->n_targets, sizeof(*fleet->targets));
    fleet->probes = copy_of(from->probes, from->n_probes, sizeof(*fleet->probes));
    if (!fleet->places || !fleet->agents || !fleet->targets || !fleet->probes)
        return fleet_free(fleet);
    fleet->n_places = from->n_places;
    fleet->n_agents = from->n_agents;
    fleet->n_targets = from->n_targets;
    fleet->n_probes = from->n_probes;
    return fleet;
}

int store_put_fleet(struct store *store, const struct fleet *fleet)
{
    struct job *job = calloc(1, sizeof(*job));

    if (job && !(job->fleet = copy_fleet(fleet))) {
        free(job);
        job = NULL;
    }
    return put_kept(store, job);
}

int store_put_works(struct store *store, const struct uptime_work *works, size_t n)
{
    struct uptime_work *copy = copy_of(works, n, sizeof(*works));

    if (!copy)
        return -ENOMEM;
    (void)pthread_mutex_lock(&store->lock);
    free(store->works);
    store->works = copy;
    store->n_works = n;
    store->new_works = true;
    (void)pthread_mutex_unlock(&store->lock);
    return 0;
}

void store_stats(const struct store *store, struct store_stats *ret)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&store->lock;

    (void)pthread_mutex_lock(lock);
    *ret = store->stats;
    ret->queued += store->queue.n_batches;
    ret->capacity = MAX_BATCHES;
    (void)pthread_mutex_unlock(lock);
}
