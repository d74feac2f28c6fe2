/* A series is one probe of the plan with its instance; an attempt is one run of it, with the
 * timer of its deadline. Three ways out of an attempt: done() before the deadline, expire() at
 * it, cancel() when the series goes. An attempt that cannot be ended is kept as `hung`: until its
 * late done() each start makes a stalled result instead, and what done() then says is dropped,
 * since the deadline has already been its result. */
#include "agent/probe/probe_runner.h"

#include "agent/probe/stream.h"
#include "proto/runtime/fl_clock.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PARALLEL 8 /* attempts of one series; a start beyond waits for one to end */
#define MAX_ASKED 4    /* attempts of one series beyond which none is asked for */

/* Who is told. */
struct listener {
    probe_result_cb result;
    void *arg;
};

struct attempt {
    struct attempt *next;
    struct listener listener;
    struct series *series;
    struct probe_run *run;
    struct event *deadline;
    fl_time t_us;
    int64_t start_us; /* monotonic */
    bool hung;
};

struct series {
    struct probe_runner *runner;
    const struct probe_type *type;
    struct fl_plan own; /* one spec: a copy, since plans come and go */
    void *settings;
    struct probe_instance *instance;
    struct attempt *attempts;
    size_t n_attempts;
    size_t n_hung;
    struct fl_result last_hung; /* what expire() said of the one that hangs */
    bool due;                   /* a start came while no further attempt could begin */
    bool kept;                  /* goes over into the new plan; used within set_plan */
};

struct probe_runner {
    struct probe_env env;
    struct listener listener; /* of what is started by the schedule */
    size_t n_series;
    struct series **series; /* by index of the plan */
};

static void start_attempt(struct series *series, const struct listener *listener);

static const struct fl_probe_spec *spec_of(const struct series *series)
{
    return &series->own.specs[0];
}

static void attempt_unlink(struct attempt *attempt)
{
    struct series *series = attempt->series;
    struct attempt **at = &series->attempts;

    while (*at != attempt)
        at = &(*at)->next;
    *at = attempt->next;
    series->n_attempts--;
    series->n_hung -= attempt->hung;
}

static void attempt_free(struct attempt *attempt)
{
    if (attempt->deadline)
        event_free(attempt->deadline);
    free(attempt);
}

/* Fill what is the runner's to fill. */
static void stamp(struct fl_result *result, const struct series *series, fl_time t_us,
                  int64_t took_us)
{
    result->t_us = t_us;
    result->took_us = took_us > 0 ? took_us : 0;
    result->rx_us = FL_ABSENT;
    result->series = spec_of(series)->series;
}

/* The attempt is gone: begin the one that waited, then tell. */
static void deliver(struct series *series, const struct listener *listener,
                    const struct fl_result *result)
{
    if (series->due && series->n_hung == 0) {
        series->due = false;
        start_attempt(series, &series->runner->listener);
    }
    listener->result(result, listener->arg);
}

static void on_done(const struct fl_result *result, void *arg)
{
    struct attempt *attempt = arg;
    struct series *series = attempt->series;
    struct fl_result stamped = *result;

    attempt_unlink(attempt);
    stamp(&stamped, series, attempt->t_us, fl_clock_monotonic() - attempt->start_us);
    if (!attempt->hung)
        deliver(series, &attempt->listener, &stamped);
    attempt_free(attempt);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct attempt *attempt = arg;
    struct series *series = attempt->series;
    const struct listener listener = attempt->listener;
    const int64_t took_us = fl_clock_monotonic() - attempt->start_us;
    struct fl_result result;
    bool ended;

    (void)fd;
    (void)what;
    fl_result_init(&result);
    ended = series->type->expire(attempt->run, &result);
    stamp(&result, series, attempt->t_us, took_us);
    if (ended) {
        attempt_unlink(attempt);
        attempt_free(attempt);
    } else {
        attempt->hung = true;
        series->n_hung++;
        series->due = false;
        result.stalled_us = took_us;
        series->last_hung = result;
    }
    deliver(series, &listener, &result);
}

/* The oldest hanging attempt speaks for the series. */
static void deliver_stalled(struct series *series, const struct listener *listener)
{
    struct fl_result result = series->last_hung;
    const int64_t now_us = fl_clock_monotonic();

    for (const struct attempt *attempt = series->attempts; attempt; attempt = attempt->next)
        if (attempt->hung && now_us - attempt->start_us > result.stalled_us)
            result.stalled_us = now_us - attempt->start_us;
    stamp(&result, series, fl_clock_wall(), 0);
    listener->result(&result, listener->arg);
}

