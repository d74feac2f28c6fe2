/* What a group's numbers must be together, the decision core says without knowing the line; the
 * line is put before its sentence here. */
#include "coordinator/config_groups.h"

#include "proto/runtime/fl_yaml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PATH 4096
#define DAY (24 * FL_HOUR)

struct group_fields {
    char *name, *not_between;
    struct decision_policy policy;
    int64_t command_timeout_us;
};

struct member_fields {
    char *zone;
    int64_t capacity;
};

static const char *const modes[] = {"off", "shadow", "live", NULL};
static const char *const stales[] = {"last", "healthy", "unhealthy", NULL};

#define DECISIONS(field) offsetof(struct config_decisions, field)
#define GROUP(field) offsetof(struct group_fields, field)
#define POLICY(field) offsetof(struct group_fields, policy.field)
#define MEMBER(field) offsetof(struct member_fields, field)

const struct fl_option config_decisions_options[] = {
    {"enabled", FL_OPTION_BOOL, DECISIONS(enabled), 0, 0, "true", NULL,
     "false: nobody is told to move, in any group"},
    {"max_moves", FL_OPTION_INT, DECISIONS(max_moves), 1, 64, "3", NULL,
     "zones that may be moved away from within moves_window, all groups together"},
    {"moves_window", FL_OPTION_DURATION, DECISIONS(moves_window_us), FL_SECOND, DAY, "5m", NULL,
     "time over which moves are counted"},
    {"takeover_delay", FL_OPTION_DURATION, DECISIONS(takeover_us), 0, FL_HOUR, "15s", NULL,
     "how long a coordinator that has just begun moves nobody"},
    {"agent_check", FL_OPTION_ADDRESS, DECISIONS(agent_check), 1, 256, FL_OPTION_UNSET, NULL,
     "where HAProxy's agent checks are answered; nowhere without it"},
    {"publish", FL_OPTION_STRING, DECISIONS(publish), 1, 256, FL_OPTION_UNSET, NULL,
     "ZeroMQ endpoint, tcp:// on loopback or ipc://, where verdicts and decisions are published"},
    {0},
};

const struct fl_option config_group_options[] = {
    {"name", FL_OPTION_NAME, GROUP(name), 1, FL_NAME_MAX, NULL, NULL, "name of the group"},
    {"mode", FL_OPTION_CHOICE, POLICY(mode), 0, 0, "shadow", modes,
     "live: decisions are meant; shadow: they are only shown and kept; off: there are none"},
    {"enforce_percent", FL_OPTION_INT, POLICY(enforce_percent), 0, 100, "100", NULL,
     "share of the moves that are meant, the others are shadow"},
    {"stale", FL_OPTION_CHOICE, POLICY(stale), 0, 0, "last", stales,
     "what a zone counts as that too few others see: as before, well, or at fault"},
    {"min_serving", FL_OPTION_INT, POLICY(min_serving), 1, DECISION_MAX_MEMBERS, "1", NULL,
     "zones that are well and must be left after a move"},
    {"max_avoid", FL_OPTION_INT, POLICY(max_avoid), 1, DECISION_MAX_MEMBERS, "1", NULL,
     "zones that may be avoided at a time"},
    {"capacity", FL_OPTION_INT, POLICY(capacity), 0, 1000000000, "0", NULL,
     "load that the zones that are left must be able to carry, in the unit of theirs"},
    {"min_zones", FL_OPTION_INT, POLICY(min_zones), 1, DECISION_MAX_MEMBERS, "2", NULL,
     "zones that must see a fault"},
    {"min_witnesses", FL_OPTION_INT, POLICY(min_witnesses), 2, 1000, "2", NULL,
     "agents that must see a fault"},
    {"min_samples", FL_OPTION_INT, POLICY(min_samples), 1, 10000, "4", NULL,
     "probes since the onset before anything is decided"},
    {"min_faults", FL_OPTION_INT, POLICY(min_faults), 1, 10000, "3", NULL,
     "of them, probes that went wrong"},
    {"fault_percent", FL_OPTION_INT, POLICY(fault_percent), 1, 100, "20", NULL,
     "share of probes going wrong that is too much; half of it is the most for the way back"},
    {"confidence_percent", FL_OPTION_INT, POLICY(confidence_percent), 0, 100, "50", NULL,
     "how sure a verdict must be"},
    {"panic_percent", FL_OPTION_INT, POLICY(panic_percent), 1, 100, "50", NULL,
     "share of zones that look bad or are not seen, above which nothing is moved"},
    {"hold_down", FL_OPTION_DURATION, POLICY(hold_down_us), FL_SECOND, DAY, "60s", NULL,
     "how long a zone must be well before it is served from again"},
    {"max_hold_down", FL_OPTION_DURATION, POLICY(max_hold_down_us), FL_SECOND, DAY, "30m", NULL,
     "the most of it: it doubles with each move away within flap_window"},
    {"flap_window", FL_OPTION_DURATION, POLICY(flap_window_us), FL_SECOND, DAY, "10m", NULL,
     "time within which moves away count as flapping"},
    {"cool_down", FL_OPTION_DURATION, POLICY(cool_down_us), 0, DAY, "60s", NULL,
     "between two moves of the group, unless a person acknowledges the first"},
    {"valid_for", FL_OPTION_DURATION, POLICY(valid_for_us), 10 * FL_SECOND, DAY, "60s", NULL,
     "when a decision expires that nobody renews"},
    {"drain_steps", FL_OPTION_INT, POLICY(drain_steps), 1, 100, "1", NULL,
     "steps in which the weight goes down, and up again"},
    {"drain_interval", FL_OPTION_DURATION, POLICY(drain_interval_us), FL_SECOND, FL_HOUR, "10s",
     NULL, "between two of them"},
    {"not_between", FL_OPTION_STRING, GROUP(not_between), 1, 256, FL_OPTION_UNSET, NULL,
     "hours of the day (UTC) at which nothing is moved, such as 22:00-23:30, 02:00-04:00"},
    {"command_timeout", FL_OPTION_DURATION, GROUP(command_timeout_us), 100 * FL_MS, FL_MINUTE, "5s",
     NULL, "when a hook or a veto command that has not ended is killed"},
    {0},
};

