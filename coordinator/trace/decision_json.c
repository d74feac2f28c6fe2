#include "coordinator/trace/decision_json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

json_t *decision_json(const struct decision *decision)
{
    char issued[FL_TIME_TEXT_SIZE], until[FL_TIME_TEXT_SIZE];

    return json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:o, s:I, s:I, s:s, s:I, s:s, s:b, s:s}", "group",
        decision->group, "zone", decision->zone, "state", decision_state_name(decision->state),
        "standing", decision_state_name(decision->standing), "weight", (json_int_t)decision->weight,
        "reason", decision_reason_name(decision->reason), "why", decision->why, "verdict",
        decision->verdict ? json_integer((json_int_t)decision->verdict) : json_null(), "generation",
        (json_int_t)decision->generation, "issued_us", (json_int_t)decision->issued_us, "issued_at",
        fl_time_format(decision->issued_us, issued), "valid_until_us",
        (json_int_t)decision->valid_until_us, "valid_until",
        fl_time_format(decision->valid_until_us, until), "shadow", decision->shadow, "would",
        decision_state_name(decision->would));
}

static json_t *after_json(int64_t us)
{
    return us == FL_ABSENT ? json_null() : json_integer(us);
}

json_t *drill_json(const struct drill *drill, const char *group, const char *zone)
{
    json_t *steps = json_array();

    for (size_t i = 0; i < drill->n_steps; i++)
        (void)json_array_append_new(steps, decision_json(&drill->steps[i]));
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "group", group, "zone", zone, "outcome",
                     drill_outcome_name(drill->outcome), "why", drill->why, "avoided_after_us",
                     after_json(drill->avoided_after_us), "returned_after_us",
                     after_json(drill->returned_after_us), "steps", steps);
}

static int read_text(const json_t *json, const char *name, char *text, size_t size)
{
    const char *value = json_string_value(json_object_get(json, name));

    if (!value)
        return -EBADMSG;
    (void)snprintf(text, size, "%s", value);
    return 0;
}

static int read_state(const json_t *json, const char *name, enum decision_state *ret)
{
    const char *value = json_string_value(json_object_get(json, name));
    int state = value ? decision_state_parse(value) : -1;

    if (state < 0)
        return -EBADMSG;
    *ret = (enum decision_state)state;
    return 0;
}

static int read_number(const json_t *json, const char *name, int64_t *ret)
{
    const json_t *value = json_object_get(json, name);

    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return -EBADMSG;
    *ret = json_integer_value(value);
    return 0;
}

int decision_parse(const json_t *json, struct decision *ret)
{
    const char *reason = json_string_value(json_object_get(json, "reason"));
    struct decision decision = {.shadow = json_is_true(json_object_get(json, "shadow"))};
    int64_t generation = 0;
    int r = 0;

    r |= read_text(json, "group", decision.group, sizeof(decision.group));
    r |= read_text(json, "zone", decision.zone, sizeof(decision.zone));
    r |= read_text(json, "why", decision.why, sizeof(decision.why));
    r |= read_state(json, "state", &decision.state);
    r |= read_state(json, "standing", &decision.standing);
    r |= read_state(json, "would", &decision.would);
    r |= read_number(json, "weight", &decision.weight);
    r |= read_number(json, "generation", &generation);
    r |= read_number(json, "issued_us", &decision.issued_us);
    r |= read_number(json, "valid_until_us", &decision.valid_until_us);
    while (reason && decision.reason < DECISION_REASONS &&
           strcmp(decision_reason_name(decision.reason), reason) != 0)
        decision.reason++;
    if (r < 0 || !reason || decision.reason == DECISION_REASONS)
        return -EBADMSG;
    decision.verdict = (uint64_t)json_integer_value(json_object_get(json, "verdict"));
    decision.generation = (uint64_t)generation;
    *ret = decision;
    return 0;
}
