/* Which spooled batches each coordinator still needs, and which to send next. A batch leaves when
 * every coordinator has acknowledged it. To each: first again what was not acknowledged in time,
 * then what is new since it was connected, then, at a bounded rate and oldest first, what waited
 * while it was away. Holds no bytes, only who has what. Times are monotonic. */
#pragma once

#include "proto/types/fl_cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BACKLOG_NEVER INT64_MAX
#define BACKLOG_MAX_PEERS 7            /* coordinators; one bit each */
#define BACKLOG_MAX_BATCHES 262144     /* 10 MiB of index: three days of one a second */
#define BACKLOG_WINDOW 256             /* sent and not acknowledged, batches */
#define BACKLOG_WINDOW_BYTES (1 << 20) /* the same in bytes */
#define BACKLOG_WINDOW_OLD 32          /* of these at most so many from before the connection */
#define BACKLOG_CREDIT 4               /* and so many until the coordinator says its own number */
#define BACKLOG_BYTES_PER_SECOND (1 << 20)
#define BACKLOG_ACK_TIMEOUT_US INT64_C(10000000)

#define BACKLOG_NEW_PEER SIZE_MAX

struct backlog;

int backlog_new(struct backlog **ret);
struct backlog *backlog_free(struct backlog *backlog);
FL_DEFINE_FREEP(struct backlog, backlog)

/* The list of coordinators changed: number i is the former number `from[i]`, or
 * BACKLOG_NEW_PEER, who needs everything that is still here. Returns how many batches were only
 * waiting for coordinators that are gone; backlog_pop_done hands them out. All conversations
 * begin anew. */
size_t backlog_set_peers(struct backlog *backlog, const size_t *from, size_t n);

/* A batch was spooled; ids only grow. -ENOMEM, or -ENOSPC past BACKLOG_MAX_BATCHES. */
int backlog_add(struct backlog *backlog, int64_t id, uint64_t boot, uint64_t sequence,
                uint32_t size, uint64_t results);

/* The conversation with a coordinator begins anew: whatever was under way to it is lost. */
void backlog_connected(struct backlog *backlog, size_t peer);

/* So many batches from before the connection may be under way at once, but for
 * BACKLOG_WINDOW_OLD. */
void backlog_set_credit(struct backlog *backlog, size_t peer, size_t credit);

/* What to send to this coordinator now. Call backlog_sent when it went out. */
bool backlog_next(const struct backlog *backlog, size_t peer, int64_t now_us, int64_t *ret_id);
void backlog_sent(struct backlog *backlog, size_t peer, int64_t id, int64_t now_us);

/* When backlog_next has something, were nothing added or acknowledged; in the past when it has
 * already, BACKLOG_NEVER when it will not. */
int64_t backlog_deadline(const struct backlog *backlog, size_t peer);

/* true: all have it now, `*ret_id` may leave the spool, and with it so many results (may be
 * NULL). */
bool backlog_acked(struct backlog *backlog, size_t peer, uint64_t boot, uint64_t sequence,
                   int64_t *ret_id, uint64_t *ret_results);

/* How many results this coordinator has acknowledged in batches that others still need. */
uint64_t backlog_acked_results(const struct backlog *backlog, size_t peer);

/* The spool has no rows any more from `from` to before `to`, whose results the one of `to` now says
 * to be lost; or it lost this one. */
void backlog_forget_range(struct backlog *backlog, int64_t from, int64_t to);
void backlog_forget(struct backlog *backlog, int64_t id);

/* Batches that are done although no acknowledgement came for them (see backlog_set_peers). */
bool backlog_pop_done(struct backlog *backlog, int64_t *ret_id, uint64_t *ret_results);

size_t backlog_count(const struct backlog *backlog);