/* The trace format has one word for all that the agent itself cannot do. */
static void deliver_local(struct series *series, const struct listener *listener)
{
    struct fl_result result;

    fl_result_init(&result);
    stream_fail(&result, FL_LAYER_CONNECT, FL_FAILURE_LOCAL);
    stamp(&result, series, fl_clock_wall(), 0);
    listener->result(&result, listener->arg);
}

static int attempt_begin(struct series *series, struct attempt *attempt,
                         const struct listener *listener)
{
    const int64_t timeout_us = spec_of(series)->timeout_us;
    const struct timeval timeout = {.tv_sec = timeout_us / FL_SECOND,
                                    .tv_usec = timeout_us % FL_SECOND};

    attempt->series = series;
    attempt->listener = *listener;
    attempt->deadline = evtimer_new(series->runner->env.base, on_deadline, attempt);
    if (!attempt->deadline || evtimer_add(attempt->deadline, &timeout) < 0)
        return -ENOMEM;
    attempt->t_us = fl_clock_wall();
    attempt->start_us = fl_clock_monotonic();
    return series->type->start(series->instance, on_done, attempt, &attempt->run);
}

static void start_attempt(struct series *series, const struct listener *listener)
{
    struct attempt *attempt = calloc(1, sizeof(*attempt));
    int r = attempt ? attempt_begin(series, attempt, listener) : -ENOMEM;

    if (r < 0) {
        if (attempt)
            attempt_free(attempt);
        deliver_local(series, listener);
        return;
    }
    attempt->next = series->attempts;
    series->attempts = attempt;
    series->n_attempts++;
}

void probe_runner_start(struct probe_runner *runner, size_t index)
{
    struct series *series;

    if (index >= runner->n_series)
        return;
    series = runner->series[index];
    if (series->n_hung > 0)
        deliver_stalled(series, &runner->listener);
    else if (series->n_attempts >= (series->type->parallel ? MAX_PARALLEL : 1))
        series->due = true;
    else
        start_attempt(series, &runner->listener);
}

int probe_runner_ask(struct probe_runner *runner, size_t index, probe_result_cb result, void *arg)
{
    const struct listener listener = {result, arg};
    struct series *series;

    if (index >= runner->n_series)
        return -ENOENT;
    series = runner->series[index];
    if (series->n_hung > 0)
        deliver_stalled(series, &listener);
    else if (series->n_attempts >= (series->type->parallel ? MAX_ASKED : 1))
        return -EBUSY;
    else
        start_attempt(series, &listener);
    return 0;
}

static void drop_result(const struct fl_result *result, void *arg)
{
    (void)result;
    (void)arg;
}

void probe_runner_forget(struct probe_runner *runner, const void *arg)
{
    for (size_t i = 0; i < runner->n_series; i++)
        for (struct attempt *at = runner->series[i]->attempts; at; at = at->next)
            if (at->listener.arg == arg)
                at->listener = (struct listener){drop_result, NULL};
}

size_t probe_runner_stalled(const struct probe_runner *runner)
{
    size_t n = 0;

    for (size_t i = 0; i < runner->n_series; i++)
        n += runner->series[i]->n_hung;
    return n;
}

static struct series *series_free(struct series *series)
{
    if (!series)
        return NULL;
    while (series->attempts) {
        struct attempt *attempt = series->attempts;

        attempt_unlink(attempt);
        (void)series->type->cancel(attempt->run); /* one that hangs frees itself later */
        attempt_free(attempt);
    }
    if (series->instance)
        series->type->close(series->instance);
    if (series->settings)
        probe_settings_free(series->type, series->settings);
    fl_plan_done(&series->own);
    free(series);
    return NULL;
}
FL_DEFINE_FREEP(struct series, series)

static int copy_spec(const struct fl_probe_spec *spec, struct fl_plan *own)
{
    struct fl_probe_spec *copy = fl_plan_add(own, spec->target, spec->probe, spec->type,
                                             spec->interval_us, spec->timeout_us);
    int r = copy ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < spec->n_settings; i++)
        r = fl_probe_spec_set(copy, spec->settings[i].key, spec->settings[i].value);
    return r;
}

static int find_type(const struct fl_probe_spec *spec, const struct probe_type **ret,
                     struct fl_error *err)
{
    int r = probe_type_find(spec->type, ret, err);

    if (r == -ENOENT)
        return fl_error_set(
            err, -EINVAL,
            "probe \"%s/%s\": this agent knows no type \"%s\": upgrade the agent or "
            "change the type",
            spec->target, spec->probe, spec->type);
    return r < 0 ? fl_error_prefix(err, r, "probe \"%s/%s\"", spec->target, spec->probe) : 0;
}

