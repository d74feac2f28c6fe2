#include "coordinator/plan_json.h"

static json_t *settings_json(const struct fl_probe_spec *spec)
{
    json_t *settings = json_object();

    for (size_t i = 0; i < spec->n_settings; i++)
        (void)json_object_set_new(settings, spec->settings[i].key,
                                  json_string(spec->settings[i].value));
    return settings;
}

static json_t *agents_json(const struct coordinator_config *config, uint32_t target)
{
    json_t *agents = json_array();

    for (uint32_t i = 0; i < config->fleet->n_agents; i++)
        if (coordinator_config_probes(config, i, target))
            (void)json_array_append_new(agents, json_string(config->fleet->agents[i].name));
    return agents;
}

static json_t *probe_json(const struct coordinator_config *config, uint32_t index,
                          const struct fl_probe_spec *spec)
{
    static const char *const kinds[] = {[TARGET_SERVICE] = "service", [TARGET_STORAGE] = "storage"};
    const struct fleet *fleet = config->fleet;
    const struct fleet_target *target = &fleet->targets[index];
    const char *backend =
        target->backend == FLEET_NONE ? NULL : fleet->backends[target->backend].name;

    return json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s, s:I, s:I, s:o, s:o}", "target", target->name,
                     "probe", spec->probe, "kind", kinds[target->kind], "place",
                     fleet->places[target->place].name, "backend", backend, "type", spec->type,
                     "interval_us", (json_int_t)spec->interval_us, "timeout_us",
                     (json_int_t)spec->timeout_us, "settings", settings_json(spec), "agents",
                     agents_json(config, index));
}

json_t *plan_json(const struct coordinator_config *config)
{
    json_t *probes = json_array();

    for (uint32_t i = 0; i < config->n_targets; i++) {
        const struct fl_plan *plan = &config->targets[i].probes;

        for (size_t k = 0; k < plan->n_specs; k++)
            (void)json_array_append_new(probes, probe_json(config, i, &plan->specs[k]));
    }
    return json_pack("{s:o}", "probes", probes);
}
