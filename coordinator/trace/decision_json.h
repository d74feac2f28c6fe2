/* Decisions as JSON: the API, the hook's standard input, the file beside the history and the
 * history itself all have them from here. */
#pragma once

#include "coordinator/core/decision.h"

#include <jansson.h>

/* A new reference, or NULL when there is no memory. */
json_t *decision_json(const struct decision *decision);
json_t *drill_json(const struct drill *drill, const char *group, const char *zone);
/* 0, or -EBADMSG: it is none. */
int decision_parse(const json_t *json, struct decision *ret);
