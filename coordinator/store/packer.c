#include "coordinator/store/packer.h"

#include "coordinator/store/chunk.h"
#include "coordinator/store/rollup_set.h"
#include "coordinator/store/uptime_maker.h"
#include "proto/runtime/fl_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STEP_RESULTS 65536            /* packed in one transaction */
#define STEP_ROWS 500                 /* of the inbox deleted in one */
#define STRAGGLERS_US (2 * FL_SECOND) /* a round begins so long after its time */

enum stage { STAGE_WAIT, STAGE_PACK, STAGE_DELETE, STAGE_UPTIME, STAGE_EXPIRE };

struct packer {
    struct store_keep keep;
    enum stage stage;
    int64_t due_us;
    int64_t up_to; /* newest row of the inbox that belongs to this round */
    int64_t after; /* agents up to this one are packed */
    int64_t last;  /* row that was read last */
    struct packer_stats stats;
    struct fl_log_limit log_unreadable;

    struct uptime_work *works;
    size_t n_works;
    struct chunk_packer *chunks;
    struct rollup_set *rollups;
    /* what was read, with room for as many; the table of series has twice that */
    size_t n, room;
    struct fl_result *results;
    const struct fl_result **order; /* by series */
    uint32_t *number_of;            /* the series of each, numbered from 1 */
    size_t *begins;                 /* by number: where its results begin in the order */
    struct slot {
        uint32_t series, number; /* 0: empty */
    } * slots;
};

/* What is there stays there when there is no memory for more. */
static void *resize(void *memory, size_t n, size_t size, bool *failed)
{
    void *larger = realloc(memory, n * size);

    *failed |= !larger;
    return larger ? larger : memory;
}

/* Room is a power of two. */
static int grow(struct packer *packer, size_t n)
{
    size_t room = packer->room ? packer->room : 4096;
    bool failed = false;

    while (room < packer->n + n)
        room *= 2;
    if (room == packer->room)
        return 0;
    packer->results = resize(packer->results, room, sizeof(*packer->results), &failed);
    packer->order = resize(packer->order, room, sizeof(*packer->order), &failed);
    packer->number_of = resize(packer->number_of, room, sizeof(*packer->number_of), &failed);
    packer->begins = resize(packer->begins, room + 2, sizeof(*packer->begins), &failed);
    packer->slots = resize(packer->slots, 2 * room, sizeof(*packer->slots), &failed);
    if (failed)
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
    free(packer->works);
    free(packer->results);
    free(packer->order);
    free(packer->number_of);
    free(packer->begins);
    free(packer->slots);
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

/* Later or earlier; equal ones as they came. */
static int compare(const void *a, const void *b)
{
    const struct fl_result *x = *(const struct fl_result *const *)a;
    const struct fl_result *y = *(const struct fl_result *const *)b;

    if (x->t_us != y->t_us)
        return x->t_us < y->t_us ? -1 : 1;
    return (x > y) - (x < y);
}

/* Number series in order of their first result; a table with twice the room that could be taken.
 * Returns how many there are. */
static uint32_t number_series(struct packer *packer, size_t room)
{
    uint32_t n = 0;

    memset(packer->slots, 0, room * sizeof(*packer->slots));
    for (size_t i = 0; i < packer->n; i++) {
        uint32_t series = packer->results[i].series;
        size_t at = series * UINT32_C(2654435761) & (room - 1);

        while (packer->slots[at].number > 0 && packer->slots[at].series != series)
            at = (at + 1) & (room - 1);
        if (packer->slots[at].number == 0) {
            packer->slots[at] = (struct slot){series, ++n};
            packer->begins[n] = 0;
        }
        packer->number_of[i] = packer->slots[at].number;
        packer->begins[packer->slots[at].number]++;
    }
    return n;
}

/* Put the results of each series together, in order of time; series i of the ret_n ones is from
 * begins[i] to begins[i + 1]. They come nearly in order. */
static uint32_t sort_by_series(struct packer *packer)
{
    uint32_t n = number_series(packer, 2 * packer->room);
    size_t sum = 0;

    for (uint32_t i = 1; i <= n; i++) {
        size_t length = packer->begins[i];

        packer->begins[i] = sum;
        sum += length;
    }
    for (size_t i = 0; i < packer->n; i++)
        packer->order[packer->begins[packer->number_of[i]]++] = &packer->results[i];
    packer->begins[0] = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct fl_result **first = &packer->order[packer->begins[i]];
        size_t length = packer->begins[i + 1] - packer->begins[i];

        for (size_t k = 1; k < length; k++)
            if (first[k]->t_us < first[k - 1]->t_us) {
                qsort(first, length, sizeof(*first), compare);
                break;
            }
    }
    return n;
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
    uint32_t n = sort_by_series(packer);
    int r = 0;

    rollup_set_clear(packer->rollups);
    for (uint32_t i = 0; r == 0 && i < n; i++) {
        const struct fl_result *const *first = &packer->order[packer->begins[i]];
        size_t length = packer->begins[i + 1] - packer->begins[i];

        r = put_chunks(packer, db, agent, first, length, err);
        if (r == 0 && rollup_set_add(packer->rollups, first, length) < 0)
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
        packer->stage = STAGE_UPTIME;
    return r < 0 ? r : 0;
}

static int make_uptime(struct packer *packer, struct db *db, struct fl_error *err)
{
    int r = uptime_maker_step(db, packer->works, packer->n_works, err);

    if (r == 0)
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
    case STAGE_UPTIME:
        return make_uptime(packer, db, err);
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

void packer_set_works(struct packer *packer, struct uptime_work *works, size_t n)
{
    free(packer->works);
    packer->works = works;
    packer->n_works = n;
}

void packer_stats(const struct packer *packer, struct packer_stats *ret)
{
    *ret = packer->stats;
}
