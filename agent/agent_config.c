#include "agent/agent_config.h"

#include "agent/core/ask_rules.h"
#include "proto/runtime/fl_yaml.h"
#include "proto/types/fl_limits.h"
#include "proto/types/fl_time.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PATH_LENGTH_MAX 3900 /* leaves room for the names within a directory */
#define ADDRESS_PREFIX "tcp://"
#define MAX_ADHOC 64

static const char *const spool_syncs[] = {"normal", "full", NULL};

#define ROW(name, kind, field, min, max, standard, choices, help)                           \
    {                                                                                       \
        name, kind, offsetof(struct agent_config, field), min, max, standard, choices, help \
    }

/* clang-format off: one row a setting */
const struct fl_option agent_options[] = {
    ROW("name", FL_OPTION_NAME, name, 1, FL_NAME_MAX, NULL, NULL,
        "name of this agent, as the coordinator's configuration has it"),
    ROW("zone", FL_OPTION_NAME, zone, 1, FL_NAME_MAX, NULL, NULL, "zone in which this agent is"),
    ROW("secret_key_file", FL_OPTION_STRING, secret_key_file, 1, PATH_LENGTH_MAX, NULL, NULL,
        "key file made by \"faultline keygen\""),
    ROW("state", FL_OPTION_STRING, state, 1, PATH_LENGTH_MAX, "/var/lib/faultline-agent", NULL,
        "directory for the spool and the plan"),
    ROW("mesh_listen", FL_OPTION_ADDRESS, mesh_listen, 0, 0, FL_OPTION_UNSET, NULL,
        "address of the echo responder that the other agents probe; none without it"),
    ROW("secrets", FL_OPTION_STRING, secrets, 1, PATH_LENGTH_MAX, "/etc/faultline/secrets", NULL,
        "directory of the passwords that probes may name, one file each"),
    ROW("commands", FL_OPTION_STRING, commands, 1, PATH_LENGTH_MAX, FL_OPTION_UNSET, NULL,
        "list of the commands that probes of type exec may name; none without it"),
    ROW("spool_size", FL_OPTION_SIZE, spool_size, 1 << 20, INT64_C(1) << 36, "64MiB", NULL,
        "results that wait for a coordinator take at most so much; the oldest go first"),
    ROW("spool_age", FL_OPTION_DURATION, spool_age_us, FL_MINUTE, 30 * 24 * FL_HOUR, "24h", NULL,
        "results that wait longer are dropped"),
    ROW("spool_sync", FL_OPTION_CHOICE, spool_sync, 0, 0, "normal", spool_syncs,
        "normal: spooled results survive kill -9; full: also the loss of power, at an fsync each"),
    ROW("host_interval", FL_OPTION_DURATION, host_interval_us, 200 * FL_MS, FL_MINUTE, "1s", NULL,
        "time between two looks at the host's own counters"),
    ROW("asked_rate", FL_OPTION_INT, asked_rate, 0, 1000, "100", NULL,
        "probes a second that coordinators may ask for beside the plan; 0: none"),
    {0}};

const struct fl_option agent_coordinator_options[] = {
    {"address", FL_OPTION_STRING, offsetof(struct agent_coordinator, address), 1, 300, NULL, NULL,
     "where the coordinator listens: tcp://HOST:PORT"},
    {"public_key", FL_OPTION_STRING, offsetof(struct agent_coordinator, public_key),
     FL_KEY_TEXT_SIZE - 1, FL_KEY_TEXT_SIZE - 1, NULL, NULL,
     "the coordinator's public key, as \"faultline keygen\" printed it"},
    {0}};
/* clang-format on */

static const struct fl_option no_options[] = {{0}};

static int check_address(const struct fl_yaml_node *node, const char *address, struct fl_error *err)
{
    struct fl_error why;
    char host[256];
    uint16_t port;

    if (strncmp(address, ADDRESS_PREFIX, strlen(ADDRESS_PREFIX)) != 0)
        return fl_yaml_error(node, err, -EINVAL, "address is \"%s\"; write tcp://HOST:PORT",
                             address);
    if (fl_address_split(address + strlen(ADDRESS_PREFIX), host, sizeof(host), &port, &why) < 0)
        return fl_yaml_error(node, err, -EINVAL, "address is \"%s\": %s", address, why.message);
    return 0;
}

static int read_coordinator(const struct fl_yaml_node *node, struct agent_config *config,
                            struct fl_error *err)
{
    struct agent_coordinator *coordinator = &config->coordinators[config->n_coordinators];
    int r = fl_yaml_expect(node, FL_YAML_MAP, "coordinators", err);

    if (r == 0)
        r = fl_yaml_options(node, agent_coordinator_options, NULL, coordinator, err);
    if (r < 0)
        return r;
    config->n_coordinators++;
    r = check_address(fl_yaml_get(node, "address"), coordinator->address, err);
    if (r < 0)
        return r;
    if (!fl_public_key_valid(coordinator->public_key))
        return fl_yaml_error(fl_yaml_get(node, "public_key"), err, -EINVAL,
                             "public_key is \"%s\"; it must be the 40 characters that "
                             "\"faultline keygen\" printed for the coordinator",
                             coordinator->public_key);
    for (size_t i = 0; i + 1 < config->n_coordinators; i++)
        if (strcmp(config->coordinators[i].address, coordinator->address) == 0)
            return fl_yaml_error(node, err, -EINVAL,
                                 "the coordinator %s is there twice; leave one out",
                                 coordinator->address);
    return 0;
}

