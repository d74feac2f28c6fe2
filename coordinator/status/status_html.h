/* The status page as HTML, and as an Atom feed. */
#pragma once

#include "coordinator/status/status_model.h"

/* Texts that the caller frees, NULL for want of memory. `url` is where the page is; `live`: it is
 * served by the coordinator and follows its stream, else it looks again by itself. */
char *status_html_page(const struct status_model *model, const char *url, bool live);
/* The part that changes at once, as it stands in the page. */
char *status_html_now(const struct status_model *model);
char *status_atom(const struct status_model *model, const char *url);

/* The Content-Security-Policy of the page: nothing runs or colours it but what it was built with.
 */
const char *status_html_policy(void);
