/* The step: take in what happened, judge each group, decide for each of its zones, and say what
 * became different. */
#include "coordinator/core/decision_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RENEWALS 3 /* within the validity of a decision */

/* What a zone is told, before shadow. */
struct word {
    enum decision_state state;
    enum decision_reason reason;
    uint64_t verdict;
    char why[DECISION_WHY_SIZE];
};

static const char *const state_names[DECISION_STATES] = {"serve", "avoid", "hold"};

static const char *const reason_names[DECISION_REASONS] = {
    [REASON_HEALTHY] = "healthy",
    [REASON_FAULT] = "fault",
    [REASON_HOLD_DOWN] = "hold_down",
    [REASON_RETURNED] = "returned",
    [REASON_OPERATOR] = "operator",
    [REASON_OFF] = "off",
    [REASON_NOT_ISSUER] = "not_issuer",
    [REASON_TAKEOVER] = "takeover",
    [REASON_STALLED] = "stalled",
    [REASON_LAPSED] = "lapsed",
    [REASON_BLIND] = "blind",
    [REASON_MONITORING] = "monitoring",
    [REASON_LOCAL] = "local",
    [REASON_UNSURE] = "unsure",
    [REASON_ONE_WITNESS] = "one_witness",
    [REASON_ONE_ZONE] = "one_zone",
    [REASON_FEW_SAMPLES] = "few_samples",
    [REASON_FEW_FAULTS] = "few_faults",
    [REASON_NO_SKEW] = "no_skew",
    [REASON_SHARED] = "shared",
    [REASON_PANIC] = "panic",
    [REASON_BLOCKED] = "blocked",
    [REASON_MAX_AVOID] = "max_avoid",
    [REASON_MIN_SERVING] = "min_serving",
    [REASON_CAPACITY] = "capacity",
    [REASON_COOL_DOWN] = "cool_down",
    [REASON_RATE] = "rate",
    [REASON_VETO_PENDING] = "veto_pending",
    [REASON_VETO] = "veto",
};

static const char *const record_names[] = {"made", "renewed", "withheld"};
static const char *const act_names[] = {"serve", "avoid", "auto", "acknowledge", "block"};

const char *decision_state_name(enum decision_state state)
{
    return (unsigned)state < DECISION_STATES ? state_names[state] : "unknown";
}

int decision_state_parse(const char *name)
{
    for (int i = 0; i < DECISION_STATES; i++)
        if (strcmp(state_names[i], name) == 0)
            return i;
    return -1;
}

const char *decision_reason_name(enum decision_reason reason)
{
    return (unsigned)reason < DECISION_REASONS ? reason_names[reason] : "unknown";
}

const char *decision_record_name(enum decision_record_type type)
{
    return (unsigned)type < FL_COUNT(record_names) ? record_names[type] : "unknown";
}

const char *decision_act_name(enum decision_act act)
{
    return (unsigned)act < FL_COUNT(act_names) ? act_names[act] : "unknown";
}

int decision_act_parse(const char *name)
{
    for (size_t i = 0; i < FL_COUNT(act_names); i++)
        if (strcmp(act_names[i], name) == 0)
            return (int)i;
    return -1;
}

static const struct decision_policy *policy_of(const struct decider *decider, uint32_t group)
{
    return &decider->settings->groups[group].policy;
}

static bool overruled(const struct decider *decider, const struct member_state *member)
{
    return decider->now_us < member->said_until_us;
}

static bool looks_stalled(const struct decider *decider)
{
    return decider->now_us - decider->look_us > DECISION_STALL_US ||
           decider->now_us - decider->unstalled_us < DECISION_STALL_US;
}

/* Why nobody is told anything new now; REASON_HEALTHY when all is as it should be. */
static enum decision_reason suspended(const struct decider *decider, uint32_t group, char *why)
{
    if (!decider->settings->enabled || policy_of(decider, group)->mode == DECISION_MODE_OFF) {
        (void)snprintf(why, DECISION_WHY_SIZE, "decisions are switched off");
        return REASON_OFF;
    }
    if (decider->now_us - decider->held_us < decider->settings->takeover_us) {
        (void)snprintf(why, DECISION_WHY_SIZE,
                       "this coordinator has just begun: what an older one said may still be on "
                       "its way");
        return REASON_TAKEOVER;
    }
    if (looks_stalled(decider)) {
        (void)snprintf(why, DECISION_WHY_SIZE,
                       "nobody looked for more than %lld s; evidence is gathered anew",
                       (long long)(DECISION_STALL_US / FL_SECOND));
        return REASON_STALLED;
    }
    return REASON_HEALTHY;
}

