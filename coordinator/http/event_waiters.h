/* Those who wait for the next verdict event: each until it comes, its time is over or it hangs
 * up. */
#pragma once

#include "coordinator/coordinator.h"

#define EVENT_WAITERS_MAX 64

struct event_waiters;
struct evhttp_request;

int event_waiters_new(struct coordinator *coordinator, struct event_base *base,
                      struct event_waiters **ret);
/* Those who still wait get no answer; their connections are the server's to close after this. */
struct event_waiters *event_waiters_free(struct event_waiters *waiters);
FL_DEFINE_FREEP(struct event_waiters, event_waiters)

/* Answer when something newer than `after` is there, or after `wait_us`. -E2BIG, -ENOMEM. */
int event_waiters_add(struct event_waiters *waiters, struct evhttp_request *request, uint64_t after,
                      int64_t wait_us);
/* Something newer is there. */
void event_waiters_wake(struct event_waiters *waiters);

/* The answer as it would be now. */
void event_waiters_answer(struct coordinator *coordinator, struct evhttp_request *request,
                          uint64_t after);
