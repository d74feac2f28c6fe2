#include "proto/runtime/fl_loop.h"

#include "proto/runtime/fl_log.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

struct fl_loop {
    struct event_base *base;
    struct event *term;
    struct event *interrupt;
    struct event *hangup;
    void (*reload)(void *arg);
    void *reload_arg;
    bool stopping;
};

static void log_of_libevent(int severity, const char *message)
{
    if (severity == EVENT_LOG_ERR)
        fl_log_error("loop", "libevent: %s", message);
    else if (severity == EVENT_LOG_WARN)
        fl_log_warning("loop", "libevent: %s", message);
    else
        fl_log_debug("loop", "libevent: %s", message);
}

/* libevent's own state is broken when it calls this: leaving at once is all that is safe. */
static void fatal_of_libevent(int code)
{
    fl_log_error("loop", "libevent cannot go on (code %d)", code);
    abort();
}

static void on_stop_signal(evutil_socket_t number, short what, void *arg)
{
    (void)what;
    fl_log_info("loop", "stopping on signal %d", (int)number);
    fl_loop_stop(arg);
}

static void on_hangup(evutil_socket_t number, short what, void *arg)
{
    struct fl_loop *loop = arg;

    (void)number;
    (void)what;
    if (loop->reload)
        loop->reload(loop->reload_arg);
}

static int add_signal(struct fl_loop *loop, int number, event_callback_fn callback,
                      struct event **ret)
{
    *ret = evsignal_new(loop->base, number, callback, loop);
    return *ret && event_add(*ret, NULL) == 0 ? 0 : -ENOMEM;
}

struct event_base *fl_loop_base(struct fl_loop *loop)
{
    return loop->base;
}

void fl_loop_on_reload(struct fl_loop *loop, void (*reload)(void *arg), void *arg)
{
    loop->reload = reload;
    loop->reload_arg = arg;
}

int fl_loop_run(struct fl_loop *loop)
{
    int r = 0;

    while (!loop->stopping && r == 0)
        r = event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
    loop->stopping = false;
    return r < 0 ? -EIO : 0;
}

void fl_loop_stop(struct fl_loop *loop)
{
    loop->stopping = true; /* stands also when the loop is not running yet */
    (void)event_base_loopbreak(loop->base);
}

int fl_loop_new(struct fl_loop **ret, struct fl_error *err)
{
    FL_CLEANUP(fl_loop_freep) struct fl_loop *loop = calloc(1, sizeof(*loop));

    event_set_log_callback(log_of_libevent);
    event_set_fatal_callback(fatal_of_libevent);
    if (!loop || !(loop->base = event_base_new()))
        return fl_error_set(err, -ENOMEM, "cannot make an event loop: out of memory or files");
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
        add_signal(loop, SIGTERM, on_stop_signal, &loop->term) < 0 ||
        add_signal(loop, SIGINT, on_stop_signal, &loop->interrupt) < 0 ||
        add_signal(loop, SIGHUP, on_hangup, &loop->hangup) < 0)
        return fl_error_set(err, -EIO, "cannot set the event loop's signal handlers");
    *ret = FL_TAKE(loop);
    return 0;
}

static void free_event(struct event *event)
{
    if (event)
        event_free(event);
}

struct fl_loop *fl_loop_free(struct fl_loop *loop)
{
    if (!loop)
        return NULL;
    free_event(loop->term);
    free_event(loop->interrupt);
    free_event(loop->hangup);
    if (loop->base)
        event_base_free(loop->base);
    free(loop);
    return NULL;
}
