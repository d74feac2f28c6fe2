/* The JSON API: GET on a loopback address, one table of routes, bounded in the size of a request
 * and in the number of those that wait. */
#pragma once

#include "coordinator/coordinator.h"

#include <stdint.h>

struct http_server;

/* Port 0 takes any free one. Becomes the listener of the coordinator's events. */
int http_server_new(struct coordinator *coordinator, struct event_base *base, const char *address,
                    struct http_server **ret, struct fl_error *err);
struct http_server *http_server_free(struct http_server *server);
FL_DEFINE_FREEP(struct http_server, http_server)

uint16_t http_server_port(const struct http_server *server);
