/* What agents say, from the bytes on: who may say it, what is answered, what goes to the store
 * and what to the judgement. Knows no socket and no thread: its host lends it both. */
#pragma once

#include "coordinator/coordinator_config.h"
#include "coordinator/core/account.h"
#include "coordinator/core/allowance.h"
#include "coordinator/store/store.h"
#include "proto/codec/fl_codec.h"

#define INGEST_LAST_REFUSALS 8
#define INGEST_SENTENCE_SIZE 320
#define INGEST_STORE_SHARE 256 /* batches of one agent in the store's queue: a quarter of it */
#define INGEST_PEER_SIZE 32    /* a ROUTER's names of its peers have 5 bytes */

struct ingest;

struct ingest_host {
    /* Send to a peer; what cannot be sent is not repeated. */
    void (*send)(const uint8_t *peer, size_t peer_size, const uint8_t *bytes, size_t size,
                 void *arg);
    /* As store_type.put_batch. */
    int (*put)(const struct fl_batch *batch, const uint8_t *bytes, size_t size, fl_time rx_us,
               void *arg);
    /* As store_type.account and store_type.put_account. */
    void (*account)(const char *agent, struct store_account *ret, void *arg);
    int (*put_account)(const struct store_account *account, void *arg);
    /* How many batches the store's queue takes more, and in all. */
    void (*queue)(size_t *ret_room, size_t *ret_capacity, void *arg);
    /* Judge a batch that was not judged before; its results and samples carry rx_us. */
    void (*judge)(uint32_t agent, const struct fl_batch *batch, fl_time rx_us, void *arg);
    /* An agent answers what it was asked. */
    void (*answer)(uint32_t agent, const struct fl_answer *answer, fl_time rx_us, void *arg);
    void *arg;
};

struct ingest_agent {
    fl_time last_us; /* last message that was taken; 0: none */
    char software[FL_SOFTWARE_SIZE];
    uint64_t wanted_version; /* of the plan that it should have; 0: not made yet */
    uint64_t plan_version;   /* of the plan that it has */
    char plan_error[FL_REASON_SIZE];
    uint64_t spooled, stalled, dropped;
    bool has_account; /* as of its last heartbeat; false: it keeps none, or has not told */
    struct account account;
    bool answers;     /* it can be asked; one of an older version cannot */
    size_t peer_size; /* 0: has not said hello */
    uint8_t peer[INGEST_PEER_SIZE];
    size_t revoked_size; /* a connection that came in with a key that is not its own any more */
    uint8_t revoked[INGEST_PEER_SIZE];
    struct allowance allowance;
    uint32_t in_store; /* batches that the store has not decided yet */
};

struct ingest_refusals {
    uint64_t version, malformed, identity, oversized;
    uint64_t busy;     /* batches that the store had no room for */
    uint64_t flooding; /* messages beyond an agent's allowance, not read */
    uint64_t misdated; /* results and samples dated too far ahead: lost, and acknowledged as such */
    size_t n_last;
    char last[INGEST_LAST_REFUSALS][INGEST_SENTENCE_SIZE]; /* newest first */
};

/* The configuration is borrowed until the next ingest_reload. */
int ingest_new(const struct coordinator_config *config, const uint8_t mesh_key[FL_MESH_KEY_SIZE],
               const struct ingest_host *host, struct ingest **ret, struct fl_error *err);
struct ingest *ingest_free(struct ingest *ingest);
FL_DEFINE_FREEP(struct ingest, ingest)

/* What is known of an agent is kept under its name; those that are here get their new plan. On
 * failure everything stays as it was. */
int ingest_reload(struct ingest *ingest, const struct coordinator_config *config,
                  struct fl_error *err);

/* `user`: the agent that the peer's key is bound to. */
void ingest_message(struct ingest *ingest, const uint8_t *peer, size_t peer_size, const char *user,
                    const uint8_t *bytes, size_t size, fl_time rx_us);

/* The store has decided: what is durable is acknowledged. */
void ingest_stored(struct ingest *ingest, const char *agent, uint64_t boot, uint64_t sequence,
                   enum store_outcome outcome);

/* Ask an agent. -ENOTCONN, -EPROTONOSUPPORT or -ENOMEM with the reason why it cannot be asked. */
int ingest_ask(const struct ingest *ingest, uint32_t agent, const struct fl_ask *ask,
               fl_time now_us, struct fl_error *err);

/* A connection with a key of nobody. */
void ingest_unknown_key(struct ingest *ingest, const char *public_key);

const struct ingest_agent *ingest_agent(const struct ingest *ingest, uint32_t agent);
const struct ingest_refusals *ingest_refusals(const struct ingest *ingest);
