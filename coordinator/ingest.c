/* A peer is heard once it has said a hello that agrees with its key and with the configuration.
 * The judgement does not wait for the store: with the disk full or the queue long, verdicts go on,
 * and the agent sends the batch again until it is durable. */
#include "coordinator/ingest.h"

#include "coordinator/core/credit.h"
#include "coordinator/core/seqset.h"
#include "coordinator/plan_maker.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HERE_US (5 * FL_SECOND) /* who was heard no longer ago is connected */

struct ingest {
    const struct coordinator_config *config;
    struct ingest_host host;
    uint8_t mesh_key[FL_MESH_KEY_SIZE];
    struct ingest_agent *agents; /* by index in the fleet */
    uint32_t *by_name;           /* indices in order of name */
    struct seqset *judged;
    struct ingest_refusals refusals;
    struct fl_log_limit log_version, log_malformed, log_identity, log_oversized, log_key,
        log_flooding, log_misdated;
};

/* One message on its way in. */
struct letter {
    struct ingest *ingest;
    const uint8_t *peer;
    size_t peer_size;
    const char *user;
    uint32_t agent;
    fl_time rx_us;
};

static int name_compare(const void *a, const void *b, void *arg)
{
    const struct fleet *fleet = arg;

    return strcmp(fleet->agents[*(const uint32_t *)a].name,
                  fleet->agents[*(const uint32_t *)b].name);
}

/* What depends on the configuration; with nothing kept. */
static int fill(struct ingest *ingest, const struct coordinator_config *config)
{
    size_t n = config->fleet->n_agents;

    ingest->config = config;
    ingest->agents = calloc(n + 1, sizeof(*ingest->agents));
    ingest->by_name = calloc(n + 1, sizeof(*ingest->by_name));
    if (!ingest->agents || !ingest->by_name || seqset_new(n, &ingest->judged) < 0)
        return -ENOMEM;
    for (uint32_t i = 0; i < n; i++)
        ingest->by_name[i] = i;
    qsort_r(ingest->by_name, n, sizeof(*ingest->by_name), name_compare, config->fleet);
    return 0;
}

static void empty(struct ingest *ingest)
{
    free(ingest->agents);
    free(ingest->by_name);
    seqset_free(ingest->judged);
}

int ingest_new(const struct coordinator_config *config, const uint8_t mesh_key[FL_MESH_KEY_SIZE],
               const struct ingest_host *host, struct ingest **ret, struct fl_error *err)
{
    FL_CLEANUP(ingest_freep) struct ingest *ingest = calloc(1, sizeof(*ingest));

    if (!ingest || fill(ingest, config) < 0)
        return fl_error_set(err, -ENOMEM, "no memory for %zu agents", config->fleet->n_agents);
    ingest->host = *host;
    memcpy(ingest->mesh_key, mesh_key, sizeof(ingest->mesh_key));
    *ret = FL_TAKE(ingest);
    return 0;
}

struct ingest *ingest_free(struct ingest *ingest)
{
    if (!ingest)
        return NULL;
    empty(ingest);
    free(ingest);
    return NULL;
}

