/* From the engine's series to what each zone saw of each member. */
#include "coordinator/core/decision_private.h"

#include <stdlib.h>
#include <string.h>

#define LATELY_US (10 * FL_SECOND) /* how far back a look goes when nothing is wrong, */
#define LATELY_INTERVALS 5         /* or so many intervals */
#define LONGEST_US FL_MINUTE       /* and how far when something is */

struct looker {
    const struct decider *decider;
    const struct engine *engine;
    fl_time now_us;
    fl_time since_us; /* onset of the fault that touches the member; 0: there is none */
};

static fl_time onset(const struct decider *decider, const struct decision_member *member,
                     fl_time now_us)
{
    fl_time earliest = 0;

    for (size_t i = 0; i < decider->n_faults; i++) {
        const struct decision_fault *fault = &decider->faults[i];
        struct decision_touch touch = decision_touches(decider->fleet, member, fault);

        if ((touch.targets || touch.needs) && (!earliest || fault->since_us < earliest))
            earliest = fault->since_us;
    }
    return earliest && earliest < now_us - LONGEST_US ? now_us - LONGEST_US : earliest;
}

static void see_probe(const struct looker *looker, uint32_t agent, uint32_t probe,
                      struct engine_count *count)
{
    int64_t lately = LATELY_INTERVALS * looker->decider->fleet->probes[probe].interval_us;
    struct engine_count one;

    if (lately < LATELY_US)
        lately = LATELY_US;
    engine_series_count(looker->engine, agent, probe,
                        looker->since_us ? looker->since_us : looker->now_us - lately, &one);
    count->samples += one.samples;
    count->faults += one.faults;
    count->local += one.local;
}

static bool may_vote(const struct looker *looker, uint32_t agent)
{
    struct engine_agent_state state;

    engine_agent_state(looker->engine, agent, &state);
    return state.seen && !state.silent && !decision_agent_disqualified(looker->decider, agent);
}

/* One agent on one target. */
static void see_target(const struct looker *looker, uint32_t agent, uint32_t target, bool votes,
                       struct engine_count *count)
{
    uint32_t probe = votes ? looker->decider->first_probe[target] : FLEET_NONE;

    for (; probe != FLEET_NONE; probe = looker->decider->next_probe[probe])
        see_probe(looker, agent, probe, count);
}

#define WITNESSED 2 /* faults: one slow answer is everybody's */

/* A witness has seen it more than once, and the share that is too much. */
static void add(struct decision_sight *sight, const struct engine_count *count, bool votes,
                int64_t fault_percent)
{
    if (!votes) {
        sight->disqualified++;
        return;
    }
    sight->samples += count->samples;
    sight->faults += count->faults;
    sight->local += count->local;
    sight->agents += count->samples > 0;
    sight->witnesses += count->faults > 0 &&
                        (uint64_t)count->faults * 100 >= (uint64_t)fault_percent * count->samples;
}

static void see_agent(const struct looker *looker, const struct decision_group *group,
                      const struct decision_member *member, uint32_t agent, bool votes,
                      struct decision_sight *from, struct decision_sight *needs,
                      struct engine_count *by_target)
{
    struct engine_count on_targets = {0}, on_needs = {0};
    uint32_t zone = looker->decider->fleet->agents[agent].zone;

    for (size_t i = 0; i < member->n_targets; i++) {
        struct engine_count one = {0};

        see_target(looker, agent, member->targets[i], votes, &one);
        by_target[i].samples += one.samples;
        by_target[i].faults += one.faults;
        on_targets.samples += one.samples;
        on_targets.faults += one.faults;
        on_targets.local += one.local;
    }
    add(&from[zone], &on_targets, votes, group->policy.fault_percent);
    if (zone != member->zone)
        return;
    for (size_t i = 0; i < member->n_needs; i++)
        see_target(looker, agent, member->needs[i], votes, &on_needs);
    add(needs, &on_needs, votes, group->policy.fault_percent);
}

static void see_member(struct looker *looker, uint32_t group, uint32_t member_index,
                       const bool *votes, struct decision_look *ret)
{
    const struct decision_group *of = &looker->decider->settings->groups[group];
    const struct decision_member *member = &of->members[member_index];
    size_t at = looker->decider->first_member[group] + member_index;
    struct engine_count by_target[DECISION_MAX_TARGETS] = {0};

    looker->since_us = onset(looker->decider, member, looker->now_us);
    for (uint32_t agent = 0; agent < looker->decider->fleet->n_agents; agent++)
        see_agent(looker, of, member, agent, votes[agent], &ret->from[at * ret->n_zones],
                  &ret->needs[at], by_target);
    for (size_t i = 0; i < member->n_targets; i++)
        ret->good_targets[at] += by_target[i].samples > 0 &&
                                 (uint64_t)by_target[i].faults * 100 <
                                     (uint64_t)of->policy.fault_percent * by_target[i].samples;
}

void decider_look(const struct decider *decider, const struct engine *engine, fl_time now_us,
                  struct decision_look *ret)
{
    struct looker looker = {decider, engine, now_us, 0};

    memset(ret->from, 0, ret->n_members * ret->n_zones * sizeof(*ret->from));
    memset(ret->needs, 0, ret->n_members * sizeof(*ret->needs));
    memset(ret->good_targets, 0, ret->n_members * sizeof(*ret->good_targets));
    for (uint32_t agent = 0; agent < decider->fleet->n_agents; agent++)
        decider->votes[agent] = may_vote(&looker, agent);
    for (uint32_t group = 0; group < decider->settings->n_groups; group++)
        for (uint32_t i = 0; i < decider->settings->groups[group].n_members; i++)
            see_member(&looker, group, i, decider->votes, ret);
}
