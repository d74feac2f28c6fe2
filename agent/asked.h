/* Runs what a coordinator asks for beside the schedule, and answers while it runs. Bounded in
 * asks, in probes at once and in probes a second; what is refused is answered with the reason.
 * Nothing of it is spooled: late answers are of no use. */
#pragma once

#include "agent/core/ask_rules.h"
#include "agent/probe/probe_runner.h"

#define ASKED_MAX_JOBS 16    /* asks that run at once */
#define ASKED_MAX_RUNNING 64 /* their probes that run at once */

struct asked;

/* What it works with. The pointers outlive it; what they point at may change, after
 * asked_plan_goes. */
struct asked_env {
    const struct probe_env *probe_env;
    struct probe_runner *const *runner; /* of the plan */
    struct fl_plan *const *plan;
    const struct ask_rules *rules;
    /* `peer` is who asked; the answer is borrowed. */
    void (*answer)(void *peer, const struct fl_answer *answer, void *arg);
    void *arg;
};

/* `rate`: probes a second; 0: all asks are refused. */
int asked_new(const struct asked_env *env, int64_t rate, struct asked **ret, struct fl_error *err);
struct asked *asked_free(struct asked *asked);
FL_DEFINE_FREEP(struct asked, asked)

/* An ask came (borrowed). */
void asked_take(struct asked *asked, void *peer, const struct fl_ask *ask);

/* The plan is about to change: what is asked of it ends here, and is answered. */
void asked_plan_goes(struct asked *asked);

/* Whoever asked is gone: all ends, unanswered. */
void asked_forget(struct asked *asked);

void asked_set_rate(struct asked *asked, int64_t rate);