/* A series with its settings read and checked, not yet open. */
static int series_new(struct probe_runner *runner, const struct fl_probe_spec *spec,
                      struct series **ret, struct fl_error *err)
{
    FL_CLEANUP(series_freep) struct series *series = calloc(1, sizeof(*series));
    int r;

    if (!series)
        return fl_error_set(err, -ENOMEM, "probe \"%s/%s\": out of memory", spec->target,
                            spec->probe);
    series->runner = runner;
    fl_plan_init(&series->own);
    r = copy_spec(spec, &series->own);
    if (r < 0)
        return fl_error_set(err, r, "probe \"%s/%s\": cannot be copied: %s", spec->target,
                            spec->probe, strerror(-r));
    r = find_type(spec, &series->type, err);
    if (r < 0)
        return r;
    r = probe_settings_parse(series->type, spec_of(series), &series->settings, err);
    if (r < 0)
        return r;
    *ret = FL_TAKE(series);
    return 0;
}

static void free_all(struct series **all, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (all[i] && !all[i]->kept)
            series_free(all[i]);
    free(all);
}

static int check_all(struct probe_runner *runner, const struct fl_plan *plan, struct series **all,
                     struct fl_error *err)
{
    for (size_t i = 0; i < plan->n_specs; i++) {
        int r = series_new(runner, &plan->specs[i], &all[i], err);

        if (r < 0)
            return r;
    }
    return 0;
}

static int by_number(const void *a, const void *b)
{
    uint32_t left = spec_of(*(struct series *const *)a)->series;
    uint32_t right = spec_of(*(struct series *const *)b)->series;

    return (left > right) - (left < right);
}

/* Put the old series in the place of a new one that says the same. */
static void keep_unchanged(struct series **sorted, size_t n_sorted, struct series **all, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct series **found =
            n_sorted > 0 ? bsearch(&all[i], sorted, n_sorted, sizeof(struct series *), by_number)
                         : NULL;

        if (!found || !fl_plan_equal(&(*found)->own, &all[i]->own))
            continue;
        series_free(all[i]);
        all[i] = *found;
        all[i]->kept = true;
    }
}

static int open_new(struct probe_runner *runner, struct series **all, size_t n,
                    struct fl_error *err)
{
    for (size_t i = 0; i < n; i++) {
        const struct fl_probe_spec *spec = spec_of(all[i]);
        int r;

        if (all[i]->kept)
            continue;
        r = all[i]->type->open(&runner->env, spec, all[i]->settings, &all[i]->instance, err);
        if (r < 0)
            return fl_error_prefix(err, r, "probe \"%s/%s\" of type \"%s\"", spec->target,
                                   spec->probe, spec->type);
    }
    return 0;
}

static void clear_kept(struct series **all, size_t n)
{
    for (size_t i = 0; i < n; i++)
        all[i]->kept = false;
}

int probe_runner_set_plan(struct probe_runner *runner, const struct fl_plan *plan,
                          struct fl_error *err)
{
    const size_t n_old = runner->n_series;
    struct series **old = runner->series;
    struct series **all = calloc(plan->n_specs + 1, sizeof(*all));
    struct series **sorted = calloc(n_old + 1, sizeof(*sorted));
    int r;

    if (!all || !sorted) {
        free(all);
        free(sorted);
        return fl_error_set(err, -ENOMEM, "plan: out of memory for %zu probes", plan->n_specs);
    }
    r = check_all(runner, plan, all, err);
    if (r == 0) {
        for (size_t i = 0; i < n_old; i++)
            sorted[i] = old[i];
        qsort(sorted, n_old, sizeof(*sorted), by_number);
        keep_unchanged(sorted, n_old, all, plan->n_specs);
        r = open_new(runner, all, plan->n_specs, err);
    }
    free(sorted);
    if (r < 0) {
        free_all(all, plan->n_specs);
        clear_kept(old, n_old);
        return r;
    }
    runner->series = all;
    runner->n_series = plan->n_specs;
    free_all(old, n_old);
    clear_kept(all, runner->n_series);
    return 0;
}

int probe_runner_new(const struct probe_env *env, probe_result_cb result, void *arg,
                     struct probe_runner **ret, struct fl_error *err)
{
    struct probe_runner *runner = calloc(1, sizeof(*runner));

    if (!runner)
        return fl_error_set(err, -ENOMEM, "probe runner: out of memory");
    runner->env = *env;
    runner->listener = (struct listener){result, arg};
    *ret = runner;
    return 0;
}

struct probe_runner *probe_runner_free(struct probe_runner *runner)
{
    if (!runner)
        return NULL;
    free_all(runner->series, runner->n_series);
    free(runner);
    return NULL;
}
