/* The daemon as one object on the loop: agents come in, results go to the store and to the
 * judgement, verdicts go to the store, to the recording and to who listens.
 *
 * A reload takes the new configuration whole or not at all. The judgement then begins anew with
 * the new fleet: what is open is closed, and opens again under a new number if it still is. */
#pragma once

#include "coordinator/core/engine.h"
#include "coordinator/ingest.h"
#include "coordinator/notes.h"
#include "proto/runtime/fl_zsock.h"

#define COORDINATOR_EVENTS 1024 /* kept for those who follow */

struct asker;
struct coordinator;
struct decisions;
struct discovery;
struct group_keys;
struct leadership;
struct event_base;

int coordinator_new(const char *config_path, struct event_base *base, struct coordinator **ret,
                    struct fl_error *err);
struct coordinator *coordinator_free(struct coordinator *coordinator);
FL_DEFINE_FREEP(struct coordinator, coordinator)

int coordinator_reload(struct coordinator *coordinator, struct fl_error *err);

/* How many configurations it has taken since the start. */
uint64_t coordinator_generation(const struct coordinator *coordinator);
const struct coordinator_config *coordinator_settings(const struct coordinator *coordinator);
const struct engine *coordinator_engine(const struct coordinator *coordinator);
struct notes *coordinator_notes(struct coordinator *coordinator);
/* Open verdicts that announced work keeps from being published. */
const struct maintenance_silence *coordinator_silence(const struct coordinator *coordinator);
const struct ingest *coordinator_ingest(const struct coordinator *coordinator);
const char *coordinator_endpoint(const struct coordinator *coordinator); /* as bound */
/* What the socket refused, and what ingest did. */
void coordinator_socket_refusals(const struct coordinator *coordinator,
                                 struct fl_zsock_refusals *ret);
const struct store_type *coordinator_store(const struct coordinator *coordinator,
                                           struct store **ret);

struct notifier *coordinator_notifier(const struct coordinator *coordinator);
struct discovery *coordinator_discovery(const struct coordinator *coordinator);
struct decisions *coordinator_decisions(const struct coordinator *coordinator);
/* NULL, both: this coordinator acts alone. */
struct leadership *coordinator_leadership(const struct coordinator *coordinator);
struct group_keys *coordinator_group_keys(const struct coordinator *coordinator);
struct asker *coordinator_asker(const struct coordinator *coordinator);

/* Number of the newest verdict event since the start, from 1; 0: none yet. */
uint64_t coordinator_newest_event(const struct coordinator *coordinator);
/* NULL when it is too old, or not there yet. */
const struct verdict_event *coordinator_event(const struct coordinator *coordinator,
                                              uint64_t number);
/* Called on the loop after each new event. One listener. */
void coordinator_on_event(struct coordinator *coordinator, void (*listener)(void *arg), void *arg);
