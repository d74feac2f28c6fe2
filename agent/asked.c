/* A job is one ask, an order one probe of it with its repeats. All that happens to jobs happens
 * on one timer; results are only gathered, so that no job ends within a call of its own runner. */
#include "agent/asked.h"

#include "proto/runtime/fl_clock.h"
#include "proto/types/fl_bucket.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GATHER_US (20 * FL_MS) /* results that come within this are answered together */
#define RETRY_US (5 * FL_MS)   /* when the schedule or another ask has the probe */
#define GATHERED 64            /* results in one answer */

struct order {
    struct job *job;
    struct probe_runner *own; /* NULL: it is the plan's probe as it is */
    size_t index;
    uint32_t number, left, running;
    int64_t interval_us, next_us;
};

struct job {
    struct job *next;
    struct asked *asked;
    void *peer;
    uint64_t id;
    int64_t deadline_us, answer_us; /* monotonic; answer_us INT64_MAX: nothing is gathered */
    size_t n_orders;
    struct order orders[FL_MAX_ASK_ORDERS];
    size_t n_gathered;
    uint32_t of_order[GATHERED];
    struct fl_result gathered[GATHERED];
};

struct asked {
    struct asked_env env;
    struct event *timer;
    struct fl_bucket bucket;
    struct job *jobs;
    size_t n_jobs, n_running;
};

static void arm(struct asked *asked, int64_t at_us)
{
    int64_t wait = at_us - fl_clock_monotonic();
    struct timeval interval = {0};

    if (wait > 0)
        interval = (struct timeval){wait / FL_SECOND, wait % FL_SECOND};
    (void)evtimer_add(asked->timer, &interval); /* it has been added before, so there is memory */
}

static void send_gathered(struct job *job, struct fl_answer *answer)
{
    answer->id = job->id;
    answer->n_results = job->n_gathered;
    answer->orders = job->of_order;
    answer->results = job->gathered;
    job->asked->env.answer(job->peer, answer, job->asked->env.arg);
    job->n_gathered = 0;
    job->answer_us = INT64_MAX;
}

/* No more of this order. Returns how many of its repeats are missed. */
static uint64_t order_end(struct order *order)
{
    struct asked *asked = order->job->asked;
    uint64_t missed = (uint64_t)order->left + order->running;

    asked->n_running -= order->running;
    if (order->own)
        order->own = probe_runner_free(order->own);
    else
        probe_runner_forget(*asked->env.runner, order);
    order->left = order->running = 0;
    return missed;
}

/* Answer what there is, and free. */
static void job_end(struct job *job, bool tell)
{
    struct fl_answer answer = {.done = true};
    struct job **at = &job->asked->jobs;

    for (size_t i = 0; i < job->n_orders; i++)
        answer.missed += order_end(&job->orders[i]);
    if (tell)
        send_gathered(job, &answer);
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    job->asked->n_jobs--;
    free(job);
}

static void on_result(const struct fl_result *result, void *arg)
{
    struct order *order = arg;
    struct job *job = order->job;
    struct fl_answer answer = {0};

    order->running--;
    job->asked->n_running--;
    if (job->n_gathered == GATHERED)
        send_gathered(job, &answer);
    job->of_order[job->n_gathered] = order->number;
    job->gathered[job->n_gathered++] = *result;
    if (job->answer_us == INT64_MAX)
        job->answer_us = fl_clock_monotonic() + GATHER_US;
    if (order->left == 0 && order->running == 0)
        arm(job->asked, fl_clock_monotonic());
    else if (job->n_gathered == 1)
        arm(job->asked, job->answer_us);
}

static int64_t token_wait(const struct asked *asked)
{
    return asked->bucket.rate > 0 ? FL_SECOND / asked->bucket.rate + 1 : FL_SECOND;
}

/* Start the next repeat, if anything allows it now. */
static void order_step(struct order *order, int64_t now_us)
{
    struct asked *asked = order->job->asked;

    if (order->left == 0 || order->next_us > now_us)
        return;
    if (asked->n_running >= ASKED_MAX_RUNNING) {
        order->next_us = now_us + RETRY_US;
        return;
    }
    if (!fl_bucket_has(&asked->bucket, now_us)) {
        order->next_us = now_us + token_wait(asked);
        return;
    }
    order->running++;
    asked->n_running++;
    if (probe_runner_ask(order->own ? order->own : *asked->env.runner, order->index, on_result,
                         order) < 0) {
        order->running--;
        asked->n_running--;
        order->next_us = now_us + RETRY_US;
        return;
    }
    (void)fl_bucket_take(&asked->bucket, now_us);
    order->left--;
    order->next_us += order->interval_us;
    if (order->next_us <= now_us)
        order->next_us = now_us + order->interval_us;
}

/* When it wants to be looked at again; INT64_MIN: it is over. */
static int64_t job_step(struct job *job, int64_t now_us)
{
    struct fl_answer answer = {0};
    int64_t due_us = job->deadline_us;
    bool over = true;

    for (size_t i = 0; i < job->n_orders; i++) {
        struct order *order = &job->orders[i];

        order_step(order, now_us);
        if (order->left > 0 && order->next_us < due_us)
            due_us = order->next_us;
        over = over && order->left == 0 && order->running == 0;
    }
    if (over || now_us >= job->deadline_us)
        return INT64_MIN;
    if (job->answer_us <= now_us)
        send_gathered(job, &answer);
    return job->answer_us < due_us ? job->answer_us : due_us;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct asked *asked = arg;
    int64_t now = fl_clock_monotonic(), due = INT64_MAX;
    struct job *next;

    (void)fd;
    (void)what;
    for (struct job *job = asked->jobs; job; job = next) {
        int64_t wants = job_step(job, now);

        next = job->next;
        if (wants == INT64_MIN)
            job_end(job, true);
        else if (wants < due)
            due = wants;
    }
    if (due != INT64_MAX)
        arm(asked, due);
}

