/* A conversation over one TCP connection, in clear or over TLS: the runs of every type that
 * speaks a protocol of bytes. resolve, connect and TLS are done here; from then on the protocol
 * says what is sent, reads what comes, and names the layer that is under way. What a server sends
 * is bounded in what is kept and in all. */
#pragma once

#include "agent/probe/probe.h"
#include "agent/probe/tls_client.h"

#define DIALOGUE_KEPT (64 * 1024)    /* bytes that a protocol may leave for later */
#define DIALOGUE_READ (1024 * 1024L) /* bytes of one run in all; more is no answer to a probe */

/* `run` is the dialogue. Hooks are called from the loop; after dialogue_pass or dialogue_fail no
 * other one is. */
struct dialogue_protocol {
    size_t state_size;   /* of a run's own state, zero at first */
    enum fl_layer first; /* under way once there is a connection, and TLS where it comes first */

    /* The connection is there, or TLS is up after dialogue_secure. */
    void (*ready)(struct probe_run *run);

    /* Bytes came. Returns how many are used up; the others come again with more. NULL: nothing is
     * to come before the end. */
    size_t (*input)(struct probe_run *run, const uint8_t *bytes, size_t size);

    /* The far side sends no more. NULL: that is a reset. */
    void (*ended)(struct probe_run *run);

    /* The word for a deadline that passes now. NULL: timeout. */
    enum fl_failure (*late)(struct probe_run *run);

    /* Release what the state holds. NULL: nothing. */
    void (*release)(void *state);
};

/* Whom to talk to; lives as long as the runs. */
struct dialogue_peer {
    char host[FL_OPTION_HOST_SIZE];
    uint16_t port;
    struct tls_client *tls; /* NULL: never */
    bool tls_first;         /* from the first byte on */
};

/* Split "HOST:PORT" and take up TLS if `tls` is given. 0, -EINVAL or -ENOMEM with a sentence. */
int dialogue_peer_init(struct dialogue_peer *peer, const struct probe_env *env, const char *address,
                       const struct tls_settings *tls, struct fl_error *err);
void dialogue_peer_done(struct dialogue_peer *peer);

/* `arg` is the protocol's own, usually the instance. All as in struct probe_type. */
int dialogue_start(const struct probe_env *env, const struct dialogue_protocol *protocol,
                   const struct dialogue_peer *peer, const void *arg, probe_done_cb done,
                   void *done_arg, struct probe_run **ret);
bool dialogue_expire(struct probe_run *run, struct fl_result *result);
bool dialogue_cancel(struct probe_run *run);

/* For the hooks. */
const void *dialogue_arg(const struct probe_run *run);
void *dialogue_state(struct probe_run *run);
const struct fl_result *dialogue_result(const struct probe_run *run); /* so far */
SSL *dialogue_tls(const struct probe_run *run);                       /* NULL: in clear */

/* Send when the hook has returned. What there is no memory for ends the run as local. */
void dialogue_send(struct probe_run *run, const void *bytes, size_t size);

/* The layer under way is complete, `layer` begins. The same layer: no change. */
void dialogue_enter(struct probe_run *run, enum fl_layer layer);

/* Do the TLS handshake when all is sent, then call ready. What the server sent ahead is refused.
 * Needs peer->tls. */
void dialogue_secure(struct probe_run *run);

/* It went well: the run ends when all is sent. */
void dialogue_pass(struct probe_run *run);

/* It stops in the layer under way. */
void dialogue_fail(struct probe_run *run, enum fl_failure failure);

/* A storage step of the operation: it stopped there, or took that long. */
void dialogue_fail_step(struct probe_run *run, enum fl_step step, enum fl_failure failure);
void dialogue_pass_step(struct probe_run *run, enum fl_step step, int64_t took_us);
