/* explain ID: one incident as a colleague would tell it: what it is, how that is known, what
 * else it might be, what to do and what to leave alone. */
#include "coordinator/cli/advice.h"
#include "coordinator/cli/api_client.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/field.h"
#include "coordinator/cli/screen.h"
#include "coordinator/trace/verdict_json.h"
#include "coordinator/trace/verdict_parse.h"
#include "proto/runtime/fl_clock.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define MAX_HISTORY 12 /* lines of it that are shown, the last ones */
#define ITEM "  - "
#define CERTIFICATE_SOON_US (21 * 24 * FL_HOUR)

static void print_title(const struct screen *screen, const struct verdict *verdict,
                        const json_t *json)
{
    char since[FL_TIME_TEXT_SIZE], lasted[FL_DURATION_TEXT_SIZE], title[256];
    bool open = !json_is_integer(json_object_get(json, "closed_us"));
    int64_t us = field_elapsed(verdict->since_us, field_number(json, "closed_us"));

    if (open)
        (void)snprintf(title, sizeof(title), "Incident %" PRIu64 ", open since %s", verdict->id,
                       fl_time_format(verdict->since_us, since));
    else
        (void)snprintf(title, sizeof(title), "Incident %" PRIu64 ", over: %s from %s on",
                       verdict->id, fl_duration_format(us, lasted),
                       fl_time_format(verdict->since_us, since));
    (void)screen_text(screen, open ? STYLE_BAD : STYLE_GOOD, title, screen->width);
    (void)putc('\n', screen->out);
}

static void print_names(const struct screen *screen, const char *title, const char *first,
                        size_t size, size_t n)
{
    char text[1024] = "";

    for (size_t i = 0, used = 0; i < n && used < sizeof(text); i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? ", " : "",
                                 first + i * size);
    if (n > 0)
        screen_paragraph(screen, title, "%s", text);
}

static void print_evidence(const struct screen *screen, const struct verdict *verdict)
{
    screen_head(screen, "How that is known");
    for (uint32_t i = 0; i < verdict->n_evidence; i++)
        screen_paragraph(screen, ITEM, "%s", verdict->evidence[i]);
    if (verdict->n_evidence == 0)
        screen_paragraph(screen, ITEM, "no evidence was kept");
}

static void print_alternatives(const struct screen *screen, const struct verdict *verdict)
{
    char words[ADVICE_SENTENCE_SIZE];

    screen_head(screen, "What else it might be");
    if (verdict->n_alternatives == 0)
        screen_paragraph(screen, ITEM, "nothing else explains what is seen");
    for (uint32_t i = 0; i < verdict->n_alternatives; i++) {
        const struct verdict_alternative *other = &verdict->alternatives[i];

        advice_component(other->component, words);
        screen_paragraph(screen, ITEM, "%s: %s (%.0f %%). To tell: %s",
                         verdict_class_name(other->class), words, 100 * other->confidence,
                         advice_test(other->class, other->component));
    }
}

/* What agents were asked to tell it from what else it might be. */
static void print_questions(const struct screen *screen, const json_t *questions)
{
    char names[512] = "";
    const json_t *one;
    size_t i, used = 0;

    if (field_number(questions, "asked") == 0)
        return;
    json_array_foreach(json_object_get(questions, "agents"), i, one) if (used < sizeof(names))
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%.64s", i ? ", " : " by ",
                                 json_string_value(one));
    screen_paragraph(screen, ITEM,
                     "asked of agents to tell these apart: %" PRId64 " probes, %" PRId64
                     " answered%s",
                     field_number(questions, "asked"), field_number(questions, "answered"), names);
}

/* When the first of the certificates that a target showed expires; 0: it showed none. */
static fl_time certificate_end(const json_t *status, const char *target)
{
    const json_t *row, *cell;
    fl_time first = 0;
    size_t i, k;

    json_array_foreach(json_object_get(status, "matrix"), i, row)
    {
        if (strcmp(field_text(row, "target"), target) != 0)
            continue;
        json_array_foreach(json_object_get(row, "cells"), k, cell)
        {
            fl_time end = field_number(cell, "cert_end_us");

            if (end != 0 && (first == 0 || end < first))
                first = end;
        }
    }
    return first;
}

/* Certificates of the targets that it touches, where they run out soon or did. */
static void print_certificates(const struct screen *screen, const struct verdict *verdict,
                               const json_t *status, fl_time now_us)
{
    bool any = false;

    for (uint32_t i = 0; i < verdict->n_targets; i++) {
        fl_time end = certificate_end(status, verdict->targets[i]);
        char when[FL_TIME_TEXT_SIZE];

        if (end == 0 || field_elapsed(now_us, end) > CERTIFICATE_SOON_US)
            continue;
        if (!any)
            screen_head(screen, "Certificates");
        any = true;
        screen_paragraph(screen, ITEM, "that of %s %s at %s", verdict->targets[i],
                         end > now_us ? "expires" : "has expired", fl_time_format(end, when));
    }
}

static void print_lines(const struct screen *screen, const char *const lines[ADVICE_LINES])
{
    for (size_t i = 0; i < ADVICE_LINES && lines[i]; i++)
        screen_paragraph(screen, ITEM, "%s", lines[i]);
}

static void print_advice(const struct screen *screen, const struct verdict *verdict)
{
    const struct advice *class = advice_of_class(verdict->class);
    const struct advice *cause = advice_of_cause(verdict->class, verdict->cause);

    screen_head(screen, "Do");
    if (cause)
        print_lines(screen, cause->to_do);
    print_lines(screen, class->to_do);
    screen_head(screen, "Do not");
    if (cause)
        print_lines(screen, cause->not_to_do);
    print_lines(screen, class->not_to_do);
}

