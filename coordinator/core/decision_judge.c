/* Is a zone of a group at fault? A verdict must say so, and what the zones see of the group's own
 * targets must bear it out: enough agents, in enough zones, with enough samples and faults, a
 * share that would be too much by itself, and clearly more than in the group's other zones. */
#include "coordinator/core/decision_private.h"

#include <stdio.h>
#include <string.h>

#define SKEW 3.84 /* chi-squared of one degree of freedom at 5 per cent */

/* Sums over those zones that have a vote. */
struct tally {
    uint32_t samples, faults, agents, witnesses, zones, seeing_zones, disqualified, local;
};

static void tally_add(struct tally *tally, const struct decision_sight *sight)
{
    tally->samples += sight->samples;
    tally->faults += sight->faults;
    tally->agents += sight->agents;
    tally->witnesses += sight->witnesses;
    tally->zones += sight->agents > 0;
    tally->seeing_zones += sight->witnesses > 0;
    tally->disqualified += sight->disqualified;
    tally->local += sight->local;
}

/* From one zone alone, or with `from` FLEET_NONE from all. */
static struct tally tally_of(const struct decider *decider, uint32_t group, uint32_t member,
                             bool needs, uint32_t from)
{
    size_t at = decider->first_member[group] + member, n_zones = decider->look->n_zones;
    struct tally tally = {0};

    if (needs) {
        tally_add(&tally, &decider->look->needs[at]);
        return tally;
    }
    for (size_t zone = 0; zone < n_zones; zone++)
        if (from == FLEET_NONE || from == zone)
            tally_add(&tally, &decider->look->from[at * n_zones + zone]);
    return tally;
}

static bool among(const uint32_t *targets, size_t n, uint32_t target)
{
    for (size_t i = 0; i < n; i++)
        if (targets[i] == target)
            return true;
    return false;
}

static bool any_at(const struct fleet *fleet, const uint32_t *targets, size_t n, uint32_t place)
{
    for (size_t i = 0; i < n; i++)
        if (fleet->targets[targets[i]].place == place)
            return true;
    return false;
}

static bool any_behind(const struct fleet *fleet, const uint32_t *targets, size_t n,
                       const char *backend)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t own = fleet->targets[targets[i]].backend;

        if (own != FLEET_NONE && strcmp(fleet->backends[own].name, backend) == 0)
            return true;
    }
    return false;
}

/* "X~Y" or "X>Y": the two places. */
static bool path_ends(const struct fleet *fleet, const char *name, uint32_t ret[2])
{
    const char *middle = strpbrk(name, "~>");
    char first[FL_COMPONENT_SIZE];

    if (!middle)
        return false;
    (void)snprintf(first, sizeof(first), "%.*s", (int)(middle - name), name);
    ret[0] = fleet_find_place(fleet, first);
    ret[1] = fleet_find_place(fleet, middle + 1);
    return ret[0] != FLEET_NONE && ret[1] != FLEET_NONE;
}

static struct decision_touch path_touches(const struct fleet *fleet,
                                          const struct decision_member *member, const char *name)
{
    struct decision_touch touch = {false, false, FLEET_NONE};
    uint32_t ends[2];

    if (!path_ends(fleet, name, ends))
        return touch;
    for (size_t i = 0; i < 2; i++) {
        uint32_t here = ends[i], there = ends[1 - i];

        /* its own agents go this way to what it needs; others go it to what it serves */
        touch.needs |= here == member->zone && any_at(fleet, member->needs, member->n_needs, there);
        if (there < fleet->n_zones && any_at(fleet, member->targets, member->n_targets, here)) {
            touch.targets = true;
            touch.from = there;
        }
    }
    return touch;
}

