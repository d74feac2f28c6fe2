/* Reads zones, places, agents and targets. For coordinator_config.c only. */
#pragma once

#include "coordinator/coordinator_config.h"

struct fl_yaml_node;

int config_fleet_read(const struct fl_yaml_node *root, const struct config_checker *checker,
                      struct coordinator_config *config, struct fl_error *err);