static int read_coordinators(const struct fl_yaml_node *root, struct agent_config *config,
                             struct fl_error *err)
{
    const struct fl_yaml_node *list = fl_yaml_get(root, "coordinators");
    int r;

    if (!list)
        return fl_yaml_error(root, err, -EINVAL,
                             "\"coordinators\" is missing; list address and public_key of each");
    r = fl_yaml_expect(list, FL_YAML_LIST, "coordinators", err);
    if (r < 0)
        return r;
    if (fl_yaml_count(list) < 1 || fl_yaml_count(list) > AGENT_MAX_COORDINATORS)
        return fl_yaml_error(list, err, -EINVAL, "there are %zu coordinators; list 1 to %d",
                             fl_yaml_count(list), AGENT_MAX_COORDINATORS);
    for (size_t i = 0; i < fl_yaml_count(list) && r == 0; i++)
        r = read_coordinator(fl_yaml_item(list, i), config, err);
    return r;
}

static int read_adhoc(const struct fl_yaml_node *list, struct agent_config *config,
                      struct fl_error *err)
{
    struct fl_error why;
    int r = fl_yaml_expect(list, FL_YAML_LIST, "allow_adhoc", err);

    if (r < 0)
        return r;
    if (fl_yaml_count(list) > MAX_ADHOC)
        return fl_yaml_error(list, err, -EINVAL, "allow_adhoc has %zu patterns; at most %d",
                             fl_yaml_count(list), MAX_ADHOC);
    config->adhoc = calloc(fl_yaml_count(list) + 1, sizeof(*config->adhoc));
    for (size_t i = 0; config->adhoc && i < fl_yaml_count(list); i++) {
        const struct fl_yaml_node *node = fl_yaml_item(list, i);
        const char *pattern = fl_yaml_text(node);

        if (!pattern || ask_rules_check_pattern(pattern, &why) < 0)
            return fl_yaml_error(node, err, -EINVAL, "allow_adhoc: %s",
                                 pattern ? why.message : "a pattern is a text");
        config->adhoc[i] = strdup(pattern);
        if (!config->adhoc[i])
            break;
        config->n_adhoc++;
    }
    return config->n_adhoc == fl_yaml_count(list) ? 0 : fl_error_set(err, -ENOMEM, "no memory");
}

static int read_root(const struct fl_yaml_node *root, struct agent_config *config,
                     struct fl_error *err)
{
    static const char *const sections[] = {"agent", "coordinators", "allow_adhoc", NULL};
    const struct fl_yaml_node *agent;
    char unused = 0;
    int r = fl_yaml_expect(root, FL_YAML_MAP, "the file", err);

    if (r == 0)
        r = fl_yaml_options(root, no_options, sections, &unused, err);
    if (r < 0)
        return r;
    agent = fl_yaml_get(root, "agent");
    if (!agent)
        return fl_yaml_error(root, err, -EINVAL,
                             "\"agent\" is missing; it holds name, zone and secret_key_file");
    r = fl_yaml_expect(agent, FL_YAML_MAP, "agent", err);
    if (r == 0)
        r = fl_yaml_options(agent, agent_options, NULL, config, err);
    if (r == 0 && fl_yaml_get(root, "allow_adhoc"))
        r = read_adhoc(fl_yaml_get(root, "allow_adhoc"), config, err);
    return r < 0 ? r : read_coordinators(root, config, err);
}

int agent_config_load(const char *path, struct agent_config *ret, struct fl_error *err)
{
    FL_CLEANUP(fl_yaml_freep) struct fl_yaml *document = NULL;
    FL_CLEANUP(agent_config_done) struct agent_config config = {0};
    int r = fl_yaml_load(path, &document, err);

    if (r == 0)
        r = read_root(fl_yaml_root(document), &config, err);
    if (r < 0)
        return r;
    *ret = config;
    memset(&config, 0, sizeof(config));
    return 0;
}

int agent_config_read_keys(struct agent_config *config, struct fl_error *err)
{
    int r = fl_keypair_read(config->secret_key_file, &config->keys, err);

    return r < 0 ? fl_error_prefix(err, r, "secret_key_file") : 0;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

int agent_config_check_reload(const struct agent_config *old, const struct agent_config *new,
                              struct fl_error *err)
{
    const struct {
        const char *name;
        bool same;
    } fixed[] = {
        {"name", same_text(old->name, new->name)},
        {"zone", same_text(old->zone, new->zone)},
        {"state", same_text(old->state, new->state)},
        {"mesh_listen", same_text(old->mesh_listen, new->mesh_listen)},
        {"secrets", same_text(old->secrets, new->secrets)},
        {"commands", same_text(old->commands, new->commands)},
        {"spool_size", old->spool_size == new->spool_size},
        {"spool_age", old->spool_age_us == new->spool_age_us},
        {"spool_sync", old->spool_sync == new->spool_sync},
    };

    for (size_t i = 0; i < FL_COUNT(fixed); i++)
        if (!fixed[i].same)
            return fl_error_set(err, -EINVAL,
                                "\"%s\" cannot change while the agent runs; restart it",
                                fixed[i].name);
    return 0;
}

void agent_config_done(struct agent_config *config)
{
    fl_options_done(agent_options, config);
    for (size_t i = 0; i < config->n_coordinators; i++)
        fl_options_done(agent_coordinator_options, &config->coordinators[i]);
    for (size_t i = 0; i < config->n_adhoc; i++)
        free(config->adhoc[i]);
    free(config->adhoc);
    explicit_bzero(&config->keys, sizeof(config->keys));
}
