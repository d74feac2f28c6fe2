/* What the fleet itself refuses (names, duplicates, limits) it says without knowing the line; the
 * line is put before its sentence here. */
#include "coordinator/config_fleet.h"

#include "coordinator/config_templates.h"
#include "proto/runtime/fl_yaml.h"
#include "proto/runtime/fl_zsock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_TARGETS 16 /* room for so many at first; a power of two */

struct agent_fields {
    char *name, *zone, *public_key, *mesh;
};

struct target_fields {
    char *name, *place, *backend;
    int64_t kind; /* index into `kinds` */
};

struct probe_fields {
    char *name, *type;
    int64_t interval_us, timeout_us;
};

static const char *const kinds[] = {"service", "storage", NULL}; /* as enum target_kind */

#define AGENT(field) offsetof(struct agent_fields, field)
#define TARGET(field) offsetof(struct target_fields, field)
#define PROBE(field) offsetof(struct probe_fields, field)

const struct fl_option config_agent_options[] = {
    {"name", FL_OPTION_NAME, AGENT(name), 1, FL_NAME_MAX, NULL, NULL, "name of the agent"},
    {"zone", FL_OPTION_NAME, AGENT(zone), 1, FL_NAME_MAX, NULL, NULL, "where it is"},
    {"public_key", FL_OPTION_STRING, AGENT(public_key), 1, 256, NULL, NULL,
     "as faultline keygen printed it on the agent's host"},
    {"mesh", FL_OPTION_ADDRESS, AGENT(mesh), 1, 256, FL_OPTION_UNSET, NULL,
     "where its echo responder answers the other agents"},
    {0},
};

const struct fl_option config_target_options[] = {
    {"name", FL_OPTION_NAME, TARGET(name), 1, FL_NAME_MAX, NULL, NULL, "name of the target"},
    {"kind", FL_OPTION_CHOICE, TARGET(kind), 0, 0, NULL, kinds, "what it is"},
    {"place", FL_OPTION_NAME, TARGET(place), 1, FL_NAME_MAX, NULL, NULL, "a zone or a place"},
    {"backend", FL_OPTION_NAME, TARGET(backend), 1, FL_NAME_MAX, FL_OPTION_UNSET, NULL,
     "what several targets share behind their front ends"},
    {0},
};

const struct fl_option config_probe_options[] = {
    {"name", FL_OPTION_NAME, PROBE(name), 1, FL_NAME_MAX, FL_OPTION_UNSET, NULL,
     "name of the probe; the type's name when not given"},
    {"type", FL_OPTION_NAME, PROBE(type), 1, FL_TYPE_SIZE - 1, NULL, NULL, "type of the probe"},
    {"interval", FL_OPTION_DURATION, PROBE(interval_us), FL_MIN_INTERVAL_US, FL_MAX_INTERVAL_US,
     "1s", NULL, "from one start to the next"},
    {"timeout", FL_OPTION_DURATION, PROBE(timeout_us), FL_MIN_TIMEOUT_US, FL_MAX_TIMEOUT_US, "2s",
     NULL, "when an attempt has failed"},
    {0},
};

struct reader {
    const struct config_checker *checker;
    struct coordinator_config *config;
    struct fl_error *err;
};

/* The list under `field`; NULL with r 0 when it is not there and need not be. */
static int get_list(const struct reader *reader, const struct fl_yaml_node *map, const char *field,
                    bool needed, const struct fl_yaml_node **ret)
{
    const struct fl_yaml_node *list = fl_yaml_get(map, field);

    *ret = list;
    if (!list)
        return needed ? fl_yaml_error(map, reader->err, -EINVAL,
                                      "field \"%s\" is missing; it must be a list", field)
                      : 0;
    return fl_yaml_expect(list, FL_YAML_LIST, field, reader->err);
}

static int at(const struct reader *reader, const struct fl_yaml_node *node, int code,
              const struct fl_error *sentence)
{
    return fl_yaml_error(node, reader->err, code, "%s", sentence->message);
}

