/* Alertmanager, API v2. Labels are what it knows an alert by, so only what never changes stands
 * in them. It forgets what is not said again, so what is open is. */
#include "coordinator/notify/message.h"
#include "coordinator/notify/post.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_SIZE 2100

static json_t *time_json(const json_t *us)
{
    char text[FL_TIME_TEXT_SIZE];

    return json_string(fl_time_format((fl_time)json_integer_value(us), text));
}

static json_t *alert_json(const struct notify_settings *settings, const json_t *event)
{
    const json_t *verdict = event; /* its fields stand in the event */
    bool test = message_is_test(event);
    char incident[24], summary[MESSAGE_SUMMARY_SIZE], description[MESSAGE_EVIDENCE_SIZE];
    json_t *alert;

    (void)snprintf(incident, sizeof(incident), "%lld",
                   (long long)json_integer_value(json_object_get(verdict, "id")));
    message_summary(verdict, summary);
    message_evidence(verdict, description);
    alert =
        json_pack("{s:{s:s, s:s, s:s}, s:{s:s, s:s, s:s, s:s, s:s}}", "labels", "alertname",
                  test ? "FaultlineTest" : "FaultlineVerdict", "incident", incident, "receiver",
                  settings->name, "annotations", "summary", summary, "class",
                  message_text(verdict, "class"), "component", message_text(verdict, "component"),
                  "cause", message_text(verdict, "cause"), "description", description);
    if (alert && !test)
        (void)json_object_set_new(alert, "startsAt",
                                  time_json(json_object_get(verdict, "since_us")));
    if (alert && strcmp(message_text(event, "event"), "close") == 0)
        (void)json_object_set_new(alert, "endsAt", time_json(json_object_get(event, "t_us")));
    return alert;
}

static int deliver(const struct notify_settings *settings, const struct notify_message *message,
                   struct fl_error *err)
{
    static const char *const fields[] = {NULL};
    json_t *alerts = json_array(), *event;
    char url[URL_SIZE], *text;
    size_t i;
    int r = -EAGAIN;

    json_array_foreach((json_t *)(uintptr_t)message->events, i, event)(void)
        json_array_append_new(alerts, alert_json(settings, event));
    text = alerts ? json_dumps(alerts, JSON_COMPACT) : NULL;
    (void)snprintf(url, sizeof(url), "%s/api/v2/alerts", settings->url);
    if (text)
        r = notify_post(settings, message, url, fields, text, err);
    else
        (void)fl_error_set(err, r, "no memory");
    free(text);
    json_decref(alerts);
    return r;
}

static const char *const needs[] = {"url", NULL}, *const knows[] = {"ca_file", NULL};

const struct notify_type notify_alertmanager = {
    .name = "alertmanager",
    .summary = "alerts for an Alertmanager, API v2",
    .repeat_us = FL_MINUTE,
    .needs = needs,
    .knows = knows,
    .schemes = notify_post_schemes,
    .deliver = deliver,
};
