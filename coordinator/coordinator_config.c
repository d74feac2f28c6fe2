/* The top of the file is read here, the lists of agents and targets in config_fleet.c. */
#include "coordinator/coordinator_config.h"

#include "coordinator/config_fleet.h"
#include "coordinator/config_groups.h"
#include "coordinator/store/store.h"
#include "proto/runtime/fl_yaml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PATH 4096
#define FIELD(name) offsetof(struct coordinator_config, name)

const struct fl_option coordinator_options[] = {
    {"listen", FL_OPTION_STRING, FIELD(listen), 1, 256, "tcp://0.0.0.0:5570", NULL,
     "ZeroMQ endpoint at which agents come in"},
    {"api", FL_OPTION_ADDRESS, FIELD(api), 1, 256, "127.0.0.1:8570", NULL,
     "address of the HTTP API and of the pages; off loopback only with TLS and tokens"},
    {"secret_key_file", FL_OPTION_STRING, FIELD(secret_key_file), 1, MAX_PATH, NULL, NULL,
     "file made by faultline keygen"},
    {"state", FL_OPTION_STRING, FIELD(state), 1, MAX_PATH, "/var/lib/faultline", NULL,
     "directory of the history and of the key of the mesh"},
    {"store", FL_OPTION_STRING, FIELD(store), 1, 64, "sqlite", NULL, "kind of history store"},
    {"record", FL_OPTION_STRING, FIELD(record), 1, MAX_PATH, FL_OPTION_UNSET, NULL,
     "file to record a trace into"},
    {"mesh_interval", FL_OPTION_DURATION, FIELD(mesh_interval_us), FL_MIN_INTERVAL_US,
     FL_MAX_INTERVAL_US, "1s", NULL, "between two probes from one agent to another"},
    {"mesh_timeout", FL_OPTION_DURATION, FIELD(mesh_timeout_us), FL_MIN_TIMEOUT_US,
     FL_MAX_TIMEOUT_US, "1s", NULL, "how long an agent waits for another one's answer"},
    {0},
};

struct coordinator_config *coordinator_config_free(struct coordinator_config *config)
{
    if (!config)
        return NULL;
    for (size_t i = 0; config->agents && i < config->fleet->n_agents; i++)
        free(config->agents[i].mesh);
    for (size_t i = 0; config->targets && i < config->n_targets; i++) {
        fl_plan_done(&config->targets[i].probes);
        free(config->targets[i].agents);
    }
    free(config->agents);
    free(config->targets);
    config_groups_done(config);
    fleet_free(config->fleet);
    config_http_done(&config->http);
    config_status_done(&config->status);
    notify_config_done(&config->notify);
    config_lists_done(&config->lists);
    config_lease_done(&config->lease);
    fl_options_done(coordinator_options, config);
    free(config);
    return NULL;
}

static int check_store(const struct fl_yaml_node *top, const char *store, struct fl_error *err)
{
    const struct fl_yaml_node *node = fl_yaml_get(top, "store");
    char names[256] = "";
    size_t used = 0;

    if (store_type_find(store))
        return 0;
    for (size_t i = 0; store_table[i] && used < sizeof(names); i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "",
                                 store_table[i]->name);
    return fl_yaml_error(node ? node : top, err, -EINVAL,
                         "field \"store\" is \"%s\"; allowed are: %s", store, names);
}

static int check_listen(const struct fl_yaml_node *top, const char *listen, struct fl_error *err)
{
    const struct fl_yaml_node *node = fl_yaml_get(top, "listen");

    if (strncmp(listen, "tcp://", 6) == 0 && strchr(listen + 6, ':'))
        return 0;
    return fl_yaml_error(node ? node : top, err, -EINVAL,
                         "field \"listen\" is \"%s\"; it must be tcp://ADDRESS:PORT", listen);
}

static int check_sections(const struct fl_yaml_node *root, struct fl_error *err)
{
    static const char *const sections[] = {
        "coordinator", "zones",  "places",      "agents",    "targets", "http",  "history",
        "decisions",   "groups", "status_page", "templates", "notify",  "lease",
    };
    char names[256] = "";
    size_t used = 0;

    for (size_t k = 0; k < FL_COUNT(sections) && used < sizeof(names); k++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", k ? ", " : "",
                                 sections[k]);
    for (size_t i = 0; i < fl_yaml_count(root); i++) {
        size_t k = 0;

        while (k < FL_COUNT(sections) && strcmp(sections[k], fl_yaml_key(root, i)) != 0)
            k++;
        if (k == FL_COUNT(sections))
            return fl_yaml_error(fl_yaml_item(root, i), err, -EINVAL,
                                 "field \"%.64s\" is unknown; allowed are: %s",
                                 fl_yaml_key(root, i), names);
    }
    return 0;
}

