/* Asks of the coordinator's API, for the subcommands that have something probed. */
#pragma once

#include "coordinator/cli/api_client.h"

/* "a,b" as a list of texts; empty for NULL. */
json_t *ask_client_list(const char *text);

/* Begin one; `request` is taken over. The caller owns the answer. As api_client_send. */
int ask_client_begin(struct api_client *client, json_t *request, json_t **ret,
                     struct fl_error *err);

/* What has come beyond the first `after` results; waits so long for anything. */
int ask_client_more(struct api_client *client, int64_t id, int64_t after, int64_t wait_us,
                    json_t **ret, struct fl_error *err);
