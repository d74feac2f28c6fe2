/* The status page in the form that the clients of hosted status pages know (/api/v2), and as an
 * Atom feed. */
#pragma once

#include "coordinator/status/status_model.h"

#include <jansson.h>

/* Which of the incidents, or of the announced work. */
enum status_which { STATUS_ALL, STATUS_UNRESOLVED, STATUS_UPCOMING, STATUS_ACTIVE };

/* New objects with what the documents of that name hold; NULL: no memory. `url` is where the page
 * is, without "/" at its end. */
json_t *status_json_summary(const struct status_model *model, const char *url);
json_t *status_json_status(const struct status_model *model, const char *url);
json_t *status_json_components(const struct status_model *model, const char *url);
json_t *status_json_incidents(const struct status_model *model, const char *url,
                              enum status_which which);
json_t *status_json_maintenances(const struct status_model *model, const char *url,
                                 enum status_which which);