static int read_top(const struct fl_yaml_node *root, struct coordinator_config *config,
                    struct fl_error *err)
{
    const struct fl_yaml_node *top;
    int r = fl_yaml_expect(root, FL_YAML_MAP, "the configuration", err);

    if (r == 0)
        r = check_sections(root, err);
    if (r < 0)
        return r;
    top = fl_yaml_get(root, "coordinator");
    if (!top)
        return fl_yaml_error(root, err, -EINVAL, "field \"coordinator\" is missing");
    r = fl_yaml_options(top, coordinator_options, NULL, config, err);
    if (r == 0)
        r = check_listen(top, config->listen, err);
    if (r == 0)
        r = config_http_read(root, config->api, &config->http, err);
    if (r == 0)
        r = config_history_read(root, &config->keep, err);
    if (r == 0)
        r = config_lease_read(root, &config->lease, err);
    return r < 0 ? r : check_store(top, config->store, err);
}

static int read_config(const struct fl_yaml *yaml, const struct config_checker *checker,
                       struct coordinator_config **ret, struct fl_error *err)
{
    FL_CLEANUP(coordinator_config_freep)
    struct coordinator_config *config = calloc(1, sizeof(*config));
    int r;

    if (!config)
        return fl_error_set(err, -ENOMEM, "no memory for the configuration");
    r = read_top(fl_yaml_root(yaml), config, err);
    if (r == 0)
        r = config_fleet_read(fl_yaml_root(yaml), checker, config, err);
    if (r == 0)
        r = config_groups_read(fl_yaml_root(yaml), config, err);
    if (r == 0)
        r = config_status_read(fl_yaml_root(yaml), config->fleet, &config->status, err);
    if (r == 0)
        r = notify_config_read(fl_yaml_root(yaml), &config->notify, err);
    if (r == 0)
        *ret = FL_TAKE(config);
    return r;
}

int coordinator_config_load(const char *path, const struct config_checker *checker,
                            struct coordinator_config **ret, struct fl_error *err)
{
    FL_CLEANUP(fl_yaml_freep) struct fl_yaml *yaml = NULL;
    int r = fl_yaml_load(path, &yaml, err);

    return r < 0 ? r : read_config(yaml, checker, ret, err);
}

int coordinator_config_parse(const char *name, const char *text, size_t size,
                             const struct config_checker *checker, struct coordinator_config **ret,
                             struct fl_error *err)
{
    FL_CLEANUP(fl_yaml_freep) struct fl_yaml *yaml = NULL;
    int r = fl_yaml_parse(name, text, size, &yaml, err);

    return r < 0 ? r : read_config(yaml, checker, ret, err);
}

bool coordinator_config_probes(const struct coordinator_config *config, uint32_t agent,
                               uint32_t target)
{
    const struct config_target *from;

    if (target >= config->n_targets) {
        uint32_t whose = config->fleet->targets[target].mesh_agent;

        return whose != agent && config->agents[whose].mesh;
    }
    from = &config->targets[target];
    if (!from->agents)
        return from->zones[config->fleet->agents[agent].zone];
    for (size_t i = 0; i < from->n_agents; i++)
        if (from->agents[i] == agent)
            return true;
    return false;
}

static bool same_target(const struct config_target *a, const struct config_target *b)
{
    return fl_plan_equal(&a->probes, &b->probes) &&
           memcmp(a->zones, b->zones, sizeof(a->zones)) == 0 && !a->agents == !b->agents &&
           a->n_agents == b->n_agents &&
           (!a->agents || memcmp(a->agents, b->agents, a->n_agents * sizeof(*a->agents)) == 0);
}

static bool same_mesh(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : !a && !b;
}

bool coordinator_config_probes_same(const struct coordinator_config *a,
                                    const struct coordinator_config *b)
{
    bool same = fleet_equal(a->fleet, b->fleet) && a->n_targets == b->n_targets;

    for (size_t i = 0; same && i < a->fleet->n_agents; i++)
        same = same_mesh(a->agents[i].mesh, b->agents[i].mesh);
    for (size_t i = 0; same && i < a->n_targets; i++)
        same = same_target(&a->targets[i], &b->targets[i]);
    return same;
}

uint32_t coordinator_config_agent_of_key(const struct coordinator_config *config,
                                         const char *public_key)
{
    for (uint32_t i = 0; i < config->fleet->n_agents; i++)
        if (strcmp(config->agents[i].public_key, public_key) == 0)
            return i;
    return FLEET_NONE;
}
