/* A ZeroMQ socket on the loop. How the loop serves one (ZMQ_FD is edge-triggered) is fl_zwatch's
 * matter; nobody else needs to know. */
#pragma once

#include "proto/types/fl_cleanup.h"
#include "proto/types/fl_error.h"
#include "proto/types/fl_limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FL_KEY_TEXT_SIZE 41 /* a CURVE key in Z85, with its end */

struct event_base;
struct fl_zcontext;
struct fl_zsock;

struct fl_keypair {
    char public_key[FL_KEY_TEXT_SIZE];
    char secret_key[FL_KEY_TEXT_SIZE];
};

/* One a process. `max_message` bounds what any socket of it will receive: what is larger is
 * dropped and counted, and what is more than twice as large ends the connection. Freed after its
 * sockets and before the loop. */
int fl_zcontext_new(size_t max_message, struct fl_zcontext **ret, struct fl_error *err);
struct fl_zcontext *fl_zcontext_free(struct fl_zcontext *context);
FL_DEFINE_FREEP(struct fl_zcontext, fl_zcontext)
void *fl_zcontext_raw(const struct fl_zcontext *context); /* libzmq's own, for fl_zpub */

/* A new CURVE key pair. */
int fl_keypair_new(struct fl_keypair *ret, struct fl_error *err);

/* Read the secret key of a file made by `faultline keygen` and derive the public one. Refused
 * when group or others may read it. The sentence never holds the key. */
int fl_keypair_read(const char *path, struct fl_keypair *ret, struct fl_error *err);
/* Mode 0600. A file that is there already is refused with -EEXIST. */
int fl_keypair_write(const char *path, const struct fl_keypair *keys, struct fl_error *err);
bool fl_public_key_valid(const char *text);

/* Who may come in, asked by ZAP for every connection of a listening socket. Fill `user` with
 * the name that the key is bound to and return true, or return false. Called on the loop. */
typedef bool (*fl_zsock_admit_cb)(const char *public_key, char user[FL_NAME_SIZE], void *arg);

/* A message came. `peer` is the routing id (ROUTER) or NULL (DEALER); `user` what admit said of
 * the sender, "" on a DEALER. Borrowed until the call returns. A message of several parts comes
 * as an empty one, since ours have one. The socket may be freed from within. */
typedef void (*fl_zsock_message_cb)(const uint8_t *peer, size_t peer_size, const char *user,
                                    const uint8_t *bytes, size_t size, void *arg);

/* Listen with CURVE. `admit` decides for each key. Bound when it returns; "tcp://…:*" takes any
 * free port, see fl_zsock_endpoint. */
int fl_zsock_router_new(struct fl_zcontext *context, struct event_base *base, const char *endpoint,
                        const struct fl_keypair *own, fl_zsock_admit_cb admit,
                        fl_zsock_message_cb message, void *arg, struct fl_zsock **ret,
                        struct fl_error *err);

/* Listen with another key at the same endpoint from now on. Connections end and come again; those
 * that know only the former key do not. Until libzmq has given the port back, which takes a moment,
 * nobody can connect. -EINVAL: no key, nothing has changed. */
int fl_zsock_router_rekey(struct fl_zsock *router, const struct fl_keypair *own,
                          struct fl_error *err);

/* Connect with CURVE; reconnects by itself. `on_connected` (may be NULL) is called on the loop
 * each time the handshake has succeeded, so that hello can be said again, and `on_lost` when the
 * connection is gone or was refused, with a word why; while attempts go on failing only when the
 * word changes. The socket may be freed from within either. */
struct fl_zsock_dealer_callbacks {
    fl_zsock_message_cb message;
    void (*connected)(void *arg);
    void (*lost)(const char *why, void *arg);
};
int fl_zsock_dealer_new(struct fl_zcontext *context, struct event_base *base, const char *endpoint,
                        const struct fl_keypair *own, const char *server_public_key,
                        const struct fl_zsock_dealer_callbacks *callbacks, void *arg,
                        struct fl_zsock **ret, struct fl_error *err);

struct fl_zsock *fl_zsock_free(struct fl_zsock *socket);
FL_DEFINE_FREEP(struct fl_zsock, fl_zsock)

/* Send one message (copied). To a ROUTER's peer name it, to a DEALER's pass NULL, 0. Never
 * blocks: -EAGAIN when the queue to that peer is full, -EHOSTUNREACH when the peer is gone. */
int fl_zsock_send(struct fl_zsock *socket, const uint8_t *peer, size_t peer_size,
                  const uint8_t *bytes, size_t size);

/* The endpoint as bound, with the port that was taken. */
const char *fl_zsock_endpoint(const struct fl_zsock *socket);

/* What did not pass: connections with an unknown key or a handshake that failed, messages that
 * were too large. */
struct fl_zsock_refusals {
    uint64_t unknown_key;
    uint64_t handshake;
    uint64_t oversized;
    char last_key[FL_KEY_TEXT_SIZE]; /* public key of the last unknown one, "" if none */
    char last_address[64];           /* where it came from */
};
void fl_zsock_refusals(const struct fl_zsock *socket, struct fl_zsock_refusals *ret);