static int read_names(const struct reader *reader, const struct fl_yaml_node *root,
                      const char *field, bool needed,
                      int (*add)(struct fleet *fleet, const char *name, struct fl_error *err))
{
    const struct fl_yaml_node *list;
    struct fl_error sentence;
    int r = get_list(reader, root, field, needed, &list);

    for (size_t i = 0; r == 0 && list && i < fl_yaml_count(list); i++) {
        const struct fl_yaml_node *item = fl_yaml_item(list, i);

        r = fl_yaml_expect(item, FL_YAML_SCALAR, field, reader->err);
        if (r == 0 && (r = add(reader->config->fleet, fl_yaml_text(item), &sentence)) < 0)
            return at(reader, item, r, &sentence);
    }
    return r;
}

/* Keys and mesh addresses belong to one agent each. */
static int check_agent(const struct reader *reader, const struct fl_yaml_node *node,
                       const struct agent_fields *fields)
{
    const struct coordinator_config *config = reader->config;
    size_t n = config->fleet->n_agents - 1; /* those before this one */

    if (!fl_public_key_valid(fields->public_key))
        return fl_yaml_error(node, reader->err, -EINVAL,
                             "agent \"%s\": public_key \"%s\" is no public key; it has 40 "
                             "characters, as faultline keygen prints it",
                             fields->name, fields->public_key);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(config->agents[i].public_key, fields->public_key) == 0)
            return fl_yaml_error(node, reader->err, -EEXIST,
                                 "agent \"%s\" has the public_key of agent \"%s\"; each agent "
                                 "needs a key of its own",
                                 fields->name, config->fleet->agents[i].name);
        if (fields->mesh && config->agents[i].mesh &&
            strcmp(config->agents[i].mesh, fields->mesh) == 0)
            return fl_yaml_error(node, reader->err, -EEXIST,
                                 "agent \"%s\" has the mesh address %s of agent \"%s\"",
                                 fields->name, fields->mesh, config->fleet->agents[i].name);
    }
    return 0;
}

static int add_agent(const struct reader *reader, const struct fl_yaml_node *node,
                     struct agent_fields *fields)
{
    struct fleet *fleet = reader->config->fleet;
    struct config_agent *agent = &reader->config->agents[fleet->n_agents];
    struct fl_error sentence;
    int r = fleet_add_agent(fleet, fields->name, fields->zone, &sentence);

    if (r < 0)
        return at(reader, node, r, &sentence);
    r = check_agent(reader, node, fields);
    if (r < 0)
        return r;
    memcpy(agent->public_key, fields->public_key, sizeof(agent->public_key));
    agent->mesh = FL_TAKE(fields->mesh);
    return 0;
}

static int read_agents(const struct reader *reader, const struct fl_yaml_node *root)
{
    const struct fl_yaml_node *list;
    int r = get_list(reader, root, "agents", true, &list);

    if (r < 0)
        return r;
    reader->config->agents = calloc(fl_yaml_count(list) + 1, sizeof(*reader->config->agents));
    if (!reader->config->agents)
        return fl_error_set(reader->err, -ENOMEM, "no memory for the agents");
    for (size_t i = 0; r == 0 && i < fl_yaml_count(list); i++) {
        struct agent_fields fields = {0};

        r = fl_yaml_options(fl_yaml_item(list, i), config_agent_options, NULL, &fields,
                            reader->err);
        if (r < 0)
            return r;
        r = add_agent(reader, fl_yaml_item(list, i), &fields);
        fl_options_done(config_agent_options, &fields);
    }
    return r;
}