struct decision_touch decision_touches(const struct fleet *fleet,
                                       const struct decision_member *member,
                                       const struct decision_fault *fault)
{
    const char *name = strchr(fault->component, ':');
    size_t kind = name ? (size_t)(name - fault->component) : 0;
    struct decision_touch touch = {false, false, FLEET_NONE};
    uint32_t index;

    if (!name)
        return touch;
    name++;
    if (strncmp(fault->component, "path", kind) == 0)
        return path_touches(fleet, member, name);
    if (strncmp(fault->component, "target", kind) == 0) {
        index = fleet_find_target(fleet, name);
        touch.targets = among(member->targets, member->n_targets, index);
        touch.needs = among(member->needs, member->n_needs, index);
    } else if (strncmp(fault->component, "backend", kind) == 0) {
        touch.targets = any_behind(fleet, member->targets, member->n_targets, name);
        touch.needs = any_behind(fleet, member->needs, member->n_needs, name);
    } else if (strncmp(fault->component, "zone", kind) == 0 ||
               strncmp(fault->component, "place", kind) == 0) {
        index = fleet_find_place(fleet, name);
        touch.targets =
            index == member->zone || any_at(fleet, member->targets, member->n_targets, index);
        touch.needs = index == member->zone || any_at(fleet, member->needs, member->n_needs, index);
    } else if (strncmp(fault->component, "resolver", kind) == 0) {
        touch.needs = fleet_find_place(fleet, name) == member->zone && member->n_needs > 0;
    }
    return touch;
}

/* The host and the way home of an agent say something of the witness, not of what it looks at. */
static bool of_a_witness(const struct decision_fault *fault)
{
    return strncmp(fault->component, "host:", 5) == 0 || strncmp(fault->component, "link:", 5) == 0;
}

bool decision_agent_disqualified(const struct decider *decider, uint32_t agent)
{
    const char *name = decider->fleet->agents[agent].name;

    for (size_t i = 0; i < decider->n_faults; i++)
        if (of_a_witness(&decider->faults[i]) &&
            strcmp(decider->faults[i].component + 5, name) == 0)
            return true;
    return false;
}

/* A witness in this zone, or monitoring itself, is what the verdict is about. */
static bool about_monitoring(const struct decider *decider, const struct decision_member *member,
                             const struct decision_fault *fault)
{
    uint32_t agent;

    if (of_a_witness(fault)) {
        agent = fleet_find_agent(decider->fleet, fault->component + 5);
        return agent != FLEET_NONE && decider->fleet->agents[agent].zone == member->zone;
    }
    return fault->class == VERDICT_MONITORING &&
           (decision_touches(decider->fleet, member, fault).targets ||
            decision_touches(decider->fleet, member, fault).needs);
}

static double chi_squared(const struct tally *one, const struct tally *other)
{
    double a = one->faults, b = one->samples - one->faults, c = other->faults,
           d = other->samples - other->faults, n = a + b + c + d,
           below = (a + b) * (c + d) * (a + c) * (b + d);

    return below > 0 ? n * (a * d - b * c) * (a * d - b * c) / below : 0;
}

static bool too_much(const struct tally *tally, const struct decision_policy *policy)
{
    return tally->samples > 0 &&
           (uint64_t)tally->faults * 100 >= (uint64_t)policy->fault_percent * tally->samples;
}

static int refuse(struct judgement *judgement, enum decision_reason reason)
{
    judgement->reason = reason;
    return -1;
}

/* Does it lie with this zone more than with the group's others? */
static int compare(const struct decider *decider, uint32_t group, uint32_t member, bool needs,
                   uint32_t from, const struct tally *own, struct judgement *judgement)
{
    const struct decision_group *of = &decider->settings->groups[group];
    struct tally others = {0};

    for (uint32_t i = 0; i < of->n_members; i++) {
        struct tally one = tally_of(decider, group, i, needs, from);

        if (i == member || decider->groups[group].members[i].avoided)
            continue;
        others.samples += one.samples;
        others.faults += one.faults;
    }
    if (chi_squared(own, &others) >= SKEW &&
        (uint64_t)own->faults * others.samples > (uint64_t)others.faults * own->samples)
        return 0;
    (void)snprintf(judgement->why, sizeof(judgement->why),
                   "%u of %u probes go wrong here and %u of %u in the group's other zones: no "
                   "clear difference",
                   own->faults, own->samples, others.faults, others.samples);
    return refuse(judgement, REASON_NO_SKEW);
}

