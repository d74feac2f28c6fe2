/* A POST of JSON, waited for. */
#pragma once

#include "coordinator/notify/notify.h"

/* `fields`: of the request's head, each "Name: value"; NULL-terminated. As notify_type.deliver. */
int notify_post(const struct notify_settings *settings, const struct notify_message *message,
                const char *url, const char *const *fields, const char *body, struct fl_error *err);
