/* A DNS query for one name and type, and the judging of its answer. Pure: bytes in, a word out.
 * c-ares writes the query and reads compressed names. */
#pragma once

#include "proto/types/fl_error.h"
#include "proto/types/fl_result.h"

#include <stddef.h>
#include <stdint.h>

#define DNS_MESSAGE_MAX 512 /* a query: one name of at most 255 bytes */

/* The record types that can be asked for, by index. */
extern const char *const dns_message_types[]; /* NULL-terminated */

struct dns_query {
    uint16_t type;
    size_t size;
    uint8_t bytes[DNS_MESSAGE_MAX]; /* with the id 0 */
};

/* `type` is an index into dns_message_types. 0, or -EINVAL for what is no name. */
int dns_message_query(const char *name, int64_t type, struct dns_query *ret, struct fl_error *err);

/* Does `bytes` answer the query that was sent with `id`? Returns false when it does not. Else
 * `ret` says what the answer is worth: none (well), servfail, nxdomain, denied (refused by the
 * server), protocol (malformed, or another code), content (no record of the type, or none that
 * holds `expect`, which may be NULL). */
bool dns_message_answer(const struct dns_query *query, const uint8_t id[2], const char *expect,
                        const uint8_t *bytes, size_t size, enum fl_failure *ret);
