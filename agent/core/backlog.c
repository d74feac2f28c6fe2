/* Entries lie in an array by id; one that is done stays as a grave until the graves are the
 * majority. Cursors are ids, so moving entries together harms nobody. */
#include "agent/core/backlog.h"

#include "proto/types/fl_time.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GRAVE 0x80 /* in `acked`: nobody needs it any more */

struct entry {
    int64_t id;
    uint64_t boot;
    uint64_t sequence;
    uint64_t results; /* in it, and lost with it */
    uint32_t size;
    uint8_t acked; /* bit i: coordinator i has it */
};

struct flight {
    int64_t id;
    int64_t sent_us;
    uint32_t size;
    bool old;
};

struct peer {
    int64_t live_from; /* ids from here on are new since the connection */
    int64_t live_next, old_next;
    int64_t old_allowed_us; /* no old one before this */
    size_t n_flights, n_old, credit;
    uint64_t flight_bytes;
    struct flight flights[BACKLOG_WINDOW];
};

struct backlog {
    size_t n_peers;
    struct peer peers[BACKLOG_MAX_PEERS];
    struct entry *entries;
    size_t n, size, n_graves;
    int64_t next_id;
};

static size_t lower_bound(const struct backlog *backlog, int64_t id)
{
    size_t low = 0, high = backlog->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (backlog->entries[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct entry *find(const struct backlog *backlog, int64_t id)
{
    size_t i = lower_bound(backlog, id);

    return i < backlog->n && backlog->entries[i].id == id ? &backlog->entries[i] : NULL;
}

static void tidy(struct backlog *backlog)
{
    size_t kept = 0;

    if (backlog->n_graves <= 64 || backlog->n_graves * 2 < backlog->n)
        return;
    for (size_t i = 0; i < backlog->n; i++)
        if (!(backlog->entries[i].acked & GRAVE))
            backlog->entries[kept++] = backlog->entries[i];
    backlog->n = kept;
    backlog->n_graves = 0;
}

static void bury(struct backlog *backlog, struct entry *entry)
{
    if (entry->acked & GRAVE)
        return;
    entry->acked |= GRAVE;
    backlog->n_graves++;
}

static uint8_t everybody(const struct backlog *backlog)
{
    return (uint8_t)((1u << backlog->n_peers) - 1);
}

static int grow(struct backlog *backlog)
{
    size_t size = backlog->size ? backlog->size * 2 : 256;
    struct entry *entries = reallocarray(backlog->entries, size, sizeof(*entries));

    if (!entries)
        return -ENOMEM;
    backlog->entries = entries;
    backlog->size = size;
    return 0;
}

int backlog_add(struct backlog *backlog, int64_t id, uint64_t boot, uint64_t sequence,
                uint32_t size, uint64_t results)
{
    assert(id >= backlog->next_id);
    if (backlog_count(backlog) >= BACKLOG_MAX_BATCHES)
        return -ENOSPC;
    if (backlog->n == backlog->size && grow(backlog) < 0)
        return -ENOMEM;
    backlog->entries[backlog->n++] = (struct entry){id, boot, sequence, results, size, 0};
    backlog->next_id = id + 1;
    return 0;
}

void backlog_connected(struct backlog *backlog, size_t peer)
{
    struct peer *p = &backlog->peers[peer];

    p->live_from = backlog->next_id;
    p->live_next = backlog->next_id;
    p->old_next = INT64_MIN;
    p->n_flights = 0;
    p->n_old = 0;
    p->flight_bytes = 0;
    p->credit = BACKLOG_CREDIT;
}

void backlog_set_credit(struct backlog *backlog, size_t peer, size_t credit)
{
    backlog->peers[peer].credit = credit < BACKLOG_WINDOW_OLD ? credit : BACKLOG_WINDOW_OLD;
}

/* The first entry in [from, to) that this coordinator does not have. */
static const struct entry *first_needed(const struct backlog *backlog, size_t peer, int64_t from,
                                        int64_t to)
{
    for (size_t i = lower_bound(backlog, from); i < backlog->n; i++) {
        const struct entry *entry = &backlog->entries[i];

        if (entry->id >= to)
            return NULL;
        if (!(entry->acked & (GRAVE | (1u << peer))))
            return entry;
    }
    return NULL;
}

static const struct flight *oldest_flight(const struct peer *p)
{
    const struct flight *oldest = NULL;

    for (size_t i = 0; i < p->n_flights; i++)
        if (!oldest || p->flights[i].sent_us < oldest->sent_us)
            oldest = &p->flights[i];
    return oldest;
}

static bool room(const struct peer *p, const struct entry *entry)
{
    return p->n_flights < BACKLOG_WINDOW &&
           (p->n_flights == 0 || p->flight_bytes + entry->size <= BACKLOG_WINDOW_BYTES);
}

/* What was never sent on this connection and may be: what is new before what is old. */
static const struct entry *first_fresh(const struct backlog *backlog, size_t peer)
{
    const struct peer *p = &backlog->peers[peer];
    const struct entry *entry = first_needed(backlog, peer, p->live_next, INT64_MAX);

    if (!entry && p->n_old < p->credit)
        entry = first_needed(backlog, peer, p->old_next, p->live_from);
    return entry && room(p, entry) ? entry : NULL;
}

bool backlog_next(const struct backlog *backlog, size_t peer, int64_t now_us, int64_t *ret_id)
{
    const struct peer *p = &backlog->peers[peer];
    const struct flight *again = oldest_flight(p);
    const struct entry *entry;

    if (again && now_us - again->sent_us >= BACKLOG_ACK_TIMEOUT_US) {
        *ret_id = again->id;
        return true;
    }
    entry = first_fresh(backlog, peer);
    if (!entry || (entry->id < p->live_from && now_us < p->old_allowed_us))
        return false;
    *ret_id = entry->id;
    return true;
}

static struct flight *find_flight(struct peer *p, int64_t id)
{
    for (size_t i = 0; i < p->n_flights; i++)
        if (p->flights[i].id == id)
            return &p->flights[i];
    return NULL;
}

static void pace(struct peer *p, uint32_t size, int64_t now_us)
{
    if (p->old_allowed_us < now_us)
        p->old_allowed_us = now_us;
    p->old_allowed_us += (int64_t)size * FL_SECOND / BACKLOG_BYTES_PER_SECOND;
}

void backlog_sent(struct backlog *backlog, size_t peer, int64_t id, int64_t now_us)
{
    struct peer *p = &backlog->peers[peer];
    struct flight *flight = find_flight(p, id);
    const struct entry *entry = find(backlog, id);
    bool old = id < p->live_from;

    if (flight) {
        flight->sent_us = now_us;
        return;
    }
    if (!entry || p->n_flights == BACKLOG_WINDOW)
        return;
    p->flights[p->n_flights++] = (struct flight){id, now_us, entry->size, old};
    p->flight_bytes += entry->size;
    if (old) {
        p->n_old++;
        p->old_next = id + 1;
        pace(p, entry->size, now_us);
    } else {
        p->live_next = id + 1;
    }
}

int64_t backlog_deadline(const struct backlog *backlog, size_t peer)
{
    const struct peer *p = &backlog->peers[peer];
    const struct flight *again = oldest_flight(p);
    const struct entry *entry = first_fresh(backlog, peer);
    int64_t due = again ? again->sent_us + BACKLOG_ACK_TIMEOUT_US : BACKLOG_NEVER;

    if (entry && entry->id >= p->live_from)
        return INT64_MIN;
    return entry && p->old_allowed_us < due ? p->old_allowed_us : due;
}

static void land(struct peer *p, struct flight *flight)
{
    p->flight_bytes -= flight->size;
    p->n_old -= flight->old ? 1 : 0;
    *flight = p->flights[--p->n_flights];
}

/* An acknowledgement is for something under way, or late and for something that no longer is. */
static struct entry *find_acked(struct backlog *backlog, struct peer *p, uint64_t boot,
                                uint64_t sequence)
{
    struct entry *entry;

    for (size_t i = 0; i < p->n_flights; i++) {
        entry = find(backlog, p->flights[i].id);
        if (entry && entry->boot == boot && entry->sequence == sequence) {
            land(p, &p->flights[i]);
            return entry;
        }
    }
    for (size_t i = backlog->n; i-- > 0;) {
        entry = &backlog->entries[i];
        if (entry->boot == boot && entry->sequence == sequence)
            return entry->acked & GRAVE ? NULL : entry;
    }
    return NULL;
}

static void tell(const struct entry *entry, int64_t *ret_id, uint64_t *ret_results)
{
    *ret_id = entry->id;
    if (ret_results)
        *ret_results = entry->results;
}

bool backlog_acked(struct backlog *backlog, size_t peer, uint64_t boot, uint64_t sequence,
                   int64_t *ret_id, uint64_t *ret_results)
{
    struct entry *entry = find_acked(backlog, &backlog->peers[peer], boot, sequence);

    if (!entry || entry->acked & GRAVE)
        return false;
    entry->acked |= (uint8_t)(1u << peer);
    if ((entry->acked & everybody(backlog)) != everybody(backlog))
        return false;
    tell(entry, ret_id, ret_results);
    bury(backlog, entry);
    tidy(backlog);
    return true;
}

static void drop_flight(struct backlog *backlog, int64_t id)
{
    for (size_t i = 0; i < backlog->n_peers; i++) {
        struct flight *flight = find_flight(&backlog->peers[i], id);

        if (flight)
            land(&backlog->peers[i], flight);
    }
}

void backlog_forget(struct backlog *backlog, int64_t id)
{
    struct entry *entry = find(backlog, id);

    if (!entry)
        return;
    drop_flight(backlog, id);
    bury(backlog, entry);
    tidy(backlog);
}

void backlog_forget_range(struct backlog *backlog, int64_t from, int64_t to)
{
    struct entry *heir = find(backlog, to);

    for (size_t i = lower_bound(backlog, from); i < backlog->n && backlog->entries[i].id < to;
         i++) {
        if (backlog->entries[i].acked & GRAVE)
            continue;
        drop_flight(backlog, backlog->entries[i].id);
        bury(backlog, &backlog->entries[i]);
        if (heir)
            heir->results += backlog->entries[i].results;
    }
    tidy(backlog);
}

uint64_t backlog_acked_results(const struct backlog *backlog, size_t peer)
{
    uint64_t results = 0;

    if (backlog->n_peers < 2)
        return 0; /* what it has acknowledged nobody else needs */
    for (size_t i = 0; i < backlog->n; i++) {
        const struct entry *entry = &backlog->entries[i];

        if (!(entry->acked & GRAVE) && entry->acked & (1u << peer))
            results += entry->results;
    }
    return results;
}

static uint8_t translate(uint8_t acked, const size_t *from, size_t n)
{
    uint8_t out = acked & GRAVE;

    for (size_t i = 0; i < n; i++)
        if (from[i] != BACKLOG_NEW_PEER && (acked & (1u << from[i])))
            out |= (uint8_t)(1u << i);
    return out;
}

static size_t count_done(const struct backlog *backlog)
{
    size_t n = 0;

    for (size_t i = 0; i < backlog->n; i++)
        if (backlog->entries[i].acked == everybody(backlog))
            n++;
    return n;
}

size_t backlog_set_peers(struct backlog *backlog, const size_t *from, size_t n)
{
    assert(n <= BACKLOG_MAX_PEERS);
    memset(backlog->peers, 0, sizeof(backlog->peers));
    backlog->n_peers = n;
    for (size_t i = 0; i < n; i++)
        backlog_connected(backlog, i);
    for (size_t i = 0; i < backlog->n; i++)
        backlog->entries[i].acked = translate(backlog->entries[i].acked, from, n);
    return n == 0 ? 0 : count_done(backlog);
}

bool backlog_pop_done(struct backlog *backlog, int64_t *ret_id, uint64_t *ret_results)
{
    if (backlog->n_peers == 0)
        return false;
    for (size_t i = 0; i < backlog->n; i++) {
        if (backlog->entries[i].acked != everybody(backlog))
            continue;
        tell(&backlog->entries[i], ret_id, ret_results);
        bury(backlog, &backlog->entries[i]);
        tidy(backlog);
        return true;
    }
    return false;
}

size_t backlog_count(const struct backlog *backlog)
{
    return backlog->n - backlog->n_graves;
}

int backlog_new(struct backlog **ret)
{
    struct backlog *backlog = calloc(1, sizeof(*backlog));

    if (!backlog)
        return -ENOMEM;
    *ret = backlog;
    return 0;
}

struct backlog *backlog_free(struct backlog *backlog)
{
    if (backlog)
        free(backlog->entries);
    free(backlog);
    return NULL;
}
