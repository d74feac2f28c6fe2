/* The coordinator's configuration: who may come in, what is probed from where, and where history
 * is kept. Read whole and checked whole: what comes out of here is consistent. */
#pragma once

#include "coordinator/config_history.h"
#include "coordinator/config_http.h"
#include "coordinator/config_lease.h"
#include "coordinator/config_lists.h"
#include "coordinator/config_status.h"
#include "coordinator/core/decision.h"
#include "coordinator/notify/notifier.h"
#include "proto/types/fl_option.h"
#include "proto/types/fl_plan.h"

#define CONFIG_KEY_SIZE 41 /* a CURVE public key in Z85, with its end */

struct config_agent {
    char public_key[CONFIG_KEY_SIZE];
    char *mesh; /* where its echo responder answers; NULL: it has none */
};

struct config_target {
    struct fl_plan probes;    /* its probes with their settings; a plan for want of a version */
    bool zones[FL_MAX_ZONES]; /* whose agents probe it, unless they are listed */
    size_t n_agents;
    uint32_t *agents; /* exactly these, by index in the fleet; NULL: by zone */
};

#define CONFIG_MAX_ARGUMENTS 16 /* of a command, its program included */

struct config_decisions {
    bool enabled;
    int64_t max_moves, moves_window_us, takeover_us;
    char *agent_check; /* NULL: HAProxy is not answered */
    char *publish;     /* NULL: nothing is published */
};

/* What a group's decisions run; each NULL-terminated, or NULL. */
struct config_commands {
    char **hook, **veto;
    int64_t timeout_us;
};

struct coordinator_config {
    char *listen; /* ZeroMQ endpoint */
    char *api;    /* HOST:PORT */
    char *secret_key_file;
    char *state;
    char *store;
    char *record; /* NULL: no trace is recorded */
    int64_t mesh_interval_us;
    int64_t mesh_timeout_us;
    struct config_http http;
    struct config_status status;
    struct notify_config notify;
    struct config_lists lists;
    struct store_keep keep;
    struct config_lease lease;
    struct fleet *fleet;
    struct config_agent *agents;   /* by index in the fleet */
    struct config_target *targets; /* likewise; those of the mesh follow in the fleet only */
    size_t n_targets;
    struct config_decisions decisions;
    struct decision_settings decision_settings;
    struct config_commands *group_commands; /* by index of the group */
};

/* The tables behind the sections, for manuals and examples. */
extern const struct fl_option coordinator_options[];
extern const struct fl_option config_agent_options[];
extern const struct fl_option config_target_options[];
extern const struct fl_option config_probe_options[];
extern const struct fl_option config_decisions_options[];
extern const struct fl_option config_group_options[];
extern const struct fl_option config_member_options[];

/* Judges the type and the settings of one probe, which the coordinator itself does not know. */
struct config_checker {
    int (*check)(const struct fl_probe_spec *spec, void *arg, struct fl_error *err); /* or NULL */
    void *arg;
    const char *trial; /* URL of a list of targets that is tried; NULL: none is */
};

/* `checker` may be NULL. The error says file, line, field, value and what is allowed. */
int coordinator_config_load(const char *path, const struct config_checker *checker,
                            struct coordinator_config **ret, struct fl_error *err);
/* The same from memory; `name` stands for the file in messages. */
int coordinator_config_parse(const char *name, const char *text, size_t size,
                             const struct config_checker *checker, struct coordinator_config **ret,
                             struct fl_error *err);
struct coordinator_config *coordinator_config_free(struct coordinator_config *config);
FL_DEFINE_FREEP(struct coordinator_config, coordinator_config)

/* Is the target probed by that agent? For targets of the mesh as well. */
bool coordinator_config_probes(const struct coordinator_config *config, uint32_t agent,
                               uint32_t target);

/* Do the same agents probe the same targets, with the same settings? Then their fleets are equal.
 */
bool coordinator_config_probes_same(const struct coordinator_config *a,
                                    const struct coordinator_config *b);

/* Name of the agent that a public key is bound to, or FLEET_NONE. */
uint32_t coordinator_config_agent_of_key(const struct coordinator_config *config,
                                         const char *public_key);
