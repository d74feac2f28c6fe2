/* The link to one coordinator: socket, session, clock offset, and the sending of what it still
 * needs out of the spool. One object a coordinator; the agent owns them all. */
#pragma once

#include "agent/agent_config.h"
#include "agent/core/backlog.h"
#include "agent/spool.h"
#include "proto/codec/fl_codec.h"

struct event_base;
struct link;

/* What links share. Outlives them. */
struct link_env {
    struct fl_zcontext *zcontext;
    struct event_base *base;
    const struct fl_keypair *keys;
    struct backlog *backlog;
    struct spool *spool;
    void (*fill_hello)(struct fl_hello *hello, void *arg);
    void (*fill_heartbeat)(struct fl_heartbeat *heartbeat, size_t peer, void *arg);
    /* A plan came; it may be taken out of `plan`, what is left is freed. Answer with
     * link_answer_plan. */
    void (*plan)(struct link *link, struct fl_plan *plan, void *arg);
    /* An ask came; borrowed. Answer with link_answer_ask. */
    void (*ask)(struct link *link, const struct fl_ask *ask, void *arg);
    void (*changed)(void *arg); /* it is up now, or no longer */
    void *arg;
};

/* `peer` is its number in the backlog. Everything is borrowed. */
int link_new(const struct link_env *env, const struct agent_coordinator *coordinator, size_t peer,
             struct link **ret, struct fl_error *err);
struct link *link_free(struct link *link);
FL_DEFINE_FREEP(struct link, link)

/* Send what it needs, as far as its window has room. Call when the spool got something. */
void link_pump(struct link *link);

/* "" when the plan was taken. */
void link_answer_plan(struct link *link, uint64_t version, const char *error);

/* What cannot be sent now is lost: it would be of no use later. */
void link_answer_ask(struct link *link, const struct fl_answer *answer);

bool link_is_up(const struct link *link);
size_t link_peer(const struct link *link);
const char *link_address(const struct link *link);
int64_t link_clock_offset(const struct link *link); /* FL_ABSENT when not known */
