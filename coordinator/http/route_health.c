/* GET /healthz: the loop turns. */
#include "coordinator/http/route.h"

#include <event2/http.h>

void route_health(struct exchange *exchange)
{
    reply_json(exchange, HTTP_OK, json_pack("{s:s}", "status", "ok"));
}
