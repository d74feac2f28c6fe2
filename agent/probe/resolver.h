/* Names to addresses, through c-ares on the loop. One for the agent. A numeric address is
 * answered without a query (and the resolve layer is then not part of the result). */
#pragma once

#include "proto/types/fl_cleanup.h"
#include "proto/types/fl_result.h"

#include <sys/socket.h>

struct event_base;
struct resolver;
struct resolver_query;

int resolver_new(struct event_base *base, struct resolver **ret, struct fl_error *err);
struct resolver *resolver_free(struct resolver *resolver);
FL_DEFINE_FREEP(struct resolver, resolver)

/* Ask these ("192.0.2.1:53,[2001:db8::1]:53") instead of the servers in /etc/resolv.conf. */
int resolver_set_servers(struct resolver *resolver, const char *servers, struct fl_error *err);

/* FL_FAILURE_NONE with an address, or nxdomain / servfail (every server failed or refused to
 * answer) / timeout / local. Called on the loop, never from inside resolver_start. */
typedef void (*resolver_done_cb)(enum fl_failure failure, const struct sockaddr *address,
                                 socklen_t size, void *arg);

/* Is `host` a numeric address? Then fill it in and return true. */
bool resolver_numeric(const char *host, uint16_t port, struct sockaddr_storage *ret,
                      socklen_t *ret_size);

/* `family` is AF_INET, AF_INET6, or AF_UNSPEC for either. 0 or a negative errno. */
int resolver_start_family(struct resolver *resolver, const char *host, uint16_t port, int family,
                          resolver_done_cb done, void *arg, struct resolver_query **ret);

/* The same with either family. */
int resolver_start(struct resolver *resolver, const char *host, uint16_t port,
                   resolver_done_cb done, void *arg, struct resolver_query **ret);
void resolver_cancel(struct resolver_query *query); /* `done` is not called any more */