static void move_away(struct decider *decider, uint32_t group, uint32_t member, struct word *word)
{
    struct member_state *state = &decider->groups[group].members[member];
    const struct decision_group *of = &decider->settings->groups[group];

    word->reason = decision_may_avoid(decider, group, member, word->why);
    if (word->reason != REASON_FAULT) {
        word->state = DECISION_HOLD;
        return;
    }
    state->avoided = true;
    state->verdict = state->judgement.verdict;
    state->good_since_us = 0;
    state->enforced =
        decision_hash(of->name, state->verdict) % 100 < (uint64_t)of->policy.enforce_percent;
    decision_note_move(decider, group, member);
    word->state = DECISION_AVOID;
    word->reason = state->judgement.reason;
    (void)snprintf(word->why, sizeof(word->why), "%s", state->judgement.why);
}

/* It is avoided: still, or back, or unknown? */
static void decide_avoided(struct decider *decider, uint32_t group, uint32_t member,
                           struct word *word)
{
    struct member_state *state = &decider->groups[group].members[member];
    const struct judgement *judgement = &state->judgement;
    enum health health = judgement->health;

    word->verdict = state->verdict;
    word->state = DECISION_AVOID;
    if (health == HEALTH_BLIND && policy_of(decider, group)->stale != DECISION_STALE_HEALTHY) {
        if (policy_of(decider, group)->stale == DECISION_STALE_LAST)
            word->state = DECISION_HOLD;
        state->good_since_us = 0;
        return;
    }
    if (health == HEALTH_BAD || health == HEALTH_DOUBT) {
        state->good_since_us = 0;
        word->reason = REASON_FAULT;
        return;
    }
    if (health == HEALTH_GOOD && !judgement->clean)
        state->good_since_us = 0;
    else if (!state->good_since_us)
        state->good_since_us = decider->now_us;
    word->reason = decision_may_return(decider, group, member, word->why);
    if (word->reason != REASON_RETURNED)
        return;
    state->avoided = false;
    decision_note_move(decider, group, member);
    word->state = DECISION_SERVE;
}

static void decide_serving(struct decider *decider, uint32_t group, uint32_t member,
                           struct word *word)
{
    const struct member_state *state = &decider->groups[group].members[member];
    int64_t stale = policy_of(decider, group)->stale;

    switch (state->judgement.health) {
    case HEALTH_GOOD:
        word->state = DECISION_SERVE;
        word->verdict = 0;
        break;
    case HEALTH_BAD:
        move_away(decider, group, member, word);
        break;
    case HEALTH_BLIND:
        word->state = stale == DECISION_STALE_HEALTHY ? DECISION_SERVE : DECISION_HOLD;
        if (stale == DECISION_STALE_UNHEALTHY)
            move_away(decider, group, member, word);
        break;
    case HEALTH_DOUBT:
        word->state = DECISION_HOLD;
        if (decider->groups[group].shared)
            word->reason = decision_may_avoid(decider, group, member, word->why);
        break;
    }
}

/* What stands while the state is hold lapses when nothing has backed it for its validity. */
static void lapse(const struct decider *decider, uint32_t group, struct member_state *state,
                  const struct word *word)
{
    if (word->state == DECISION_AVOID)
        state->backed_us = decider->now_us;
    else if (state->avoided &&
             decider->now_us >=
                 fl_time_add(state->backed_us, policy_of(decider, group)->valid_for_us))
        state->avoided = false;
}

