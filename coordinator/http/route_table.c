/* One row a route. */
#include "coordinator/http/route.h"

#include <stddef.h>

#define STATUS_CACHE (100 * FL_MS) /* younger than what one agent's interval brings */

const struct route route_table[] = {
    {"GET", "/healthz", route_health, API_SCOPE_NONE, 0, "", "health", "Does it work?"},
    {"GET", "/api/v1/status", route_status, API_SCOPE_READ, STATUS_CACHE, "", "status",
     "Agents, what each sees of each target, open verdicts, refusals, history"},
    {"GET", "/api/v1/verdicts", route_verdicts, API_SCOPE_READ, 0, "limit before", "verdicts",
     "Incidents, the latest first"},
    {"GET", "/api/v1/verdicts/{id}", route_verdict, API_SCOPE_READ, 0, "", "verdict",
     "One incident and how its verdict went"},
    {"GET", "/api/v1/events", route_events, API_SCOPE_READ, 0, "after wait", "events",
     "What opened, changed and closed after an event; waits for one"},
    {"GET", "/api/v1/stream", route_stream, API_SCOPE_READ, 0, "", NULL,
     "The same as server-sent events"},
    {"GET", "/api/v1/openapi.json", route_openapi, API_SCOPE_NONE, FL_MINUTE, "", "openapi",
     "This description"},
    {NULL, NULL, NULL, API_SCOPE_NONE, 0, NULL, NULL, NULL},
};

const struct route_parameter route_parameters[] = {
    {"limit", "integer", "at most so many, up to 1000"},
    {"before", "integer", "only what is older than this id"},
    {"after", "integer", "only what is newer than this number"},
    {"wait", "string", "wait for so long until there is something, such as 30s; up to 5m"},
    {"id", "integer", "number of the incident"},
    {NULL, NULL, NULL},
};
