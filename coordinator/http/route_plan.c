/* GET /api/v1/plan: what is probed, how and by which agents. */
#include "coordinator/http/route.h"
#include "coordinator/plan_json.h"

#include <event2/http.h>

void route_plan(struct exchange *exchange)
{
    const struct coordinator *coordinator = exchange->coordinator;

    reply_json(exchange, HTTP_OK, plan_json(coordinator_settings(coordinator)));
}
