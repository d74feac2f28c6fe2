/* This coordinator among others that hear the same agents: what it may do, what it writes for the
 * others, and what it takes over from them. */
#pragma once

#include "coordinator/group_keys.h"

struct coordinator;
struct event_base;
struct peers;

/* Of a coordinator that is otherwise complete, and has a section "lease". */
int peers_new(const struct coordinator *coordinator, struct event_base *base, struct peers **ret,
              struct fl_error *err);
/* Acts no more, and gives the lease back. */
struct peers *peers_free(struct peers *peers);

void peers_verdict(struct peers *peers, const struct verdict_event *event);
struct leadership *peers_leadership(const struct peers *peers);
struct group_keys *peers_keys(const struct peers *peers);
