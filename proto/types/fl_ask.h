/* What the coordinator asks of an agent beside the plan, now, and what came of it. An order is
 * for a probe of the agent's plan, with other settings where it says so, or for one that stands
 * in the order alone; the agent alone decides which of these it runs. */
#pragma once

#include "proto/types/fl_plan.h"
#include "proto/types/fl_result.h"

#define FL_ANSWER_REASON_SIZE 256

struct fl_ask {
    uint64_t id;
    int64_t deadline_us; /* so long after it came; what is not done then is not wanted */
    /* One spec an order. Without a type: the probe of the plan that has its target and name, with
     * these settings in the place of its own. The interval is the one between repeats; timeout 0:
     * the plan's. */
    struct fl_plan orders;
    uint32_t repeats[FL_MAX_ASK_ORDERS];
};

struct fl_answer {
    uint64_t id;
    bool done;       /* nothing more comes */
    uint64_t missed; /* repeats that were not run in time; told with `done` */
    size_t n_refusals;
    struct {
        uint32_t order;
        char reason[FL_ANSWER_REASON_SIZE];
    } refusals[FL_MAX_ASK_ORDERS];
    size_t n_results;
    uint32_t *orders;          /* of each result, from 0; owned */
    struct fl_result *results; /* owned */
};

void fl_ask_init(struct fl_ask *ask);
void fl_ask_done(struct fl_ask *ask);

/* Add an order (copied); NULL for no memory, a name that is too long, or FL_MAX_ASK_ORDERS. */
struct fl_probe_spec *fl_ask_add(struct fl_ask *ask, const char *target, const char *probe,
                                 const char *type, uint32_t repeats, int64_t interval_us,
                                 int64_t timeout_us);

/* Names, ranges and the number of probes. 0 or -EINVAL with the reason. */
int fl_ask_check(const struct fl_ask *ask, struct fl_error *err);

bool fl_ask_of_plan(const struct fl_probe_spec *order); /* it is for a probe of the plan */

void fl_answer_done(struct fl_answer *answer);
