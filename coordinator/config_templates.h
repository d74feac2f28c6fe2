/* Targets that are made from a template, one for each address that a list names: in the section
 * itself, in files as Prometheus's file_sd reads them, or at a URL as its http_sd does. For
 * config_fleet.c only. */
#pragma once

#include "proto/types/fl_error.h"
#include "proto/types/fl_option.h"

struct coordinator_config;
struct fl_yaml_node;

/* The map of a target as it would stand under `targets`; borrowed until the call returns. */
typedef int (*config_template_cb)(const struct fl_yaml_node *target, void *arg,
                                  struct fl_error *err);

/* Reads the section "templates" of `root`, which may be missing, and calls `made` for each target
 * in order, until it returns something negative. The lists that are to be fetched are added to
 * `config`, whose folder of state is known; `trial` as in struct config_checker. */
int config_templates_read(const struct fl_yaml_node *root, struct coordinator_config *config,
                          const char *trial, config_template_cb made, void *arg,
                          struct fl_error *err);
