/* Plans: one comes, is checked whole, replaces the old one and is kept on disk; or the old one
 * stays and the coordinator is told why. */
#include "agent/agent_state.h"
#include "agent/plan_file.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void free_plan(struct fl_plan **plan)
{
    if (*plan)
        fl_plan_done(*plan);
    free(*plan);
}

static const char *setting_of(const struct fl_probe_spec *spec, const char *key)
{
    for (size_t i = 0; i < spec->n_settings; i++)
        if (strcmp(spec->settings[i].key, key) == 0)
            return spec->settings[i].value;
    return NULL;
}

/* The disk under a target of this host is reported with the target's name. */
static void name_disks(struct agent *agent)
{
    host_clear_targets(agent->host);
    for (size_t i = 0; i < agent->plan->n_specs; i++) {
        const struct fl_probe_spec *spec = &agent->plan->specs[i];
        const char *directory = setting_of(spec, "directory");
        const char *device = setting_of(spec, "device");

        if (strcmp(spec->type, "file") == 0 && directory)
            host_add_target(agent->host, spec->target, directory);
        else if (strcmp(spec->type, "block") == 0 && device)
            host_add_target(agent->host, spec->target, device);
    }
}

static int64_t shortest_timeout(const struct fl_plan *plan)
{
    int64_t shortest_us = FL_MAX_TIMEOUT_US;

    for (size_t i = 0; i < plan->n_specs; i++)
        if (plan->specs[i].timeout_us < shortest_us)
            shortest_us = plan->specs[i].timeout_us;
    return shortest_us;
}

/* Go over to `next`, which is then taken. On failure nothing has changed. */
static int follow(struct agent *agent, struct fl_plan **next, struct fl_error *err)
{
    FL_CLEANUP(schedule_freep) struct schedule *schedule = NULL;
    FL_CLEANUP(free_plan) struct fl_plan *old = NULL;
    int r = schedule_new(agent->config.name, agent->start_us, &schedule);

    asked_plan_goes(agent->asked);
    if (r == 0)
        r = schedule_set_plan(schedule, *next, fl_clock_monotonic());
    if (r < 0)
        return fl_error_set(err, r, "no memory for the schedule of %zu probes", (*next)->n_specs);
    r = probe_runner_set_plan(agent->runner, *next, err);
    if (r < 0)
        return r;
    old = agent->plan;
    agent->plan = FL_TAKE(*next);
    schedule_free(agent->schedule);
    agent->schedule = FL_TAKE(schedule);
    memcpy(agent->mesh_key, agent->plan->mesh_key, sizeof(agent->mesh_key));
    outbox_set_shortest_timeout(agent->outbox, shortest_timeout(agent->plan));
    name_disks(agent);
    agent_arm_probes(agent);
    return 0;
}

/* Take what is in `plan` over and follow it. */
static int adopt(struct agent *agent, struct fl_plan *plan, struct fl_error *err)
{
    FL_CLEANUP(free_plan) struct fl_plan *next = malloc(sizeof(*next));

    if (!next)
        return fl_error_set(err, -ENOMEM, "no memory for a plan");
    *next = *plan;
    fl_plan_init(plan);
    return follow(agent, &next, err);
}

/* The plan of the first coordinator in the list that is up is followed. */
static const struct link *leader_before(const struct agent *agent, const struct link *link)
{
    for (size_t i = 0; i < agent->n_links && agent->links[i] != link; i++)
        if (link_is_up(agent->links[i]))
            return agent->links[i];
    return NULL;
}

void agent_plan_receive(struct link *link, struct fl_plan *plan, void *arg)
{
    struct agent *agent = arg;
    const struct link *leader = leader_before(agent, link);
    struct fl_error err = {""};
    uint64_t version = plan->version;

    if (version == agent->plan->version && fl_plan_equal(plan, agent->plan)) {
        link_answer_plan(link, version, "");
        return;
    }
    if (leader) {
        (void)fl_error_set(&err, 0, "the plan of the coordinator %s is followed, and differs",
                           link_address(leader));
        link_answer_plan(link, version, err.message);
        return;
    }
    agent_flush(agent); /* these results belong to the old plan */
    if (adopt(agent, plan, &err) < 0) {
        fl_log_error(AGENT_COMPONENT, "plan %llu of %s is refused, plan %llu stays: %s",
                     (unsigned long long)version, link_address(link),
                     (unsigned long long)agent->plan->version, err.message);
        link_answer_plan(link, version, err.message);
        return;
    }
    fl_log_info(AGENT_COMPONENT, "plan %llu of %s: %zu probes",
                (unsigned long long)agent->plan->version, link_address(link), agent->plan->n_specs);
    link_answer_plan(link, version, "");
    if (plan_file_write(agent->plan_path, agent->plan, &err) < 0)
        fl_log_warning(AGENT_COMPONENT,
                       "the plan is followed but could not be kept for the next start: %s",
                       err.message);
}

void agent_plan_start(struct agent *agent)
{
    struct fl_plan plan;
    struct fl_error err = {""};
    int r = plan_file_read(agent->plan_path, &plan, &err);

    if (r == -ENOENT)
        return;
    if (r == 0) {
        r = adopt(agent, &plan, &err);
        fl_plan_done(&plan);
    }
    if (r < 0)
        fl_log_warning(AGENT_COMPONENT,
                       "the plan on disk cannot be used, waiting for a coordinator's: %s",
                       err.message);
    else
        fl_log_info(AGENT_COMPONENT, "plan %llu from disk: %zu probes",
                    (unsigned long long)agent->plan->version, agent->plan->n_specs);
}
