/* The decider on the loop: looks once a second and with every verdict, and carries out what comes
 * of it: to the history, to those who wait, to HAProxy, to hooks, to the stream, and to the file
 * decisions.json beside the history. That file is what a restart goes on from, and what may be
 * read by who wants to depend on nobody: each decision in it says until when it is good. */
#pragma once

#include "coordinator/agent_check.h"
#include "coordinator/command_runner.h"
#include "coordinator/coordinator_config.h"
#include "coordinator/notice_stream.h"
#include "coordinator/store/store.h"

#define DECISIONS_KEPT 1024 /* for those who follow */

struct decisions;
struct group_keys;
struct decisions_next; /* what a reload brings, made before anything of the old is given up */

struct decisions_stats {
    uint64_t made, withheld, unsaved; /* since start; unsaved: writes of the file that failed */
    struct agent_check_stats agent_check;
    struct command_stats commands;
    struct notice_stats notices;
};

/* Config, engine and store are borrowed. */
int decisions_new(const struct coordinator_config *config, const struct engine *engine,
                  const struct store_type *store_type, struct store *store, struct event_base *base,
                  struct fl_zcontext *zmq, struct decisions **ret, struct fl_error *err);
struct decisions *decisions_free(struct decisions *decisions);
FL_DEFINE_FREEP(struct decisions, decisions)

int decisions_prepare(struct decisions *decisions, const struct coordinator_config *config,
                      struct decisions_next **ret, struct fl_error *err);
struct decisions_next *decisions_next_free(struct decisions_next *next);
FL_DEFINE_FREEP(struct decisions_next, decisions_next)
/* Cannot fail; takes `next` over. What stood goes on to stand where names are still there. */
void decisions_switch(struct decisions *decisions, struct decisions_next *next,
                      const struct coordinator_config *config, const struct engine *engine);

/* The engine said this; at once after its step. */
void decisions_verdict(struct decisions *decisions, const struct verdict_event *event);

/* This coordinator issues decisions from now until then, or no more. `generation`: none that it
 * issues is as low. Until this is called for the first time it issues if it acts alone. */
void decisions_authority(struct decisions *decisions, bool held, fl_time until_us,
                         uint64_t generation);
/* Another coordinator decided so; not taken from this one's own. */
void decisions_follow(struct decisions *decisions, const struct decision *decision);
/* Where what is decided is written as well. */
void decisions_write_to(struct decisions *decisions, struct group_keys *keys);

const struct decider *decisions_decider(const struct decisions *decisions);
/* Index of a group by its name, or -ENOENT; of a zone in it likewise. */
int decisions_find_group(const struct decisions *decisions, const char *name);
int decisions_find_zone(const struct decisions *decisions, uint32_t group, const char *name);

/* A person's word. `zone` FLEET_NONE: the whole group. */
void decisions_act(struct decisions *decisions, uint32_t group, uint32_t zone,
                   enum decision_act act, fl_time until_us);
/* Played at once, on a copy; its outcome is kept. 0 or -ENOMEM. */
int decisions_drill(struct decisions *decisions, uint32_t group, uint32_t zone, struct drill *ret);

/* Number of the newest change since the start, from 1; 0: none yet. */
uint64_t decisions_newest(const struct decisions *decisions);
/* NULL: too old, or not there yet. */
const struct decision *decisions_change(const struct decisions *decisions, uint64_t number);
/* Called on the loop after changes. One listener. */
void decisions_on_change(struct decisions *decisions, void (*listener)(void *arg), void *arg);

uint16_t decisions_agent_check_port(const struct decisions *decisions); /* 0: none */
const char *decisions_endpoint(const struct decisions *decisions);      /* of the stream, or NULL */
void decisions_stats(const struct decisions *decisions, struct decisions_stats *ret);
