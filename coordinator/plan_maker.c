/* FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
#include "coordinator/plan_maker.h"

#include "proto/types/fl_name.h"

#include <errno.h>
#include <string.h>

#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)
#define VERSION_BITS 53 /* what every reader of JSON keeps whole; folded as FNV advises */

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
    const uint8_t *byte = bytes;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ byte[i]) * FNV_PRIME;
    return hash;
}

/* With its end, so that "ab", "c" is not "a", "bc". */
static uint64_t hash_text(uint64_t hash, const char *text)
{
    return hash_bytes(hash, text, strlen(text) + 1);
}

/* Byte by byte from the lowest: the same on every machine. */
static uint64_t hash_number(uint64_t hash, uint64_t number)
{
    for (unsigned shift = 0; shift < 64; shift += 8)
        hash = (hash ^ (number >> shift & 0xff)) * FNV_PRIME;
    return hash;
}

static uint64_t version_of(const struct fl_plan *plan)
{
    uint64_t hash = hash_bytes(FNV_BASIS, plan->mesh_key, sizeof(plan->mesh_key));

    for (size_t i = 0; i < plan->n_specs; i++) {
        const struct fl_probe_spec *spec = &plan->specs[i];

        hash = hash_text(hash, spec->target);
        hash = hash_text(hash, spec->probe);
        hash = hash_text(hash, spec->type);
        hash = hash_number(hash, (uint64_t)spec->interval_us);
        hash = hash_number(hash, (uint64_t)spec->timeout_us);
        hash = hash_number(hash, spec->n_settings);
        for (size_t k = 0; k < spec->n_settings; k++) {
            hash = hash_text(hash, spec->settings[k].key);
            hash = hash_text(hash, spec->settings[k].value);
        }
    }
    hash = (hash ^ hash >> VERSION_BITS) & ((UINT64_C(1) << VERSION_BITS) - 1);
    return hash ? hash : 1; /* 0 says: no plan yet */
}

static int add_spec(struct fl_plan *plan, const struct fl_probe_spec *from)
{
    struct fl_probe_spec *spec = fl_plan_add(plan, from->target, from->probe, from->type,
                                             from->interval_us, from->timeout_us);
    int r = spec ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < from->n_settings; i++)
        r = fl_probe_spec_set(spec, from->settings[i].key, from->settings[i].value);
    return r;
}

static int add_targets(const struct coordinator_config *config, uint32_t agent,
                       struct fl_plan *plan)
{
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < config->n_targets; i++) {
        const struct fl_plan *probes = &config->targets[i].probes;

        if (!coordinator_config_probes(config, agent, i))
            continue;
        for (size_t k = 0; r == 0 && k < probes->n_specs; k++)
            r = add_spec(plan, &probes->specs[k]);
    }
    return r;
}

static int add_mesh(const struct coordinator_config *config, uint32_t agent, struct fl_plan *plan)
{
    const struct fleet *fleet = config->fleet;
    int r = 0;

    for (uint32_t i = (uint32_t)config->n_targets; r == 0 && i < fleet->n_targets; i++) {
        struct fl_probe_spec *spec;

        if (!coordinator_config_probes(config, agent, i))
            continue;
        spec = fl_plan_add(plan, fleet->targets[i].name, FL_MESH_PROBE, "udp",
                           config->mesh_interval_us, config->mesh_timeout_us);
        r = spec ? fl_probe_spec_set(spec, "address",
                                     config->agents[fleet->targets[i].mesh_agent].mesh)
                 : -ENOMEM;
    }
    return r;
}

int plan_make(const struct coordinator_config *config, uint32_t agent,
              const uint8_t mesh_key[FL_MESH_KEY_SIZE], struct fl_plan *ret)
{
    struct fl_plan plan;
    int r;

    fl_plan_init(&plan);
    memcpy(plan.mesh_key, mesh_key, sizeof(plan.mesh_key));
    r = add_targets(config, agent, &plan);
    if (r == 0)
        r = add_mesh(config, agent, &plan);
    if (r < 0) {
        fl_plan_done(&plan);
        return r;
    }
    plan.version = version_of(&plan);
    *ret = plan;
    return 0;
}
