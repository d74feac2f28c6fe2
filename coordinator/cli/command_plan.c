/* plan diff FILE: what a reload with this configuration would change of what is probed. */
#include "coordinator/cli/api_client.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/field.h"
#include "coordinator/cli/plan_diff.h"
#include "coordinator/plan_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int running_plan(const struct arguments *arguments, json_t **ret, struct fl_error *err)
{
    FL_CLEANUP(api_client_freep) struct api_client *client = NULL;
    int r = api_client_new(arguments->api, &client, err);

    return r < 0 ? r : api_client_get(client, "/api/v1/plan", API_USUAL_TIME, ret, err);
}

static void print_value(const json_t *value)
{
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

    (void)fputs(text ? text : "nothing", stdout);
    free(text);
}

/* Of a probe that comes, what it will be; of one that stays, what changes. */
static void print_fields(const json_t *fields, bool added)
{
    json_t *field;
    size_t i;

    json_array_foreach(fields, i, field)
    {
        (void)printf("    %s: ", field_text(field, "field"));
        if (!added) {
            print_value(json_object_get(field, "from"));
            (void)fputs(" -> ", stdout);
        }
        print_value(json_object_get(field, "to"));
        (void)putchar('\n');
    }
}

static void print_changes(const json_t *changes)
{
    json_t *change;
    size_t i;

    json_array_foreach(changes, i, change)
    {
        const char *word = field_text(change, "change");
        char sign = '~';

        if (strcmp(word, "added") == 0)
            sign = '+';
        else if (strcmp(word, "removed") == 0)
            sign = '-';
        (void)printf("%c %s\n", sign, field_text(change, "probe"));
        print_fields(json_object_get(change, "fields"), sign == '+');
    }
    if (json_array_size(changes) == 0)
        (void)puts("Nothing would change of what is probed.");
}

enum command_status command_plan(const struct arguments *arguments)
{
    FL_CLEANUP(coordinator_config_freep) struct coordinator_config *config = NULL;
    json_t *running = NULL, *wanted, *changes;
    struct fl_error err;
    size_t n;
    int r;

    if (strcmp(arguments->operands[0], "diff") != 0)
        return command_fail(COMMAND_USAGE, "it is: plan diff FILE");
    if (coordinator_config_load(arguments->operands[1], NULL, &config, &err) < 0)
        return command_fail(COMMAND_WRONG, err.message);
    r = running_plan(arguments, &running, &err);
    if (r < 0)
        return command_fail(command_status_of(r), err.message);
    wanted = plan_json(config);
    changes = plan_diff(running, wanted);
    n = json_array_size(changes);
    if (!arguments->json)
        print_changes(changes);
    else if (json_dumpf(changes, stdout, JSON_COMPACT) == 0)
        (void)putchar('\n');
    json_decref(changes);
    json_decref(wanted);
    json_decref(running);
    return n > 0 ? COMMAND_WRONG : COMMAND_FINE;
}
