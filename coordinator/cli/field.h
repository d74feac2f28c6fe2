/* Fields of what the coordinator says. What is not there, or of another type, is "" and 0. */
#pragma once

#include "proto/types/fl_time.h"

#include <jansson.h>

const char *field_text(const json_t *json, const char *name);
int64_t field_number(const json_t *json, const char *name);

/* From one time to another; 0 where it cannot be said in 64 bits. */
int64_t field_elapsed(fl_time from_us, fl_time to_us);
