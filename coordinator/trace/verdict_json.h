/* Verdicts and their events as JSON, exactly as the trace format has them: the API, replay and
 * the command line all print through here. Keys always come in the same order. */
#pragma once

#include "coordinator/core/verdict.h"

#include <jansson.h>

/* How to print them: confidence has four decimals and no noise behind them. */
#define VERDICT_JSON_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(6))

/* A new reference, or NULL when there is no memory. */
json_t *verdict_json(const struct verdict *verdict);
json_t *verdict_event_json(const struct verdict_event *event);
