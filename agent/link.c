#include "agent/link.h"

#include "agent/core/clock_offset.h"
#include "agent/core/session.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMPONENT "link"
#define RETRY_US (50 * FL_MS) /* when the socket's own queue is full */
#define LOG_EVERY_US FL_MINUTE

struct link {
    const struct link_env *env;
    struct agent_coordinator coordinator; /* borrowed texts */
    size_t peer;
    struct fl_zsock *socket;
    struct event *timer;
    struct session session;
    struct clock_offset clock;
    bool told_down; /* the log knows that it is down */
    struct fl_log_limit refused_limit, garbage_limit;
};

static void free_bytes(uint8_t **bytes)
{
    free(*bytes);
}

static int say(struct link *link, const struct fl_message *message)
{
    FL_CLEANUP(free_bytes) uint8_t *bytes = NULL;
    struct fl_error err = {""};
    size_t size = 0;
    int r;

    if (!link->socket)
        return -ENOTCONN;
    r = fl_codec_encode(message, &bytes, &size, &err);
    if (r < 0) {
        fl_log_error(COMPONENT, "%s: cannot write a message: %s", link->coordinator.address,
                     err.message);
        return r;
    }
    /* what is lost here is said again: hello and plan answer after a reconnect, heartbeats soon */
    return fl_zsock_send(link->socket, NULL, 0, bytes, size);
}

static void say_hello(struct link *link)
{
    struct fl_message message = {.type = FL_MESSAGE_HELLO};

    link->env->fill_hello(&message.hello, link->env->arg);
    (void)say(link, &message);
}

static void say_heartbeat(struct link *link)
{
    struct fl_message message = {.type = FL_MESSAGE_HEARTBEAT};

    link->env->fill_heartbeat(&message.heartbeat, link->peer, link->env->arg);
    message.heartbeat.sent_us = fl_clock_wall();
    (void)say(link, &message);
}

void link_answer_plan(struct link *link, uint64_t version, const char *error)
{
    struct fl_message message = {.type = FL_MESSAGE_PLAN_ACK, .plan_ack = {.version = version}};

    (void)snprintf(message.plan_ack.error, sizeof(message.plan_ack.error), "%s", error);
    (void)say(link, &message);
}

void link_answer_ask(struct link *link, const struct fl_answer *answer)
{
    const struct fl_message message = {.type = FL_MESSAGE_ANSWER, .answer = *answer};

    if (session_is_up(&link->session))
        (void)say(link, &message);
}

static void arm(struct link *link, int64_t at_us)
{
    int64_t wait = at_us - fl_clock_monotonic();
    struct timeval interval = {0};

    if (wait > FL_MINUTE)
        wait = FL_MINUTE;
    if (wait > 0)
        interval = (struct timeval){wait / FL_SECOND, wait % FL_SECOND};
    if (evtimer_add(link->timer, &interval) < 0)
        fl_log_error(COMPONENT, "%s: cannot set a timer", link->coordinator.address);
}

/* Send one batch out of the spool. Negative when nothing more can be sent now. */
static int send_batch(struct link *link, int64_t id, int64_t now_us)
{
    FL_CLEANUP(free_bytes) uint8_t *bytes = NULL;
    struct fl_error err = {""};
    size_t size = 0;
    int r = spool_read(link->env->spool, id, &bytes, &size, &err);

    if (r == -ENOMEM || r == -EBUSY)
        return r;
    if (r < 0) { /* dropped meanwhile and counted by the spool, or its page cannot be read */
        if (r != -ENOENT) {
            fl_log_error(COMPONENT, "batch %lld is lost: %s", (long long)id, err.message);
            spool_count_lost(link->env->spool, 0, 1);
        }
        backlog_forget(link->env->backlog, id);
        return 0;
    }
    r = fl_zsock_send(link->socket, NULL, 0, bytes, size);
    if (r == 0)
        backlog_sent(link->env->backlog, link->peer, id, now_us);
    return r;
}

void link_pump(struct link *link)
{
    int64_t now = fl_clock_monotonic();
    int64_t due = session_deadline(&link->session), id;
    int r = 0;

    if (session_is_up(&link->session)) {
        int64_t more;

        while (r == 0 && backlog_next(link->env->backlog, link->peer, now, &id))
            r = send_batch(link, id, now);
        more = r < 0 ? now + RETRY_US : backlog_deadline(link->env->backlog, link->peer);
        due = more < due ? more : due;
    }
    arm(link, due);
}

static void drop_socket(struct link *link)
{
    link->socket = fl_zsock_free(link->socket);
}

static void on_message(const uint8_t *peer, size_t peer_size, const char *user,
                       const uint8_t *bytes, size_t size, void *arg);
static void on_connected(void *arg);
static void on_lost(const char *why, void *arg);

static void connect_anew(struct link *link)
{
    static const struct fl_zsock_dealer_callbacks callbacks = {on_message, on_connected, on_lost};
    struct fl_error err = {""};

    drop_socket(link);
    if (fl_zsock_dealer_new(link->env->zcontext, link->env->base, link->coordinator.address,
                            link->env->keys, link->coordinator.public_key, &callbacks, link,
                            &link->socket, &err) < 0)
        fl_log_error(COMPONENT, "%s", err.message);
}

static void tell_down(struct link *link, const char *why)
{
    if (!link->told_down)
        fl_log_warning(COMPONENT, "%s: %s; results are spooled meanwhile",
                       link->coordinator.address, why);
    link->told_down = true;
}

