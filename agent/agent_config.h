/* The agent's own configuration: who it is, where its coordinators are, where its state lies.
 * What it probes comes from the coordinator. */
#pragma once

#include "proto/runtime/fl_zsock.h"
#include "proto/types/fl_error.h"
#include "proto/types/fl_option.h"

#define AGENT_MAX_COORDINATORS 7

enum agent_spool_sync { AGENT_SPOOL_NORMAL, AGENT_SPOOL_FULL };

struct agent_coordinator {
    char *address;    /* "tcp://HOST:PORT" */
    char *public_key; /* Z85 */
};

struct agent_config {
    char *name;
    char *zone;
    char *secret_key_file;
    char *state;
    char *mesh_listen; /* NULL: no echo responder */
    char *secrets;
    char *commands;
    int64_t spool_size;
    int64_t spool_age_us;
    int64_t spool_sync; /* enum agent_spool_sync */
    int64_t host_interval_us;
    int64_t asked_rate; /* probes a second that may be asked for; 0: none */
    size_t n_adhoc;
    char **adhoc; /* patterns of ask_rules.h */
    size_t n_coordinators;
    struct agent_coordinator coordinators[AGENT_MAX_COORDINATORS];
    struct fl_keypair keys; /* see agent_config_read_keys */
};

/* The tables behind the sections, for manuals and examples. */
extern const struct fl_option agent_options[];
extern const struct fl_option agent_coordinator_options[];

/* Read and check a file. The error says file, line, field, what was read and what is allowed;
 * nothing is left allocated then. */
int agent_config_load(const char *path, struct agent_config *ret, struct fl_error *err);
void agent_config_done(struct agent_config *config);

/* Read the key file that the configuration names. */
int agent_config_read_keys(struct agent_config *config, struct fl_error *err);

/* May a running agent go over from `old` to `new`? -EINVAL names the setting that needs a
 * restart. */
int agent_config_check_reload(const struct agent_config *old, const struct agent_config *new,
                              struct fl_error *err);
