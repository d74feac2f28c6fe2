/* The loop's side and the writer share, under the lock, two lists: `held`, batches to be written,
 * and `removed`, ids to be deleted. The writer takes all of both into one transaction and retries
 * after a second when that fails. Its file handle is its own; the loop reads through another. */
#include "agent/spool.h"

#include "proto/runtime/fl_clock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define REMOVED_MAX 65536 /* ids waiting to be deleted; more are deleted by age */
#define REMOVED_SOON 64   /* so many are worth a transaction of their own */
#define REMOVED_WAIT_S 1  /* and fewer wait so long for company */
#define RETRY_S 1         /* after a failure */
#define TRIM_ROWS 256     /* at most so many old rows are dropped in one transaction */
#define STACK_BYTES (256 << 10)

struct held {
    struct held *next;
    struct spool_row row; /* row.bytes are `bytes` */
    uint8_t bytes[];
};

struct spool {
    struct spool_settings settings;
    struct spool_file *writer_file; /* the writer's, after the start */
    struct spool_file *reader_file; /* the loop's */
    int lock_fd;

    pthread_t thread;
    bool thread_started;
    pthread_mutex_t lock; /* what follows is shared */
    pthread_cond_t work, done;
    bool stop, writing, dropped_changed;
    bool hurry; /* somebody waits for what is there to be written */
    bool more;  /* old rows are left to be dropped */
    uint64_t n_attempts;
    struct held *held_first, **held_end;
    struct held *writing_end; /* the writer reads up to this one; NULL: reads none */
    size_t held_bytes, n_held;
    int64_t *removed;
    size_t n_removed;
    int64_t next_id, now_us;
    struct spool_state state; /* n_batches and bytes: of the file */
};

/* One transaction's work, the writer's alone. */
struct job {
    const struct held *first, *last;
    int64_t *removed;
    size_t n_removed;
    int64_t now_us;
    struct spool_dropped dropped;
    bool save_dropped;
    /* outcome */
    int64_t bytes, first_id;
    size_t n_rows;
    bool more; /* further old rows are to be dropped */
};

static int64_t cost(size_t size)
{
    return (int64_t)size + SPOOL_ROW_BYTES;
}

static bool over_limit(const struct spool *spool, const struct job *job,
                       const struct spool_row *oldest)
{
    return job->bytes > spool->settings.max_bytes || job->n_rows > spool->settings.max_batches ||
           job->now_us - oldest->t_us > spool->settings.max_age_us;
}

/* Drop the oldest rows while the file is over a limit. */
static int trim(struct spool *spool, struct job *job, struct fl_error *err)
{
    for (int i = 0; i < TRIM_ROWS; i++) {
        struct spool_row oldest;
        size_t size = 0;
        int r = spool_file_oldest(spool->writer_file, &oldest, err);

        if (r <= 0 || !over_limit(spool, job, &oldest))
            return r < 0 ? r : 0;
        r = spool_file_delete(spool->writer_file, oldest.id, &size, err);
        if (r < 0)
            return r;
        job->bytes -= cost(size);
        job->n_rows--;
        job->first_id = oldest.id + 1;
        job->dropped.batches++;
        job->dropped.results += oldest.n_results;
        job->save_dropped = true;
    }
    job->more = true;
    return 0;
}

static int write_rows(struct spool *spool, struct job *job, struct fl_error *err)
{
    int r;

    for (const struct held *held = job->first; held; held = held->next) {
        r = spool_file_insert(spool->writer_file, &held->row, err);
        if (r < 0)
            return r;
        job->bytes += cost(held->row.size);
        job->n_rows++;
        if (held == job->last)
            break;
    }
    for (size_t i = 0; i < job->n_removed; i++) {
        size_t size = 0;

        r = spool_file_delete(spool->writer_file, job->removed[i], &size, err);
        if (r < 0)
            return r;
        job->bytes -= r > 0 ? cost(size) : 0;
        job->n_rows -= r > 0 ? 1 : 0;
    }
    return 0;
}

static int transact(struct spool *spool, struct job *job, struct fl_error *err)
{
    int r = spool_file_begin(spool->writer_file, err);

    if (r == 0)
        r = write_rows(spool, job, err);
    if (r == 0)
        r = trim(spool, job, err);
    if (r == 0 && job->save_dropped)
        r = spool_file_save_dropped(spool->writer_file, &job->dropped, err);
    if (r == 0)
        r = spool_file_commit(spool->writer_file, err);
    if (r < 0)
        spool_file_rollback(spool->writer_file);
    return r;
}