/* Whatever changed the session went through here. */
static void follow(struct link *link, bool was_up, unsigned acts)
{
    bool is_up = session_is_up(&link->session);

    if (acts & SESSION_RECONNECT) {
        tell_down(link, was_up ? "nothing was heard for a while" : "no answer");
        connect_anew(link);
    }
    if (acts & SESSION_SAY_HELLO)
        say_hello(link);
    if (acts & SESSION_SAY_HEARTBEAT)
        say_heartbeat(link);
    if (is_up && !was_up) {
        fl_log_info(COMPONENT, "%s: connected", link->coordinator.address);
        link->told_down = false;
        backlog_connected(link->env->backlog, link->peer);
    }
    if (is_up != was_up)
        link->env->changed(link->env->arg);
    link_pump(link);
}

static void on_connected(void *arg)
{
    struct link *link = arg;
    bool was_up = session_is_up(&link->session);

    follow(link, was_up, session_connected(&link->session, fl_clock_monotonic()));
}

static void on_lost(const char *why, void *arg)
{
    struct link *link = arg;
    bool was_up = session_is_up(&link->session);

    tell_down(link, why);
    follow(link, was_up, session_lost(&link->session, fl_clock_monotonic()));
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct link *link = arg;
    bool was_up = session_is_up(&link->session);

    (void)fd;
    (void)what;
    follow(link, was_up, session_tick(&link->session, fl_clock_monotonic()));
}

static void take_ack(struct link *link, const struct fl_ack *ack)
{
    for (size_t i = 0; i < ack->n_sequences; i++) {
        uint64_t results;
        int64_t id;

        if (backlog_acked(link->env->backlog, link->peer, ack->boot, ack->sequences[i], &id,
                          &results))
            spool_remove(link->env->spool, id, results);
    }
}

static void take_refusal(struct link *link, const struct fl_refusal *refusal)
{
    uint64_t held;

    if (fl_log_allowed(&link->refused_limit, LOG_EVERY_US, &held))
        fl_log_error(COMPONENT, "%s: refuses this agent: %s", link->coordinator.address,
                     refusal->reason);
    link->told_down = true;
}

static void take_reply(struct link *link, const struct fl_heartbeat_reply *reply)
{
    (void)clock_offset_add(&link->clock, reply->sent_us, reply->received_us, reply->replied_us,
                           fl_clock_wall());
    if (reply->credit != FL_ABSENT)
        backlog_set_credit(link->env->backlog, link->peer, (size_t)reply->credit);
}

static void take(struct link *link, struct fl_message *message)
{
    switch (message->type) {
    case FL_MESSAGE_PLAN:
        link->env->plan(link, &message->plan, link->env->arg);
        break;
    case FL_MESSAGE_ACK:
        take_ack(link, &message->ack);
        break;
    case FL_MESSAGE_HEARTBEAT_REPLY:
        take_reply(link, &message->heartbeat_reply);
        break;
    case FL_MESSAGE_REFUSAL:
        take_refusal(link, &message->refusal);
        break;
    case FL_MESSAGE_ASK:
        link->env->ask(link, &message->ask, link->env->arg);
        break;
    case FL_MESSAGE_ANSWER:
    case FL_MESSAGE_HELLO:
    case FL_MESSAGE_PLAN_ACK:
    case FL_MESSAGE_BATCH:
    case FL_MESSAGE_HEARTBEAT:
        fl_log_debug(COMPONENT, "%s: sent what only agents send", link->coordinator.address);
        break;
    }
}

static void on_message(const uint8_t *peer, size_t peer_size, const char *user,
                       const uint8_t *bytes, size_t size, void *arg)
{
    FL_CLEANUP(fl_message_done) struct fl_message message = {0};
    struct link *link = arg;
    struct fl_error err = {""};
    bool was_up = session_is_up(&link->session);
    int64_t now = fl_clock_monotonic();
    uint64_t held;

    (void)peer;
    (void)peer_size;
    (void)user;
    if (fl_codec_decode(bytes, size, &message, &err) < 0) {
        if (fl_log_allowed(&link->garbage_limit, LOG_EVERY_US, &held))
            fl_log_warning(COMPONENT, "%s: a message cannot be read (%llu more like it): %s",
                           link->coordinator.address, (unsigned long long)held, err.message);
        return;
    }
    take(link, &message);
    follow(link, was_up,
           message.type == FL_MESSAGE_REFUSAL ? session_refused(&link->session, now)
                                              : session_heard(&link->session, now));
}

bool link_is_up(const struct link *link)
{
    return session_is_up(&link->session);
}

size_t link_peer(const struct link *link)
{
    return link->peer;
}

const char *link_address(const struct link *link)
{
    return link->coordinator.address;
}

int64_t link_clock_offset(const struct link *link)
{
    return clock_offset_get(&link->clock);
}

int link_new(const struct link_env *env, const struct agent_coordinator *coordinator, size_t peer,
             struct link **ret, struct fl_error *err)
{
    FL_CLEANUP(link_freep) struct link *link = calloc(1, sizeof(*link));

    if (!link)
        return fl_error_set(err, -ENOMEM, "no memory for the link to %s", coordinator->address);
    link->env = env;
    link->coordinator = *coordinator;
    link->peer = peer;
    clock_offset_init(&link->clock);
    session_init(&link->session, fl_clock_monotonic());
    link->timer = evtimer_new(env->base, on_timer, link);
    if (!link->timer)
        return fl_error_set(err, -ENOMEM, "no memory for the link to %s", coordinator->address);
    connect_anew(link);
    link_pump(link);
    *ret = FL_TAKE(link);
    return 0;
}

struct link *link_free(struct link *link)
{
    if (!link)
        return NULL;
    drop_socket(link);
    if (link->timer)
        event_free(link->timer);
    free(link);
    return NULL;
}
