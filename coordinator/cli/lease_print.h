/* Who of several coordinators acts, and how far each follows, as `faultline status` shows it. */
#pragma once

#include "coordinator/cli/screen.h"

#include <jansson.h>

/* Nothing for a coordinator that acts alone. 0 or -ENOMEM. */
int lease_print(const struct screen *screen, const json_t *status);
