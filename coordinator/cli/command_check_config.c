/* check-config FILE...: is a configuration good before a daemon meets it? Which daemon's it is,
 * its top-level key tells. */
#include "agent/agent_config.h"
#include "agent/probe/probe.h"
#include "coordinator/cli/command.h"
#include "coordinator/coordinator_config.h"
#include "proto/runtime/fl_yaml.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#define FOUND_SIZE 256

enum config_kind { CONFIG_UNKNOWN, CONFIG_AGENT, CONFIG_COORDINATOR };

static const char *const kind_names[] = {NULL, "agent", "coordinator"};

static int unknown_type(const struct fl_probe_spec *spec, struct fl_error *err)
{
    char names[512] = "";
    size_t used = 0;

    for (size_t i = 0; probe_table[i].name && used < sizeof(names); i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "",
                                 probe_table[i].name);
    return fl_error_set(err, -EINVAL, "\"%s\" is no type of probe; there are %s", spec->type,
                        names);
}

static int check_spec(const struct fl_probe_spec *spec, void *arg, struct fl_error *err)
{
    const struct probe_type *type;
    void *settings = NULL;
    int r = probe_type_find(spec->type, &type, err);

    (void)arg;
    if (r < 0)
        return r == -ENOENT ? unknown_type(spec, err) : r;
    r = probe_settings_parse(type, spec, &settings, err);
    if (r == 0)
        probe_settings_free(type, settings);
    return r;
}

static int check_coordinator(const char *path, char found[FOUND_SIZE], struct fl_error *err)
{
    static const struct config_checker checker = {check_spec, NULL, NULL};
    FL_CLEANUP(coordinator_config_freep) struct coordinator_config *config = NULL;
    size_t probes = 0;
    int r = coordinator_config_load(path, &checker, &config, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < config->n_targets; i++)
        probes += config->targets[i].probes.n_specs;
    (void)snprintf(found, FOUND_SIZE, "agents %zu, zones %zu, targets %zu, probes %zu, groups %zu",
                   config->fleet->n_agents, config->fleet->n_zones, config->n_targets, probes,
                   config->decision_settings.n_groups);
    return 0;
}

static int check_agent(const char *path, char found[FOUND_SIZE], struct fl_error *err)
{
    FL_CLEANUP(agent_config_done) struct agent_config config = {0};
    int r = agent_config_load(path, &config, err);

    if (r < 0)
        return r;
    (void)snprintf(found, FOUND_SIZE, "name %s, zone %s, coordinators %zu", config.name,
                   config.zone, config.n_coordinators);
    return 0;
}

static int find_kind(const char *path, enum config_kind *ret, struct fl_error *err)
{
    FL_CLEANUP(fl_yaml_freep) struct fl_yaml *document = NULL;
    const struct fl_yaml_node *root;
    int r = fl_yaml_load(path, &document, err);
    bool agent, coordinator;

    if (r < 0)
        return r;
    root = fl_yaml_root(document);
    agent = fl_yaml_get(root, "agent") != NULL;
    coordinator = fl_yaml_get(root, "coordinator") != NULL;
    if (agent == coordinator)
        return fl_error_set(err, -EINVAL,
                            "%s: a configuration has either \"agent\" or \"coordinator\" at its "
                            "top level; this has %s",
                            path, agent ? "both" : "neither");
    *ret = agent ? CONFIG_AGENT : CONFIG_COORDINATOR;
    return 0;
}

static int check_file(const char *path, enum config_kind *ret_kind, char found[FOUND_SIZE],
                      struct fl_error *err)
{
    int r = find_kind(path, ret_kind, err);

    if (r < 0)
        return r;
    return *ret_kind == CONFIG_AGENT ? check_agent(path, found, err)
                                     : check_coordinator(path, found, err);
}

static json_t *file_json(const char *path, enum config_kind kind, const char *found,
                         const char *error)
{
    return json_pack("{s:s, s:b, s:s?, s:s?, s:s?}", "file", path, "good", !error, "kind",
                     kind_names[kind], "found", error ? NULL : found, "error", error);
}

enum command_status command_check_config(const struct arguments *arguments)
{
    enum command_status status = COMMAND_FINE;
    json_t *files = json_array();

    for (int i = 0; i < arguments->n_operands; i++) {
        const char *path = arguments->operands[i];
        enum config_kind kind = CONFIG_UNKNOWN;
        char found[FOUND_SIZE] = "";
        struct fl_error err;
        bool good = check_file(path, &kind, found, &err) == 0;

        if (!good)
            status = COMMAND_WRONG;
        if (arguments->json)
            (void)json_array_append_new(files,
                                        file_json(path, kind, found, good ? NULL : err.message));
        else if (good)
            (void)printf("%s: good %s configuration: %s\n", path, kind_names[kind], found);
        else
            (void)command_fail(status, err.message);
    }
    if (arguments->json && json_dumpf(files, stdout, JSON_COMPACT) == 0)
        (void)putchar('\n');
    json_decref(files);
    return status;
}
