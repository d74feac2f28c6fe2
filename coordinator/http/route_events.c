/* GET /api/v1/events?after=SEQ&wait=30s: verdict events newer than SEQ, now or when they come.
 * GET /api/v1/stream: the same as server-sent events. */
#include "coordinator/http/route.h"
#include "coordinator/trace/verdict_json.h"

#include <event2/http.h>
#include <stdlib.h>

#define MAX_WAIT (5 * FL_MINUTE)

static uint64_t oldest_after(const struct coordinator *coordinator, uint64_t after)
{
    uint64_t newest = coordinator_newest_event(coordinator);

    return newest > after && newest - after > COORDINATOR_EVENTS ? newest - COORDINATOR_EVENTS + 1
                                                                 : after + 1;
}

static json_t *event_json(const struct coordinator *coordinator, uint64_t number)
{
    json_t *event = verdict_event_json(coordinator_event(coordinator, number));

    if (json_object_set_new(event, "seq", json_integer((json_int_t)number)) == 0)
        return event;
    json_decref(event);
    return NULL;
}

bool route_events_answer(struct exchange *exchange, uint64_t after, bool last)
{
    const struct coordinator *coordinator = exchange->coordinator;
    uint64_t newest = coordinator_newest_event(coordinator);
    json_t *array;

    if (!last && newest == after)
        return false;
    array = json_array();
    for (uint64_t number = oldest_after(coordinator, after); after < newest && number <= newest;
         number++)
        (void)json_array_append_new(array, event_json(coordinator, number));
    reply_json(exchange, HTTP_OK,
               json_pack("{s:I, s:o}", "seq", (json_int_t)newest, "events", array));
    return true;
}

void route_events(struct exchange *exchange)
{
    uint64_t newest = coordinator_newest_event(exchange->coordinator), after;
    int64_t wait_us;

    if (!exchange_query_number(exchange, "after", newest, INT64_MAX, &after) ||
        !exchange_query_duration(exchange, "wait", 0, MAX_WAIT, &wait_us))
        return;
    /* who comes with a number of before a restart is told at once where numbers are now */
    if (after == newest && wait_us > 0)
        waiters_add(http_server_waiters(exchange->server, HTTP_WAIT_EVENTS), exchange, after,
                    wait_us);
    else
        (void)route_events_answer(exchange, after, true);
}

static char *event_text(const struct coordinator *coordinator, uint64_t number)
{
    json_t *event = event_json(coordinator, number);
    char *text = event && encode_times(event) == 0 ? json_dumps(event, VERDICT_JSON_FLAGS) : NULL;

    json_decref(event);
    return text;
}

void route_stream_publish(struct stream *stream, const struct coordinator *coordinator,
                          uint64_t number)
{
    char *text = event_text(coordinator, number);

    if (text)
        stream_publish(stream, "verdict", number, text);
    free(text);
}

void route_stream(struct exchange *exchange)
{
    const struct coordinator *coordinator = exchange->coordinator;
    const char *last = exchange_header(exchange, "Last-Event-ID");
    uint64_t newest = coordinator_newest_event(coordinator);
    uint64_t after = last ? strtoull(last, NULL, 10) : newest;

    if (!stream_join(http_server_stream(exchange->server, HTTP_STREAM_VERDICTS), exchange))
        return;
    if (after > newest)
        after = 0; /* a number of before a restart */
    for (uint64_t number = oldest_after(coordinator, after); after < newest && number <= newest;
         number++) {
        char *text = event_text(coordinator, number);

        if (text)
            stream_send(exchange, "verdict", number, text);
        free(text);
    }
}