static void print_history(const struct screen *screen, const json_t *history)
{
    size_t n = json_array_size(history), first = n > MAX_HISTORY ? n - MAX_HISTORY : 0;

    screen_head(screen, "History");
    if (first > 0)
        screen_paragraph(screen, ITEM, "%zu earlier events, see --json", first);
    for (size_t i = first; i < n; i++) {
        const json_t *event = json_array_get(history, i);
        const char *what = json_string_value(json_object_get(event, "event"));
        char when[FL_TIME_TEXT_SIZE];
        struct verdict verdict;

        if (verdict_parse(event, &verdict) < 0 || !what)
            continue;
        screen_paragraph(
            screen, ITEM, "%s %s: %s %s%s%s, %.0f %%",
            fl_time_format(field_number(event, "t_us"), when), what,
            verdict_class_name(verdict.class), verdict.component, verdict.cause ? " " : "",
            verdict.cause ? verdict_cause_name(verdict.cause) : "", 100 * verdict.confidence);
    }
}

static void print_sentence(const struct screen *screen, const struct verdict *verdict)
{
    double of_class = advice_class_confidence(verdict);
    char sentence[ADVICE_SENTENCE_SIZE];

    advice_sentence(verdict, sentence);
    if (of_class > verdict->confidence)
        screen_paragraph(screen, "", "%s That it is %s is %.0f %% sure, that it is there %.0f %%.",
                         sentence, verdict_class_name(verdict->class), 100 * of_class,
                         100 * verdict->confidence);
    else
        screen_paragraph(screen, "", "%s That is %.0f %% sure.", sentence,
                         100 * verdict->confidence);
}

static void print_incident(const struct verdict *verdict, const json_t *json, const json_t *status)
{
    struct screen screen;

    screen_init(&screen, stdout);
    print_title(&screen, verdict, json);
    (void)putchar('\n');
    print_sentence(&screen, verdict);
    print_names(&screen, "Zones that suffer: ", verdict->zones[0], sizeof(verdict->zones[0]),
                verdict->n_zones);
    print_names(&screen, "Targets: ", verdict->targets[0], sizeof(verdict->targets[0]),
                verdict->n_targets);
    print_evidence(&screen, verdict);
    print_certificates(&screen, verdict, status, fl_clock_wall());
    print_alternatives(&screen, verdict);
    print_questions(&screen, json_object_get(json, "questions"));
    print_advice(&screen, verdict);
    print_history(&screen, json_object_get(json, "history"));
}

static json_t *lines_json(const char *const first[ADVICE_LINES], const struct advice *cause,
                          bool to_do)
{
    const char *const *more = NULL;
    json_t *array = json_array();

    if (cause)
        more = to_do ? cause->to_do : cause->not_to_do;
    for (size_t i = 0; more && i < ADVICE_LINES && more[i]; i++)
        (void)json_array_append_new(array, json_string(more[i]));
    for (size_t i = 0; i < ADVICE_LINES && first[i]; i++)
        (void)json_array_append_new(array, json_string(first[i]));
    return array;
}

static int print_json(const struct verdict *verdict, json_t *json)
{
    const struct advice *class = advice_of_class(verdict->class);
    const struct advice *cause = advice_of_cause(verdict->class, verdict->cause);
    char sentence[ADVICE_SENTENCE_SIZE];
    json_t *advice;

    advice_sentence(verdict, sentence);
    advice = json_pack("{s:s, s:o, s:o}", "sentence", sentence, "do",
                       lines_json(class->to_do, cause, true), "do_not",
                       lines_json(class->not_to_do, cause, false));
    if (json_object_set_new(json, "advice", advice) < 0 ||
        json_dumpf(json, stdout, VERDICT_JSON_FLAGS) < 0)
        return -ENOMEM;
    (void)putchar('\n');
    return 0;
}

static bool is_number(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return digits > 0 && digits <= 18 && text[digits] == '\0';
}

/* What is known beside the incident adds to it while it is open. */
static void explain(struct api_client *client, const struct verdict *verdict, const json_t *json)
{
    json_t *status = NULL;
    struct fl_error err;

    if (!json_is_integer(json_object_get(json, "closed_us")) && verdict->n_targets > 0)
        (void)api_client_get(client, "/api/v1/status", API_USUAL_TIME, &status, &err);
    print_incident(verdict, json, status);
    json_decref(status);
}

enum command_status command_explain(const struct arguments *arguments)
{
    FL_CLEANUP(api_client_freep) struct api_client *client = NULL;
    const char *id = arguments->operands[0];
    enum command_status status = COMMAND_FINE;
    struct verdict verdict;
    json_t *json = NULL;
    struct fl_error err;
    char path[64];
    int r;

    if (!is_number(id))
        return command_fail(COMMAND_USAGE, "an incident is named by its number, such as 7; "
                                           "faultline status lists those that are open");
    (void)snprintf(path, sizeof(path), "/api/v1/verdicts/%.20s", id);
    r = api_client_new(arguments->api, &client, &err);
    if (r == 0)
        r = api_client_get(client, path, API_USUAL_TIME, &json, &err);
    if (r < 0)
        return command_fail(command_status_of(r), err.message);
    if (verdict_parse(json, &verdict) < 0)
        status = command_fail(COMMAND_UNREACHABLE, "what the coordinator says is no incident");
    else if (!arguments->json)
        explain(client, &verdict, json);
    else if (print_json(&verdict, json) < 0)
        status = command_fail(COMMAND_WRONG, "no memory");
    json_decref(json);
    return status;
}
