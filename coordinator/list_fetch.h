/* Fetches one list of targets, and waits for it: for a thread of its own. */
#pragma once

#include "coordinator/config_lists.h"

/* The caller frees what is in `ret`. It is abandoned within a second once `is_ending` says so.
 * Redirects are not followed, nothing is decompressed, and at most CONFIG_MAX_LIST_BYTES come. */
int list_fetch(const struct config_list *list, bool (*is_ending)(void *arg), void *arg, char **ret,
               size_t *ret_size, struct fl_error *err);
