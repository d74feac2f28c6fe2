#include "proto/types/fl_ask.h"

#include "proto/types/fl_name.h"

#include <errno.h>
#include <stdlib.h>

void fl_ask_init(struct fl_ask *ask)
{
    *ask = (struct fl_ask){0};
    fl_plan_init(&ask->orders);
}

void fl_ask_done(struct fl_ask *ask)
{
    fl_plan_done(&ask->orders);
    fl_ask_init(ask);
}

struct fl_probe_spec *fl_ask_add(struct fl_ask *ask, const char *target, const char *probe,
                                 const char *type, uint32_t repeats, int64_t interval_us,
                                 int64_t timeout_us)
{
    struct fl_probe_spec *order;

    if (ask->orders.n_specs == FL_MAX_ASK_ORDERS)
        return NULL;
    order = fl_plan_add(&ask->orders, target, probe, type, interval_us, timeout_us);
    if (order)
        ask->repeats[ask->orders.n_specs - 1] = repeats;
    return order;
}

bool fl_ask_of_plan(const struct fl_probe_spec *order)
{
    return order->type[0] == '\0';
}

static int check_order(const struct fl_probe_spec *order, uint32_t repeats, struct fl_error *err)
{
    bool of_plan = fl_ask_of_plan(order);

    if (!fl_target_name_valid(order->target) || !fl_name_valid(order->probe))
        return fl_error_set(err, -EINVAL, "\"%s\" or \"%s\" is no name", order->target,
                            order->probe);
    if (repeats < 1 || repeats > FL_MAX_ASK_PROBES)
        return fl_error_set(err, -EINVAL, "%u repeats of %s/%s; allowed is 1 to %d", repeats,
                            order->target, order->probe, FL_MAX_ASK_PROBES);
    if (order->interval_us < FL_MIN_ASK_INTERVAL_US || order->interval_us > FL_MAX_INTERVAL_US)
        return fl_error_set(err, -EINVAL,
                            "%lld us between repeats of %s/%s; allowed is 20 ms to 24 h",
                            (long long)order->interval_us, order->target, order->probe);
    if (of_plan && order->timeout_us == 0)
        return 0;
    if (order->timeout_us < FL_MIN_TIMEOUT_US || order->timeout_us > FL_MAX_TIMEOUT_US)
        return fl_error_set(err, -EINVAL,
                            "the timeout of %s/%s is %lld us; allowed is 10 ms to 60 s",
                            order->target, order->probe, (long long)order->timeout_us);
    return 0;
}

int fl_ask_check(const struct fl_ask *ask, struct fl_error *err)
{
    uint64_t probes = 0;

    if (ask->orders.n_specs < 1 || ask->orders.n_specs > FL_MAX_ASK_ORDERS)
        return fl_error_set(err, -EINVAL, "%zu orders; allowed is 1 to %d", ask->orders.n_specs,
                            FL_MAX_ASK_ORDERS);
    if (ask->deadline_us < FL_MIN_TIMEOUT_US || ask->deadline_us > FL_MAX_ASK_DEADLINE_US)
        return fl_error_set(err, -EINVAL, "a deadline of %lld us; allowed is 10 ms to 5 min",
                            (long long)ask->deadline_us);
    for (size_t i = 0; i < ask->orders.n_specs; i++) {
        int r = check_order(&ask->orders.specs[i], ask->repeats[i], err);

        if (r < 0)
            return r;
        probes += ask->repeats[i];
    }
    if (probes > FL_MAX_ASK_PROBES)
        return fl_error_set(err, -EINVAL, "%llu probes in one ask; allowed are %d",
                            (unsigned long long)probes, FL_MAX_ASK_PROBES);
    return 0;
}

void fl_answer_done(struct fl_answer *answer)
{
    free(answer->orders);
    free(answer->results);
    *answer = (struct fl_answer){0};
}
