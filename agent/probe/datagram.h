/* One request and its answer over a connected datagram socket: the runs of the types icmp, udp
 * and dns. Each run has a socket of its own, so that its source port differs from the last and
 * the kernel sorts answers and ICMP errors to it. What is no answer to this very request is left
 * aside, and the waiting goes on. */
#pragma once

#include "agent/probe/probe.h"

#include <sys/socket.h>
#include <sys/types.h>

#define DATAGRAM_MAX 9216 /* bytes in a request or an answer: a jumbo frame */
#define DATAGRAM_NONCE 16

/* What a protocol's hooks see of the run. */
struct datagram_exchange {
    const void *arg;               /* the instance's own */
    int fd;                        /* connected */
    uint8_t nonce[DATAGRAM_NONCE]; /* random, new for each run */
};

struct datagram_protocol {
    enum fl_layer layer;     /* that the answer completes */
    enum fl_failure refusal; /* what an ICMP "port unreachable" says of the target */
    bool fragments;          /* a packet too large for the way may be cut; else it is lost */

    /* A non-blocking, close-on-exec socket or a negative errno. NULL: UDP. */
    int (*open)(sa_family_t family);

    /* Write the request of at most DATAGRAM_MAX bytes; returns its size. */
    size_t (*request)(const struct datagram_exchange *exchange, uint8_t *bytes);

    /* Is this the answer? Returns false when it is not, else says in `ret` what it means. */
    bool (*answer)(const struct datagram_exchange *exchange, const uint8_t *bytes, size_t size,
                   enum fl_failure *ret);
};

/* `protocol`, `host` and `arg` live as long as the run. The rest as in struct probe_type. */
int datagram_start(const struct probe_env *env, const struct datagram_protocol *protocol,
                   const char *host, uint16_t port, const void *arg, probe_done_cb done,
                   void *done_arg, struct probe_run **ret);
bool datagram_expire(struct probe_run *run, struct fl_result *result);
bool datagram_cancel(struct probe_run *run);
