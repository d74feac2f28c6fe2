/* Makes the plan of one agent from the configuration: the targets that it is to probe, and the
 * echo responders of all the others. Pure. */
#pragma once

#include "coordinator/coordinator_config.h"

/* The version is a hash of the content, so that it is the same after every restart and differs
 * whenever the plan does. The caller owns the plan (fl_plan_done). 0 or -ENOMEM. */
int plan_make(const struct coordinator_config *config, uint32_t agent,
              const uint8_t mesh_key[FL_MESH_KEY_SIZE], struct fl_plan *ret);