static void decide(struct decider *decider, uint32_t group, uint32_t member, struct word *word)
{
    struct member_state *state = &decider->groups[group].members[member];
    enum decision_reason reason;

    *word = (struct word){DECISION_HOLD, state->judgement.reason, state->judgement.verdict, ""};
    (void)snprintf(word->why, sizeof(word->why), "%s", state->judgement.why);
    if (overruled(decider, state)) {
        char until[FL_TIME_TEXT_SIZE];

        *word = (struct word){state->said, REASON_OPERATOR, 0, ""};
        (void)snprintf(word->why, sizeof(word->why), "a person said so, until %s",
                       fl_time_format(state->said_until_us, until));
        lapse(decider, group, state, word);
        return;
    }
    reason = suspended(decider, group, word->why);
    if (reason == REASON_OFF)
        state->avoided = false;
    if (reason != REASON_HEALTHY) {
        word->reason = reason;
        word->verdict = state->avoided ? state->verdict : 0;
    } else if (state->avoided) {
        decide_avoided(decider, group, member, word);
    } else {
        decide_serving(decider, group, member, word);
    }
    lapse(decider, group, state, word);
}

/* Per cent of its usual traffic: down by steps, and up by steps again. */
static int64_t weight_of(const struct decider *decider, uint32_t group,
                         const struct member_state *state)
{
    const struct decision_policy *policy = policy_of(decider, group);
    int64_t steps = policy->drain_steps, done = steps;

    if (state->moved_us && policy->drain_interval_us > 0)
        done = 1 + (decider->now_us - state->moved_us) / policy->drain_interval_us;
    if (done > steps)
        done = steps;
    return state->avoided ? 100 - 100 * done / steps : 100 * done / steps;
}

static struct decision_record *record(struct decider *decider, enum decision_record_type type,
                                      uint32_t group, uint32_t member,
                                      const struct decision *decision)
{
    struct decision_record *at = &decider->records[decider->n_records];

    if (decider->n_records == decider->records_room)
        return NULL;
    decider->n_records++;
    *at = (struct decision_record){type, decider->now_us, group, member, *decision};
    return at;
}

static bool differs(const struct decision *a, const struct decision *b)
{
    return a->state != b->state || a->standing != b->standing || a->would != b->would ||
           a->shadow != b->shadow || a->weight != b->weight || a->reason != b->reason ||
           a->verdict != b->verdict || a->generation == 0;
}

static void publish(struct decider *decider, uint32_t group, uint32_t member,
                    const struct word *word)
{
    struct member_state *state = &decider->groups[group].members[member];
    const struct decision_policy *policy = policy_of(decider, group);
    struct decision next = state->now;
    fl_time lapses = fl_time_add(state->backed_us, policy->valid_for_us);

    next.shadow = word->reason != REASON_OPERATOR &&
                  (policy->mode == DECISION_MODE_SHADOW || (state->avoided && !state->enforced));
    next.would = word->state;
    next.state = next.shadow ? DECISION_HOLD : word->state;
    next.standing = state->avoided && !next.shadow ? DECISION_AVOID : DECISION_SERVE;
    next.weight = next.shadow ? 100 : weight_of(decider, group, state);
    next.reason = word->reason;
    next.verdict = word->verdict;
    if (!differs(&next, &state->now) &&
        decider->now_us - state->now.issued_us < policy->valid_for_us / RENEWALS)
        return;
    memcpy(next.why, word->why, sizeof(next.why));
    next.issued_us = decider->now_us;
    next.valid_until_us = fl_time_add(decider->now_us, policy->valid_for_us);
    if (next.state == DECISION_HOLD && next.standing == DECISION_AVOID &&
        lapses < next.valid_until_us)
        next.valid_until_us = lapses;
    if (word->reason == REASON_OPERATOR && state->said_until_us < next.valid_until_us)
        next.valid_until_us = state->said_until_us;
    if (!differs(&next, &state->now)) {
        state->now = next;
        (void)record(decider, DECISION_RENEWED, group, member, &next);
        return;
    }
    next.generation = ++decider->generation;
    decider->groups[group].generation = next.generation;
    state->now = next;
    (void)record(decider, DECISION_MADE, group, member, &next);
}

