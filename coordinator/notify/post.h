/* A POST of JSON, waited for. */
#pragma once

#include "coordinator/notify/notify.h"

#include <curl/curl.h>

extern const char *const notify_post_schemes[];

/* What every transfer has: its time limit, whom to trust, and that it ends when all does. */
void notify_post_set(CURL *easy, const struct notify_settings *settings,
                     const struct notify_message *message);

/* `fields`: of the request's head, each "Name: value"; NULL-terminated. As notify_type.deliver. */
int notify_post(const struct notify_settings *settings, const struct notify_message *message,
                const char *url, const char *const *fields, const char *body, struct fl_error *err);
