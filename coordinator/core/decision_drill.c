/* A drill: the zone is made to look broken to a copy of the decider, as it stands now with all
 * its limits, in virtual time, until it is avoided; then well again, until it is served from. */
#include "coordinator/core/decision_private.h"

#include <stdio.h>
#include <string.h>

#define DRILL_VERDICT (UINT64_C(1) << 62) /* no real incident gets there */
#define STRIDE_US FL_SECOND
#define PATIENCE_US (30 * FL_SECOND) /* for the move away */
#define SEEN 10                      /* probes of each agent that go wrong */

struct exercise {
    struct decider *copy;
    struct decision_look *well, *sick;
    uint32_t group, member;
    fl_time now_us;
    struct drill *drill;
};

static const char *const outcomes[] = {"succeeded", "failed", "interrupted",
                                       "capacity_check_failed"};

const char *drill_outcome_name(enum drill_outcome outcome)
{
    return (unsigned)outcome < FL_COUNT(outcomes) ? outcomes[outcome] : "unknown";
}

static const struct decision *seen(const struct exercise *exercise)
{
    return &exercise->copy->groups[exercise->group].members[exercise->member].now;
}

static void keep(struct exercise *exercise, uint64_t before)
{
    if (seen(exercise)->generation != before &&
        exercise->drill->n_steps < FL_COUNT(exercise->drill->steps))
        exercise->drill->steps[exercise->drill->n_steps++] = *seen(exercise);
}

static void step(struct exercise *exercise, const struct decision_event *event)
{
    uint64_t before = seen(exercise)->generation;
    struct decision_update update;

    decider_step(exercise->copy, event, &update);
    keep(exercise, before);
    for (size_t i = 0; i < update.n_questions; i++) {
        /* the command is not asked in a drill: it would act for real */
        const struct decision_event yes = {.type = DECISION_ANSWER,
                                           .t_us = exercise->now_us,
                                           .group = update.questions[i].group,
                                           .member = update.questions[i].member,
                                           .answered = update.questions[i].verdict};
        struct decision_update after;

        before = seen(exercise)->generation;
        decider_step(exercise->copy, &yes, &after);
        keep(exercise, before);
    }
}

static void look(struct exercise *exercise, const struct decision_look *what)
{
    const struct decision_event event = {
        .type = DECISION_LOOK, .t_us = exercise->now_us, .look = what};

    step(exercise, &event);
}

static void say(struct exercise *exercise, enum verdict_event_type type)
{
    const struct decision_group *of = &exercise->copy->settings->groups[exercise->group];
    struct verdict_event event = {.t_us = exercise->now_us, .type = type};
    const struct decision_event input = {
        .type = DECISION_VERDICT, .t_us = exercise->now_us, .verdict = &event};

    event.verdict.id = DRILL_VERDICT;
    event.verdict.class = VERDICT_SERVICE;
    event.verdict.cause = CAUSE_DOWN;
    event.verdict.confidence = 1;
    event.verdict.since_us = exercise->now_us;
    (void)snprintf(event.verdict.component, sizeof(event.verdict.component), "target:%s",
                   exercise->copy->fleet->targets[of->members[exercise->member].targets[0]].name);
    step(exercise, &input);
}

/* The zone as every agent that sees it now would see it broken. */
static void make_sick(const struct exercise *exercise)
{
    struct decision_look *sick = exercise->sick;
    size_t at = exercise->copy->first_member[exercise->group] + exercise->member;

    decision_look_copy(sick, exercise->well);
    sick->good_targets[at] = 0;
    for (size_t zone = 0; zone < sick->n_zones; zone++) {
        struct decision_sight *sight = &sick->from[at * sick->n_zones + zone];

        sight->samples = sight->faults = SEEN * sight->agents;
        sight->witnesses = sight->agents;
    }
}

static int finish(struct exercise *exercise, enum drill_outcome outcome, const char *why)
{
    exercise->drill->outcome = outcome;
    (void)snprintf(exercise->drill->why, sizeof(exercise->drill->why), "%.200s", why);
    return 0;
}

/* What is real goes before what is played. */
static const char *in_the_way(const struct exercise *exercise)
{
    const struct decider *copy = exercise->copy;
    const struct decision_group *of = &copy->settings->groups[exercise->group];

    if (!copy->held || !copy->look_us)
        return "this coordinator does not issue decisions now";
    if (!copy->settings->enabled || of->policy.mode == DECISION_MODE_OFF)
        return "decisions are switched off";
    for (size_t i = 0; i < of->n_members; i++) {
        const struct member_state *member = &copy->groups[exercise->group].members[i];

        if (copy->now_us < member->said_until_us)
            return "a person has spoken for one of the zones";
        if (member->avoided || member->judgement.health == HEALTH_BAD)
            return "a real fault is going on in the group";
    }
    return NULL;
}

static bool wait_for(struct exercise *exercise, const struct decision_look *what,
                     enum decision_state wanted, int64_t patience_us)
{
    fl_time end = exercise->now_us + patience_us;

    look(exercise, what);
    while (seen(exercise)->would != wanted && exercise->now_us < end) {
        exercise->now_us += STRIDE_US;
        look(exercise, what);
    }
    return seen(exercise)->would == wanted;
}

static int play(struct exercise *exercise)
{
    const struct decision_policy *policy =
        &exercise->copy->settings->groups[exercise->group].policy;
    const char *obstacle = in_the_way(exercise);
    fl_time onset = exercise->now_us, end;

    if (obstacle)
        return finish(exercise, DRILL_INTERRUPTED, obstacle);
    make_sick(exercise);
    say(exercise, VERDICT_OPEN);
    if (!wait_for(exercise, exercise->sick, DECISION_AVOID, PATIENCE_US))
        return finish(exercise,
                      seen(exercise)->reason == REASON_CAPACITY ? DRILL_CAPACITY_CHECK_FAILED
                                                                : DRILL_FAILED,
                      seen(exercise)->why);
    exercise->drill->avoided_after_us = exercise->now_us - onset;
    end = exercise->now_us += STRIDE_US;
    say(exercise, VERDICT_CLOSE);
    if (!wait_for(exercise, exercise->well, DECISION_SERVE,
                  policy->max_hold_down_us + policy->max_hold_down_us / 4 + policy->cool_down_us))
        return finish(exercise, DRILL_FAILED, seen(exercise)->why);
    exercise->drill->returned_after_us = exercise->now_us - end;
    return finish(exercise, DRILL_SUCCEEDED, "moved away and came back");
}

int decider_drill(const struct decider *decider, uint32_t group, uint32_t member, fl_time now_us,
                  struct drill *ret)
{
    FL_CLEANUP(decider_freep) struct decider *copy = NULL;
    FL_CLEANUP(decision_look_freep) struct decision_look *well = NULL, *sick = NULL;
    struct exercise exercise = {.group = group, .member = member, .now_us = now_us, .drill = ret};
    int r = decider_copy(decider, &copy);

    if (r == 0)
        r = decision_look_new(decider->settings, decider->fleet->n_zones, &well);
    if (r == 0)
        r = decision_look_new(decider->settings, decider->fleet->n_zones, &sick);
    if (r < 0)
        return r;
    copy->only = group;
    decision_look_copy(well, decider->look);
    exercise.copy = copy;
    exercise.well = well;
    exercise.sick = sick;
    *ret = (struct drill){.avoided_after_us = FL_ABSENT, .returned_after_us = FL_ABSENT};
    return play(&exercise);
}
