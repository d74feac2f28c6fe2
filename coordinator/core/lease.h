/* Who of several coordinators acts: what etcd answers, and time, come in; what to ask etcd goes
 * out. Pure: time is a monotonic clock's, in microseconds, and comes with each event.
 *
 * Each coordinator has a lease of its own in etcd and campaigns with it: a transaction puts one
 * key, the leader's, if it is not there, and otherwise says whose it is. The revision at which that
 * key was created numbers the leadership; etcd never gives it twice, and never a lower one.
 *
 * A lease counts from the moment at which the last confirmed renewal was sent, so it ends here
 * before it ends in etcd. One that has ended here is never used again, even if etcd still has it:
 * who slept past it, or was cut off for so long, campaigns anew under another revision. */
#pragma once

#include "proto/types/fl_time.h"

#include <stdbool.h>
#include <stdint.h>

struct lease_settings {
    int64_t ttl_us; /* what etcd is asked for; it may give more */
};

enum lease_event_type {
    LEASE_TIME,      /* nothing but time */
    LEASE_GRANTED,   /* `lease` with `ttl_us` */
    LEASE_RENEWED,   /* `lease` with `ttl_us`; 0: etcd does not have it any more */
    LEASE_SEEN,      /* the campaign with `lease` met the key of `holder`, created at `revision` */
    LEASE_NO_ANSWER, /* to `command`, or one that says nothing */
    LEASE_RESIGNED,  /* this coordinator ends */
};

enum lease_command {
    LEASE_GRANT = 1,    /* a lease of the settings' length */
    LEASE_RENEW = 2,    /* `lease` */
    LEASE_CAMPAIGN = 4, /* with `lease` */
    LEASE_REVOKE = 8,   /* `revoked`; nobody waits for the answer */
};

struct lease_event {
    enum lease_event_type type;
    int64_t now_us;
    int64_t sent_us; /* when the request that this answers was sent */
    uint64_t lease;
    int64_t ttl_us;
    uint64_t holder; /* a lease */
    uint64_t revision;
    enum lease_command command;
};

struct lease_update {
    unsigned commands; /* of enum lease_command */
    uint64_t lease, revoked;
    int64_t next_us; /* to be called no later than this */
    bool gained;     /* leads from now on, under a revision that is new */
    bool lost;       /* led until now; both when one leadership follows another at once */
};

/* Starts with lease_init; the fields are the lease's own. */
struct lease {
    struct lease_settings settings;
    uint64_t id, revision;
    int64_t until_us; /* of what is confirmed */
    bool leads, resigned;
    unsigned waiting;                              /* of enum lease_command: an answer is to come */
    int64_t granted_us, renewed_us, campaigned_us; /* when last asked for */
};

void lease_init(struct lease *lease, const struct lease_settings *settings);
/* Cannot fail. Every request is answered by one event in the end. */
void lease_step(struct lease *lease, const struct lease_event *event, struct lease_update *ret);

/* May this coordinator act at `now_us`? To be asked before each act, with a fresh clock. */
bool lease_holds(const struct lease *lease, int64_t now_us);
