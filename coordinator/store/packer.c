#include "coordinator/store/packer.h"

#include "coordinator/store/chunk.h"
#include "coordinator/store/rollup_set.h"
#include "proto/runtime/fl_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STEP_RESULTS 65536            /* packed in one transaction */
#define STEP_ROWS 500                 /* of the inbox deleted in one */
#define STRAGGLERS_US (2 * FL_SECOND) /* a round begins so long after its time */

enum stage { STAGE_WAIT, STAGE_PACK, STAGE_DELETE, STAGE_EXPIRE };

struct packer {
    struct store_keep keep;
    enum stage stage;
    int64_t due_us;
    int64_t up_to; /* newest row of the inbox that belongs to this round */
    int64_t after; /* agents up to this one are packed */
    int64_t last;  /* row that was read last */
    struct packer_stats stats;
    struct fl_log_limit log_unreadable;

    struct chunk_packer *chunks;
    struct rollup_set *rollups;
    struct fl_result *results;
    const struct fl_result **order;
    size_t n, room;
};

static int grow(struct packer *packer, size_t n)
{
    size_t room = packer->room ? packer->room : 4096;
    const struct fl_result **order;
    struct fl_result *results;

    while (room < packer->n + n)
        room *= 2;
    if (room == packer->room)
        return 0;
    results = realloc(packer->results, room * sizeof(*results));
    if (results)
        packer->results = results;
    order = realloc(packer->order, room * sizeof(*order));
    if (order)
        packer->order = order;
    if (!results || !order)
        return -ENOMEM;
    packer->room = room;
    return 0;
}

int packer_new(const struct store_keep *keep, struct packer **ret)
{
    FL_CLEANUP(packer_freep) struct packer *packer = calloc(1, sizeof(*packer));

    if (!packer)
        return -ENOMEM;
    packer->keep = *keep;
    if (chunk_packer_new(&packer->chunks) < 0 || rollup_set_new(&packer->rollups) < 0 ||
        grow(packer, 1) < 0)
        return -ENOMEM;
    *ret = FL_TAKE(packer);
    return 0;
}

struct packer *packer_free(struct packer *packer)
{
    if (!packer)
        return NULL;
    chunk_packer_free(packer->chunks);
    rollup_set_free(packer->rollups);
    free(packer->results);
    free(packer->order);
    free(packer);
    return NULL;
}

static int take_letter(const struct db_letter *letter, void *arg)
{
    struct packer *packer = arg;
    struct fl_message message;
    struct fl_error err;
    int r = fl_codec_decode(letter->bytes, letter->size, &message, &err);

    packer->last = letter->id;
    if (r == -ENOMEM)
        return r;
    if (r < 0 || message.type != FL_MESSAGE_BATCH) {
        packer->stats.unreadable++;
        if (fl_log_allowed(&packer->log_unreadable, FL_MINUTE, NULL))
            fl_log_error("store", "a batch in the history cannot be read and is given up: %s",
                         r < 0 ? err.message : "it is another message");
        if (r == 0)
            fl_message_done(&message);
        return 0;
    }
    r = grow(packer, message.batch.n_results);
    if (r == 0 && message.batch.n_results > 0) {
        memcpy(&packer->results[packer->n], message.batch.results,
               message.batch.n_results * sizeof(*packer->results));
        packer->n += message.batch.n_results;
    }
    fl_message_done(&message);
    return r;
}

/* By series, then by time, then as they came. */
static int compare(const void *a, const void *b)
{
    const struct fl_result *x = *(const struct fl_result *const *)a;
    const struct fl_result *y = *(const struct fl_result *const *)b;

    if (x->series != y->series)
        return x->series < y->series ? -1 : 1;
    if (x->t_us != y->t_us)
        return x->t_us < y->t_us ? -1 : 1;
    return (x > y) - (x < y);
}

/* How many of these go into one chunk. */
static size_t chunk_length(const struct fl_result *const *results, size_t n)
{
    size_t i = 1;

    while (i < n && i < CHUNK_MAX_RESULTS &&
           results[i]->t_us - results[0]->t_us <= DB_CHUNK_SPAN_US)
        i++;
    return i;
}

static int put_chunks(struct packer *packer, struct db *db, int64_t agent,
                      const struct fl_result *const *results, size_t n, struct fl_error *err)
{
    int r = 0;

    for (size_t done = 0, length; r == 0 && done < n; done += length) {
        struct db_chunk chunk = {.series = results[done]->series, .first_us = results[done]->t_us};

        length = chunk_length(results + done, n - done);
        chunk.last_us = results[done + length - 1]->t_us;
        chunk.n = (uint32_t)length;
        r = chunk_pack(packer->chunks, results + done, length, &chunk.bytes, &chunk.size);
        if (r < 0)
            return fl_error_set(err, r, "no memory to pack results");
        r = db->type->put_chunks(db, agent, &chunk, 1, err);
    }
    return r;
}