/* Enough of everything? */
static int weigh(const struct decider *decider, uint32_t group, uint32_t member, bool needs,
                 uint32_t from, struct judgement *judgement)
{
    const struct decision_policy *policy = &decider->settings->groups[group].policy;
    struct tally own = tally_of(decider, group, member, needs, from);
    char *why = judgement->why;
    size_t size = sizeof(judgement->why);

    if (own.faults == 0 && own.local > 0) {
        (void)snprintf(why, size, "%u probes failed for a reason of their own agents", own.local);
        return refuse(judgement, REASON_LOCAL);
    }
    if (own.samples < policy->min_samples) {
        (void)snprintf(why, size, "%u probes since the onset; %lld are needed", own.samples,
                       (long long)policy->min_samples);
        return refuse(judgement, REASON_FEW_SAMPLES);
    }
    if (own.faults < policy->min_faults || !too_much(&own, policy)) {
        (void)snprintf(why, size, "%u of %u probes go wrong; at least %lld and %lld %% are needed",
                       own.faults, own.samples, (long long)policy->min_faults,
                       (long long)policy->fault_percent);
        return refuse(judgement, REASON_FEW_FAULTS);
    }
    if (own.witnesses < policy->min_witnesses) {
        (void)snprintf(why, size, "%u agent sees it; %lld are needed", own.witnesses,
                       (long long)policy->min_witnesses);
        return refuse(judgement, REASON_ONE_WITNESS);
    }
    if (!needs && own.seeing_zones < policy->min_zones) {
        (void)snprintf(why, size, "it is seen from %u zone; %lld are needed", own.seeing_zones,
                       (long long)policy->min_zones);
        return refuse(judgement, REASON_ONE_ZONE);
    }
    return compare(decider, group, member, needs, from, &own, judgement);
}

static void judge_fault(const struct decider *decider, uint32_t group, uint32_t member,
                        const struct decision_fault *fault, struct decision_touch touch,
                        struct judgement *ret)
{
    const struct decision_policy *policy = &decider->settings->groups[group].policy;
    const char *cause = verdict_cause_name(fault->cause);

    *ret = (struct judgement){.health = HEALTH_DOUBT, .verdict = fault->id};
    if (fault->confidence * 100 < (double)policy->confidence_percent) {
        ret->reason = REASON_UNSURE;
        (void)snprintf(ret->why, sizeof(ret->why), "the verdict is %.0f %% sure; %lld are needed",
                       fault->confidence * 100, (long long)policy->confidence_percent);
        return;
    }
    if ((!touch.targets || weigh(decider, group, member, false, touch.from, ret) < 0) &&
        (!touch.needs || weigh(decider, group, member, true, FLEET_NONE, ret) < 0))
        return;
    ret->health = HEALTH_BAD;
    ret->reason = REASON_FAULT;
    (void)snprintf(ret->why, sizeof(ret->why), "%s, %s%s%s, %.0f %% sure",
                   verdict_class_name(fault->class), fault->component, cause ? ", " : "",
                   cause ? cause : "", fault->confidence * 100);
}

/* Without a verdict: is it seen at all, and is it clean enough for a way back? */
static void judge_sight(const struct decider *decider, uint32_t group, uint32_t member,
                        struct judgement *ret)
{
    const struct decision_group *of = &decider->settings->groups[group];
    const struct decision_policy *policy = &of->policy;
    struct tally own = tally_of(decider, group, member, false, FLEET_NONE);
    struct tally needs = tally_of(decider, group, member, true, FLEET_NONE);
    uint32_t faults = own.faults > needs.faults ? own.faults : needs.faults;