static int read_target_zones(const struct reader *reader, const struct fl_yaml_node *node,
                             const char *name, struct config_target *target)
{
    const struct fleet *fleet = reader->config->fleet;
    const struct fl_yaml_node *list;
    int r = get_list(reader, node, "zones", false, &list);

    if (r < 0)
        return r;
    memset(target->zones, !list, sizeof(target->zones));
    if (list && fl_yaml_count(list) == 0)
        return fl_yaml_error(list, reader->err, -EINVAL,
                             "target \"%s\": field \"zones\" is empty, so nobody would probe it; "
                             "name a zone or leave the field out for all",
                             name);
    for (size_t i = 0; list && i < fl_yaml_count(list); i++) {
        const struct fl_yaml_node *item = fl_yaml_item(list, i);
        uint32_t zone;

        r = fl_yaml_expect(item, FL_YAML_SCALAR, "zones", reader->err);
        if (r < 0)
            return r;
        zone = fleet_find_place(fleet, fl_yaml_text(item));
        if (zone >= fleet->n_zones)
            return fl_yaml_error(item, reader->err, -EINVAL,
                                 "target \"%s\": zone \"%s\" is not among the zones", name,
                                 fl_yaml_text(item));
        target->zones[zone] = true;
    }
    return 0;
}

static int take_target_agent(const struct reader *reader, const struct fl_yaml_node *item,
                             const char *name, struct config_target *target)
{
    const struct fleet *fleet = reader->config->fleet;
    uint32_t agent;
    int r = fl_yaml_expect(item, FL_YAML_SCALAR, "agents", reader->err);

    if (r < 0)
        return r;
    agent = fleet_find_agent(fleet, fl_yaml_text(item));
    if (agent == FLEET_NONE)
        return fl_yaml_error(item, reader->err, -EINVAL,
                             "target \"%s\": agent \"%s\" is not among the agents", name,
                             fl_yaml_text(item));
    if (!target->zones[fleet->agents[agent].zone])
        return fl_yaml_error(item, reader->err, -EINVAL,
                             "target \"%s\": agent \"%s\" is in zone \"%s\", which is not among "
                             "the target's zones",
                             name, fl_yaml_text(item),
                             fleet->places[fleet->agents[agent].zone].name);
    target->agents[target->n_agents++] = agent;
    return 0;
}

static int read_target_agents(const struct reader *reader, const struct fl_yaml_node *node,
                              const char *name, struct config_target *target)
{
    const struct fl_yaml_node *list;
    int r = get_list(reader, node, "agents", false, &list);

    if (r < 0 || !list)
        return r;
    if (fl_yaml_count(list) == 0)
        return fl_yaml_error(list, reader->err, -EINVAL,
                             "target \"%s\": field \"agents\" is empty, so nobody would probe it; "
                             "name an agent or leave the field out",
                             name);
    target->agents = calloc(fl_yaml_count(list), sizeof(*target->agents));
    if (!target->agents)
        return fl_error_set(reader->err, -ENOMEM, "no memory for the targets");
    for (size_t i = 0; r == 0 && i < fl_yaml_count(list); i++)
        r = take_target_agent(reader, fl_yaml_item(list, i), name, target);
    return r;
}

/* Every key that is not a row of the table is a setting of the probe's type. */
static int read_settings(const struct reader *reader, const struct fl_yaml_node *node,
                         struct fl_probe_spec *spec)
{
    for (size_t i = 0; i < fl_yaml_count(node); i++) {
        const struct fl_yaml_node *value = fl_yaml_item(node, i);
        const char *key = fl_yaml_key(node, i);
        int r;

        if (fl_options_find(config_probe_options, key))
            continue;
        r = fl_yaml_expect(value, FL_YAML_SCALAR, key, reader->err);
        if (r < 0)
            return r;
        if (strlen(key) > FL_NAME_MAX || strlen(fl_yaml_text(value)) > FL_MAX_SETTING_VALUE)
            return fl_yaml_error(value, reader->err, -E2BIG,
                                 "setting \"%.64s\" is too long: at most %d bytes in a name and "
                                 "%d in a value",
                                 key, FL_NAME_MAX, FL_MAX_SETTING_VALUE);
        r = fl_probe_spec_set(spec, key, fl_yaml_text(value));
        if (r == -E2BIG)
            return fl_yaml_error(value, reader->err, r,
                                 "setting \"%.64s\" is one too many, at most %d", key,
                                 FL_MAX_SETTINGS);
        if (r < 0)
            return fl_error_set(reader->err, r, "no memory for the probes");
    }
    return 0;
}

