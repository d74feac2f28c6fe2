/* What is probed, how and by whom, as JSON: for the API, and to compare a configuration with the
 * one that runs. */
#pragma once

#include "coordinator/coordinator_config.h"

#include <jansson.h>

/* An object with the list "probes"; the mesh is not among them, as the agents' own addresses make
 * it. NULL when there is no memory. */
json_t *plan_json(const struct coordinator_config *config);