    *ret = (struct judgement){.health = HEALTH_GOOD, .reason = REASON_HEALTHY};
    ret->failing = too_much(&own, policy) || too_much(&needs, policy);
    ret->clean = own.samples >= policy->min_samples && own.zones >= policy->min_zones &&
                 (of->members[member].n_needs == 0 || needs.samples > 0) &&
                 (uint64_t)own.faults * 200 < (uint64_t)policy->fault_percent * own.samples + 1 &&
                 (uint64_t)needs.faults * 200 < (uint64_t)policy->fault_percent * needs.samples + 1;
    if (own.zones < policy->min_zones || (of->members[member].n_needs > 0 && needs.samples == 0)) {
        ret->health = HEALTH_BLIND;
        ret->reason = REASON_BLIND;
        (void)snprintf(ret->why, sizeof(ret->why),
                       "seen from %u zones, %lld are needed; %u agents have no vote", own.zones,
                       (long long)policy->min_zones, own.disqualified + needs.disqualified);
        return;
    }
    (void)snprintf(ret->why, sizeof(ret->why), "%u of %u probes go wrong, from %u zones", faults,
                   own.samples + needs.samples, own.zones);
}

static void judge_member(struct decider *decider, uint32_t group, uint32_t member)
{
    const struct decision_member *of = &decider->settings->groups[group].members[member];
    struct judgement *judgement = &decider->groups[group].members[member].judgement;

    judge_sight(decider, group, member, judgement);
    for (size_t i = 0; i < decider->n_faults; i++) {
        const struct decision_fault *fault = &decider->faults[i];
        struct decision_touch touch = decision_touches(decider->fleet, of, fault);
        struct judgement found;

        if (about_monitoring(decider, of, fault)) {
            /* it moves nobody: what is seen stands, and is said to be seen by fewer */
            if (judgement->health == HEALTH_BLIND)
                judgement->reason = REASON_MONITORING;
            if (!judgement->verdict)
                judgement->verdict = fault->id;
            continue;
        }
        if (fault->class == VERDICT_MONITORING || (!touch.targets && !touch.needs))
            continue;
        judge_fault(decider, group, member, fault, touch, &found);
        found.failing = judgement->failing;
        if (found.health == HEALTH_BAD || judgement->health != HEALTH_DOUBT)
            *judgement = found;
        if (found.health == HEALTH_BAD)
            return;
    }
}

/* One fault that touches every zone, or faults in all of them: moving would not help. */
static bool is_shared(const struct decider *decider, uint32_t group)
{
    const struct decision_group *of = &decider->settings->groups[group];
    const struct group_state *state = &decider->groups[group];
    bool all_failing = true;

    for (uint32_t i = 0; i < of->n_members; i++)
        all_failing &= state->members[i].judgement.failing;
    if (all_failing)
        return true;
    for (size_t k = 0; k < decider->n_faults; k++) {
        bool all = decider->faults[k].class != VERDICT_MONITORING;

        for (uint32_t i = 0; all && i < of->n_members; i++) {
            struct decision_touch touch =
                decision_touches(decider->fleet, &of->members[i], &decider->faults[k]);

            all = (touch.targets || touch.needs) && state->members[i].judgement.failing;
        }
        if (all)
            return true;
    }
    return false;
}

void decision_judge_group(struct decider *decider, uint32_t group)
{
    const struct decision_group *of = &decider->settings->groups[group];
    struct group_state *state = &decider->groups[group];
    uint32_t bad = 0;

    for (uint32_t i = 0; i < of->n_members; i++) {
        judge_member(decider, group, i);
        bad += state->members[i].judgement.health == HEALTH_BAD ||
               state->members[i].judgement.health == HEALTH_BLIND ||
               state->members[i].judgement.failing;
    }
    state->shared = of->n_members > 1 && is_shared(decider, group);
    state->panic = bad * 100 > (uint64_t)of->policy.panic_percent * of->n_members;
}
