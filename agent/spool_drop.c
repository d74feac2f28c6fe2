/* What the spool gives up, in the file and in memory, and the records that it leaves. */
#include "agent/spool_private.h"
#include "proto/codec/fl_codec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIM_ROWS 256 /* at most so many old rows are dropped in one transaction */

/* Make of a row, and of the one before it where that is not NULL, the record that they are lost.
 * The caller frees row->bytes. */
static int make_record(const char *agent, struct spool_row *row, const struct spool_row *before,
                       struct fl_error *err)
{
    struct fl_message message = {.type = FL_MESSAGE_BATCH};
    uint8_t *bytes = NULL;
    int r;

    row->lost += row->n_results;
    row->n_results = 0;
    row->gone = true;
    if (before) {
        row->lost += before->lost;
        row->skipped += before->skipped + 1;
    }
    (void)snprintf(message.batch.agent, sizeof(message.batch.agent), "%s", agent);
    message.batch.boot = row->boot;
    message.batch.sequence = row->sequence;
    message.batch.skipped = row->skipped;
    message.batch.lost_results = row->lost;
    r = fl_codec_encode(&message, &bytes, &row->size, err);
    row->bytes = bytes;
    return r;
}

static bool is_next(const struct spool_row *before, const struct spool_row *row)
{
    return before->gone && before->boot == row->boot &&
           before->sequence == row->sequence - row->skipped - 1;
}

static bool over_limit(const struct spool *spool, const struct job *job,
                       const struct spool_row *oldest)
{
    return job->file.bytes > spool->settings.max_bytes ||
           job->file.n_rows - job->file.n_gone > spool->settings.max_batches ||
           job->now_us - oldest->t_us > spool->settings.max_age_us;
}

/* Two records become one only while neither ever left; from now on neither will. */
static bool condemn(struct spool *spool, const struct spool_row *before,
                    const struct spool_row *row)
{
    bool never_left;

    pthread_mutex_lock(&spool->lock);
    never_left = before->id > spool->account->sent_up_to;
    if (never_left && spool->condemned_to == 0)
        spool->condemned_from = before->id;
    if (never_left)
        spool->condemned_to = row->id;
    pthread_mutex_unlock(&spool->lock);
    return never_left;
}

static int take_before(struct spool *spool, struct job *job, const struct spool_row *before,
                       const struct spool_row *row, struct fl_error *err)
{
    struct spool_row deleted;
    int r = spool_file_delete(spool->writer_file, before->id, &deleted, err);

    if (r < 0)
        return r;
    job->file.n_rows--;
    job->file.n_gone--;
    if (job->gone_to != before->id)
        job->gone_from = before->id;
    job->gone_to = row->id;
    return 0;
}

static int drop_row(struct spool *spool, struct job *job, struct spool_row *row,
                    struct fl_error *err)
{
    struct spool_row before;
    uint32_t n_results = row->n_results;
    int64_t bytes = spool_cost(row->size);
    int r = spool_file_before(spool->writer_file, row->id, &before, err);
    bool merge = r > 0 && is_next(&before, row) && condemn(spool, &before, row);

    if (merge)
        r = take_before(spool, job, &before, row, err);
    if (r >= 0)
        r = make_record(spool->agent, row, merge ? &before : NULL, err);
    if (r < 0)
        return r;
    r = spool_file_replace(spool->writer_file, row, err);
    free((void *)(uintptr_t)row->bytes);
    job->file.bytes -= bytes;
    job->file.n_gone++;
    job->file.dropped.batches++;
    job->file.dropped.results += n_results;
    return r;
}

/* What a record says that is dropped is homeless, and said anew by the next batch. */
static int limit_records(struct spool *spool, struct job *job, struct fl_error *err)
{
    while (job->file.n_gone > spool->settings.max_records) {
        struct spool_row row;
        int r = spool_file_oldest_gone(spool->writer_file, &row, err);

        if (r > 0)
            r = spool_file_delete(spool->writer_file, row.id, &row, err);
        if (r <= 0)
            return r;
        job->file.n_rows--;
        job->file.n_gone--;
        job->file.results -= row.lost;
    }
    return 0;
}