/* A verdict touched the zone and no move was made for it: kept once a reason. */
static void note_withheld(struct decider *decider, uint32_t group, uint32_t member,
                          const struct word *word)
{
    struct member_state *state = &decider->groups[group].members[member];
    const struct judgement *judgement = &state->judgement;
    enum decision_reason reason = word->reason;
    struct decision_record *at;

    if (!judgement->verdict || state->avoided) {
        state->withheld = state->withheld && judgement->verdict;
        return;
    }
    if (judgement->health == HEALTH_GOOD)
        reason = REASON_MONITORING;
    if (state->withheld && state->withheld_verdict == judgement->verdict &&
        state->withheld_reason == reason)
        return;
    state->withheld = true;
    state->withheld_verdict = judgement->verdict;
    state->withheld_reason = reason;
    at = record(decider, DECISION_WITHHELD, group, member, &state->now);
    if (!at)
        return;
    at->decision.reason = reason;
    at->decision.verdict = judgement->verdict;
    (void)snprintf(at->decision.why, sizeof(at->decision.why), "%s",
                   reason == REASON_MONITORING && judgement->health == HEALTH_GOOD
                       ? "the verdict is about monitoring itself"
                       : word->why);
}

static void evaluate(struct decider *decider)
{
    for (uint32_t group = 0; group < decider->settings->n_groups; group++) {
        const struct decision_group *of = &decider->settings->groups[group];

        if (decider->only != FLEET_NONE && decider->only != group)
            continue;
        decision_judge_group(decider, group);
        for (uint32_t member = 0; member < of->n_members; member++) {
            struct word word;

            decide(decider, group, member, &word);
            publish(decider, group, member, &word);
            note_withheld(decider, group, member, &word);
        }
    }
}

static void take_look(struct decider *decider, const struct decision_look *look)
{
    if (!decider->look_us || decider->now_us - decider->look_us > DECISION_STALL_US)
        decider->unstalled_us = decider->now_us;
    decider->look_us = decider->now_us;
    decision_look_copy(decider->look, look);
}

static void take_verdict(struct decider *decider, const struct verdict_event *event)
{
    const struct verdict *verdict = &event->verdict;
    size_t at = 0;

    while (at < decider->n_faults && decider->faults[at].id != verdict->id)
        at++;
    if (event->type == VERDICT_CLOSE) {
        if (at < decider->n_faults)
            memmove(&decider->faults[at], &decider->faults[at + 1],
                    (--decider->n_faults - at) * sizeof(decider->faults[0]));
        return;
    }
    if (at == FL_COUNT(decider->faults))
        return;
    if (at == decider->n_faults)
        decider->n_faults++;
    decider->faults[at] = (struct decision_fault){
        verdict->id, verdict->class, verdict->cause, verdict->confidence, verdict->since_us, ""};
    (void)snprintf(decider->faults[at].component, FL_COMPONENT_SIZE, "%s", verdict->component);
}

static void obey(struct decider *decider, const struct decision_event *event)
{
    struct group_state *group = &decider->groups[event->group];
    struct member_state *member = &group->members[event->member];

    switch (event->act) {
    case DECISION_ACT_SERVE:
    case DECISION_ACT_AVOID:
        member->said = event->act == DECISION_ACT_SERVE ? DECISION_SERVE : DECISION_AVOID;
        member->said_until_us = event->until_us;
        if (member->avoided != (event->act == DECISION_ACT_AVOID)) {
            member->avoided = !member->avoided;
            member->enforced = true;
            member->verdict = 0;
            member->good_since_us = 0;
            decision_note_move(decider, event->group, event->member);
        }
        break;
    case DECISION_ACT_AUTO:
        member->said_until_us = 0;
        break;
    case DECISION_ACT_ACKNOWLEDGE:
        group->last_move_us = 0;
        break;
    case DECISION_ACT_BLOCK:
        group->blocked_until_us = event->until_us;
        break;
    }
}

static void take_answer(struct decider *decider, const struct decision_event *event)
{
    struct member_state *member = &decider->groups[event->group].members[event->member];

    if (member->asked != event->answered)
        return;
    member->answered = true;
    member->vetoed = event->vetoed;
}

bool decider_issues(const struct decider *decider, fl_time now_us)
{
    return decider->held && (!decider->held_until_us || now_us < decider->held_until_us);
}

