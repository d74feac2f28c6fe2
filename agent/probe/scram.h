/* The client's half of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding: proves a
 * password without sending it, and that the server knows it too. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCRAM_NONCE 25    /* characters, with an end */
#define SCRAM_MESSAGE 512 /* bytes in a message, with an end */
#define SCRAM_KEY 32
#define SCRAM_ITERATIONS 65536 /* at most: a server must not hold the agent with more */

struct scram {
    char nonce[SCRAM_NONCE]; /* printable, no comma: random, given by the caller */
    uint8_t server_signature[SCRAM_KEY];
};

/* The first message. Returns its length. */
size_t scram_first(const struct scram *scram, char ret[SCRAM_MESSAGE]);

/* The answer to the server's first message of `size` bytes. Returns its length, or 0 for what is
 * no such message. */
size_t scram_final(struct scram *scram, const char *password, const char *message, size_t size,
                   char ret[SCRAM_MESSAGE]);

/* Does the server's final message prove that it knows the password? */
bool scram_proven(const struct scram *scram, const char *message, size_t size);