const struct fl_option config_member_options[] = {
    {"zone", FL_OPTION_NAME, MEMBER(zone), 1, FL_NAME_MAX, NULL, NULL, "the zone"},
    {"capacity", FL_OPTION_INT, MEMBER(capacity), 0, 1000000000, "100", NULL,
     "load that it can carry while its targets are well"},
    {0},
};

struct reader {
    struct coordinator_config *config;
    struct fl_error *err;
};

static int at(const struct reader *reader, const struct fl_yaml_node *node, int code,
              const struct fl_error *sentence)
{
    return fl_yaml_error(node, reader->err, code, "%s", sentence->message);
}

static void free_command(char **command)
{
    for (size_t i = 0; command && command[i]; i++)
        free(command[i]);
    free(command);
}

void config_groups_done(struct coordinator_config *config)
{
    for (size_t i = 0; config->group_commands && i < config->decision_settings.n_groups; i++) {
        free_command(config->group_commands[i].hook);
        free_command(config->group_commands[i].veto);
    }
    free(config->group_commands);
    free(config->decision_settings.groups);
    fl_options_done(config_decisions_options, &config->decisions);
}

/* A program and its arguments, as they will be given to it. */
static int read_command(const struct reader *reader, const struct fl_yaml_node *group,
                        const char *field, char ***ret)
{
    const struct fl_yaml_node *list = fl_yaml_get(group, field);
    size_t n = list ? fl_yaml_count(list) : 0;
    int r = list ? fl_yaml_expect(list, FL_YAML_LIST, field, reader->err) : 0;

    if (r < 0 || !list)
        return r;
    if (n == 0 || n > CONFIG_MAX_ARGUMENTS)
        return fl_yaml_error(list, reader->err, -EINVAL,
                             "field \"%s\" has %zu words; it is a program with its arguments, at "
                             "most %d",
                             field, n, CONFIG_MAX_ARGUMENTS);
    *ret = calloc(n + 1, sizeof(**ret));
    for (size_t i = 0; *ret && i < n; i++) {
        const struct fl_yaml_node *item = fl_yaml_item(list, i);

        r = fl_yaml_expect(item, FL_YAML_SCALAR, field, reader->err);
        if (r < 0)
            return r;
        if (i == 0 && fl_yaml_text(item)[0] != '/')
            return fl_yaml_error(item, reader->err, -EINVAL,
                                 "field \"%s\": \"%s\" is no absolute path", field,
                                 fl_yaml_text(item));
        (*ret)[i] = strdup(fl_yaml_text(item));
        if (!(*ret)[i])
            return fl_error_set(reader->err, -ENOMEM, "no memory for the groups");
    }
    return *ret ? 0 : fl_error_set(reader->err, -ENOMEM, "no memory for the groups");
}