int spool_trim(struct spool *spool, struct job *job, struct fl_error *err)
{
    int i, r = 1;

    for (i = 0; i < TRIM_ROWS; i++) {
        struct spool_row oldest;

        r = spool_file_oldest(spool->writer_file, job->first_real, &oldest, err);
        if (r <= 0 || !over_limit(spool, job, &oldest))
            break;
        job->first_real = oldest.id + 1;
        r = drop_row(spool, job, &oldest, err);
        if (r < 0)
            return r;
    }
    job->more = i == TRIM_ROWS;
    return r < 0 ? r : limit_records(spool, job, err);
}

static struct held *new_held(const struct spool_row *row)
{
    struct held *held = malloc(sizeof(*held) + row->size);

    if (!held)
        return NULL;
    *held = (struct held){.row = *row};
    memcpy(held->bytes, row->bytes, row->size);
    held->row.bytes = held->bytes;
    return held;
}

static struct held *held_record(const char *agent, struct spool_row row,
                                const struct spool_row *before)
{
    struct held *held = NULL;

    if (make_record(agent, &row, before, NULL) < 0)
        return NULL;
    held = new_held(&row);
    free((void *)(uintptr_t)row.bytes);
    return held;
}

static void fill_slot(struct account_slot *slot, const struct spool_row *row)
{
    const struct account_slot what = {row->id, row->boot, row->sequence, row->skipped,
                                      row->n_results + row->lost};

    account_slot_set(slot, &what);
}

/* In the place of `*at`. */
static void replace_held(struct spool *spool, struct held **at, struct held *record)
{
    struct held *old = *at;

    record->slot = old->slot;
    record->next = old->next;
    fill_slot(record->slot, &record->row);
    *at = record;
    if (spool->held_end == &old->next)
        spool->held_end = &record->next;
    spool->held_bytes += record->row.size - old->row.size;
    spool->held_results += record->row.n_results + record->row.lost;
    spool->held_results -= old->row.n_results + old->row.lost;
    free(old);
}

bool spool_drop_held(struct spool *spool)
{
    struct held **at = spool->writing_end ? &spool->writing_end->next : &spool->held_first;
    struct held **before = NULL, *record;
    uint32_t n_results;

    for (; *at && (*at)->row.gone; at = &(*at)->next)
        before = at;
    if (!*at)
        return false;
    n_results = (*at)->row.n_results;
    if (before &&
        (!is_next(&(*before)->row, &(*at)->row) || (*before)->row.id <= spool->account->sent_up_to))
        before = NULL;
    record = held_record(spool->agent, (*at)->row, before ? &(*before)->row : NULL);
    if (!record)
        return false;
    replace_held(spool, at, record);
    if (before)
        spool_unlink_held(spool, before);
    spool->counted.batches++;
    spool->counted.results += n_results;
    return true;
}

/* The slot with the lowest id from `id` on. */
static struct account_slot *next_slot(struct account_page *account, int64_t id)
{
    struct account_slot *lowest = NULL;

    for (size_t i = 0; i < ACCOUNT_FILE_SLOTS; i++) {
        struct account_slot *slot = &account->slots[i];

        if (slot->id >= id && slot->id > 0 && (!lowest || slot->id < lowest->id))
            lowest = slot;
    }
    return lowest;
}

int spool_recover(struct spool *spool, void (*row)(const struct spool_row *row, void *arg),
                  void *arg)
{
    struct account_slot *slot;

    for (int64_t id = 0; (slot = next_slot(spool->account, id)); id++) {
        struct spool_row died = {.id = slot->id,
                                 .boot = slot->boot,
                                 .sequence = slot->sequence,
                                 .lost = slot->results,
                                 .skipped = slot->skipped};
        struct held *held;

        id = slot->id;
        if (id <= spool->last_id) { /* it was written after all */
            account_slot_free(slot);
            continue;
        }
        held = held_record(spool->agent, died, NULL);
        if (!held)
            return -ENOMEM;
        held->slot = slot;
        spool_append_held(spool, held);
        spool->counted.batches++;
        spool->counted.results += slot->results;
        row(&held->row, arg);
    }
    return 0;
}