/* A new holder begins without the old one's cool-down, which might have died half-way. */
static void take_authority(struct decider *decider, const struct decision_event *event)
{
    if (event->held && !decider_issues(decider, decider->now_us)) {
        decider->held_us = decider->now_us;
        decider->n_moves = 0;
        for (size_t i = 0; i < decider->settings->n_groups; i++)
            decider->groups[i].last_move_us = 0;
    }
    decider->held = event->held;
    decider->held_until_us = event->until_us;
    if (event->generation > decider->generation)
        decider->generation = event->generation;
}

static void restore(struct decider *decider, const struct decision_event *event)
{
    struct member_state *member = &decider->groups[event->group].members[event->member];
    const struct decision *old = event->restore;

    member->now = *old; /* word for word under its number, until there is a newer one */
    member->avoided = old->standing == DECISION_AVOID && decider->now_us < old->valid_until_us;
    member->enforced = member->avoided;
    member->verdict = old->verdict;
    member->moved_us = member->avoided ? old->issued_us : 0;
    member->backed_us = old->valid_until_us - policy_of(decider, event->group)->valid_for_us;
    if (old->generation > decider->generation)
        decider->generation = old->generation;
}

void decider_step(struct decider *decider, const struct decision_event *event,
                  struct decision_update *ret_update)
{
    decider->n_records = decider->n_questions = 0;
    if (event->t_us > decider->now_us)
        decider->now_us = event->t_us;
    switch (event->type) {
    case DECISION_LOOK:
        take_look(decider, event->look);
        break;
    case DECISION_VERDICT:
        take_verdict(decider, event->verdict);
        break;
    case DECISION_OPERATOR:
        obey(decider, event);
        break;
    case DECISION_ANSWER:
        take_answer(decider, event);
        break;
    case DECISION_AUTHORITY:
        take_authority(decider, event);
        break;
    case DECISION_RESTORE:
        restore(decider, event);
        break;
    }
    if (decider_issues(decider, decider->now_us) && decider->look_us &&
        event->type != DECISION_VERDICT)
        evaluate(decider);
    *ret_update = (struct decision_update){decider->records, decider->n_records, decider->questions,
                                           decider->n_questions};
}

void decider_at(const struct decider *decider, uint32_t group, uint32_t member, fl_time now_us,
                struct decision *ret)
{
    bool issues = decider_issues(decider, now_us);
    bool valid;

    *ret = decider->groups[group].members[member].now;
    valid = now_us < ret->valid_until_us;
    if (issues && valid)
        return;
    ret->state = ret->would = DECISION_HOLD;
    if (!valid) {
        ret->standing = DECISION_SERVE;
        ret->weight = 100;
    }
    ret->reason = issues ? REASON_LAPSED : REASON_NOT_ISSUER;
    (void)snprintf(ret->why, sizeof(ret->why), "%s",
                   issues ? "the last decision has expired and there is no newer one"
                          : "this coordinator does not issue decisions now");
}

uint64_t decider_generation(const struct decider *decider)
{
    return decider->generation;
}

uint64_t decider_group_generation(const struct decider *decider, uint32_t group)
{
    return decider->groups[group].generation;
}

static size_t count_members(const struct decision_settings *settings)
{
    size_t n = 0;

    for (size_t i = 0; i < settings->n_groups; i++)
        n += settings->groups[i].n_members;
    return n;
}

int decision_look_new(const struct decision_settings *settings, size_t n_zones,
                      struct decision_look **ret)
{
    FL_CLEANUP(decision_look_freep) struct decision_look *look = calloc(1, sizeof(*look));
    size_t n = count_members(settings);

    if (!look)
        return -ENOMEM;
    look->n_zones = n_zones;
    look->n_members = n;
    look->from = calloc(n * n_zones + 1, sizeof(*look->from));
    look->needs = calloc(n + 1, sizeof(*look->needs));
    look->good_targets = calloc(n + 1, sizeof(*look->good_targets));
    if (!look->from || !look->needs || !look->good_targets)
        return -ENOMEM;
    *ret = FL_TAKE(look);
    return 0;
}

