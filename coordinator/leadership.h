/* The lease in etcd on the loop: campaigns, renews, and says until when this coordinator acts.
 * Every coordinator keeps a key of how far it is, reads those of the others, and follows the
 * decisions of the one that leads. */
#pragma once

#include "coordinator/core/decision.h"
#include "coordinator/etcd.h"

#define LEADERSHIP_MEMBERS 16 /* more are not shown */
#define LEADERSHIP_KEY_SIZE 1024

struct leadership;

/* How far a coordinator is, as it said itself. */
struct leadership_member {
    char name[FL_NAME_SIZE];
    fl_time t_us;     /* when it said so, by its clock */
    fl_time heard_us; /* when it last heard of an agent; 0: never */
    uint64_t results; /* stored since its start */
    uint64_t agents, open;
};

struct leadership_state {
    const char *name;
    bool acts;
    int64_t left_us;           /* of the lease, while it acts */
    char leader[FL_NAME_SIZE]; /* "": nobody leads, or nothing is known */
    uint64_t revision;         /* of its leadership */
    fl_time since_us;          /* by its clock */
    fl_time seen_us;           /* when etcd last said so; 0: never */
    uint64_t gained, lost;
    struct etcd_stats etcd;
    size_t n_members;
    const struct leadership_member *members;
};

struct leadership_host {
    /* Acts from now on until then, of the steady clock; `revision` is that of the leadership.
     * False: no more. Called again with each renewal. */
    void (*may_act)(bool may, fl_time until_us, uint64_t revision, void *arg);
    /* What is decided, according to etcd: while it follows, and before it acts. */
    void (*decided)(const struct decision *decision, void *arg);
    /* How far this coordinator is; the name is filled in. */
    void (*progress)(struct leadership_member *ret, void *arg);
    /* Some twenty times a second while it acts. */
    void (*turn)(void *arg);
    void *arg;
};

/* The configuration is borrowed. */
int leadership_new(struct event_base *base, const struct config_lease *config,
                   const struct leadership_host *host, struct leadership **ret,
                   struct fl_error *err);
/* Gives the lease back, so that another one acts at once; waits at most half a second for that. */
struct leadership *leadership_free(struct leadership *leadership);
FL_DEFINE_FREEP(struct leadership, leadership)

/* To be asked before each act: the clock is read anew. */
bool leadership_acts(const struct leadership *leadership);
uint64_t leadership_revision(const struct leadership *leadership);
void leadership_state(const struct leadership *leadership, struct leadership_state *ret);
struct etcd *leadership_etcd(const struct leadership *leadership);

/* The key under the prefix of the configuration, with such an end. */
void leadership_key(const struct leadership *leadership, char ret[LEADERSHIP_KEY_SIZE],
                    const char *format, ...) FL_PRINTF(3, 4);
/* Do this only if this coordinator leads, by etcd's own word, and `compare` holds, which may be
 * NULL; both are taken over. The answer of one that does not lead any more has no success. */
void leadership_write(struct leadership *leadership, json_t *operations, json_t *compare,
                      etcd_done_cb done, void *arg);
