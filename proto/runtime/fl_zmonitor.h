/* What happens to the connections of one ZeroMQ socket, told on the loop. For fl_zsock only. */
#pragma once

#include "proto/runtime/fl_zwatch.h"

#include <stdint.h>

struct fl_zmonitor {
    void *monitored;
    void *socket;
    struct fl_zwatch watch;
    void (*event)(uint16_t event, int32_t value, void *arg);
    void *arg;
};

/* `events` is a set of ZMQ_EVENT_*; `value` is what libzmq says with it, mostly a descriptor. The
 * callback may stop the monitor. The monitor starts zeroed. 0 or a negative errno; stop it also
 * after a failure, and before the monitored socket is closed. */
int fl_zmonitor_start(struct fl_zmonitor *monitor, struct event_base *base, void *zmq,
                      void *monitored, int events,
                      void (*event)(uint16_t event, int32_t value, void *arg), void *arg);
void fl_zmonitor_stop(struct fl_zmonitor *monitor);
