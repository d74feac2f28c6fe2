/* update ID TEXT: tell customers of an incident.
 * maintenance add TITLE, list, end ID: announce work, and be silent about what it covers. */
#include "coordinator/cli/api_client.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/field.h"
#include "proto/runtime/fl_clock.h"
#include "proto/types/fl_cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 128

/* The caller owns `*ret`. `body` is taken over. */
static int send_json(const struct arguments *arguments, const char *method, const char *path,
                     json_t *body, json_t **ret, struct fl_error *err)
{
    FL_CLEANUP(api_client_freep) struct api_client *client = NULL;
    int r = api_client_new(arguments->api, &client, err);

    *ret = NULL;
    if (r == 0)
        r = api_client_send(client, method, path, body, API_USUAL_TIME, ret, err);
    json_decref(body);
    return r;
}

static bool is_number(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return digits > 0 && digits <= 18 && text[digits] == '\0';
}

static void print_answer(const struct arguments *arguments, const json_t *answer, const char *text)
{
    if (!arguments->json)
        (void)puts(text);
    else if (answer && json_dumpf(answer, stdout, JSON_COMPACT) == 0)
        (void)putchar('\n');
}

enum command_status command_update(const struct arguments *arguments)
{
    char path[PATH_SIZE];
    struct fl_error err;
    json_t *answer;
    int r;

    if (!is_number(arguments->operands[0]))
        return command_fail(COMMAND_USAGE, "an incident is named by its number");
    (void)snprintf(path, sizeof(path), "/api/v1/verdicts/%s/updates", arguments->operands[0]);
    r = send_json(arguments, "POST", path,
                  json_pack("{s:s, s:s}", "text", arguments->operands[1], "status",
                            arguments->status ? arguments->status : "identified"),
                  &answer, &err);
    if (r < 0)
        return command_fail(command_status_of(r), err.message);
    print_answer(arguments, answer, "The update is on the status page.");
    json_decref(answer);
    return COMMAND_FINE;
}

/* "a,b" as a list; nothing for NULL. */
static json_t *list_json(const char *text)
{
    json_t *array = json_array();

    while (text && *text) {
        size_t size = strcspn(text, ",");

        if (size > 0)
            (void)json_array_append_new(array, json_stringn(text, size));
        text += size + (text[size] == ',');
    }
    return array;
}

static enum command_status add(const struct arguments *arguments)
{
    fl_time begin = fl_clock_wall() + arguments->in_us;
    char text[256];
    struct fl_error err;
    json_t *answer, *body;
    int r;

    if (arguments->n_operands != 2 || arguments->for_us == 0)
        return command_fail(COMMAND_USAGE,
                            "it is: maintenance add TITLE --for TIME, with --targets or --zones");
    body = json_pack("{s:s, s:o, s:o, s:I}", "title", arguments->operands[1], "targets",
                     list_json(arguments->targets), "zones", list_json(arguments->zones), "end_us",
                     begin + arguments->for_us);
    if (arguments->in_us > 0)
        (void)json_object_set_new(body, "begin_us", json_integer(begin));
    r = send_json(arguments, "POST", "/api/v1/maintenance", body, &answer, &err);
    if (r < 0)
        return command_fail(command_status_of(r), err.message);
    (void)snprintf(text, sizeof(text), "Maintenance %" PRId64 " is announced, until %.19sZ.",
                   field_number(answer, "id"),
                   json_string_value(json_object_get(answer, "end_at")));
    print_answer(arguments, answer, text);
    json_decref(answer);
    return COMMAND_FINE;
}

static void print_names(const json_t *window, const char *field)
{
    const json_t *name;
    size_t i;

    json_array_foreach(json_object_get(window, field), i, name)(void)
        printf(" %s", json_string_value(name));
}

static enum command_status list(const struct arguments *arguments)
{
    FL_CLEANUP(api_client_freep) struct api_client *client = NULL;
    const json_t *windows, *window;
    struct fl_error err;
    json_t *answer = NULL;
    size_t i;
    int r = api_client_new(arguments->api, &client, &err);

    if (r == 0)
        r = api_client_get(client, "/api/v1/maintenance", API_USUAL_TIME, &answer, &err);
    if (r < 0)
        return command_fail(command_status_of(r), err.message);
    windows = json_object_get(answer, "maintenance");
    print_answer(arguments, answer,
                 json_array_size(windows) ? "id   state    from                 to"
                                          : "No maintenance is announced.");
    json_array_foreach(windows, i, window)
    {
        if (arguments->json)
            break;
        (void)printf("%-4" PRId64 " %-8s %.19sZ %.19sZ  %s:", field_number(window, "id"),
                     json_string_value(json_object_get(window, "state")),
                     json_string_value(json_object_get(window, "begin_at")),
                     json_string_value(json_object_get(window, "end_at")),
                     json_string_value(json_object_get(window, "title")));
        print_names(window, "targets");
        print_names(window, "zones");
        (void)putchar('\n');
    }
    json_decref(answer);
    return COMMAND_FINE;
}

static enum command_status end(const struct arguments *arguments)
{
    char path[PATH_SIZE];
    struct fl_error err;
    json_t *answer;
    int r;

    if (arguments->n_operands != 2 || !is_number(arguments->operands[1]))
        return command_fail(COMMAND_USAGE, "it is: maintenance end ID");
    (void)snprintf(path, sizeof(path), "/api/v1/maintenance/%s", arguments->operands[1]);
    r = send_json(arguments, "DELETE", path, NULL, &answer, &err);
    if (r < 0)
        return command_fail(command_status_of(r), err.message);
    json_decref(answer);
    if (!arguments->json)
        (void)puts("It is over.");
    return COMMAND_FINE;
}

enum command_status command_maintenance(const struct arguments *arguments)
{
    const char *what = arguments->operands[0];

    if (strcmp(what, "add") == 0)
        return add(arguments);
    if (strcmp(what, "list") == 0)
        return list(arguments);
    if (strcmp(what, "end") == 0)
        return end(arguments);
    return command_fail(COMMAND_USAGE, "maintenance takes add, list or end");
}
