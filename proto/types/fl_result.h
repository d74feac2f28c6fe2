/* One execution of one probe by one agent: how far it got, what stopped it, how long each
 * layer took and what the kernel knew of the connection. The words are the trace format's. */
#pragma once

#include "proto/types/fl_error.h"
#include "proto/types/fl_time.h"

#include <stdbool.h>
#include <stdint.h>

/* How far a probe got, in the order in which a probe passes them. */
enum fl_layer {
    FL_LAYER_RESOLVE,
    FL_LAYER_CONNECT,
    FL_LAYER_TLS,
    FL_LAYER_LOGIN,
    FL_LAYER_OPERATE,
    FL_LAYERS,
    FL_LAYER_NONE = FL_LAYERS
};

/* What stopped it. */
enum fl_failure {
    FL_FAILURE_NONE,
    FL_FAILURE_TIMEOUT,
    FL_FAILURE_REFUSED,
    FL_FAILURE_RESET,
    FL_FAILURE_UNREACHABLE,
    FL_FAILURE_NXDOMAIN,
    FL_FAILURE_SERVFAIL,
    FL_FAILURE_CERT_EXPIRED,
    FL_FAILURE_CERT_INVALID,
    FL_FAILURE_PROTOCOL,
    FL_FAILURE_STATUS,
    FL_FAILURE_CONTENT,
    FL_FAILURE_IO_ERROR,
    FL_FAILURE_READ_ONLY,
    FL_FAILURE_NO_SPACE,
    FL_FAILURE_DENIED,
    FL_FAILURE_LOCAL, /* the agent itself could not run it */
    FL_FAILURE_QUOTA, /* space there is, but not for this user */
    FL_FAILURE_STALE, /* the file or mount that was opened is there no more */
    FL_FAILURES
};

/* The steps of a storage operation, timed and judged apart. */
enum fl_step { FL_STEP_WRITE, FL_STEP_FLUSH, FL_STEP_READ, FL_STEPS, FL_STEP_NONE = FL_STEPS };

/* What the kernel knew of the connection at the end (TCP_INFO). FL_ABSENT where unknown. */
struct fl_tcp {
    int64_t rtt_us;
    int64_t min_rtt_us;
    int64_t retrans;    /* segments sent again since the connection was opened */
    int64_t op_retrans; /* the same, within the failed or last operation */
    int64_t unacked;    /* segments sent and not acknowledged */
    int64_t notsent;    /* bytes still waiting in the own kernel */
    int64_t rx_bytes;   /* bytes received within the failed or last operation */
    int64_t rx_ooo;     /* segments that came out of order */
    int64_t tx_bytes;   /* bytes sent within the failed or last operation, each counted once */
    int64_t tx_acked;   /* of these, acknowledged: they are with the far host, or a proxy */
};

/* What the far side said of itself. FL_ABSENT where it did not, or there is no such thing. */
struct fl_facts {
    int64_t cert_end_s;  /* when the first certificate of its chain expires, since 1970 */
    int64_t tls_version; /* agreed on, as TLS numbers it (0x0304 is 1.3) */
    int64_t http_status;
    int64_t http_version;   /* ten times: 11 is HTTP/1.1 */
    int64_t http_redirects; /* that were followed to get there */
};

extern const struct fl_facts fl_facts_absent; /* all of them */

struct fl_result {
    fl_time t_us;    /* start, by the agent's clock */
    int64_t took_us; /* whole duration */
    fl_time rx_us;   /* when the coordinator received it; FL_ABSENT on the agent */
    uint32_t series; /* fl_series_id() of target and probe */
    bool ok;
    enum fl_layer layer;         /* where it stopped; FL_LAYER_NONE when ok */
    enum fl_failure failure;     /* FL_FAILURE_NONE when ok */
    enum fl_step step;           /* the storage step that stopped it; FL_STEP_NONE if none */
    int64_t phase_us[FL_LAYERS]; /* time of each layer that completed; FL_ABSENT otherwise */
    int64_t step_us[FL_STEPS];   /* time of each storage step that completed, parts of operate */
    int64_t tls_resumed; /* 1: the TLS session before went on, 0: a full handshake, or FL_ABSENT */
    int64_t stalled_us;  /* age of the operation that still hangs in the kernel; 0: none does */
    struct fl_facts facts;
    struct fl_tcp tcp;
};

/* Everything absent, ok false, layer and step none. */
void fl_result_init(struct fl_result *result);

/* Is it one that a probe can have made? Durations not negative, a failed one with layer and
 * failure, an ok one without. Returns 0 or -EINVAL with the reason. */
int fl_result_check(const struct fl_result *result, struct fl_error *err);

/* The words of the trace format; `_parse` return -1 for an unknown word. */
const char *fl_layer_name(enum fl_layer layer);
int fl_layer_parse(const char *name);
const char *fl_failure_name(enum fl_failure failure);
int fl_failure_parse(const char *name);
const char *fl_step_name(enum fl_step step);
int fl_step_parse(const char *name);

/* The fields of struct fl_tcp by index, for every reader and writer of them. */
#define FL_TCP_FIELDS 10
const char *fl_tcp_name(int field);
int64_t *fl_tcp_field(struct fl_tcp *tcp, int field);
int64_t fl_tcp_get(const struct fl_tcp *tcp, int field);
bool fl_tcp_absent(const struct fl_tcp *tcp); /* no field is there */
/* A request went out, all of it was acknowledged, and nothing came back. */
bool fl_tcp_delivered(const struct fl_tcp *tcp);
