/* The loop's side and the writer share, under the lock, two lists: `held`, batches to be written,
 * and the account's `removed`, ids to be deleted. The writer takes all of both into one transaction
 * and retries after a second when that fails. Its file handle is its own; the loop reads through
 * another. */
#include "agent/spool_private.h"
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

#define REMOVED_SOON 64  /* so many are worth a transaction of their own */
#define REMOVED_WAIT_S 1 /* and fewer wait so long for company */
#define RETRY_S 1        /* after a failure */
#define TRIM_ROWS 256    /* at most so many old rows are dropped in one transaction */
#define STACK_BYTES (256 << 10)

int64_t spool_cost(size_t size)
{
    return (int64_t)size + SPOOL_ROW_BYTES;
}

static void count_row(struct spool_totals *file, const struct spool_row *row, int sign)
{
    uint64_t results = row->n_results + row->lost;

    file->n_rows += (size_t)sign;
    file->n_gone += row->gone ? (size_t)sign : 0;
    file->bytes += row->gone ? 0 : sign * spool_cost(row->size);
    file->results += sign > 0 ? results : -results;
}

static int write_rows(struct spool *spool, struct job *job, struct fl_error *err)
{
    int r;

    for (const struct held *held = job->first; held; held = held->next) {
        r = spool_file_insert(spool->writer_file, &held->row, err);
        if (r < 0)
            return r;
        count_row(&job->file, &held->row, 1);
        if (held == job->last)
            break;
    }
    for (size_t i = 0; i < job->n_removed; i++) {
        struct spool_row row;

        r = spool_file_delete(spool->writer_file, job->removed[i].id, &row, err);
        if (r < 0)
            return r;
        if (r == 0)
            continue;
        count_row(&job->file, &row, -1);
        job->file.settled += row.n_results + row.lost;
    }
    return 0;
}

static bool totals_changed(const struct spool_totals *before, const struct spool_totals *now)
{
    return now->settled != before->settled || now->dropped.results != before->dropped.results ||
           now->dropped.batches != before->dropped.batches;
}

static int transact(struct spool *spool, struct job *job, struct fl_error *err)
{
    int r = spool_file_begin(spool->writer_file, err);

    if (r == 0)
        r = write_rows(spool, job, err);
    if (r == 0)
        r = spool_trim(spool, job, err);
    if (r == 0 && totals_changed(&spool->file, &job->file))
        r = spool_file_save_totals(spool->writer_file, &job->file.dropped, job->file.settled, err);
    if (r == 0)
        r = spool_file_commit(spool->writer_file, err);
    if (r < 0)
        spool_file_rollback(spool->writer_file);
    return r;
}

void spool_unlink_held(struct spool *spool, struct held **at)
{
    struct held *held = *at;

    *at = held->next;
    if (spool->held_end == &held->next)
        spool->held_end = at;
    spool->held_bytes -= held->row.size;
    spool->held_results -= held->row.n_results + held->row.lost;
    spool->n_held--;
    account_slot_free(held->slot);
    free(held);
}

void spool_append_held(struct spool *spool, struct held *held)
{
    *spool->held_end = held;
    spool->held_end = &held->next;
    spool->held_bytes += held->row.size;
    spool->held_results += held->row.n_results + held->row.lost;
    spool->n_held++;
}

/* The transaction is durable: forget what it wrote. Under the lock. */
static void written(struct spool *spool, const struct job *job)
{
    bool last = job->first == NULL;

    while (!last) {
        last = spool->held_first == job->last;
        spool_unlink_held(spool, &spool->held_first);
    }
    for (size_t i = 0; i < job->n_removed; i++)
        spool->removed_results -= job->removed[i].results;
    spool->file = job->file;
    spool->first_real = job->first_real;
    spool->account->settled_file = job->file.settled;
    account_removed_drop(spool->account, job->n_removed);
    if (job->gone_to > 0) {
        spool->state.gone_from = job->gone_from;
        spool->state.gone_to = job->gone_to;
    }
    spool->state.failing = false;
}