/* What was read of one agent, series by series. */
static int put_results(struct packer *packer, struct db *db, int64_t agent, struct fl_error *err)
{
    int r = 0;

    for (size_t i = 0; i < packer->n; i++)
        packer->order[i] = &packer->results[i];
    qsort(packer->order, packer->n, sizeof(struct fl_result *), compare);
    rollup_set_clear(packer->rollups);
    for (size_t i = 0, end; r == 0 && i < packer->n; i = end) {
        for (end = i + 1; end < packer->n; end++)
            if (packer->order[end]->series != packer->order[i]->series)
                break;
        r = put_chunks(packer, db, agent, packer->order + i, end - i, err);
        if (r == 0 && rollup_set_add(packer->rollups, packer->order + i, end - i) < 0)
            r = fl_error_set(err, -ENOMEM, "no memory for the points of a series");
    }
    return r < 0 ? r : rollup_set_write(packer->rollups, db, agent, err);
}

static int pack_agent(struct packer *packer, struct db *db, struct fl_error *err)
{
    struct db_agent agent;
    int r = db->type->inbox_agent(db, packer->after, packer->up_to, &agent, err);

    if (r == -ENOENT) {
        packer->stage = STAGE_DELETE;
        return 0;
    }
    packer->n = 0;
    if (r == 0)
        r = db->type->inbox_read(db, &agent, packer->up_to, STEP_RESULTS, take_letter, packer, err);
    if (r == 0)
        r = put_results(packer, db, agent.id, err);
    if (r == 0)
        r = db->type->set_packed(db, agent.id, packer->last, err);
    packer->after = agent.id - 1; /* there may be more of the same */
    return r;
}

static int begin_round(struct packer *packer, struct db *db, struct fl_error *err)
{
    packer->after = 0;
    packer->stage = STAGE_PACK;
    return db->type->inbox_newest(db, &packer->up_to, err);
}

static int delete_packed(struct packer *packer, struct db *db, struct fl_error *err)
{
    int r = db->type->inbox_delete(db, packer->up_to, STEP_ROWS, err);

    if (r >= 0 && r < STEP_ROWS)
        packer->stage = STAGE_EXPIRE;
    return r < 0 ? r : 0;
}

/* Rounds begin at whole multiples of their length, so that rows of points are seldom cut. */
void packer_wait(struct packer *packer, int64_t monotonic_us, fl_time now_us)
{
    int64_t length = packer->keep.pack_us, late = length > FL_MINUTE ? STRAGGLERS_US : 0;

    packer->stage = STAGE_WAIT;
    packer->due_us = monotonic_us + length - (now_us - late) % length;
}

static int expire(struct packer *packer, struct db *db, int64_t monotonic_us, fl_time now_us,
                  struct fl_error *err)
{
    int r = db->type->expire(db, &packer->keep, now_us, err);

    if (r == 0)
        packer_wait(packer, monotonic_us, now_us);
    return r < 0 ? r : 0;
}

static int do_stage(struct packer *packer, struct db *db, int64_t monotonic_us, fl_time now_us,
                    struct fl_error *err)
{
    switch (packer->stage) {
    case STAGE_WAIT:
        return begin_round(packer, db, err);
    case STAGE_PACK:
        return pack_agent(packer, db, err);
    case STAGE_DELETE:
        return delete_packed(packer, db, err);
    case STAGE_EXPIRE:
        break;
    }
    return expire(packer, db, monotonic_us, now_us, err);
}

int packer_step(struct packer *packer, struct db *db, int64_t monotonic_us, fl_time now_us,
                struct fl_error *err)
{
    int r = db->type->begin(db, err);

    if (r < 0)
        return r;
    packer->n = 0;
    r = do_stage(packer, db, monotonic_us, now_us, err);
    if (r == 0)
        r = db->type->commit(db, err);
    if (r < 0)
        db->type->rollback(db);
    else
        packer->stats.results += packer->n;
    packer->n = 0;
    return r;
}

int64_t packer_due(const struct packer *packer)
{
    return packer->stage == STAGE_WAIT ? packer->due_us : 0;
}

void packer_restart(struct packer *packer, int64_t monotonic_us)
{
    packer->stage = STAGE_WAIT;
    packer->due_us = monotonic_us;
}

void packer_stats(const struct packer *packer, struct packer_stats *ret)
{
    *ret = packer->stats;
}
