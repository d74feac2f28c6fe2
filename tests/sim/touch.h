/* Which components a probe crosses or uses, by the trace format's words and nothing else: the
 * simulator and the judge do not take it from what they judge. */
#pragma once

#include "coordinator/core/component.h"

#define TOUCH_MAX 8

/* Everything between an agent and a target; `probe` FLEET_NONE: between the agent and the
 * coordinator. Returns how many. */
size_t touch_all(const struct fleet *fleet, uint32_t agent, uint32_t probe,
                 struct component touched[TOUCH_MAX]);
bool touch_is(const struct fleet *fleet, const struct component *component, uint32_t agent,
              uint32_t probe);
