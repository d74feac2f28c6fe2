#include "coordinator/cli/probe_local.h"

#include "agent/probe/fileop_worker.h"
#include "agent/probe/probe_runner.h"
#include "agent/probe/resolver.h"
#include "proto/runtime/fl_clock.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <string.h>

#define SECRETS "/etc/faultline/secrets" /* as an agent has them without a setting */
#define OWN_KEY_TYPE "udp"               /* needs the key that only agents have */

struct local {
    struct event_base *base;
    struct resolver *resolver;
    struct probe_runner *runner;
    struct event *timer;
    uint64_t left; /* to be started */
    int64_t interval_us;
    void (*result)(const struct fl_result *result, void *arg);
    void *arg;
};

static void start_after(struct local *local, int64_t wait_us)
{
    const struct timeval at = {wait_us > 0 ? wait_us / FL_SECOND : 0,
                               wait_us > 0 ? wait_us % FL_SECOND : 0};

    (void)evtimer_add(local->timer, &at);
}

static void on_result(const struct fl_result *result, void *arg)
{
    struct local *local = arg;

    local->result(result, local->arg);
    if (local->left == 0)
        (void)event_base_loopbreak(local->base);
    else
        start_after(local, local->interval_us - result->took_us);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct local *local = arg;

    (void)fd;
    (void)what;
    local->left--;
    probe_runner_start(local->runner, 0);
}

static void local_done(struct local *local)
{
    probe_runner_free(local->runner);
    if (local->timer)
        event_free(local->timer);
    resolver_free(local->resolver);
    if (local->base)
        event_base_free(local->base);
}

static int run(struct local *local, const struct fl_plan *plan, struct fl_error *err)
{
    static const uint8_t no_key[FL_MESH_KEY_SIZE];
    struct probe_env env = {.mesh_key = no_key, .secrets_path = SECRETS};
    char fileop[4096];
    int r;

    (void)signal(SIGPIPE, SIG_IGN); /* OpenSSL writes to connections that are gone */
    local->base = event_base_new();
    if (!local->base || !(local->timer = evtimer_new(local->base, on_timer, local)))
        return fl_error_set(err, -ENOMEM, "no memory");
    r = resolver_new(local->base, &local->resolver, err);
    if (r < 0)
        return r;
    fileop_worker_find(fileop, sizeof(fileop));
    env.base = local->base;
    env.resolver = local->resolver;
    env.fileop_path = fileop;
    r = probe_runner_new(&env, on_result, local, &local->runner, err);
    if (r == 0)
        r = probe_runner_set_plan(local->runner, plan, err);
    if (r < 0)
        return r;
    start_after(local, 0);
    return event_base_dispatch(local->base) < 0 ? fl_error_set(err, -EIO, "the loop fails") : 0;
}

int probe_local_run(const struct fl_plan *plan, uint64_t repeats, int64_t interval_us,
                    void (*result)(const struct fl_result *result, void *arg), void *arg,
                    struct fl_error *err)
{
    struct local local = {
        .left = repeats, .interval_us = interval_us, .result = result, .arg = arg};
    int r;

    if (strcmp(plan->specs[0].type, OWN_KEY_TYPE) == 0)
        return fl_error_set(err, -EINVAL,
                            "echo responders answer agents only; ask one with --from, for the "
                            "target agent:NAME");
    r = run(&local, plan, err);
    local_done(&local);
    return r;
}

const char *probe_local_aim(const char *type)
{
    const struct probe_type *found;

    if (probe_type_find(type, &found, NULL) < 0)
        return NULL;
    for (const struct fl_option *row = found->options; row->name; row++)
        if (!row->standard)
            return row->name;
    return NULL;
}