static int add_probe(const struct reader *reader, const struct fl_yaml_node *node,
                     const char *target_name, struct config_target *target,
                     const struct probe_fields *fields)
{
    const char *name = fields->name ? fields->name : fields->type;
    struct fl_probe_spec *spec;
    struct fl_error sentence;
    int r;

    for (size_t i = 0; i < target->probes.n_specs; i++)
        if (strcmp(target->probes.specs[i].probe, name) == 0)
            return fl_yaml_error(node, reader->err, -EEXIST,
                                 "target \"%s\": probe \"%s\" is named twice; give one another "
                                 "\"name\"",
                                 target_name, name);
    r = fleet_add_probe(reader->config->fleet, target_name, name, fields->type, fields->interval_us,
                        fields->timeout_us, &sentence);
    if (r < 0)
        return at(reader, node, r, &sentence);
    spec = fl_plan_add(&target->probes, target_name, name, fields->type, fields->interval_us,
                       fields->timeout_us);
    if (!spec)
        return fl_error_set(reader->err, -ENOMEM, "no memory for the probes");
    r = read_settings(reader, node, spec);
    if (r < 0 || !reader->checker || !reader->checker->check)
        return r;
    r = reader->checker->check(spec, reader->checker->arg, &sentence);
    return r < 0 ? at(reader, node, r, &sentence) : 0;
}

/* The keys of a probe that are settings of its type, for fl_yaml_options to leave alone. */
static int read_probe(const struct reader *reader, const struct fl_yaml_node *node,
                      const char *target_name, struct config_target *target)
{
    const char *others[FL_MAX_SETTINGS + 1] = {NULL};
    struct probe_fields fields = {0};
    size_t n = 0;
    int r = fl_yaml_expect(node, FL_YAML_MAP, "probes", reader->err);

    for (size_t i = 0; r == 0 && i < fl_yaml_count(node); i++) {
        if (fl_options_find(config_probe_options, fl_yaml_key(node, i)))
            continue;
        if (n == FL_MAX_SETTINGS)
            return fl_yaml_error(node, reader->err, -E2BIG,
                                 "target \"%s\": a probe has at most %d settings", target_name,
                                 FL_MAX_SETTINGS);
        others[n++] = fl_yaml_key(node, i);
    }
    if (r == 0)
        r = fl_yaml_options(node, config_probe_options, others, &fields, reader->err);
    if (r < 0)
        return r;
    r = add_probe(reader, node, target_name, target, &fields);
    fl_options_done(config_probe_options, &fields);
    return r;
}

static int read_probes(const struct reader *reader, const struct fl_yaml_node *node,
                       const char *name, struct config_target *target)
{
    const struct fl_yaml_node *list;
    int r = get_list(reader, node, "probes", true, &list);

    if (r < 0)
        return r;
    if (fl_yaml_count(list) == 0 || fl_yaml_count(list) > FL_MAX_PROBES_PER_TARGET)
        return fl_yaml_error(list, reader->err, -EINVAL,
                             "target \"%s\" has %zu probes; allowed are 1 to %d", name,
                             fl_yaml_count(list), FL_MAX_PROBES_PER_TARGET);
    for (size_t i = 0; r == 0 && i < fl_yaml_count(list); i++)
        r = read_probe(reader, fl_yaml_item(list, i), name, target);
    return r;
}

static int add_target(const struct reader *reader, const struct fl_yaml_node *node,
                      const struct target_fields *fields)
{
    struct coordinator_config *config = reader->config;
    struct config_target *target = &config->targets[config->n_targets];
    struct fl_error sentence;
    int r = fleet_add_target(config->fleet, fields->name, (enum target_kind)fields->kind,
                             fields->place, fields->backend, &sentence);

    if (r < 0)
        return at(reader, node, r, &sentence);
    config->n_targets++;
    r = read_target_zones(reader, node, fields->name, target);
    if (r == 0)
        r = read_target_agents(reader, node, fields->name, target);
    return r < 0 ? r : read_probes(reader, node, fields->name, target);
}