static void refuse(struct fl_answer *answer, size_t order, const char *reason)
{
    answer->refusals[answer->n_refusals].order = (uint32_t)order;
    (void)snprintf(answer->refusals[answer->n_refusals].reason, FL_ANSWER_REASON_SIZE, "%.*s",
                   FL_ANSWER_REASON_SIZE - 1, reason);
    answer->n_refusals++;
}

static void refuse_all(const struct asked *asked, void *peer, const struct fl_ask *ask,
                       const char *reason)
{
    struct fl_answer answer = {.id = ask->id, .done = true};

    for (size_t i = 0; i < ask->orders.n_specs; i++)
        refuse(&answer, i, reason);
    asked->env.answer(peer, &answer, asked->env.arg);
}

static int make_own(const struct asked *asked, const struct fl_plan *own, struct order *order,
                    struct fl_error *err)
{
    const struct probe_type *type;
    struct probe_runner *runner = NULL;
    int r;

    if (probe_type_find(own->specs[0].type, &type, NULL) == 0 && !type->parallel)
        return fl_error_set(err, -EACCES,
                            "a probe of type \"%s\" is asked for only as the plan has it: two "
                            "at once would spoil each other's data",
                            type->name);
    r = probe_runner_new(asked->env.probe_env, on_result, order, &runner, err);
    if (r == 0)
        r = probe_runner_set_plan(runner, own, err);
    if (r < 0)
        probe_runner_free(runner);
    else
        order->own = runner;
    return r;
}

static int add_order(struct job *job, const struct fl_ask *ask, size_t number, int64_t now_us,
                     struct fl_error *err)
{
    const struct asked *asked = job->asked;
    const struct fl_probe_spec *spec = &ask->orders.specs[number];
    struct order *order = &job->orders[job->n_orders];
    struct ask_choice choice;
    int r = ask_rules_choose(asked->env.rules, *asked->env.plan, spec, &choice, err);

    if (r < 0)
        return r;
    *order = (struct order){.job = job,
                            .index = choice.index,
                            .number = (uint32_t)number,
                            .left = ask->repeats[number],
                            .interval_us = spec->interval_us,
                            .next_us = now_us};
    if (choice.varied)
        r = make_own(asked, &choice.own, order, err);
    fl_plan_done(&choice.own);
    if (r == 0)
        job->n_orders++;
    return r;
}

void asked_take(struct asked *asked, void *peer, const struct fl_ask *ask)
{
    int64_t now = fl_clock_monotonic();
    struct fl_answer answer = {0};
    struct fl_error err;
    struct job *job;

    if (asked->bucket.rate == 0 || asked->n_jobs == ASKED_MAX_JOBS) {
        refuse_all(asked, peer, ask,
                   asked->bucket.rate == 0
                       ? "\"asked_rate\" of this agent's configuration is 0: it answers no asks"
                       : "this agent is busy with as many asks as it takes; ask later");
        return;
    }
    job = calloc(1, sizeof(*job));
    if (!job) {
        refuse_all(asked, peer, ask, "this agent has no memory for it");
        return;
    }
    job->next = asked->jobs;
    job->asked = asked;
    job->peer = peer;
    job->id = ask->id;
    job->deadline_us = now + ask->deadline_us;
    job->answer_us = INT64_MAX;
    asked->jobs = job;
    asked->n_jobs++;
    for (size_t i = 0; i < ask->orders.n_specs; i++)
        if (add_order(job, ask, i, now, &err) < 0)
            refuse(&answer, i, err.message);
    if (answer.n_refusals > 0)
        send_gathered(job, &answer);
    arm(asked, now);
}

void asked_plan_goes(struct asked *asked)
{
    struct job *next;

    for (struct job *job = asked->jobs; job; job = next) {
        bool of_plan = false;

        next = job->next;
        for (size_t i = 0; i < job->n_orders; i++)
            of_plan = of_plan || !job->orders[i].own;
        if (of_plan)
            job_end(job, true);
    }
}

void asked_forget(struct asked *asked)
{
    while (asked->jobs)
        job_end(asked->jobs, false);
}

void asked_set_rate(struct asked *asked, int64_t rate)
{
    if (rate != asked->bucket.rate)
        fl_bucket_init(&asked->bucket, rate, 2 * rate, fl_clock_monotonic());
}

int asked_new(const struct asked_env *env, int64_t rate, struct asked **ret, struct fl_error *err)
{
    FL_CLEANUP(asked_freep) struct asked *asked = calloc(1, sizeof(*asked));
    const struct timeval never = {INT32_MAX, 0};

    if (!asked)
        return fl_error_set(err, -ENOMEM, "no memory for asks");
    asked->env = *env;
    fl_bucket_init(&asked->bucket, rate, 2 * rate, fl_clock_monotonic());
    asked->timer = evtimer_new(env->probe_env->base, on_timer, asked);
    if (!asked->timer || evtimer_add(asked->timer, &never) < 0)
        return fl_error_set(err, -ENOMEM, "no memory for asks");
    *ret = FL_TAKE(asked);
    return 0;
}

struct asked *asked_free(struct asked *asked)
{
    if (!asked)
        return NULL;
    asked_forget(asked);
    if (asked->timer)
        event_free(asked->timer);
    free(asked);
    return NULL;
}
