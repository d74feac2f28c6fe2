/* Who probes what: zones, places, agents, targets, probes. Pure; built from the configuration or
 * from a trace's first line, then only read. Everything else refers to it by index. */
#pragma once

#include "proto/types/fl_cleanup.h"
#include "proto/types/fl_error.h"
#include "proto/types/fl_limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum target_kind { TARGET_SERVICE, TARGET_STORAGE, TARGET_MESH };

struct fleet_place {
    char name[FL_NAME_SIZE]; /* the first n_zones places are the zones */
};

struct fleet_agent {
    char name[FL_NAME_SIZE];
    uint32_t zone;
};

struct fleet_target {
    char name[FL_TARGET_SIZE];
    enum target_kind kind;
    uint32_t place;
    uint32_t backend;    /* FLEET_NONE: none */
    uint32_t mesh_agent; /* for TARGET_MESH: whose responder it is; else FLEET_NONE */
};

struct fleet_probe {
    uint32_t series; /* fl_series_id */
    uint32_t target;
    char name[FL_NAME_SIZE];
    char type[FL_TYPE_SIZE];
    int64_t interval_us;
    int64_t timeout_us;
};

#define FLEET_NONE UINT32_MAX

struct fleet {
    size_t n_zones, n_places, n_agents, n_targets, n_backends, n_probes;
    struct fleet_place *places;
    struct fleet_agent *agents;
    struct fleet_target *targets;
    struct fleet_place *backends;
    struct fleet_probe *probes;
    struct fleet_index *by_series; /* private */
};

int fleet_new(struct fleet **ret);
struct fleet *fleet_free(struct fleet *fleet);
FL_DEFINE_FREEP(struct fleet, fleet)

/* Build step by step; names are checked, duplicates and collisions refused with a sentence.
 * Zones first, then places, agents, targets, probes. */
int fleet_add_zone(struct fleet *fleet, const char *name, struct fl_error *err);
int fleet_add_place(struct fleet *fleet, const char *name, struct fl_error *err);
int fleet_add_agent(struct fleet *fleet, const char *name, const char *zone, struct fl_error *err);
/* `backend` may be NULL. */
int fleet_add_target(struct fleet *fleet, const char *name, enum target_kind kind,
                     const char *place, const char *backend, struct fl_error *err);
int fleet_add_probe(struct fleet *fleet, const char *target, const char *name, const char *type,
                    int64_t interval_us, int64_t timeout_us, struct fl_error *err);
/* Last: adds the mesh target and probe of every agent (interval as given) and seals the fleet. */
int fleet_seal(struct fleet *fleet, int64_t mesh_interval_us, int64_t mesh_timeout_us,
               struct fl_error *err);

/* The same names, at the same places, in the same order? Then an index means the same in both. */
bool fleet_equal(const struct fleet *a, const struct fleet *b);

/* Index or FLEET_NONE. */
uint32_t fleet_find_place(const struct fleet *fleet, const char *name);
uint32_t fleet_find_agent(const struct fleet *fleet, const char *name);
uint32_t fleet_find_target(const struct fleet *fleet, const char *name);
uint32_t fleet_find_probe(const struct fleet *fleet, uint32_t series);
