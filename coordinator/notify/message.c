#include "coordinator/notify/message.h"

#include "coordinator/trace/verdict_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *message_json(const struct notify_settings *settings, const struct notify_message *message)
{
    json_t *body =
        json_pack("{s:i, s:s, s:s, s:I, s:I, s:O}", "version", 1, "receiver", settings->name, "key",
                  message->key, "superseded", (json_int_t)message->superseded, "dropped",
                  (json_int_t)message->dropped, "events", message->events);
    char *text = body ? json_dumps(body, VERDICT_JSON_FLAGS) : NULL;

    json_decref(body);
    return text;
}

const char *message_text(const json_t *event, const char *field)
{
    const char *text = json_string_value(json_object_get(event, field));

    return text ? text : "";
}

bool message_is_test(const json_t *event)
{
    return strcmp(message_text(event, "event"), "test") == 0;
}

void message_summary(const json_t *event, char text[MESSAGE_SUMMARY_SIZE])
{
    const char *cause = message_text(event, "cause");

    if (message_is_test(event))
        (void)snprintf(text, MESSAGE_SUMMARY_SIZE, "a test of notifications");
    else
        (void)snprintf(text, MESSAGE_SUMMARY_SIZE, "%s: %s%s%s", message_text(event, "class"),
                       message_text(event, "component"), *cause ? ", " : "", cause);
}

void message_evidence(const json_t *event, char text[MESSAGE_EVIDENCE_SIZE])
{
    const json_t *sentence;
    size_t i, used = 0;

    text[0] = '\0';
    json_array_foreach(json_object_get(event, "evidence"), i, sentence)
    {
        int n = snprintf(text + used, MESSAGE_EVIDENCE_SIZE - used, "%s%s", i ? "\n" : "",
                         json_string_value(sentence));

        used += n > 0 ? (size_t)n : 0;
        if (used >= MESSAGE_EVIDENCE_SIZE)
            return;
    }
}
