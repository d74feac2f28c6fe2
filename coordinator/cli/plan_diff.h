/* What is different between two plans, as plan_json makes them. */
#pragma once

#include <jansson.h>

/* A list in the order of the names: {"change": "added" | "removed" | "changed", "probe":
 * "TARGET/PROBE", "fields": [{"field", "from", "to"}]}. A field that one of them does not have is
 * null there. NULL when there is no memory. */
json_t *plan_diff(const json_t *from, const json_t *to);