void decision_look_copy(struct decision_look *to, const struct decision_look *from)
{
    memcpy(to->from, from->from, to->n_members * to->n_zones * sizeof(*to->from));
    memcpy(to->needs, from->needs, to->n_members * sizeof(*to->needs));
    memcpy(to->good_targets, from->good_targets, to->n_members * sizeof(*to->good_targets));
}

struct decision_look *decision_look_free(struct decision_look *look)
{
    if (!look)
        return NULL;
    free(look->from);
    free(look->needs);
    free(look->good_targets);
    free(look);
    return NULL;
}

static void name_members(struct decider *decider)
{
    for (size_t i = 0, first = 0; i < decider->settings->n_groups; i++) {
        const struct decision_group *group = &decider->settings->groups[i];

        decider->first_member[i] = first;
        first += group->n_members;
        for (size_t k = 0; k < group->n_members; k++) {
            struct decision *now = &decider->groups[i].members[k].now;

            memcpy(now->group, group->name, sizeof(now->group));
            memcpy(now->zone, decider->fleet->places[group->members[k].zone].name,
                   sizeof(now->zone));
            now->state = now->would = DECISION_HOLD;
            now->weight = 100;
        }
    }
}

static int list_probes(struct decider *decider)
{
    const struct fleet *fleet = decider->fleet;

    decider->first_probe = calloc(fleet->n_targets + 1, sizeof(*decider->first_probe));
    decider->next_probe = calloc(fleet->n_probes + 1, sizeof(*decider->next_probe));
    decider->votes = calloc(fleet->n_agents + 1, sizeof(*decider->votes));
    if (!decider->first_probe || !decider->next_probe || !decider->votes)
        return -ENOMEM;
    for (size_t i = 0; i < fleet->n_targets; i++)
        decider->first_probe[i] = FLEET_NONE;
    for (uint32_t i = 0; i < fleet->n_probes; i++) {
        decider->next_probe[i] = decider->first_probe[fleet->probes[i].target];
        decider->first_probe[fleet->probes[i].target] = i;
    }
    return 0;
}

int decider_new(const struct decision_settings *settings, const struct fleet *fleet,
                struct decider **ret)
{
    FL_CLEANUP(decider_freep) struct decider *decider = calloc(1, sizeof(*decider));
    size_t n = count_members(settings);

    if (!decider)
        return -ENOMEM;
    decider->settings = settings;
    decider->fleet = fleet;
    decider->only = FLEET_NONE;
    decider->records_room = 2 * n;
    decider->groups = calloc(settings->n_groups + 1, sizeof(*decider->groups));
    decider->first_member = calloc(settings->n_groups + 1, sizeof(*decider->first_member));
    decider->records = calloc(2 * n + 1, sizeof(*decider->records));
    if (!decider->groups || !decider->first_member || !decider->records ||
        list_probes(decider) < 0 || decision_look_new(settings, fleet->n_zones, &decider->look) < 0)
        return -ENOMEM;
    name_members(decider);
    *ret = FL_TAKE(decider);
    return 0;
}

struct decider *decider_free(struct decider *decider)
{
    if (!decider)
        return NULL;
    decision_look_free(decider->look);
    free(decider->first_probe);
    free(decider->next_probe);
    free(decider->votes);
    free(decider->groups);
    free(decider->first_member);
    free(decider->records);
    free(decider);
    return NULL;
}

int decider_copy(const struct decider *decider, struct decider **ret)
{
    struct decider *copy = NULL, blank;
    int r = decider_new(decider->settings, decider->fleet, &copy);

    if (r < 0)
        return r;
    /* everything but what the copy owns itself */
    blank = *copy;
    *copy = *decider;
    copy->groups = blank.groups;
    copy->first_member = blank.first_member;
    copy->first_probe = blank.first_probe;
    copy->next_probe = blank.next_probe;
    copy->votes = blank.votes;
    copy->look = blank.look;
    copy->records = blank.records;
    memcpy(copy->groups, decider->groups, decider->settings->n_groups * sizeof(*copy->groups));
    decision_look_copy(copy->look, decider->look);
    *ret = copy;
    return 0;
}