static void unlink_held(struct spool *spool, struct held **at)
{
    struct held *held = *at;

    *at = held->next;
    if (spool->held_end == &held->next)
        spool->held_end = at;
    spool->held_bytes -= held->row.size;
    spool->n_held--;
    free(held);
}

/* The transaction is durable: forget what it wrote. Under the lock. */
static void written(struct spool *spool, const struct job *job, uint64_t lost_results,
                    uint64_t lost_batches)
{
    bool last = job->first == NULL;

    while (!last) {
        last = spool->held_first == job->last;
        unlink_held(spool, &spool->held_first);
    }
    spool->n_removed -= job->n_removed;
    memmove(spool->removed, spool->removed + job->n_removed,
            spool->n_removed * sizeof(*spool->removed));
    spool->state.bytes = job->bytes;
    spool->state.n_batches = job->n_rows;
    spool->state.first_id = job->first_id;
    spool->state.dropped.results += lost_results;
    spool->state.dropped.batches += lost_batches;
    spool->state.failing = false;
}

/* Take all there is into one job. Under the lock. */
static int take_job(struct spool *spool, struct job *ret)
{
    size_t n = spool->n_removed;
    int64_t *removed = malloc((n ? n : 1) * sizeof(*removed));

    if (!removed)
        return -ENOMEM;
    memcpy(removed, spool->removed, n * sizeof(*removed));
    for (struct held *held = spool->held_first; held; held = held->next)
        spool->writing_end = held;
    *ret = (struct job){
        .first = spool->held_first,
        .last = spool->writing_end,
        .removed = removed,
        .n_removed = n,
        .now_us = spool->now_us,
        .dropped = spool->state.dropped,
        .save_dropped = spool->dropped_changed,
        .bytes = spool->state.bytes,
        .n_rows = spool->state.n_batches,
        .first_id = spool->state.first_id,
    };
    spool->dropped_changed = false;
    spool->hurry = false;
    spool->writing = true;
    return 0;
}

/* Do one transaction. Called with the lock, which it gives back meanwhile. */
static int write_once(struct spool *spool)
{
    struct fl_error err = {"no memory for the spool"};
    struct spool_dropped before = spool->state.dropped;
    struct job job = {0};
    int r = take_job(spool, &job);

    if (r == 0) {
        pthread_mutex_unlock(&spool->lock);
        r = transact(spool, &job, &err);
        pthread_mutex_lock(&spool->lock);
    }
    spool->writing = false;
    spool->writing_end = NULL;
    spool->n_attempts++;
    free(job.removed);
    if (r < 0) {
        spool->dropped_changed = spool->dropped_changed || job.save_dropped;
        spool->state.failing = true;
        spool->state.failure = err;
        return r;
    }
    spool->more = job.more;
    written(spool, &job, job.dropped.results - before.results,
            job.dropped.batches - before.batches);
    return 0;
}

static bool idle(const struct spool *spool)
{
    return !spool->writing && !spool->held_first && spool->n_removed == 0 &&
           !spool->dropped_changed && !spool->more;
}

/* Returns true when the time is over. Under the lock. */
static bool wait_seconds(struct spool *spool, int seconds)
{
    int64_t end_us = fl_clock_monotonic() + seconds * FL_SECOND;
    struct timespec until = {.tv_sec = end_us / FL_SECOND, .tv_nsec = end_us % FL_SECOND * 1000};

    return pthread_cond_timedwait(&spool->work, &spool->lock, &until) == ETIMEDOUT;
}

static void wait_for_work(struct spool *spool)
{
    while (!spool->stop && !spool->held_first && !spool->more) {
        if (idle(spool))
            pthread_cond_wait(&spool->work, &spool->lock);
        else if (spool->hurry || spool->n_removed >= REMOVED_SOON ||
                 wait_seconds(spool, REMOVED_WAIT_S))
            return;
    }
}

