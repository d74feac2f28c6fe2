/* The section "status_page": what customers are shown, and in which words. */
#pragma once

#include "coordinator/config_bucket.h"
#include "coordinator/core/fleet.h"
#include "coordinator/core/verdict.h"
#include "proto/types/fl_option.h"

#define STATUS_NAME_SIZE 96
#define STATUS_MAX_GROUPS 32
#define STATUS_MAX_COMPONENTS 256
#define STATUS_TEXT_SIZE 512

struct fl_yaml_node;

struct status_group {
    char name[STATUS_NAME_SIZE];
};

/* A component of the page: some targets, shown as one thing. */
struct status_component {
    char name[STATUS_NAME_SIZE];
    uint32_t group;
    size_t n_targets;
    uint32_t *targets; /* by index in the fleet */
};

struct config_status {
    char *title;
    char *snapshot; /* folder; NULL: none is written */
    struct config_bucket bucket;
    size_t n_groups, n_components;
    struct status_group groups[STATUS_MAX_GROUPS];
    struct status_component *components;
    /* What is said of an incident by its class; "{components}" and "{zones}" stand for those that
     * suffer. Empty: the usual words. */
    char texts[VERDICT_CLASSES][STATUS_TEXT_SIZE];
};

extern const struct fl_option config_status_options[];

/* Reads the section, which may be missing: then every target is a component, grouped by kind. */
int config_status_read(const struct fl_yaml_node *root, const struct fleet *fleet,
                       struct config_status *ret, struct fl_error *err);
void config_status_done(struct config_status *status);
