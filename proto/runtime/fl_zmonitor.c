/* libzmq's I/O thread sends the events and would block where their queue is full, with a lock
 * that stopping needs too. So the queue has no limit of its own; one connection makes three
 * events at most, and stopping comes before closing the reading end. */
#include "proto/runtime/fl_zmonitor.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#define EVENT_SIZE 6 /* 16 bits of event, 32 bits of value; a frame with the address follows */

static bool receive(void *arg)
{
    struct fl_zmonitor *monitor = arg;
    uint8_t head[EVENT_SIZE], address[256];
    uint16_t event;
    int32_t value;

    if (zmq_recv(monitor->socket, head, sizeof(head), ZMQ_DONTWAIT) != EVENT_SIZE)
        return false;
    (void)zmq_recv(monitor->socket, address, sizeof(address), ZMQ_DONTWAIT);
    memcpy(&event, head, sizeof(event));
    memcpy(&value, head + sizeof(event), sizeof(value));
    monitor->event(event, value, monitor->arg);
    return true;
}

int fl_zmonitor_start(struct fl_zmonitor *monitor, struct event_base *base, void *zmq,
                      void *monitored, int events,
                      void (*event)(uint16_t event, int32_t value, void *arg), void *arg)
{
    static atomic_uint last;
    const int none = 0;
    char endpoint[64];

    (void)snprintf(endpoint, sizeof(endpoint), "inproc://faultline.monitor.%u",
                   atomic_fetch_add(&last, 1));
    *monitor = (struct fl_zmonitor){.event = event, .arg = arg};
    if (zmq_socket_monitor(monitored, endpoint, events) < 0)
        return -errno;
    monitor->monitored = monitored;
    monitor->socket = zmq_socket(zmq, ZMQ_PAIR);
    if (!monitor->socket || zmq_setsockopt(monitor->socket, ZMQ_LINGER, &none, sizeof(none)) < 0 ||
        zmq_setsockopt(monitor->socket, ZMQ_RCVHWM, &none, sizeof(none)) < 0 ||
        zmq_connect(monitor->socket, endpoint) < 0)
        return -errno;
    return fl_zwatch_start(&monitor->watch, base, monitor->socket, receive, monitor);
}

void fl_zmonitor_stop(struct fl_zmonitor *monitor)
{
    fl_zwatch_stop(&monitor->watch);
    if (monitor->monitored)
        (void)zmq_socket_monitor(monitor->monitored, NULL, 0);
    if (monitor->socket)
        (void)zmq_close(monitor->socket);
    monitor->monitored = NULL;
    monitor->socket = NULL;
}
