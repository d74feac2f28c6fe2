/* Reads "decisions" and "groups". For coordinator_config.c only, after the fleet. */
#pragma once

#include "coordinator/coordinator_config.h"

struct fl_yaml_node;

int config_groups_read(const struct fl_yaml_node *root, struct coordinator_config *config,
                       struct fl_error *err);
void config_groups_done(struct coordinator_config *config);