static uint32_t find_agent(const struct ingest *ingest, const char *name)
{
    const struct fleet *fleet = ingest->config->fleet;
    size_t low = 0, high = fleet->n_agents;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(name, fleet->agents[ingest->by_name[middle]].name);

        if (order == 0)
            return ingest->by_name[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return FLEET_NONE;
}

/* What agents say of themselves goes to logs, terminals and JSON: plain characters only. */
static void copy_plain(char *to, size_t size, const char *from)
{
    (void)snprintf(to, size, "%s", from);
    for (; *to; to++)
        if (*to < ' ' || *to > '~')
            *to = '?';
}

/* One that is there already comes to the front: repeating does not push others out. */
static void keep_sentence(struct ingest_refusals *refusals, const char *sentence)
{
    char plain[INGEST_SENTENCE_SIZE];
    size_t at = 0;

    copy_plain(plain, sizeof(plain), sentence);
    while (at < refusals->n_last && strcmp(refusals->last[at], plain) != 0)
        at++;
    if (at == refusals->n_last && at < INGEST_LAST_REFUSALS)
        refusals->n_last++;
    if (at == INGEST_LAST_REFUSALS)
        at--;
    memmove(refusals->last[1], refusals->last[0], at * sizeof(refusals->last[0]));
    memcpy(refusals->last[0], plain, sizeof(plain));
}

static void note(struct ingest *ingest, struct fl_log_limit *limit, const char *sentence)
{
    uint64_t held = 0;

    keep_sentence(&ingest->refusals, sentence);
    if (fl_log_allowed(limit, FL_MINUTE, &held))
        fl_log_warning("ingest", "%s (%llu more since the last time)", sentence,
                       (unsigned long long)held);
}

static void send_message(const struct letter *letter, const struct fl_message *message)
{
    const struct ingest_host *host = &letter->ingest->host;
    struct fl_error err;
    uint8_t *bytes = NULL;
    size_t size = 0;

    if (fl_codec_encode(message, &bytes, &size, &err) < 0) {
        fl_log_error("ingest", "message to agent \"%s\" cannot be made: %s", letter->user,
                     err.message);
        return;
    }
    host->send(letter->peer, letter->peer_size, bytes, size, host->arg);
    free(bytes);
}

/* Count it, say it to who asks, to the log now and then, and to the sender. */
static void refuse(const struct letter *letter, uint64_t *counter, struct fl_log_limit *limit,
                   const char *format, ...) FL_PRINTF(4, 5);

static void refuse(const struct letter *letter, uint64_t *counter, struct fl_log_limit *limit,
                   const char *format, ...)
{
    struct fl_message answer = {.type = FL_MESSAGE_REFUSAL};
    char sentence[INGEST_SENTENCE_SIZE];
    va_list arguments;
    int head = snprintf(sentence, sizeof(sentence), "from agent \"%.64s\": ", letter->user);

    va_start(arguments, format);
    (void)vsnprintf(sentence + head, sizeof(sentence) - (size_t)head, format, arguments);
    va_end(arguments);
    ++*counter;
    note(letter->ingest, limit, sentence);
    (void)snprintf(answer.refusal.reason, sizeof(answer.refusal.reason), "%s", sentence + head);
    send_message(letter, &answer);
}

#define REFUSE(letter, kind, ...) \
    refuse(letter, &(letter)->ingest->refusals.kind, &(letter)->ingest->log_##kind, __VA_ARGS__)

static void send_plan(const struct letter *letter)
{
    struct ingest *ingest = letter->ingest;
    struct fl_message message = {.type = FL_MESSAGE_PLAN};

    if (plan_make(ingest->config, letter->agent, ingest->mesh_key, &message.plan) < 0) {
        fl_log_error("ingest", "no memory for the plan of agent \"%s\"", letter->user);
        return;
    }
    ingest->agents[letter->agent].wanted_version = message.plan.version;
    send_message(letter, &message);
    fl_message_done(&message);
}

static void take_hello(const struct letter *letter, const struct fl_hello *hello)
{
    const struct fleet *fleet = letter->ingest->config->fleet;
    const char *zone = fleet->places[fleet->agents[letter->agent].zone].name;
    struct ingest_agent *agent = &letter->ingest->agents[letter->agent];

    if (strcmp(hello->agent, letter->user) != 0) {
        REFUSE(letter, identity, "it says that it is \"%s\", but its key is that of \"%s\"",
               hello->agent, letter->user);
        return;
    }
    if (strcmp(hello->zone, zone) != 0) {
        REFUSE(letter, identity,
               "it says that it is in zone \"%s\", but it is configured in \"%s\"", hello->zone,
               zone);
        return;
    }
    if (letter->peer_size > sizeof(agent->peer)) {
        REFUSE(letter, malformed, "its peer name has %zu bytes, at most %d", letter->peer_size,
               INGEST_PEER_SIZE);
        return;
    }
    if (letter->peer_size == agent->revoked_size &&
        memcmp(letter->peer, agent->revoked, letter->peer_size) == 0) {
        REFUSE(letter, identity,
               "the key of this connection was replaced; connect with the new one");
        return;
    }
    memcpy(agent->peer, letter->peer, letter->peer_size);
    agent->peer_size = letter->peer_size;
    agent->last_us = letter->rx_us;
    copy_plain(agent->software, sizeof(agent->software), hello->software);
    agent->plan_version = hello->plan_version;
    agent->spooled = hello->spooled_batches;
    agent->answers = hello->answers;
    fl_log_info("ingest", "agent \"%s\" of zone \"%s\" is here, with %s", letter->user, zone,
                agent->software);
    send_plan(letter);
}

static void take_plan_ack(const struct letter *letter, const struct fl_plan_ack *ack)
{
    struct ingest_agent *agent = &letter->ingest->agents[letter->agent];

    copy_plain(agent->plan_error, sizeof(agent->plan_error), ack->error);
    if (ack->error[0])
        fl_log_error("ingest", "agent \"%s\" refuses its plan: %s", letter->user, ack->error);
    else
        agent->plan_version = ack->version;
}

static void acknowledge(const struct letter *letter, uint64_t boot, uint64_t sequence)
{
    struct fl_message message = {.type = FL_MESSAGE_ACK};

    message.ack = (struct fl_ack){.boot = boot, .n_sequences = 1, .sequences = &sequence};
    send_message(letter, &message);
}

static fl_time newest(const struct fl_batch *batch)
{
    fl_time t_us = 0;

    for (size_t i = 0; i < batch->n_results; i++)
        t_us = batch->results[i].t_us > t_us ? batch->results[i].t_us : t_us;
    for (size_t i = 0; i < batch->n_hosts; i++)
        t_us = batch->hosts[i].t_us > t_us ? batch->hosts[i].t_us : t_us;
    return t_us;
}

/* No agent may fill the queue that all share. */
static void store(const struct letter *letter, const struct fl_batch *batch, const uint8_t *bytes,
                  size_t size)
{
    struct ingest *ingest = letter->ingest;
    struct ingest_agent *agent = &ingest->agents[letter->agent];

    if (agent->in_store < INGEST_STORE_SHARE &&
        ingest->host.put(batch, bytes, size, letter->rx_us, ingest->host.arg) == 0)
        agent->in_store++;
    else
        ingest->refusals.busy++;
}

/* The future would stand in the history for ever. It is lost and acknowledged, so that an agent
 * whose clock was wrong for a while is rid of it; the past is not refused, for backlogs are old. */
static bool throw_away_the_future(const struct letter *letter, struct fl_batch *batch,
                                  const uint8_t *bytes, size_t size)
{
    struct ingest *ingest = letter->ingest;
    int64_t ahead_us = newest(batch) - letter->rx_us;
    char sentence[INGEST_SENTENCE_SIZE];

    if (ahead_us <= FL_MAX_CLOCK_SKEW_US)
        return false;
    (void)snprintf(sentence, sizeof(sentence),
                   "from agent \"%.64s\": its results are dated %lld h ahead, at most %lld are "
                   "taken; set its clock",
                   letter->user, (long long)(ahead_us / FL_HOUR),
                   (long long)(FL_MAX_CLOCK_SKEW_US / FL_HOUR));
    ingest->refusals.misdated += batch->n_results + batch->n_hosts;
    note(ingest, &ingest->log_misdated, sentence);
    batch->lost_results += batch->n_results;
    batch->n_results = batch->n_hosts = 0;
    store(letter, batch, bytes, size);
    return true;
}

static void take_batch(const struct letter *letter, struct fl_batch *batch, const uint8_t *bytes,
                       size_t size)
{
    struct ingest *ingest = letter->ingest;

    if (strcmp(batch->agent, letter->user) != 0) {
        REFUSE(letter, identity, "it sends results of agent \"%s\"", batch->agent);
        return;
    }
    if (throw_away_the_future(letter, batch, bytes, size))
        return;
    for (size_t i = 0; i < batch->n_results; i++)
        batch->results[i].rx_us = letter->rx_us;
    for (size_t i = 0; i < batch->n_hosts; i++)
        batch->hosts[i].rx_us = letter->rx_us;
    ingest->agents[letter->agent].dropped = batch->dropped_results;
    if (seqset_add(ingest->judged, letter->agent, batch->boot, batch->sequence))
        ingest->host.judge(letter->agent, batch, letter->rx_us, ingest->host.arg);
    store(letter, batch, bytes, size);
}

/* The two sides of the account belong to the same moment: whatever is stored now was sent before
 * this heartbeat, and whatever the agent knows to be acknowledged was stored before it. */
static void settle(const struct letter *letter, const struct fl_heartbeat *heartbeat)
{
    const struct ingest_host *host = &letter->ingest->host;
    struct ingest_agent *agent = &letter->ingest->agents[letter->agent];
    struct account_state state = {heartbeat->produced, heartbeat->undelivered, 0, 0, 0};
    struct store_account kept;

    agent->has_account = heartbeat->account != 0;
    if (!agent->has_account)
        return;
    host->account(letter->user, &kept, host->arg);
    state.stored = kept.stored;
    state.lost = kept.lost;
    if (kept.number != heartbeat->account) {
        kept.number = heartbeat->account;
        kept.base = account_base(&state);
        if (host->put_account(&kept, host->arg) < 0)
            fl_log_error("ingest", "no memory for the account of agent \"%s\"", letter->user);
    }
    state.base = kept.base;
    agent->account = account_of(&state);
}

static int64_t credit(const struct ingest *ingest)
{
    size_t room = 0, capacity = 0;

    ingest->host.queue(&room, &capacity, ingest->host.arg);
    return (int64_t)credit_of(room, capacity, ingest->config->fleet->n_agents);
}

static void take_heartbeat(const struct letter *letter, const struct fl_heartbeat *heartbeat)
{
    struct ingest_agent *agent = &letter->ingest->agents[letter->agent];
    struct fl_message answer = {.type = FL_MESSAGE_HEARTBEAT_REPLY};

    agent->spooled = heartbeat->spooled_batches;
    agent->stalled = heartbeat->stalled_probes;
    agent->dropped = heartbeat->dropped_results;
    agent->plan_version = heartbeat->plan_version;
    settle(letter, heartbeat);
    answer.heartbeat_reply.sent_us = heartbeat->sent_us;
    answer.heartbeat_reply.received_us = letter->rx_us;
    answer.heartbeat_reply.replied_us = fl_clock_steady();
    answer.heartbeat_reply.credit = credit(letter->ingest);
    send_message(letter, &answer);
}

/* Everything but a hello, from a peer that has said one. */
static void take(const struct letter *letter, struct fl_message *message, const uint8_t *bytes,
                 size_t size)
{
    struct ingest_agent *agent = &letter->ingest->agents[letter->agent];

    if (agent->peer_size != letter->peer_size ||
        memcmp(agent->peer, letter->peer, letter->peer_size) != 0) {
        REFUSE(letter, identity,
               "this connection has not said hello, or another one with the "
               "same key has since; each agent needs a key of its own");
        return;
    }
    agent->last_us = letter->rx_us;
    switch (message->type) {
    case FL_MESSAGE_PLAN_ACK:
        take_plan_ack(letter, &message->plan_ack);
        return;
    case FL_MESSAGE_BATCH:
        take_batch(letter, &message->batch, bytes, size);
        return;
    case FL_MESSAGE_HEARTBEAT:
        take_heartbeat(letter, &message->heartbeat);
        return;
    case FL_MESSAGE_ANSWER:
        letter->ingest->host.answer(letter->agent, &message->answer, letter->rx_us,
                                    letter->ingest->host.arg);
        return;
    case FL_MESSAGE_HELLO:
    case FL_MESSAGE_PLAN:
    case FL_MESSAGE_ACK:
    case FL_MESSAGE_HEARTBEAT_REPLY:
    case FL_MESSAGE_REFUSAL:
    case FL_MESSAGE_ASK:
        break;
    }
    REFUSE(letter, malformed, "message of type %d is none that agents send", (int)message->type);
}

static void refuse_bytes(const struct letter *letter, int code, const char *why)
{
    if (code == -EPROTONOSUPPORT)
        REFUSE(letter, version, "%s", why);
    else if (code == -E2BIG)
        REFUSE(letter, oversized, "%s", why);
    else
        REFUSE(letter, malformed, "%s", why);
}

/* Not answered: an answer to each would be a flood of our own. */
static bool floods(const struct letter *letter, size_t size)
{
    struct ingest *ingest = letter->ingest;
    char sentence[INGEST_SENTENCE_SIZE];

    if (allowance_take(&ingest->agents[letter->agent].allowance, size, letter->rx_us))
        return false;
    ingest->refusals.flooding++;
    (void)snprintf(sentence, sizeof(sentence),
                   "from agent \"%.64s\": it floods; what exceeds %lld KiB or %lld messages a "
                   "second is not read",
                   letter->user, (long long)(ALLOWANCE_BYTES_PER_SECOND / 1024),
                   (long long)(ALLOWANCE_BYTES_PER_SECOND / ALLOWANCE_MESSAGE_BYTES));
    note(ingest, &ingest->log_flooding, sentence);
    return true;
}

void ingest_message(struct ingest *ingest, const uint8_t *peer, size_t peer_size, const char *user,
                    const uint8_t *bytes, size_t size, fl_time rx_us)
{
    struct letter letter = {ingest, peer, peer_size, user, find_agent(ingest, user), rx_us};
    struct fl_message message;
    struct fl_error err;
    int r;

    if (letter.agent == FLEET_NONE) {
        REFUSE(&letter, identity, "it is not in the configuration any more");
        return;
    }
    if (floods(&letter, size))
        return;
    r = fl_codec_decode(bytes, size, &message, &err);
    if (r < 0) {
        refuse_bytes(&letter, r, err.message);
        return;
    }
    if (message.type == FL_MESSAGE_HELLO)
        take_hello(&letter, &message.hello);
    else
        take(&letter, &message, bytes, size);
    fl_message_done(&message);
}

void ingest_stored(struct ingest *ingest, const char *agent, uint64_t boot, uint64_t sequence,
                   enum store_outcome outcome)
{
    struct letter letter = {.ingest = ingest, .user = agent, .agent = find_agent(ingest, agent)};
    struct ingest_agent *stored;

    if (letter.agent == FLEET_NONE)
        return;
    stored = &ingest->agents[letter.agent];
    if (stored->in_store > 0) /* a new key began a new count */
        stored->in_store--;
    if (outcome == STORE_FAILED || stored->peer_size == 0)
        return;
    letter.peer = stored->peer;
    letter.peer_size = stored->peer_size;
    acknowledge(&letter, boot, sequence);
}

int ingest_ask(const struct ingest *ingest, uint32_t agent, const struct fl_ask *ask,
               fl_time now_us, struct fl_error *err)
{
    const struct fl_message message = {.type = FL_MESSAGE_ASK, .ask = *ask};
    const struct ingest_agent *to = &ingest->agents[agent];
    uint8_t *bytes = NULL;
    size_t size = 0;
    int r;

    if (to->peer_size == 0 || now_us - to->last_us > HERE_US)
        return fl_error_set(err, -ENOTCONN, "it is not connected");
    if (!to->answers)
        return fl_error_set(err, -EPROTONOSUPPORT,
                            "it runs a version that answers no asks; upgrade it");
    r = fl_codec_encode(&message, &bytes, &size, err);
    if (r < 0)
        return r;
    ingest->host.send(to->peer, to->peer_size, bytes, size, ingest->host.arg);
    free(bytes);
    return 0;
}

void ingest_unknown_key(struct ingest *ingest, const char *public_key)
{
    char sentence[INGEST_SENTENCE_SIZE];

    (void)snprintf(sentence, sizeof(sentence),
                   "a connection with the public key \"%.40s\" was refused: no agent of the "
                   "configuration has it",
                   public_key);
    note(ingest, &ingest->log_key, sentence);
}

static void send_new_plans(struct ingest *ingest)
{
    const struct fleet *fleet = ingest->config->fleet;

    for (uint32_t i = 0; i < fleet->n_agents; i++) {
        const struct ingest_agent *agent = &ingest->agents[i];
        const struct letter letter = {.ingest = ingest,
                                      .peer = agent->peer,
                                      .peer_size = agent->peer_size,
                                      .user = fleet->agents[i].name,
                                      .agent = i};

        if (agent->peer_size > 0)
            send_plan(&letter);
    }
}

/* Who is somewhere else now, or has another key, must say hello again. */
static void carry_over(const struct ingest *ingest, uint32_t before,
                       const struct coordinator_config *config, uint32_t now,
                       struct ingest_agent *ret)
{
    const struct fleet *old = ingest->config->fleet, *new = config->fleet;
    const struct ingest_agent *agent = &ingest->agents[before];

    if (strcmp(ingest->config->agents[before].public_key, config->agents[now].public_key) != 0) {
        ret->revoked_size = agent->peer_size;
        memcpy(ret->revoked, agent->peer, sizeof(ret->revoked));
    } else if (strcmp(old->places[old->agents[before].zone].name,
                      new->places[new->agents[now].zone].name) == 0) {
        *ret = *agent;
    }
}

int ingest_reload(struct ingest *ingest, const struct coordinator_config *config,
                  struct fl_error *err)
{
    struct ingest fresh = {0};

    if (fill(&fresh, config) < 0) {
        empty(&fresh);
        return fl_error_set(err, -ENOMEM, "no memory for %zu agents", config->fleet->n_agents);
    }
    for (uint32_t i = 0; i < config->fleet->n_agents; i++) {
        uint32_t before = find_agent(ingest, config->fleet->agents[i].name);

        if (before != FLEET_NONE)
            carry_over(ingest, before, config, i, &fresh.agents[i]);
    }
    empty(ingest);
    ingest->config = config;
    ingest->agents = fresh.agents;
    ingest->by_name = fresh.by_name;
    ingest->judged = fresh.judged;
    send_new_plans(ingest);
    return 0;
}

const struct ingest_agent *ingest_agent(const struct ingest *ingest, uint32_t agent)
{
    return &ingest->agents[agent];
}

const struct ingest_refusals *ingest_refusals(const struct ingest *ingest)
{
    return &ingest->refusals;
}
