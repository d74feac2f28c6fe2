/* A zone is at fault: may it be avoided now, and later be served from again? Each limit is held
 * against how things would stand after the move. */
#include "coordinator/core/decision_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JITTER_PERCENT 10
#define DAY_US (24 * FL_HOUR)

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/: chance that every coordinator draws alike. */
uint32_t decision_hash(const char *text, uint64_t number)
{
    uint32_t hash = 2166136261u;

    for (const char *c = text; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619u;
    for (size_t i = 0; i < sizeof(number); i++)
        hash = (hash ^ (uint8_t)(number >> (8 * i))) * 16777619u;
    return hash;
}

static bool in_window(const struct decision_group *group, fl_time now_us)
{
    int64_t of_day = now_us % DAY_US;

    for (size_t i = 0; i < group->n_windows; i++) {
        const struct decision_window *window = &group->windows[i];

        if (window->from_us <= window->until_us
                ? of_day >= window->from_us && of_day < window->until_us
                : of_day >= window->from_us || of_day < window->until_us)
            return true;
    }
    return false;
}

static enum decision_reason may_move(const struct decider *decider, uint32_t group,
                                     char why[DECISION_WHY_SIZE])
{
    const struct decision_group *of = &decider->settings->groups[group];
    const struct group_state *state = &decider->groups[group];
    fl_time cool = fl_time_add(state->last_move_us, of->policy.cool_down_us);
    char when[FL_TIME_TEXT_SIZE];

    if (decider->now_us < state->blocked_until_us) {
        (void)snprintf(why, DECISION_WHY_SIZE, "moves of this group are blocked until %s",
                       fl_time_format(state->blocked_until_us, when));
        return REASON_BLOCKED;
    }
    if (in_window(of, decider->now_us)) {
        (void)snprintf(why, DECISION_WHY_SIZE, "at this hour nothing of this group is moved");
        return REASON_BLOCKED;
    }
    if (state->last_move_us && decider->now_us < cool) {
        (void)snprintf(why, DECISION_WHY_SIZE,
                       "the group was moved a moment ago; not again before %s, or an "
                       "acknowledgement",
                       fl_time_format(cool, when));
        return REASON_COOL_DOWN;
    }
    return REASON_FAULT;
}

/* Zones that would still serve without the member, and what those that are well can carry. */
static void remaining(const struct decider *decider, uint32_t group, uint32_t member,
                      int64_t *ret_zones, int64_t *ret_capacity)
{
    const struct decision_group *of = &decider->settings->groups[group];

    *ret_zones = *ret_capacity = 0;
    for (uint32_t i = 0; i < of->n_members; i++) {
        const struct member_state *state = &decider->groups[group].members[i];
        size_t at = decider->first_member[group] + i;

        if (i == member || state->avoided || state->judgement.health != HEALTH_GOOD ||
            state->judgement.failing)
            continue;
        (*ret_zones)++;
        *ret_capacity += of->members[i].capacity * decider->look->good_targets[at] /
                         (int64_t)of->members[i].n_targets;
    }
}

static enum decision_reason may_leave(const struct decider *decider, uint32_t group,
                                      uint32_t member, char why[DECISION_WHY_SIZE])
{
    const struct decision_policy *policy = &decider->settings->groups[group].policy;
    const struct group_state *state = &decider->groups[group];
    int64_t zones, capacity, avoided = 1;

    for (uint32_t i = 0; i < decider->settings->groups[group].n_members; i++)
        avoided += state->members[i].avoided;
    remaining(decider, group, member, &zones, &capacity);
    if (avoided > policy->max_avoid) {
        (void)snprintf(why, DECISION_WHY_SIZE, "%lld zones would be avoided; at most %lld may be",
                       (long long)avoided, (long long)policy->max_avoid);
        return REASON_MAX_AVOID;
    }
    if (zones < policy->min_serving) {
        (void)snprintf(why, DECISION_WHY_SIZE,
                       "%lld zones that are well would go on serving; at least %lld must",
                       (long long)zones, (long long)policy->min_serving);
        return REASON_MIN_SERVING;
    }
    if (capacity < policy->capacity) {
        (void)snprintf(why, DECISION_WHY_SIZE, "the others can carry %lld, and %lld are needed",
                       (long long)capacity, (long long)policy->capacity);
        return REASON_CAPACITY;
    }
    return REASON_FAULT;
}

static enum decision_reason may_now(const struct decider *decider, char why[DECISION_WHY_SIZE])
{
    const struct decision_settings *settings = decider->settings;
    uint32_t n = decider->n_moves < DECISION_MOVES ? decider->n_moves : DECISION_MOVES;
    int64_t recent = 0;

    for (uint32_t i = 0; i < n; i++)
        recent += decider->now_us - decider->moves[i] < settings->moves_window_us;
    if (recent < settings->max_moves)
        return REASON_FAULT;
    (void)snprintf(why, DECISION_WHY_SIZE,
                   "%lld zones of all groups were moved away from lately; at most %lld may be in "
                   "%lld s",
                   (long long)recent, (long long)settings->max_moves,
                   (long long)(settings->moves_window_us / FL_SECOND));
    return REASON_RATE;
}

/* Ask the group's command, once a verdict, and again when its veto has become old. */
static enum decision_reason may_by_command(struct decider *decider, uint32_t group, uint32_t member,
                                           char why[DECISION_WHY_SIZE])
{
    struct member_state *state = &decider->groups[group].members[member];
    uint64_t verdict = state->judgement.verdict;

    if (!decider->settings->groups[group].asks)
        return REASON_FAULT;
    if (state->asked != verdict || !state->asked_us ||
        ((!state->answered || state->vetoed) && decider->now_us - state->asked_us >= REASK_US)) {
        state->asked = verdict;
        state->asked_us = decider->now_us;
        state->answered = false;
        if (decider->n_questions < DECISION_MAX_MEMBERS)
            decider->questions[decider->n_questions++] =
                (struct decision_question){group, member, verdict};
    }
    if (!state->answered) {
        (void)snprintf(why, DECISION_WHY_SIZE, "the veto command has not answered yet");
        return REASON_VETO_PENDING;
    }
    if (!state->vetoed)
        return REASON_FAULT;
    (void)snprintf(why, DECISION_WHY_SIZE, "the veto command said no");
    return REASON_VETO;
}

enum decision_reason decision_may_avoid(struct decider *decider, uint32_t group, uint32_t member,
                                        char why[DECISION_WHY_SIZE])
{
    const struct decision_policy *policy = &decider->settings->groups[group].policy;
    enum decision_reason reason;

    if (decider->groups[group].shared) {
        (void)snprintf(why, DECISION_WHY_SIZE,
                       "every zone of the group has it: moving will not help");
        return REASON_SHARED;
    }
    if (decider->groups[group].panic) {
        (void)snprintf(why, DECISION_WHY_SIZE,
                       "more than %lld %% of the zones look bad or are not seen: rather the "
                       "observer, or a common cause",
                       (long long)policy->panic_percent);
        return REASON_PANIC;
    }
    reason = may_move(decider, group, why);
    if (reason == REASON_FAULT)
        reason = may_leave(decider, group, member, why);
    if (reason == REASON_FAULT)
        reason = may_now(decider, why);
    return reason == REASON_FAULT ? may_by_command(decider, group, member, why) : reason;
}

/* Each move away within the flap window doubles the time; jitter keeps groups apart. */
fl_time decision_hold_down_us(const struct decider *decider, uint32_t group, uint32_t member)
{
    const struct decision_policy *policy = &decider->settings->groups[group].policy;
    const struct member_state *state = &decider->groups[group].members[member];
    uint32_t n = state->n_moves < DECISION_FLAPS ? state->n_moves : DECISION_FLAPS;
    int64_t hold = policy->hold_down_us;
    bool first = true;

    for (uint32_t i = 0; i < n; i++) {
        if (state->moved_us - state->moves[i] >= policy->flap_window_us)
            continue;
        if (!first && hold < policy->max_hold_down_us)
            hold *= 2;
        first = false;
    }
    if (hold > policy->max_hold_down_us)
        hold = policy->max_hold_down_us;
    return hold + hold / 100 *
                      (decision_hash(state->now.group, (uint64_t)state->moved_us + member) %
                       (JITTER_PERCENT + 1));
}

enum decision_reason decision_may_return(const struct decider *decider, uint32_t group,
                                         uint32_t member, char why[DECISION_WHY_SIZE])
{
    const struct decision_group *of = &decider->settings->groups[group];
    const struct member_state *state = &decider->groups[group].members[member];
    size_t at = decider->first_member[group] + member;
    fl_time from = fl_time_add(state->good_since_us, decision_hold_down_us(decider, group, member));
    char when[FL_TIME_TEXT_SIZE];
    enum decision_reason reason;

    if (!state->good_since_us) {
        (void)snprintf(why, DECISION_WHY_SIZE, "not all is well yet: %.200s", state->judgement.why);
        return REASON_HOLD_DOWN;
    }
    if (decider->now_us < from) {
        (void)snprintf(why, DECISION_WHY_SIZE, "well again; served from at %s if it stays so",
                       fl_time_format(from, when));
        return REASON_HOLD_DOWN;
    }
    if (decider->look->good_targets[at] < of->members[member].n_targets) {
        (void)snprintf(why, DECISION_WHY_SIZE, "%u of its %zu targets can carry load",
                       decider->look->good_targets[at], of->members[member].n_targets);
        return REASON_CAPACITY;
    }
    reason = may_move(decider, group, why);
    return reason == REASON_FAULT ? REASON_RETURNED : reason;
}

void decision_note_move(struct decider *decider, uint32_t group, uint32_t member)
{
    struct member_state *state = &decider->groups[group].members[member];

    state->moved_us = decider->now_us;
    decider->groups[group].last_move_us = decider->now_us;
    if (!state->avoided)
        return;
    state->moves[state->n_moves++ % DECISION_FLAPS] = decider->now_us;
    decider->moves[decider->n_moves++ % DECISION_MOVES] = decider->now_us;
}

static int read_clock(const char **text, int64_t *ret)
{
    unsigned hours, minutes;
    int used = 0;

    if (sscanf(*text, " %2u:%2u%n", &hours, &minutes, &used) != 2 || hours > 24 || minutes > 59 ||
        hours * 60 + minutes > 24 * 60)
        return -EINVAL;
    *text += used;
    *ret = (int64_t)(hours * 60 + minutes) * FL_MINUTE;
    return 0;
}

int decision_windows_parse(const char *text, struct decision_group *group, struct fl_error *err)
{
    const char *at = text;

    group->n_windows = 0;
    for (;;) {
        struct decision_window window;

        if (group->n_windows == DECISION_MAX_WINDOWS)
            return fl_error_set(err, -EINVAL, "\"%s\" has more than %d windows", text,
                                DECISION_MAX_WINDOWS);
        if (read_clock(&at, &window.from_us) < 0 || *at++ != '-' ||
            read_clock(&at, &window.until_us) < 0 || window.from_us == window.until_us)
            break;
        group->windows[group->n_windows++] = window;
        at += strspn(at, " ");
        if (*at == '\0')
            return 0;
        if (*at++ != ',')
            break;
    }
    return fl_error_set(err, -EINVAL,
                        "\"%s\" is no list of windows; write them as 22:00-23:30, 02:00-04:00 "
                        "(UTC)",
                        text);
}

int decision_group_check(const struct decision_settings *settings,
                         const struct decision_group *group, struct fl_error *err)
{
    const struct decision_policy *policy = &group->policy;
    int64_t zones = (int64_t)group->n_members, capacity = 0;

    for (size_t i = 0; i < group->n_members; i++)
        capacity += group->members[i].capacity;
    if (policy->min_serving + policy->max_avoid > zones)
        return fl_error_set(
            err, -EINVAL, "min_serving %lld and max_avoid %lld are more than the %lld zones",
            (long long)policy->min_serving, (long long)policy->max_avoid, (long long)zones);
    if (policy->capacity > capacity)
        return fl_error_set(err, -EINVAL,
                            "capacity %lld is needed, and all zones together have %lld",
                            (long long)policy->capacity, (long long)capacity);
    if (policy->max_hold_down_us < policy->hold_down_us)
        return fl_error_set(err, -EINVAL, "max_hold_down is less than hold_down");
    /* what is said must outlast a successor's coming: its delay and a pause at either end */
    if (settings->takeover_us + 2 * DECISION_STALL_US > policy->valid_for_us)
        return fl_error_set(
            err, -EINVAL,
            "valid_for is %lld s; it must be at least takeover_delay + 2 * %lld s "
            "= %lld s, or decisions expire before a restarted coordinator may "
            "renew them",
            (long long)(policy->valid_for_us / FL_SECOND),
            (long long)(DECISION_STALL_US / FL_SECOND),
            (long long)((settings->takeover_us + 2 * DECISION_STALL_US) / FL_SECOND));
    return 0;
}

int64_t decision_worst_us(int64_t interval_us, int64_t timeout_us)
{
    /* a probe starts up to an interval after the onset, a second one must agree, each is heard
     * when its timeout is over; then the next evaluation twice, and a change of mind */
    return 3 * interval_us + timeout_us + FL_SECOND;
}
