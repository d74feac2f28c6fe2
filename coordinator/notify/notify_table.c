/* One row a kind of notification, and the settings of a receiver. */
#include "coordinator/notify/notify.h"
#include "proto/types/fl_limits.h"

#include <stddef.h>

const struct notify_type *const notify_table[] = {&notify_alertmanager, &notify_command,
                                                  &notify_email, &notify_webhook, NULL};

static const char *const types[] = {"alertmanager", "command", "email", "webhook",
                                    NULL};                         /* as notify_table */
static const char *const starttls[] = {"required", "never", NULL}; /* enum notify_starttls */

#define FIELD(name) offsetof(struct notify_settings, name)

const struct fl_option notify_options[] = {
    {"name", FL_OPTION_NAME, FIELD(name), 1, FL_NAME_SIZE - 1, NULL, NULL, "name of the receiver"},
    {"type", FL_OPTION_CHOICE, FIELD(type), 0, 0, NULL, types, "in which form it is told"},
    {"url", FL_OPTION_STRING, FIELD(url), 8, 2000, FL_OPTION_UNSET, NULL,
     "http:// or https:// address, of an Alertmanager without /api/v2/alerts; of a mail relay "
     "smtp://HOST:PORT, or smtps:// for TLS from the start"},
    {"secret_file", FL_OPTION_STRING, FIELD(secret_file), 1, 4000, FL_OPTION_UNSET, NULL,
     "file with the secret that signs what a webhook is sent; 16 to 1024 bytes in one line"},
    {"ca_file", FL_OPTION_STRING, FIELD(ca_file), 1, 4000, FL_OPTION_UNSET, NULL,
     "certificate authorities that may vouch for it; those of the system without it"},
    {"from", FL_OPTION_STRING, FIELD(from), 3, 320, FL_OPTION_UNSET, NULL,
     "whom mail comes from, as NAME@HOST"},
    {"user", FL_OPTION_STRING, FIELD(user), 1, 256, FL_OPTION_UNSET, NULL,
     "who logs in at the mail relay; nobody without it"},
    {"password_file", FL_OPTION_STRING, FIELD(password_file), 1, 4000, FL_OPTION_UNSET, NULL,
     "file with the password for that, in one line; only ever sent through TLS"},
    {"starttls", FL_OPTION_CHOICE, FIELD(starttls), 0, 0, "required", starttls,
     "whether a mail relay at smtp:// gets anything before TLS has begun"},
    {"timeout", FL_OPTION_DURATION, FIELD(timeout_us), FL_SECOND / 10, FL_MINUTE, "10s", NULL,
     "how long one delivery may take; it is tried again after 1s and then ever later, up to 5m"},
    {"wait", FL_OPTION_DURATION, FIELD(wait_us), 0, FL_MINUTE, "1s", NULL,
     "how long it is waited for more to tell in the same message"},
    {"interval", FL_OPTION_DURATION, FIELD(interval_us), FL_SECOND / 10, FL_HOUR, "10s", NULL,
     "after five messages at once, one in so long"},
    {"repeat", FL_OPTION_DURATION, FIELD(repeat_us), FL_SECOND, 24 * FL_HOUR, FL_OPTION_UNSET, NULL,
     "what is open is told again after so long; an Alertmanager after 1m, others never without "
     "it"},
    {0},
};
