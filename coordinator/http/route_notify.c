/* POST /api/v1/notify/test: tell one receiver of notifications, or all, that this is a test. */
#include "coordinator/http/route.h"
#include "coordinator/leadership.h"

#include <errno.h>
#include <event2/http.h>

/* False: another coordinator does, and that is answered. */
static bool tells(struct exchange *exchange)
{
    const struct leadership *leadership = coordinator_leadership(exchange->coordinator);
    struct leadership_state state;

    if (!leadership || leadership_acts(leadership))
        return true;
    leadership_state(leadership, &state);
    reply_error(exchange, HTTP_SERVUNAVAIL, "this coordinator tells nobody anything now%s%s",
                *state.leader ? "; the last that was seen to lead is " : "", state.leader);
    return false;
}

void route_notify_test(struct exchange *exchange)
{
    struct notifier *notifier = coordinator_notifier(exchange->coordinator);
    json_t *body = exchange_body(exchange), *name;
    struct fl_error err;
    int r;

    if (!body)
        return;
    if (!tells(exchange)) {
        json_decref(body);
        return;
    }
    name = json_object_get(body, "receiver");
    if (name && !json_is_string(name)) {
        reply_error(exchange, 422, "\"receiver\" must be the name of a receiver, or not be there");
        json_decref(body);
        return;
    }
    r = notifier_test(notifier, json_string_value(name), &err);
    json_decref(body);
    if (r < 0)
        reply_error(exchange, r == -ENOENT ? HTTP_NOTFOUND : HTTP_SERVUNAVAIL, "%s", err.message);
    else
        reply_bytes(exchange, 202, "application/json", "{}", 2);
}