/* Take all there is into one job. Under the lock. */
static int take_job(struct spool *spool, struct job *ret)
{
    size_t n = spool->account->n_removed;
    struct account_removed *removed = malloc((n ? n : 1) * sizeof(*removed));

    if (!removed)
        return -ENOMEM;
    memcpy(removed, spool->account->removed, n * sizeof(*removed));
    for (struct held *held = spool->held_first; held; held = held->next)
        spool->writing_end = held;
    *ret = (struct job){
        .first = spool->held_first,
        .last = spool->writing_end,
        .removed = removed,
        .n_removed = n,
        .now_us = spool->now_us,
        .counted = spool->counted,
        .file = spool->file,
        .first_real = spool->first_real,
    };
    ret->file.dropped.results += spool->counted.results;
    ret->file.dropped.batches += spool->counted.batches;
    spool->hurry = false;
    spool->writing = true;
    return 0;
}

/* Do one transaction. Called with the lock, which it gives back meanwhile. */
static int write_once(struct spool *spool)
{
    struct fl_error err = {"no memory for the spool"};
    struct job job = {0};
    int r = take_job(spool, &job);

    if (r == 0) {
        pthread_mutex_unlock(&spool->lock);
        r = transact(spool, &job, &err);
        pthread_mutex_lock(&spool->lock);
    }
    spool->writing = false;
    spool->writing_end = NULL;
    spool->condemned_from = spool->condemned_to = 0;
    spool->n_attempts++;
    if (r < 0) {
        spool->state.failing = true;
        spool->state.failure = err;
    } else {
        spool->more = job.more;
        spool->counted.results -= job.counted.results;
        spool->counted.batches -= job.counted.batches;
        written(spool, &job);
    }
    free(job.removed);
    return r;
}

static bool idle(const struct spool *spool)
{
    return !spool->writing && !spool->held_first && spool->account->n_removed == 0 &&
           spool->counted.results == 0 && spool->counted.batches == 0 && !spool->more;
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
        else if (spool->hurry || spool->account->n_removed >= REMOVED_SOON ||
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
    while (spool->held_bytes + size > SPOOL_HELD_BYTES || spool->n_held >= ACCOUNT_FILE_SLOTS)
        if (!spool_drop_held(spool))
            return false;
    return true;
}

/* Under the lock. */
static int hold(struct spool *spool, struct held *held)
{
    const struct spool_row *row = &held->row;
    const struct account_slot slot = {spool->account->next_id, row->boot, row->sequence,
                                      row->skipped, row->n_results + row->lost};

    if (!make_room(spool, row->size))
        return -ENOBUFS;
    held->slot = account_slot_take(spool->account, &slot);
    if (!held->slot)
        return -ENOBUFS;
    held->row.id = spool->account->next_id++;
    spool_append_held(spool, held);
    spool->now_us = row->t_us;
    pthread_cond_signal(&spool->work);
    return 0;
}

int spool_add(struct spool *spool, const struct spool_row *row, int64_t *ret_id)
{
    struct held *held = malloc(sizeof(*held) + row->size);
    int r;

    if (!held)
        return -ENOMEM;
    held->next = NULL;
    held->row = *row;
    held->row.bytes = held->bytes;
    memcpy(held->bytes, row->bytes, row->size);
    pthread_mutex_lock(&spool->lock);
    r = hold(spool, held);
    if (r == 0)
        *ret_id = held->row.id;
    pthread_mutex_unlock(&spool->lock);
    if (r < 0)
        free(held);
    return r;
}

/* What is read goes out. Under the lock. */
static int read_held(struct spool *spool, int64_t id, uint8_t **ret_bytes, size_t *ret_size)
{
    if (id >= spool->condemned_from && id <= spool->condemned_to)
        return -EBUSY;
    if (id > spool->account->sent_up_to)
        spool->account->sent_up_to = id;
    for (const struct held *held = spool->held_first; held; held = held->next) {
        if (held->row.id != id)
            continue;
        *ret_bytes = malloc(held->row.size ? held->row.size : 1);
        if (!*ret_bytes)
            return -ENOMEM;
        memcpy(*ret_bytes, held->bytes, held->row.size);
        *ret_size = held->row.size;
        return 0;
    }
    return -ENOENT;
}

int spool_read(struct spool *spool, int64_t id, uint8_t **ret_bytes, size_t *ret_size,
               struct fl_error *err)
{
    int r;

    pthread_mutex_lock(&spool->lock);
    r = read_held(spool, id, ret_bytes, ret_size);
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
        spool->account->settled_held += (*at)->row.n_results + (*at)->row.lost;
        spool_unlink_held(spool, at);
        return true;
    }
    return false;
}

