/* GET /api/v1/events?after=SEQ&wait=30s: verdict events newer than SEQ, now or when they come. */
#include "coordinator/http/route.h"

#include <event2/http.h>

#define MAX_WAIT (5 * FL_MINUTE)

void route_events(const struct exchange *exchange)
{
    uint64_t newest = coordinator_newest_event(exchange->coordinator), after;
    const char *wait = evhttp_find_header(exchange->query, "wait");
    struct fl_error err;
    int64_t wait_us = 0;
    int r = 0;

    if (!query_number(exchange, "after", newest, INT64_MAX, &after))
        return;
    if (wait &&
        (fl_duration_parse(wait, &wait_us, &err) < 0 || wait_us < 0 || wait_us > MAX_WAIT)) {
        reply_error(exchange->request, HTTP_BADREQUEST,
                    "\"wait\" must be a time up to 5m, such as 30s");
        return;
    }
    /* who comes with a number of before a restart is told at once where numbers are now */
    if (after == newest && wait_us > 0)
        r = event_waiters_add(exchange->waiters, exchange->request, after, wait_us);
    else
        event_waiters_answer(exchange->coordinator, exchange->request, after);
    if (r < 0)
        reply_error(exchange->request, HTTP_SERVUNAVAIL,
                    "%d wait already, which is the most; try again later", EVENT_WAITERS_MAX);
}
