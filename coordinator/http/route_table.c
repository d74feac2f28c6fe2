/* One row a route. */
#include "coordinator/http/route.h"

#include <stddef.h>

const struct route route_table[] = {
    {"/healthz", route_health},           {"/api/v1/status", route_status},
    {"/api/v1/verdicts", route_verdicts}, {"/api/v1/verdicts/", route_verdict},
    {"/api/v1/events", route_events},     {NULL, NULL},
};
