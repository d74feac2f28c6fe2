/* One row a route. */
#include "coordinator/http/route.h"

#include <stddef.h>

#define STATUS_CACHE (100 * FL_MS) /* younger than what one agent's interval brings */
#define PAGE_CACHE FL_SECOND       /* news come by the stream */

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
    {"GET", "/api/v1/maintenance", route_maintenance, API_SCOPE_READ, 0, "", "maintenance",
     "Announced work, the latest first"},
    {"POST", "/api/v1/maintenance", route_maintenance_add, API_SCOPE_ADMIN, 0, "", "window",
     "Announce work: title, targets, zones, begin_us, end_us"},
    {"DELETE", "/api/v1/maintenance/{id}", route_maintenance_end, API_SCOPE_ADMIN, 0, "", NULL,
     "End work that runs, or take back what was planned"},
    {"POST", "/api/v1/verdicts/{id}/updates", route_update_add, API_SCOPE_ADMIN, 0, "", "update",
     "Tell customers of an incident: text, status"},
    {"GET", "/", route_page, API_SCOPE_STATUS, PAGE_CACHE, "", NULL, "The status page"},
    {"GET", "/feed.atom", route_feed, API_SCOPE_STATUS, PAGE_CACHE, "", NULL,
     "Incidents as an Atom feed"},
    {"GET", "/api/v1/stream/page", route_page_stream, API_SCOPE_STATUS, 0, "", NULL,
     "News of the status page as server-sent events"},
    {"GET", "/api/v2/summary.json", route_v2_summary, API_SCOPE_STATUS, PAGE_CACHE, "",
     "v2_summary", "All of the status page"},
    {"GET", "/api/v2/status.json", route_v2_status, API_SCOPE_STATUS, PAGE_CACHE, "", "v2_status",
     "How it is on the whole"},
    {"GET", "/api/v2/components.json", route_v2_components, API_SCOPE_STATUS, PAGE_CACHE, "",
     "v2_components", "Groups and components"},
    {"GET", "/api/v2/incidents.json", route_v2_incidents, API_SCOPE_STATUS, PAGE_CACHE, "",
     "v2_incidents", "Incidents that the page shows"},
    {"GET", "/api/v2/incidents/unresolved.json", route_v2_unresolved, API_SCOPE_STATUS, PAGE_CACHE,
     "", "v2_incidents", "Those that are open"},
    {"GET", "/api/v2/scheduled-maintenances.json", route_v2_maintenances, API_SCOPE_STATUS,
     PAGE_CACHE, "", "v2_maintenances", "Announced work"},
    {"GET", "/api/v2/scheduled-maintenances/upcoming.json", route_v2_upcoming, API_SCOPE_STATUS,
     PAGE_CACHE, "", "v2_maintenances", "What is planned"},
    {"GET", "/api/v2/scheduled-maintenances/active.json", route_v2_active, API_SCOPE_STATUS,
     PAGE_CACHE, "", "v2_maintenances", "What is under way"},
    {0},
};

const struct route_parameter route_parameters[] = {
    {"limit", "integer", "at most so many, up to 1000"},
    {"before", "integer", "only what is older than this id"},
    {"after", "integer", "only what is newer than this number"},
    {"wait", "string", "wait for so long until there is something, such as 30s; up to 5m"},
    {"id", "integer", "number of the incident or of the announced work"},
    {0},
};