static void *writer(void *arg)
{
    struct spool *spool = arg;

    pthread_mutex_lock(&spool->lock);
    for (;;) {
        int r;

        wait_for_work(spool);
        if (spool->stop && idle(spool))
            break;
        r = write_once(spool);
        pthread_cond_broadcast(&spool->done);
        if (r < 0 && spool->stop)
            break;
        while (r < 0 && !spool->stop && !spool->hurry && !wait_seconds(spool, RETRY_S))
            ;
    }
    pthread_mutex_unlock(&spool->lock);
    return NULL;
}

/* Make room in memory for `size` bytes: the oldest that is not being written goes. */
static bool make_room(struct spool *spool, size_t size)
{
    while (spool->held_bytes + size > SPOOL_HELD_BYTES) {
        struct held **victim = spool->writing_end ? &spool->writing_end->next : &spool->held_first;

        if (!*victim)
            return false;
        spool->state.dropped.batches++;
        spool->state.dropped.results += (*victim)->row.n_results;
        spool->dropped_changed = true;
        unlink_held(spool, victim);
    }
    return true;
}

int spool_add(struct spool *spool, const struct spool_row *row, int64_t *ret_id)
{
    struct held *held = malloc(sizeof(*held) + row->size);
    int r = 0;

    if (!held)
        return -ENOMEM;
    held->next = NULL;
    held->row = *row;
    held->row.bytes = held->bytes;
    memcpy(held->bytes, row->bytes, row->size);
    pthread_mutex_lock(&spool->lock);
    if (make_room(spool, row->size)) {
        held->row.id = spool->next_id++;
        *ret_id = held->row.id;
        *spool->held_end = held;
        spool->held_end = &FL_TAKE(held)->next;
        spool->held_bytes += row->size;
        spool->n_held++;
        spool->now_us = row->t_us;
        pthread_cond_signal(&spool->work);
    } else {
        r = -ENOBUFS;
    }
    pthread_mutex_unlock(&spool->lock);
    free(held);
    return r;
}

int spool_read(struct spool *spool, int64_t id, uint8_t **ret_bytes, size_t *ret_size,
               struct fl_error *err)
{
    int r = -ENOENT;

    pthread_mutex_lock(&spool->lock);
    for (const struct held *held = spool->held_first; held && r == -ENOENT; held = held->next) {
        if (held->row.id != id)
            continue;
        *ret_bytes = malloc(held->row.size ? held->row.size : 1);
        r = *ret_bytes ? 0 : -ENOMEM;
        if (r == 0)
            memcpy(*ret_bytes, held->bytes, held->row.size);
        *ret_size = held->row.size;
    }
    pthread_mutex_unlock(&spool->lock);
    return r == -ENOENT ? spool_file_read(spool->reader_file, id, ret_bytes, ret_size, err) : r;
}

/* Take it out of memory when nothing was written of it yet. */
static bool remove_held(struct spool *spool, int64_t id)
{
    struct held **at = spool->writing_end ? &spool->writing_end->next : &spool->held_first;

    for (; *at; at = &(*at)->next) {
        if ((*at)->row.id != id)
            continue;
        unlink_held(spool, at);
        return true;
    }
    return false;
}

void spool_remove(struct spool *spool, int64_t id)
{
    pthread_mutex_lock(&spool->lock);
    if (!remove_held(spool, id) && spool->n_removed < REMOVED_MAX) {
        spool->removed[spool->n_removed++] = id;
        if (spool->n_removed == 1 || spool->n_removed >= REMOVED_SOON)
            pthread_cond_signal(&spool->work);
    }
    pthread_mutex_unlock(&spool->lock);
}

int spool_flush(struct spool *spool, struct fl_error *err)
{
    uint64_t attempts;
    int r = 0;

    pthread_mutex_lock(&spool->lock);
    attempts = spool->n_attempts + (spool->writing ? 1 : 0);
    spool->hurry = true;
    pthread_cond_signal(&spool->work);
    while (!idle(spool)) {
        if (spool->state.failing && spool->n_attempts > attempts) {
            r = fl_error_set(err, -EIO, "%s", spool->state.failure.message);
            break;
        }
        pthread_cond_wait(&spool->done, &spool->lock);
    }
    pthread_mutex_unlock(&spool->lock);
    return r;
}

void spool_count_lost(struct spool *spool, uint64_t n_results, uint64_t n_batches)
{
    pthread_mutex_lock(&spool->lock);
    spool->state.dropped.results += n_results;
    spool->state.dropped.batches += n_batches;
    spool->dropped_changed = true;
    pthread_cond_signal(&spool->work);
    pthread_mutex_unlock(&spool->lock);
}

