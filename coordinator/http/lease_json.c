#include "coordinator/http/lease_json.h"

#include "coordinator/group_keys.h"

static json_t *time_json(fl_time t_us)
{
    return t_us ? json_integer(t_us) : json_null();
}

static json_t *members_json(const struct leadership_state *state)
{
    json_t *array = json_array();

    for (size_t i = 0; i < state->n_members; i++) {
        const struct leadership_member *member = &state->members[i];

        (void)json_array_append_new(
            array, json_pack("{s:s, s:I, s:o, s:I, s:I, s:I}", "name", member->name, "t_us",
                             (json_int_t)member->t_us, "heard_us", time_json(member->heard_us),
                             "results", (json_int_t)member->results, "agents",
                             (json_int_t)member->agents, "open", (json_int_t)member->open));
    }
    return array;
}

static json_t *keys_json(const struct coordinator *coordinator)
{
    struct group_keys_stats stats;

    group_keys_stats(coordinator_group_keys(coordinator), &stats);
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "written", (json_int_t)stats.written, "dropped",
                     (json_int_t)stats.dropped, "told", (json_int_t)stats.told, "queued",
                     (json_int_t)stats.queued, "book", (json_int_t)stats.book);
}

json_t *lease_json(const struct coordinator *coordinator)
{
    const struct leadership *leadership = coordinator_leadership(coordinator);
    struct leadership_state state;

    if (!leadership)
        return json_null();
    leadership_state(leadership, &state);
    return json_pack(
        "{s:s, s:b, s:I, s:s?, s:I, s:o, s:o, s:I, s:I, s:{s:s, s:I, s:I, s:s}, s:o, s:o}", "name",
        state.name, "acts", state.acts, "left_us", (json_int_t)state.left_us, "leader",
        *state.leader ? state.leader : NULL, "revision", (json_int_t)state.revision, "since_us",
        time_json(state.since_us), "seen_us", time_json(state.seen_us), "gained",
        (json_int_t)state.gained, "lost", (json_int_t)state.lost, "etcd", "endpoint",
        state.etcd.endpoint, "answers", (json_int_t)state.etcd.answers, "failures",
        (json_int_t)state.etcd.failures, "last_error", state.etcd.last_error, "keys",
        keys_json(coordinator), "members", members_json(&state));
}
