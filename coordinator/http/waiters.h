/* Those who wait for something newer than they have: each until it comes, its time is over or it
 * hangs up. */
#pragma once

#include "coordinator/http/exchange.h"

#define WAITERS_MAX 2048

struct waiters;
struct event_base;

/* Answer now and return true; or, unless it is the last chance, return false for going on
 * waiting: there is nothing newer than `after` yet. */
typedef bool (*waiters_answer_cb)(struct exchange *exchange, uint64_t after, bool last);

int waiters_new(struct event_base *base, waiters_answer_cb answer, struct waiters **ret);
/* Those who still wait get no answer. The server's connections must be closed by then. */
struct waiters *waiters_free(struct waiters *waiters);
FL_DEFINE_FREEP(struct waiters, waiters)

/* Answered when something newer than `after` is there, or after `wait_us`; when all places are
 * taken, with a problem at once. */
void waiters_add(struct waiters *waiters, struct exchange *exchange, uint64_t after,
                 int64_t wait_us);
/* Something may be newer. */
void waiters_wake(struct waiters *waiters);
size_t waiters_count(const struct waiters *waiters);
