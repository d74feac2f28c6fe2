/* What the agent's own files (agent.c, agent_plan.c) share. Nobody else includes this. */
#pragma once

#include "agent/agent.h"
#include "agent/asked.h"
#include "agent/core/outbox.h"
#include "agent/core/schedule.h"
#include "agent/host/host.h"
#include "agent/link.h"
#include "agent/probe/echo.h"
#include "agent/probe/probe_runner.h"
#include "agent/probe/resolver.h"

#define AGENT_COMPONENT "agent"

struct agent {
    struct fl_loop *loop;
    char *config_path;
    struct agent_config config;
    uint64_t boot;
    uint64_t spooled_sequence; /* the last one that came into the spool */
    int64_t start_us;

    struct fl_zcontext *zcontext;
    struct spool *spool;
    struct backlog *backlog;
    struct outbox *outbox;
    struct schedule *schedule;
    struct resolver *resolver;
    struct probe_env probe_env;
    struct probe_runner *runner;
    struct ask_rules ask_rules; /* borrows from the configuration */
    struct asked *asked;
    struct host *host;
    struct echo *echo;
    uint8_t mesh_key[FL_MESH_KEY_SIZE];
    char fileop_path[4096];
    char plan_path[4096];
    struct fl_plan *plan; /* the one that is followed; the runner borrows it */

    struct link_env link_env;
    size_t n_links;
    struct link *links[AGENT_MAX_COORDINATORS];

    struct event *probe_timer, *flush_timer, *host_timer, *lag_timer, *second_timer;
    int64_t probe_due_us, host_due_us, lag_due_us; /* when the timer should fire */
    int64_t trim_due_us;                           /* when unused memory is given back */
    int64_t lag_us;                                /* the worst since the last host sample */
    bool spool_failing;                            /* the log knows */
};

/* agent_plan.c */

/* Follow the plan on disk, if there is one. */
void agent_plan_start(struct agent *agent);

/* A plan came from a coordinator (see struct link_env). */
void agent_plan_receive(struct link *link, struct fl_plan *plan, void *arg);

/* agent.c */

/* Close the batch that is open and hand it on. */
void agent_flush(struct agent *agent);

/* Set the timer for the next probe. */
void agent_arm_probes(struct agent *agent);
