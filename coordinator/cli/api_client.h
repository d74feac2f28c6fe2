/* Asks the coordinator's HTTP API, bounded in time and size. */
#pragma once

#include "proto/types/fl_time.h"

#include <jansson.h>
#include <stdbool.h>

#define API_USUAL_TIME (10 * FL_SECOND)

struct api_client;

/* `address` as in "http://127.0.0.1:8570". The token that it asks for off loopback is in the file
 * that FAULTLINE_TOKEN_FILE names, the certificate authority of its own, if it has one, in
 * FAULTLINE_CA_FILE. */
int api_client_new(const char *address, struct api_client **ret, struct fl_error *err);
struct api_client *api_client_free(struct api_client *client);
FL_DEFINE_FREEP(struct api_client, api_client)

/* GET a path; the caller owns the JSON object. -ENOENT: the coordinator says that there is no
 * such thing; -EINVAL: the address is none. Any other failure means that no coordinator could be
 * asked there. */
int api_client_get(struct api_client *client, const char *path, int64_t timeout_us, json_t **ret,
                   struct fl_error *err);

/* POST, PUT or DELETE with a JSON object, which stays the caller's; NULL: none. Likewise; -EINVAL
 * also when the coordinator refuses what was sent. `*ret` is NULL when it answers nothing. */
int api_client_send(struct api_client *client, const char *method, const char *path,
                    const json_t *body, int64_t timeout_us, json_t **ret, struct fl_error *err);
