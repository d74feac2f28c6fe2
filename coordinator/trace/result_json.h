/* A result as JSON, for traces and for the API. */
#pragma once

#include "proto/types/fl_result.h"

#include <jansson.h>

/* Put what a probe said into an object: ok, layer, error, step, phases, steps, TCP. What is absent
 * is left out. */
void result_json_put(json_t *object, const struct fl_result *result);

/* Put a number; nothing for FL_ABSENT. */
void result_json_integer(json_t *object, const char *name, int64_t value);
