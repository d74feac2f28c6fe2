/* The section "history": how long what is kept. */
#pragma once

#include "coordinator/store/store.h"
#include "proto/types/fl_option.h"

struct fl_yaml_node;

extern const struct fl_option config_history_options[];

/* Reads the section, which may be missing. What is coarser must be kept at least as long. */
int config_history_read(const struct fl_yaml_node *root, struct store_keep *ret,
                        struct fl_error *err);
