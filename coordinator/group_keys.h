/* What the coordinator that leads writes into etcd, so that whoever watches can follow: decisions
 * at decisions/GROUP/ZONE and what is wrong at verdicts/COMPONENT, both under a lease of their own
 * that ends a while after the last of the coordinators; and the book of what was told at told/N,
 * from which its successor goes on. Every write holds only while it leads, by etcd's own word. */
#pragma once

#include "coordinator/leadership.h"
#include "coordinator/notify/notifier.h"

#define GROUP_KEYS_QUEUE 512 /* keys that wait to be written; what has no room is counted */

struct group_keys;

struct group_keys_stats {
    uint64_t written, dropped; /* keys */
    uint64_t told;             /* changes that were put into the book */
    size_t queued, book;       /* keys that wait; incidents in the book */
};

/* `keep_us`: how long advice outlives the last coordinator. All are borrowed; `leadership` comes
 * later, for it begins when all else is there. */
int group_keys_new(const struct config_lease *config, int64_t keep_us, struct notifier *notifier,
                   struct group_keys **ret, struct fl_error *err);
struct group_keys *group_keys_free(struct group_keys *keys);
FL_DEFINE_FREEP(struct group_keys, group_keys)
void group_keys_use(struct group_keys *keys, struct leadership *leadership);

/* A newer decision of the same zone takes the place of one that still waits. */
void group_keys_decision(struct group_keys *keys, const struct decision *decision);
/* The own judgement said this, whether it leads or not. */
void group_keys_verdict(struct group_keys *keys, const struct verdict_event *event);
/* This coordinator leads from now on, or no more. */
void group_keys_lead(struct group_keys *keys, bool leads);
/* Now and then while it leads. */
void group_keys_turn(struct group_keys *keys);
void group_keys_stats(const struct group_keys *keys, struct group_keys_stats *ret);