/* Room for one more. */
static int grow_targets(const struct reader *reader)
{
    struct coordinator_config *config = reader->config;
    size_t n = config->n_targets, room = n < FIRST_TARGETS ? FIRST_TARGETS : 2 * n;
    struct config_target *targets;

    if (n > 0 && (n < FIRST_TARGETS || (n & (n - 1)) != 0))
        return 0; /* it doubles when full, and is full at powers of two */
    targets = realloc(config->targets, room * sizeof(*targets));
    if (!targets)
        return fl_error_set(reader->err, -ENOMEM, "no memory for the targets");
    memset(targets + n, 0, (room - n) * sizeof(*targets));
    config->targets = targets;
    return 0;
}

static int read_target(const struct reader *reader, const struct fl_yaml_node *node)
{
    static const char *const others[] = {"zones", "agents", "probes", NULL};
    struct target_fields fields = {0};
    int r = fl_yaml_options(node, config_target_options, others, &fields, reader->err);

    if (r < 0)
        return r;
    r = grow_targets(reader);
    if (r == 0)
        r = add_target(reader, node, &fields);
    fl_options_done(config_target_options, &fields);
    return r;
}

static int on_made(const struct fl_yaml_node *target, void *arg, struct fl_error *err)
{
    struct reader reader = *(const struct reader *)arg;

    reader.err = err;
    return read_target(&reader, target);
}

static int read_targets(const struct reader *reader, const struct fl_yaml_node *root)
{
    struct reader own = *reader;
    const struct fl_yaml_node *list;
    int r = get_list(reader, root, "targets", false, &list);

    for (size_t i = 0; r == 0 && list && i < fl_yaml_count(list); i++)
        r = read_target(reader, fl_yaml_item(list, i));
    return r < 0 ? r
                 : config_templates_read(root, reader->config,
                                         reader->checker ? reader->checker->trial : NULL, on_made,
                                         &own, reader->err);
}

static int check_plans(const struct reader *reader, const struct fl_yaml_node *root)
{
    const struct coordinator_config *config = reader->config;

    if (config->fleet->n_probes <= FL_MAX_PLAN_SPECS)
        return 0;
    for (uint32_t agent = 0; agent < config->fleet->n_agents; agent++) {
        size_t n = 0;

        for (uint32_t i = 0; i < config->fleet->n_probes; i++)
            n += coordinator_config_probes(config, agent, config->fleet->probes[i].target);
        if (n > FL_MAX_PLAN_SPECS)
            return fl_yaml_error(root, reader->err, -E2BIG,
                                 "agent \"%s\" would have %zu probes, at most %d; divide the "
                                 "targets with \"zones\" or \"agents\"",
                                 config->fleet->agents[agent].name, n, FL_MAX_PLAN_SPECS);
    }
    return 0;
}

int config_fleet_read(const struct fl_yaml_node *root, const struct config_checker *checker,
                      struct coordinator_config *config, struct fl_error *err)
{
    const struct reader reader = {checker, config, err};
    struct fl_error sentence;
    int r;

    if (fleet_new(&config->fleet) < 0)
        return fl_error_set(err, -ENOMEM, "no memory for the fleet");
    r = read_names(&reader, root, "zones", true, fleet_add_zone);
    if (r == 0)
        r = read_names(&reader, root, "places", false, fleet_add_place);
    if (r == 0)
        r = read_agents(&reader, root);
    if (r == 0)
        r = read_targets(&reader, root);
    if (r < 0)
        return r;
    r = fleet_seal(config->fleet, config->mesh_interval_us, config->mesh_timeout_us, &sentence);
    return r < 0 ? at(&reader, root, r, &sentence) : check_plans(&reader, root);
}
