/* The contract of a route: one file a group, one row in route_table.c. */
#pragma once

#include "coordinator/http/encode.h"
#include "coordinator/http/exchange.h"
#include "coordinator/http/http_server.h"

struct route {
    const char *method; /* GET answers HEAD as well */
    const char *path;   /* "{name}" stands for one segment, which the handler finds in parameters */
    void (*handle)(struct exchange *exchange);
    enum api_scope scope; /* who may */
    int64_t cache_us;     /* an answer to GET may be given again for so long; 0: never */
    const char *query;    /* names of what the query may hold, with spaces between; see
                             route_parameters */
    const char *answer;   /* its schema in schemas.json; NULL: no JSON */
    const char *summary;
};

struct route_parameter {
    const char *name;
    const char *type; /* as JSON schema has it */
    const char *summary;
};

extern const struct route route_table[];                /* ends with a path of NULL */
extern const struct route_parameter route_parameters[]; /* ends with a name of NULL */

/* The route of a method and a path. Fills the parameters, which point into `path` (cut there).
 * NULL: there is none; `ret_allowed` then has the methods that the path has, if any. */
#define ROUTE_ALLOWED_SIZE 64
const struct route *route_find(const char *method, char *path, const char **parameters,
                               char ret_allowed[ROUTE_ALLOWED_SIZE]);

void route_health(struct exchange *exchange);
void route_status(struct exchange *exchange);
void route_agents(struct exchange *exchange);
void route_verdicts(struct exchange *exchange);
void route_verdict(struct exchange *exchange);
void route_events(struct exchange *exchange);
void route_stream(struct exchange *exchange);
void route_history_points(struct exchange *exchange);
void route_history_results(struct exchange *exchange);
void route_uptime(struct exchange *exchange);
void route_openapi(struct exchange *exchange);
void route_plan(struct exchange *exchange);
void route_page(struct exchange *exchange);
void route_feed(struct exchange *exchange);
void route_page_stream(struct exchange *exchange);
void route_v2_summary(struct exchange *exchange);
void route_v2_status(struct exchange *exchange);
void route_v2_components(struct exchange *exchange);
void route_v2_incidents(struct exchange *exchange);
void route_v2_unresolved(struct exchange *exchange);
void route_v2_maintenances(struct exchange *exchange);
void route_v2_upcoming(struct exchange *exchange);
void route_v2_active(struct exchange *exchange);
void route_maintenance(struct exchange *exchange);
void route_maintenance_add(struct exchange *exchange);
void route_maintenance_end(struct exchange *exchange);
void route_update_add(struct exchange *exchange);
void route_timeline(struct exchange *exchange);
void route_timeline_minute(struct exchange *exchange);
void route_latency(struct exchange *exchange);
void route_matrix_stream(struct exchange *exchange);
void route_ops(struct exchange *exchange);
void route_ops_file(struct exchange *exchange);
void route_decisions(struct exchange *exchange);
void route_decisions_stream(struct exchange *exchange);
void route_decision_history(struct exchange *exchange);
void route_decision_drill(struct exchange *exchange);
void route_decision_act(struct exchange *exchange);
void route_metrics(struct exchange *exchange);
void route_probe(struct exchange *exchange);
void route_notify_test(struct exchange *exchange);
void route_ask(struct exchange *exchange);
void route_ask_results(struct exchange *exchange);

/* For the server: the answer to who waits for events; an event for who follows them. */
bool route_events_answer(struct exchange *exchange, uint64_t after, bool last);
void route_stream_publish(struct stream *stream, const struct coordinator *coordinator,
                          uint64_t number);
/* Looks at the matrix, and tells those who follow it what is new. */
void route_matrix_publish(struct timeline *timeline, struct stream *stream);
bool route_ask_answer(struct exchange *exchange, uint64_t after, bool last);
bool route_probe_answer(struct exchange *exchange, uint64_t id, bool last); /* of its ask */
/* The same for decisions. */
bool route_decisions_answer(struct exchange *exchange, uint64_t after, bool last);
void route_decisions_publish(struct stream *stream, const struct coordinator *coordinator,
                             uint64_t number);
