/* Targets that are made from a template, one for each address that a list names: in the section
 * itself, or in files as Prometheus's file_sd reads them. For config_fleet.c only. */
#pragma once

#include "proto/types/fl_error.h"
#include "proto/types/fl_option.h"

struct fl_yaml_node;

/* The map of a target as it would stand under `targets`; borrowed until the call returns. */
typedef int (*config_template_cb)(const struct fl_yaml_node *target, void *arg,
                                  struct fl_error *err);

/* Reads the section "templates" of `root`, which may be missing, and calls `made` for each target
 * in order, until it returns something negative. */
int config_templates_read(const struct fl_yaml_node *root, config_template_cb made, void *arg,
                          struct fl_error *err);