static int read_targets(const struct reader *reader, const struct fl_yaml_node *node,
                        const char *field, uint32_t targets[DECISION_MAX_TARGETS], size_t *ret_n)
{
    const struct fl_yaml_node *list = fl_yaml_get(node, field);
    int r = list ? fl_yaml_expect(list, FL_YAML_LIST, field, reader->err) : 0;

    if (r == 0 && list && fl_yaml_count(list) > DECISION_MAX_TARGETS)
        return fl_yaml_error(list, reader->err, -E2BIG, "field \"%s\" has %zu targets, at most %d",
                             field, fl_yaml_count(list), DECISION_MAX_TARGETS);
    for (size_t i = 0; r == 0 && list && i < fl_yaml_count(list); i++) {
        const struct fl_yaml_node *item = fl_yaml_item(list, i);

        r = fl_yaml_expect(item, FL_YAML_SCALAR, field, reader->err);
        if (r < 0)
            return r;
        targets[*ret_n] = fleet_find_target(reader->config->fleet, fl_yaml_text(item));
        if (targets[*ret_n] >= reader->config->n_targets)
            return fl_yaml_error(item, reader->err, -EINVAL,
                                 "field \"%s\": \"%s\" is not among the targets", field,
                                 fl_yaml_text(item));
        (*ret_n)++;
    }
    return r;
}

static int place_member(const struct reader *reader, const struct fl_yaml_node *node,
                        const struct decision_group *group, const struct member_fields *fields,
                        struct decision_member *member)
{
    const struct fleet *fleet = reader->config->fleet;

    member->zone = fleet_find_place(fleet, fields->zone);
    member->capacity = fields->capacity;
    if (member->zone >= fleet->n_zones)
        return fl_yaml_error(node, reader->err, -EINVAL,
                             "group \"%s\": zone \"%s\" is not among the zones", group->name,
                             fields->zone);
    for (size_t i = 0; i < group->n_members; i++)
        if (group->members[i].zone == member->zone)
            return fl_yaml_error(node, reader->err, -EEXIST,
                                 "group \"%s\": zone \"%s\" is there twice", group->name,
                                 fields->zone);
    return 0;
}

static int read_member(const struct reader *reader, const struct fl_yaml_node *node,
                       struct decision_group *group)
{
    static const char *const others[] = {"targets", "needs", NULL};
    struct decision_member *member = &group->members[group->n_members];
    struct member_fields fields = {0};
    int r = fl_yaml_options(node, config_member_options, others, &fields, reader->err);

    if (r < 0)
        return r;
    r = place_member(reader, node, group, &fields, member);
    fl_options_done(config_member_options, &fields);
    if (r == 0)
        r = read_targets(reader, node, "targets", member->targets, &member->n_targets);
    if (r == 0)
        r = read_targets(reader, node, "needs", member->needs, &member->n_needs);
    if (r == 0 && member->n_targets == 0)
        r = fl_yaml_error(node, reader->err, -EINVAL,
                          "group \"%s\": a zone needs \"targets\", a list of what serves there",
                          group->name);
    group->n_members += r == 0;
    return r;
}

static int read_members(const struct reader *reader, const struct fl_yaml_node *node,
                        struct decision_group *group)
{
    const struct fl_yaml_node *list = fl_yaml_get(node, "zones");
    int r;

    if (!list)
        return fl_yaml_error(node, reader->err, -EINVAL,
                             "group \"%s\": field \"zones\" is missing; it must be a list",
                             group->name);
    r = fl_yaml_expect(list, FL_YAML_LIST, "zones", reader->err);
    if (r == 0 && (fl_yaml_count(list) < 2 || fl_yaml_count(list) > DECISION_MAX_MEMBERS))
        return fl_yaml_error(list, reader->err, -EINVAL,
                             "group \"%s\" has %zu zones; allowed are 2 to %d", group->name,
                             fl_yaml_count(list), DECISION_MAX_MEMBERS);
    for (size_t i = 0; r == 0 && i < fl_yaml_count(list); i++)
        r = read_member(reader, fl_yaml_item(list, i), group);
    return r;
}

static int fill_group(const struct reader *reader, const struct fl_yaml_node *node,
                      const struct group_fields *fields, struct config_commands *commands,
                      struct decision_group *group)
{
    const struct decision_settings *settings = &reader->config->decision_settings;
    struct fl_error sentence;
    int r;

