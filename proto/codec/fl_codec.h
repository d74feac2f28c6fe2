/* Bytes to messages and back. The only place that sees generated headers. Everything decoded is
 * checked against fl_limits.h and the rules of the types before it is handed out: who holds a
 * struct fl_message from here holds a valid one. */
#pragma once

#include "proto/types/fl_ask.h"
#include "proto/types/fl_error.h"
#include "proto/types/fl_host.h"
#include "proto/types/fl_limits.h"
#include "proto/types/fl_plan.h"
#include "proto/types/fl_result.h"

#include <stddef.h>
#include <stdint.h>

#define FL_WIRE_VERSION 1
#define FL_SOFTWARE_SIZE 64
#define FL_REASON_SIZE 512

enum fl_message_type {
    FL_MESSAGE_HELLO = 1,
    FL_MESSAGE_PLAN,
    FL_MESSAGE_PLAN_ACK,
    FL_MESSAGE_BATCH,
    FL_MESSAGE_ACK,
    FL_MESSAGE_HEARTBEAT,
    FL_MESSAGE_HEARTBEAT_REPLY,
    FL_MESSAGE_REFUSAL,
    FL_MESSAGE_ASK,
    FL_MESSAGE_ANSWER,
};

struct fl_hello {
    char agent[FL_NAME_SIZE];
    char zone[FL_NAME_SIZE];
    uint64_t boot;
    char software[FL_SOFTWARE_SIZE];
    size_t n_types;
    char types[FL_MAX_TYPES][FL_TYPE_SIZE];
    uint64_t plan_version;
    uint64_t spooled_batches;
    bool answers; /* asks; an older one does not */
};

struct fl_plan_ack {
    uint64_t version;
    char error[FL_REASON_SIZE]; /* "" when the plan was taken */
};

struct fl_batch {
    char agent[FL_NAME_SIZE];
    uint64_t boot;
    uint64_t sequence;
    uint64_t plan_version;
    uint64_t dropped_results; /* lost from the agent's spool since its first start */
    uint64_t dropped_batches;
    uint64_t skipped;      /* sequences right before this one that no batch comes for */
    uint64_t lost_results; /* lost with them, with this one, or before any batch had them */
    size_t n_results;
    struct fl_result *results; /* rx_us is FL_ABSENT after decoding */
    size_t n_hosts;
    struct fl_host_sample *hosts;
};

struct fl_ack {
    uint64_t boot;
    size_t n_sequences;
    uint64_t *sequences;
};

struct fl_heartbeat {
    fl_time sent_us;
    uint64_t spooled_batches;
    uint64_t plan_version;
    uint64_t stalled_probes;
    uint64_t dropped_results;
    uint64_t account;     /* number of the agent's account; 0: it keeps none */
    uint64_t produced;    /* results that its probes have given since the account was begun */
    uint64_t undelivered; /* of these, what is not known to be durable at this coordinator */
};

struct fl_heartbeat_reply {
    fl_time sent_us;
    fl_time received_us;
    fl_time replied_us;
    int64_t credit; /* batches from before the connection that may be under way; FL_ABSENT */
};

struct fl_refusal {
    char reason[FL_REASON_SIZE];
};

struct fl_message {
    enum fl_message_type type;
    union {
        struct fl_hello hello;
        struct fl_plan plan;
        struct fl_plan_ack plan_ack;
        struct fl_batch batch;
        struct fl_ack ack;
        struct fl_heartbeat heartbeat;
        struct fl_heartbeat_reply heartbeat_reply;
        struct fl_refusal refusal;
        struct fl_ask ask;
        struct fl_answer answer;
    };
};

/* Encode into a buffer that the caller frees with free(). 0, -ENOMEM, or -E2BIG when it would
 * exceed the limit for its type. The message is only read. */
int fl_codec_encode(const struct fl_message *message, uint8_t **ret_bytes, size_t *ret_size,
                    struct fl_error *err);

/* Decode and check. On success the caller owns what `ret` points at (fl_message_done).
 * -EPROTONOSUPPORT: another version; -EBADMSG: not ours, truncated, or outside a limit;
 * -E2BIG; -ENOMEM. `ret` is untouched on failure. */
int fl_codec_decode(const uint8_t *bytes, size_t size, struct fl_message *ret,
                    struct fl_error *err);

/* Free what a decoded message owns; accepts a zeroed one. */
void fl_message_done(struct fl_message *message);
