/* The contract of a route: one file a group, one row in route_table.c. */
#pragma once

#include "coordinator/coordinator.h"
#include "coordinator/http/event_waiters.h"

#include <jansson.h>

struct evhttp_request;
struct evkeyvalq;

/* One request on its way to its answer. */
struct exchange {
    struct coordinator *coordinator;
    struct event_waiters *waiters;
    struct evhttp_request *request;
    const char *rest; /* of the path after a route that ends in '/', else "" */
    const struct evkeyvalq *query;
};

struct route {
    const char *path; /* one that ends in '/' takes what follows */
    void (*handle)(const struct exchange *exchange);
};

extern const struct route route_table[]; /* ends with a path of NULL */

void route_health(const struct exchange *exchange);
void route_status(const struct exchange *exchange);
void route_verdicts(const struct exchange *exchange);
void route_verdict(const struct exchange *exchange);
void route_events(const struct exchange *exchange);

/* Answer and be done with it. `body` is taken over; NULL for want of memory is said as 500. */
void reply_json(struct evhttp_request *request, int status, json_t *body);
void reply_error(struct evhttp_request *request, int status, const char *format, ...)
    FL_PRINTF(3, 4);

/* A whole number of the query, `standard` when it is not given. False: it was no number up to
 * `max`, and that is answered. */
bool query_number(const struct exchange *exchange, const char *name, uint64_t standard,
                  uint64_t max, uint64_t *ret);
