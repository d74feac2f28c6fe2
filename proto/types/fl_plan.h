/* What an agent is to do: the probes, and its place in the mesh. Made by the coordinator from
 * its configuration, sent whole, checked whole, kept by the agent on disk. */
#pragma once

#include "proto/types/fl_error.h"
#include "proto/types/fl_limits.h"
#include "proto/types/fl_time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FL_MESH_KEY_SIZE 32

struct fl_setting {
    char *key;
    char *value;
};

struct fl_probe_spec {
    uint32_t series; /* fl_series_id(target, probe) */
    char target[FL_TARGET_SIZE];
    char probe[FL_NAME_SIZE];
    char type[FL_TYPE_SIZE];
    int64_t interval_us;
    int64_t timeout_us;
    size_t n_settings;
    struct fl_setting *settings; /* owned by the plan */
};

struct fl_plan {
    uint64_t version; /* grows with every change; 0: no plan yet */
    size_t n_specs;
    struct fl_probe_spec *specs;
    uint8_t mesh_key[FL_MESH_KEY_SIZE]; /* shared by the fleet's echo responders */
};

void fl_plan_init(struct fl_plan *plan);
void fl_plan_done(struct fl_plan *plan);

/* Add a probe (copied) with no settings yet; NULL for no memory or FL_MAX_PLAN_SPECS. The
 * pointer holds until the next fl_plan_add. */
struct fl_probe_spec *fl_plan_add(struct fl_plan *plan, const char *target, const char *probe,
                                  const char *type, int64_t interval_us, int64_t timeout_us);

/* Add a setting (copied). 0, -ENOMEM, or -E2BIG past FL_MAX_SETTINGS. */
int fl_probe_spec_set(struct fl_probe_spec *spec, const char *key, const char *value);

/* Names, ranges, series numbers and their uniqueness. 0 or -EINVAL with the reason.
 * Types and settings are the business of the probe table. */
int fl_plan_check(const struct fl_plan *plan, struct fl_error *err);

bool fl_plan_equal(const struct fl_plan *a, const struct fl_plan *b);
