/* The event loop of a daemon: libevent's base, its signals, its orderly stop. One thread. */
#pragma once

#include "proto/types/fl_cleanup.h"
#include "proto/types/fl_error.h"

struct event_base;
struct fl_loop;

/* libevent's own log and fatal callbacks are redirected into ours. */
int fl_loop_new(struct fl_loop **ret, struct fl_error *err);
struct fl_loop *fl_loop_free(struct fl_loop *loop);
FL_DEFINE_FREEP(struct fl_loop, fl_loop)

struct event_base *fl_loop_base(struct fl_loop *loop); /* borrowed */

/* Call `reload` on SIGHUP. SIGTERM and SIGINT end fl_loop_run; SIGPIPE is ignored. */
void fl_loop_on_reload(struct fl_loop *loop, void (*reload)(void *arg), void *arg);

/* Run until fl_loop_stop or a signal. 0, or negative when the loop itself failed. */
int fl_loop_run(struct fl_loop *loop);
void fl_loop_stop(struct fl_loop *loop);
