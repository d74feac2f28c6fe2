/* watch: what opens, changes and closes, as it happens. Goes on when the coordinator is restarted:
 * its numbers of events then begin anew, so after a loss the time of an event decides whether it
 * was shown already. */
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
#include <time.h>

#define WAIT_US (30 * FL_SECOND) /* for one answer */
#define RETRY_US FL_SECOND       /* between two attempts to reach a coordinator that is gone */

struct watch {
    const struct arguments *arguments;
    struct api_client *client;
    struct screen screen;
    uint64_t after;     /* the last event that was taken */
    fl_time last_us;    /* its time */
    fl_time started_us; /* of the steady clock */
    uint64_t shown;
    bool lost; /* not reached at the last attempt */
};

static int64_t left(const struct watch *watch)
{
    if (watch->arguments->for_us == 0)
        return WAIT_US;
    return watch->started_us + watch->arguments->for_us - fl_clock_steady();
}

static bool is_over(const struct watch *watch)
{
    return left(watch) <= 0 ||
           (watch->arguments->count > 0 && watch->shown >= watch->arguments->count);
}

static enum screen_style style_of(const char *what)
{
    if (strcmp(what, verdict_event_name(VERDICT_OPEN)) == 0)
        return STYLE_BAD;
    return strcmp(what, verdict_event_name(VERDICT_CLOSE)) == 0 ? STYLE_GOOD : STYLE_DOUBT;
}

static void print_event(const struct watch *watch, const json_t *event)
{
    const char *what = json_string_value(json_object_get(event, "event"));
    char when[FL_TIME_TEXT_SIZE], text[512];
    struct verdict verdict;

    if (!what || verdict_parse(event, &verdict) < 0)
        return;
    (void)snprintf(text, sizeof(text), "%s  %-6s  #%" PRIu64 " %s %s%s%s, %.0f %%",
                   fl_time_format(field_number(event, "t_us"), when), what, verdict.id,
                   verdict_class_name(verdict.class), verdict.component, verdict.cause ? " " : "",
                   verdict.cause ? verdict_cause_name(verdict.cause) : "",
                   100 * verdict.confidence);
    (void)screen_text(&watch->screen, style_of(what), text, sizeof(text));
    (void)putchar('\n');
}

static void show(struct watch *watch, const json_t *event)
{
    watch->shown++;
    if (!watch->arguments->json)
        print_event(watch, event);
    else if (json_dumpf(event, stdout, VERDICT_JSON_FLAGS) == 0)
        (void)putchar('\n');
}

/* `anew`: everything that the coordinator still has was asked for. */
static void take(struct watch *watch, const json_t *answer, bool anew)
{
    const json_t *events = json_object_get(answer, "events"), *event;
    size_t i;

    json_array_foreach(events, i, event)
    {
        if (is_over(watch))
            break;
        if (anew && field_number(event, "t_us") <= watch->last_us)
            continue;
        if (!anew && i == 0 && (uint64_t)field_number(event, "seq") > watch->after + 1)
            (void)fprintf(stderr, "faultline: %" PRIu64 " events were missed\n",
                          (uint64_t)field_number(event, "seq") - watch->after - 1);
        show(watch, event);
    }
    i = json_array_size(events);
    if (i > 0)
        watch->last_us = field_number(json_array_get(events, i - 1), "t_us");
    watch->after = (uint64_t)field_number(answer, "seq");
    (void)fflush(stdout);
}

/* Ask for what is newer than `after`; the caller owns the answer. */
static int ask(struct watch *watch, uint64_t after, int64_t wait_us, json_t **ret,
               struct fl_error *err)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "/api/v1/events?after=%" PRIu64 "&wait=%" PRId64 "ms", after,
                   wait_us / FL_MS);
    return api_client_get(watch->client, path, wait_us + API_USUAL_TIME, ret, err);
}

/* Where the coordinator stands when watching begins: what was before is not shown. */
static int begin(struct watch *watch, struct fl_error *err)
{
    json_t *answer = NULL;
    const json_t *events;
    int r = ask(watch, 0, 0, &answer, err);

    if (r < 0)
        return r;
    events = json_object_get(answer, "events");
    if (!json_is_array(events)) {
        json_decref(answer);
        return fl_error_set(err, -EPROTO, "what answers there is no coordinator");
    }
    watch->after = (uint64_t)field_number(answer, "seq");
    if (json_array_size(events) > 0)
        watch->last_us = field_number(json_array_get(events, json_array_size(events) - 1), "t_us");
    json_decref(answer);
    return 0;
}

static void pause_until_retry(const struct watch *watch)
{
    int64_t us = left(watch) < RETRY_US ? left(watch) : RETRY_US;
    struct timespec time = {us / FL_SECOND, us % FL_SECOND * 1000};

    if (us > 0)
        (void)nanosleep(&time, NULL);
}

static void turn(struct watch *watch, struct fl_error *err)
{
    int64_t wait_us = left(watch) < WAIT_US ? left(watch) : WAIT_US;
    bool anew = watch->lost;
    json_t *answer = NULL;
    int r = anew ? ask(watch, 0, 0, &answer, err) : ask(watch, watch->after, wait_us, &answer, err);

    if (r < 0) {
        if (!watch->lost)
            (void)command_fail(COMMAND_UNREACHABLE, err->message);
        watch->lost = true;
        pause_until_retry(watch);
        return;
    }
    if (watch->lost)
        (void)fputs("faultline: the coordinator answers again\n", stderr);
    watch->lost =
        !anew && (uint64_t)field_number(answer, "seq") < watch->after; /* it began to count anew */
    if (!watch->lost)
        take(watch, answer, anew);
    json_decref(answer);
}

enum command_status command_watch(const struct arguments *arguments)
{
    FL_CLEANUP(api_client_freep) struct api_client *client = NULL;
    struct watch watch = {.arguments = arguments, .started_us = fl_clock_steady()};
    struct fl_error err;
    int r = api_client_new(arguments->api, &client, &err);

    watch.client = client;
    screen_init(&watch.screen, stdout);
    if (r == 0)
        r = begin(&watch, &err);
    if (r < 0)
        return command_fail(command_status_of(r), err.message);
    (void)fprintf(stderr, "faultline: watching %s\n", arguments->api);
    while (!is_over(&watch))
        turn(&watch, &err);
    return watch.lost ? COMMAND_UNREACHABLE : COMMAND_FINE;
}
