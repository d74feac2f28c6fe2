/* Verdicts back from the JSON that verdict_json.h writes: history keeps them in that form. */
#pragma once

#include "coordinator/core/verdict.h"

#include <jansson.h>

/* 0, or -EBADMSG when it is no verdict. What is more than a verdict can hold is left out. */
int verdict_parse(const json_t *object, struct verdict *ret);

/* The words of enum verdict_event_type; -1 for an unknown one. */
int verdict_event_parse(const char *name);