    strcpy(group->name, fields->name);
    group->policy = fields->policy;
    commands->timeout_us = fields->command_timeout_us;
    for (const struct decision_group *other = settings->groups; other < group; other++)
        if (strcmp(other->name, group->name) == 0)
            return fl_yaml_error(node, reader->err, -EEXIST, "group \"%s\" is there twice",
                                 group->name);
    r = read_members(reader, node, group);
    if (r == 0 && fields->not_between &&
        (r = decision_windows_parse(fields->not_between, group, &sentence)) < 0)
        return fl_yaml_error(fl_yaml_get(node, "not_between"), reader->err, r,
                             "field \"not_between\": %s", sentence.message);
    if (r == 0)
        r = read_command(reader, node, "hook", &commands->hook);
    if (r == 0)
        r = read_command(reader, node, "veto", &commands->veto);
    group->asks = commands->veto;
    if (r == 0 && (r = decision_group_check(settings, group, &sentence)) < 0)
        return fl_yaml_error(node, reader->err, r, "group \"%s\": %s", group->name,
                             sentence.message);
    return r;
}

static int read_group(const struct reader *reader, const struct fl_yaml_node *node)
{
    static const char *const others[] = {"zones", "hook", "veto", NULL};
    struct decision_settings *settings = &reader->config->decision_settings;
    struct group_fields fields = {0};
    int r = fl_yaml_options(node, config_group_options, others, &fields, reader->err);

    if (r < 0)
        return r;
    settings->n_groups++;
    r = fill_group(reader, node, &fields, &reader->config->group_commands[settings->n_groups - 1],
                   &settings->groups[settings->n_groups - 1]);
    fl_options_done(config_group_options, &fields);
    return r;
}

/* Published unencrypted and to whoever comes, so only within the host. */
static int check_publish(const struct reader *reader, const struct fl_yaml_node *node,
                         const char *publish)
{
    static const char *const allowed[] = {"tcp://127.", "tcp://[::1]:", "ipc:///"};

    for (size_t i = 0; publish && i < FL_COUNT(allowed); i++)
        if (strncmp(publish, allowed[i], strlen(allowed[i])) == 0)
            return 0;
    return publish ? fl_yaml_error(fl_yaml_get(node, "publish"), reader->err, -EINVAL,
                                   "field \"publish\" is \"%s\"; it must be tcp:// on a loopback "
                                   "address, such as tcp://127.0.0.1:5572, or ipc:///PATH",
                                   publish)
                   : 0;
}

static int read_decisions(const struct reader *reader, const struct fl_yaml_node *root)
{
    const struct fl_yaml_node *node = fl_yaml_get(root, "decisions");
    struct config_decisions *decisions = &reader->config->decisions;
    struct decision_settings *settings = &reader->config->decision_settings;
    struct fl_error sentence;
    char host[FL_OPTION_HOST_SIZE];
    uint16_t port;
    int r = node ? fl_yaml_options(node, config_decisions_options, NULL, decisions, reader->err)
                 : fl_options_init(config_decisions_options, decisions);

    if (r < 0)
        return r;
    settings->enabled = decisions->enabled;
    settings->max_moves = decisions->max_moves;
    settings->moves_window_us = decisions->moves_window_us;
    settings->takeover_us = decisions->takeover_us;
    if (decisions->agent_check &&
        (r = fl_address_split(decisions->agent_check, host, sizeof(host), &port, &sentence)) < 0)
        return at(reader, fl_yaml_get(node, "agent_check"), r, &sentence);
    return check_publish(reader, node, decisions->publish);
}

int config_groups_read(const struct fl_yaml_node *root, struct coordinator_config *config,
                       struct fl_error *err)
{
    const struct reader reader = {config, err};
    const struct fl_yaml_node *list = fl_yaml_get(root, "groups");
    int r = read_decisions(&reader, root);

    if (r < 0 || !list)
        return r;
    r = fl_yaml_expect(list, FL_YAML_LIST, "groups", err);
    if (r == 0 && fl_yaml_count(list) > DECISION_MAX_GROUPS)
        return fl_yaml_error(list, err, -E2BIG, "there are %zu groups, at most %d",
                             fl_yaml_count(list), DECISION_MAX_GROUPS);
    if (r < 0)
        return r;
    config->decision_settings.groups =
        calloc(fl_yaml_count(list) + 1, sizeof(*config->decision_settings.groups));
    config->group_commands = calloc(fl_yaml_count(list) + 1, sizeof(*config->group_commands));
    if (!config->decision_settings.groups || !config->group_commands)
        return fl_error_set(err, -ENOMEM, "no memory for the groups");
    for (size_t i = 0; r == 0 && i < fl_yaml_count(list); i++)
        r = read_group(&reader, fl_yaml_item(list, i));
    return r;
}