void spool_remove(struct spool *spool, int64_t id, uint64_t results)
{
    pthread_mutex_lock(&spool->lock);
    if (!remove_held(spool, id) &&
        account_removed_add(spool->account, &(struct account_removed){id, results})) {
        spool->removed_results += results;
        if (spool->account->n_removed == 1 || spool->account->n_removed >= REMOVED_SOON)
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
    spool->counted.results += n_results;
    spool->counted.batches += n_batches;
    pthread_cond_signal(&spool->work);
    pthread_mutex_unlock(&spool->lock);
}

void spool_count_produced(struct spool *spool, uint64_t n)
{
    pthread_mutex_lock(&spool->lock);
    spool->account->produced += n;
    pthread_mutex_unlock(&spool->lock);
}

/* Under the lock. */
static uint64_t settled(const struct spool *spool)
{
    return spool->file.settled + spool->account->settled_held;
}

uint64_t spool_homeless(struct spool *spool, uint64_t waiting)
{
    uint64_t known, produced;

    pthread_mutex_lock(&spool->lock);
    known = settled(spool) + spool->file.results + spool->held_results + waiting;
    produced = spool->account->produced;
    pthread_mutex_unlock(&spool->lock);
    return produced > known ? produced - known : 0;
}

void spool_get_account(struct spool *spool, struct spool_account *ret)
{
    pthread_mutex_lock(&spool->lock);
    *ret = (struct spool_account){spool->account->number, spool->account->produced,
                                  settled(spool) + spool->removed_results};
    pthread_mutex_unlock(&spool->lock);
}

void spool_get_state(struct spool *spool, struct spool_state *ret)
{
    pthread_mutex_lock(&spool->lock);
    *ret = spool->state;
    ret->n_batches = spool->file.n_rows + spool->n_held;
    ret->bytes = spool->file.bytes + (int64_t)spool->held_bytes;
    ret->dropped.results = spool->file.dropped.results + spool->counted.results;
    ret->dropped.batches = spool->file.dropped.batches + spool->counted.batches;
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
    struct account_removed **acked; /* account->removed by id */
    uint64_t acked_results;         /* by their own word */
};

static int by_id(const void *a, const void *b)
{
    const struct account_removed *const *x = a, *const *y = b;

    return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

/* What is noted as acknowledged counts from here on only where its row is found. */
static int index_removed(struct loading *loading)
{
    struct account_page *account = loading->spool->account;

    if (account->n_removed > ACCOUNT_FILE_REMOVED)
        account->n_removed = 0;
    loading->acked = calloc(account->n_removed + 1, sizeof(struct account_removed *));
    if (!loading->acked)
        return -ENOMEM;
    for (size_t i = 0; i < account->n_removed; i++) {
        loading->acked[i] = &account->removed[i];
        loading->acked_results += account->removed[i].results;
        account->removed[i].results = 0;
    }
    qsort((void *)loading->acked, account->n_removed, sizeof(struct account_removed *), by_id);
    return 0;
}

/* Whether the row was acknowledged before the agent died; then it is only to be deleted. */
static bool load_removed(struct loading *loading, const struct spool_row *row)
{
    const struct account_removed key = {.id = row->id}, *const sought = &key;
    struct account_removed **found =
        bsearch((const void *)&sought, (const void *)loading->acked,
                loading->spool->account->n_removed, sizeof(struct account_removed *), by_id);

    if (!found)
        return false;
    (*found)->results = row->n_results + row->lost;
    loading->spool->removed_results += (*found)->results;
    return true;
}

static void load_row(const struct spool_row *row, void *arg)
{
    struct loading *loading = arg;

    count_row(&loading->spool->file, row, 1);
    loading->spool->last_id = row->id;
    if (!load_removed(loading, row))
        loading->row(row, loading->arg);
}

/* The counts of the file and of the account were made by the same hands, but one of the two may be
 * new, or older after a loss of power. */
static void reconcile(struct spool *spool, uint64_t acked_results)
{
    struct account_page *account = spool->account;
    uint64_t least;

    if (spool->file.settled == 0 && spool->file.n_rows == 0)
        spool->file.settled = account->settled_file + acked_results;
    if (account->next_id <= spool->last_id)
        account->next_id = spool->last_id + 1;
    if (account->sent_up_to >= account->next_id)
        account->sent_up_to = account->next_id - 1;
    least = settled(spool) + spool->file.results + spool->held_results;
    if (account->produced < least)
        account->produced = least;
}

/* What is in the file, and what was in memory when the agent ended. */
static int load(struct spool *spool, struct loading *loading, struct fl_error *err)
{
    uint64_t crashed;
    int r =
        spool_file_load_totals(spool->writer_file, &spool->file.dropped, &spool->file.settled, err);

    if (r == 0 && index_removed(loading) < 0)
        r = fl_error_set(err, -ENOMEM, "no memory for the spool");
    if (r == 0)
        r = spool_file_each(spool->writer_file, load_row, loading, err);
    free((void *)loading->acked);
    if (r == 0 && spool_recover(spool, loading->row, loading->arg) < 0)
        r = fl_error_set(err, -ENOMEM, "no memory for the spool");
    if (r < 0)
        return r;
    reconcile(spool, loading->acked_results);
    crashed = spool_homeless(spool, 0);
    spool->counted.results += crashed;
    return 0;
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
    (void)snprintf(spool->agent, sizeof(spool->agent), "%s", settings->agent);
    spool->settings.agent = spool->agent;
    spool->lock_fd = -1;
    spool->held_end = &spool->held_first;
    pthread_mutex_init(&spool->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&spool->work, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_cond_init(&spool->done, NULL);
    return spool;
}

int spool_open(const char *directory, const struct spool_settings *settings,
               void (*row)(const struct spool_row *row, void *arg), void *arg,
               struct fl_error *notice, struct spool **ret, struct fl_error *err)
{
    FL_CLEANUP(spool_freep) struct spool *spool = spool_new(settings);
    struct loading loading = {.spool = spool, .row = row, .arg = arg};
    char path[4096];
    int r;

    if (!spool)
        return fl_error_set(err, -ENOMEM, "no memory for the spool");
    (void)snprintf(path, sizeof(path), "%s/spool.db", directory);
    r = lock_directory(spool, directory, err);
    if (r == 0)
        r = spool_file_open(path, settings->full_sync, notice, &spool->writer_file, err);
    if (r == 0)
        r = account_file_open(directory, &spool->account_file, &spool->account, err);
    if (r == 0)
        r = load(spool, &loading, err);
    if (r == 0)
        r = spool_file_open_reader(path, &spool->reader_file, err);
    if (r == 0)
        r = start_writer(spool, err);
    if (r < 0)
        return r;
    *ret = FL_TAKE(spool);
    return 0;
}

/* What could not be written stays in the account, for the next start to find. */
static void free_held(struct spool *spool)
{
    struct held *next;

    for (struct held *held = spool->held_first; held; held = next) {
        next = held->next;
        free(held);
    }
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
    free_held(spool);
    account_file_free(spool->account_file);
    spool_file_free(spool->reader_file);
    spool_file_free(spool->writer_file);
    pthread_cond_destroy(&spool->work);
    pthread_cond_destroy(&spool->done);
    pthread_mutex_destroy(&spool->lock);
    if (spool->lock_fd >= 0)
        close(spool->lock_fd);
    free(spool);
    return NULL;
}
