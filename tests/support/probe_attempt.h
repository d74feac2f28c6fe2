/* One attempt of a probe type on a loop of its own, with the deadline that the runner keeps.
 * The settings go the way of a plan's: as text, through the type's table. */
#pragma once

#include "agent/probe/probe.h"
#include "agent/probe/resolver.h"
#include "proto/runtime/fl_clock.h"
#include "tests/support/unit.h"

#include <event2/event.h>

struct attempt {
    struct probe_env env;
    struct fl_plan plan;
    struct fl_probe_spec *spec;
    const struct probe_type *type;
    void *settings;
    struct probe_instance *instance;
    struct probe_run *run;
    struct event *deadline;
    struct fl_result result;
    bool over;    /* `result` is there */
    bool expired; /* by its deadline */
    bool hangs;   /* expired, and the run is alive until `ended` */
    bool ended;   /* done() was called */
};

static inline void attempt_init(struct attempt *attempt, const char *type)
{
    struct fl_error err = {""};

    *attempt = (struct attempt){0};
    attempt->env.base = event_base_new();
    assert_non_null(attempt->env.base);
    assert_int_equal(resolver_new(attempt->env.base, &attempt->env.resolver, &err), 0);
    fl_plan_init(&attempt->plan);
    attempt->spec = fl_plan_add(&attempt->plan, "target-1", "probe-1", type, FL_SECOND, FL_SECOND);
    assert_non_null(attempt->spec);
    if (probe_type_find(type, &attempt->type, &err) < 0)
        fail_msg("%s: %s", type, err.message);
}

static inline void attempt_set(struct attempt *attempt, const char *key, const char *value)
{
    assert_int_equal(fl_probe_spec_set(attempt->spec, key, value), 0);
}

static inline int attempt_open(struct attempt *attempt, struct fl_error *err)
{
    int r = probe_settings_parse(attempt->type, attempt->spec, &attempt->settings, err);

    if (r < 0)
        return r;
    return attempt->type->open(&attempt->env, attempt->spec, attempt->settings, &attempt->instance,
                               err);
}

static inline void attempt_on_done(const struct fl_result *result, void *arg)
{
    struct attempt *attempt = arg;

    attempt->run = NULL;
    attempt->ended = true;
    attempt->over = true;
    if (!attempt->hangs)
        attempt->result = *result;
    (void)event_base_loopbreak(attempt->env.base);
}

static inline void attempt_on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct attempt *attempt = arg;

    (void)fd;
    (void)what;
    attempt->over = true;
    attempt->expired = true;
    fl_result_init(&attempt->result);
    attempt->hangs = !attempt->type->expire(attempt->run, &attempt->result);
    if (!attempt->hangs)
        attempt->run = NULL;
    (void)event_base_loopbreak(attempt->env.base);
}

/* Run one attempt to its end or its deadline. */
static inline void attempt_run(struct attempt *attempt, int64_t timeout_us)
{
    const struct timeval wait = {timeout_us / FL_SECOND, timeout_us % FL_SECOND};
    struct fl_error err = {{0}};

    attempt->over = attempt->expired = attempt->hangs = attempt->ended = false;
    if (!attempt->instance && attempt_open(attempt, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(
        attempt->type->start(attempt->instance, attempt_on_done, attempt, &attempt->run), 0);
    assert_false(attempt->over);
    attempt->deadline = evtimer_new(attempt->env.base, attempt_on_deadline, attempt);
    assert_non_null(attempt->deadline);
    evtimer_add(attempt->deadline, &wait);
    while (!attempt->over)
        assert_int_equal(event_base_loop(attempt->env.base, EVLOOP_ONCE), 0);
    event_free(attempt->deadline);
    if (attempt->over && !attempt->expired) {
        struct fl_result checked = attempt->result;

        checked.took_us = 1;
        if (fl_result_check(&checked, &err) < 0)
            fail_msg("%s", err.message);
    }
}

/* Turn the loop until `*flag` or the time is over. */
static inline void attempt_wait(struct attempt *attempt, const bool *flag, int64_t timeout_us)
{
    int64_t until_us = fl_clock_monotonic() + timeout_us;

    while (!*flag && fl_clock_monotonic() < until_us) {
        const struct timeval turn = {0, 20000};

        (void)event_base_loopexit(attempt->env.base, &turn);
        (void)event_base_dispatch(attempt->env.base);
    }
    assert_true(*flag);
}

static inline void attempt_done(struct attempt *attempt)
{
    if (attempt->run)
        (void)attempt->type->cancel(attempt->run);
    if (attempt->instance)
        attempt->type->close(attempt->instance);
    probe_settings_free(attempt->type, attempt->settings);
    fl_plan_done(&attempt->plan);
    resolver_free(attempt->env.resolver);
    event_base_free(attempt->env.base);
}

static inline void attempt_assert_failed(const struct attempt *attempt, enum fl_layer layer,
                                         enum fl_failure failure)
{
    assert_false(attempt->result.ok);
    assert_string_equal(fl_failure_name(attempt->result.failure), fl_failure_name(failure));
    assert_string_equal(fl_layer_name(attempt->result.layer), fl_layer_name(layer));
}

static inline void attempt_assert_ok(const struct attempt *attempt)
{
    const struct fl_result *result = &attempt->result;

    if (!result->ok)
        fail_msg("failed at %s: %s, step %s", fl_layer_name(result->layer),
                 fl_failure_name(result->failure),
                 result->step == FL_STEP_NONE ? "none" : fl_step_name(result->step));
}
