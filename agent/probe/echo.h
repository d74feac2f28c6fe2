/* The echo of the mesh: each agent answers the datagrams of the others, so that the ways between
 * zones are seen apart from what stands in them.
 *
 *   0               4       5               8                      24                      40
 *   +---------------+-------+---------------+-----------------------+-----------------------+
 *   | "FLE1"        | kind  | three zeroes  | nonce                 | mac                   |
 *   +---------------+-------+---------------+-----------------------+-----------------------+
 *
 * kind: 1 request, 2 reply. nonce: chosen by the asker, handed back. mac: the first 16 bytes of
 * HMAC-SHA256 with the plan's mesh key over the 24 bytes before it.
 *
 * Request and reply have the same 40 bytes, so nobody is amplified; a reply is never taken for a
 * request, so two responders cannot be set on each other; a request that is played back draws
 * the one reply again, at the place it came from, and tells nothing new. Whatever does not
 * verify is dropped without a word and counted. No key yet (all zero): everything is dropped. */
#pragma once

#include "proto/types/fl_cleanup.h"
#include "proto/types/fl_error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ECHO_SIZE 40
#define ECHO_NONCE 16

enum echo_kind { ECHO_REQUEST = 1, ECHO_REPLY = 2 };

/* `key` has FL_MESH_KEY_SIZE bytes. */
void echo_write(enum echo_kind kind, const uint8_t *key, const uint8_t nonce[ECHO_NONCE],
                uint8_t ret_packet[ECHO_SIZE]);

/* Is it a packet of that kind, made by someone who has the key? Then fill the nonce. */
bool echo_read(const uint8_t *bytes, size_t size, enum echo_kind kind, const uint8_t *key,
               uint8_t ret_nonce[ECHO_NONCE]);

struct event_base;
struct echo;

struct echo_stats {
    uint64_t answered;
    uint64_t refused; /* not ours, or made without the key */
    uint64_t unsent;  /* answers that the own kernel did not take */
};

/* Answer on "HOST:PORT" (a numeric host; port 0 takes any). `key` is borrowed for the life of the
 * responder and may change in place. */
int echo_new(struct event_base *base, const char *address, const uint8_t *key, struct echo **ret,
             struct fl_error *err);
struct echo *echo_free(struct echo *echo);
FL_DEFINE_FREEP(struct echo, echo)

uint16_t echo_port(const struct echo *echo); /* as bound */
void echo_stats(const struct echo *echo, struct echo_stats *ret);
