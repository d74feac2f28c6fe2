/* What kinds of notification write alike. */
#pragma once

#include "coordinator/notify/notify.h"

#define MESSAGE_SUMMARY_SIZE 512
#define MESSAGE_EVIDENCE_SIZE 4096

/* The whole message as a JSON object, to be freed. NULL without memory. */
char *message_json(const struct notify_settings *settings, const struct notify_message *message);
/* Text of a field of an event; "" when there is none. */
const char *message_text(const json_t *event, const char *field);
bool message_is_test(const json_t *event);
/* "storage: target:web, stall", or that it is a test. */
void message_summary(const json_t *event, char text[MESSAGE_SUMMARY_SIZE]);
/* The sentences of its evidence, one a line. */
void message_evidence(const json_t *event, char text[MESSAGE_EVIDENCE_SIZE]);