void spool_get_state(struct spool *spool, struct spool_state *ret)
{
    pthread_mutex_lock(&spool->lock);
    *ret = spool->state;
    ret->n_batches += spool->n_held;
    ret->bytes += (int64_t)spool->held_bytes;
    pthread_mutex_unlock(&spool->lock);
}

/* One spool, one process. */
static int lock_directory(struct spool *spool, const char *directory, struct fl_error *err)
{
    spool->lock_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (spool->lock_fd < 0)
        return fl_error_set(err, -errno, "cannot open the state directory %s: %s", directory,
                            strerror(errno));
    if (flock(spool->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return fl_error_set(err, -EBUSY,
                            "the state directory %s is used by another agent; give each agent a "
                            "`state` of its own",
                            directory);
    return 0;
}

struct loading {
    struct spool *spool;
    void (*row)(const struct spool_row *row, void *arg);
    void *arg;
};

static void load_row(const struct spool_row *row, void *arg)
{
    struct loading *loading = arg;
    struct spool *spool = loading->spool;

    if (spool->state.n_batches++ == 0)
        spool->state.first_id = row->id;
    spool->state.bytes += cost(row->size);
    spool->next_id = row->id + 1;
    loading->row(row, loading->arg);
}

/* All signals are the loop's. */
static int start_writer(struct spool *spool, struct fl_error *err)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    int r;

    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&spool->thread, &attributes, writer, spool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (r != 0)
        return fl_error_set(err, -r, "cannot start the spool's thread: %s", strerror(r));
    spool->thread_started = true;
    return 0;
}

static struct spool *spool_new(const struct spool_settings *settings)
{
    struct spool *spool = calloc(1, sizeof(*spool));
    pthread_condattr_t monotonic;

    if (!spool)
        return NULL;
    spool->settings = *settings;
    spool->lock_fd = -1;
    spool->next_id = 1;
    spool->state.first_id = 1;
    spool->held_end = &spool->held_first;
    pthread_mutex_init(&spool->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&spool->work, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_cond_init(&spool->done, NULL);
    spool->removed = calloc(REMOVED_MAX, sizeof(*spool->removed));
    return spool->removed ? spool : spool_free(spool);
}

int spool_open(const char *directory, const struct spool_settings *settings,
               void (*row)(const struct spool_row *row, void *arg), void *arg,
               struct fl_error *notice, struct spool **ret, struct fl_error *err)
{
    FL_CLEANUP(spool_freep) struct spool *spool = spool_new(settings);
    struct loading loading = {spool, row, arg};
    char path[4096];
    int r;

    if (!spool)
        return fl_error_set(err, -ENOMEM, "no memory for the spool");
    (void)snprintf(path, sizeof(path), "%s/spool.db", directory);
    r = lock_directory(spool, directory, err);
    if (r == 0)
        r = spool_file_open(path, settings->full_sync, notice, &spool->writer_file, err);
    if (r == 0)
        r = spool_file_load_dropped(spool->writer_file, &spool->state.dropped, err);
    if (r == 0)
        r = spool_file_each(spool->writer_file, load_row, &loading, err);
    if (r == 0)
        r = spool_file_open_reader(path, &spool->reader_file, err);
    if (r == 0)
        r = start_writer(spool, err);
    if (r < 0)
        return r;
    *ret = FL_TAKE(spool);
    return 0;
}

struct spool *spool_free(struct spool *spool)
{
    if (!spool)
        return NULL;
    if (spool->thread_started) {
        pthread_mutex_lock(&spool->lock);
        spool->stop = true;
        pthread_cond_signal(&spool->work);
        pthread_mutex_unlock(&spool->lock);
        pthread_join(spool->thread, NULL);
    }
    while (spool->held_first)
        unlink_held(spool, &spool->held_first);
    spool_file_free(spool->reader_file);
    spool_file_free(spool->writer_file);
    pthread_cond_destroy(&spool->work);
    pthread_cond_destroy(&spool->done);
    pthread_mutex_destroy(&spool->lock);
    free(spool->removed);
    if (spool->lock_fd >= 0)
        close(spool->lock_fd);
    free(spool);
    return NULL;
}
