/* Who of several coordinators acts, as the API says it. */
#pragma once

#include "coordinator/coordinator.h"

#include <jansson.h>

/* JSON null for a coordinator that acts alone. */
json_t *lease_json(const struct coordinator *coordinator);
