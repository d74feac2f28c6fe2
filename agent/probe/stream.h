/* A TCP connection in the making, on the loop: the layers resolve and connect of every probe
 * that speaks over TCP. Each attempt has a new source port, so that over time all equal paths
 * are walked. */
#pragma once

#include "agent/probe/probe.h"

struct stream;

/* Connected: `fd` (non-blocking, close-on-exec) is now the callee's, and `result` has the times
 * of both layers. Or failed: `fd` is -1, and `result` has layer, failure and TCP_INFO too.
 * `result` is borrowed until the call returns; the stream is gone. Never called from inside
 * stream_start. */
typedef void (*stream_done_cb)(int fd, const struct fl_result *result, void *arg);

/* `host` is borrowed until the call returns; `family` as in resolver_start_family, for a name. 0,
 * or a negative errno. */
int stream_start_family(const struct probe_env *env, const char *host, uint16_t port, int family,
                        stream_done_cb done, void *arg, struct stream **ret);

/* The same with either family. */
int stream_start(const struct probe_env *env, const char *host, uint16_t port, stream_done_cb done,
                 void *arg, struct stream **ret);

/* The deadline has passed: say in `result` how far it got. The stream is still to be freed. */
void stream_expire(struct stream *stream, struct fl_result *result);

/* `done` is not called any more. */
struct stream *stream_free(struct stream *stream);
FL_DEFINE_FREEP(struct stream, stream)

/* The word for a socket's errno, which may be given as `EX` or `-EX`. */
enum fl_failure stream_failure(int error);

/* The same for an error that the network sent back (ICMP), not the own host. */
enum fl_failure stream_failure_remote(int error);

/* Note in `result` that it stopped. */
void stream_fail(struct fl_result *result, enum fl_layer layer, enum fl_failure failure);
