/* act GROUP WORD: a person's word on a group. It wins over what is decided, and ends by itself. */
#include "coordinator/cli/api_client.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/field.h"
#include "coordinator/cli/group_path.h"

#include <errno.h>

static json_t *word_json(const struct arguments *arguments)
{
    json_t *body = json_pack("{s:s}", "act", arguments->operands[1]);
    char text[32];

    if (arguments->zone)
        (void)json_object_set_new(body, "zone", json_string(arguments->zone));
    if (arguments->for_us > 0) {
        (void)snprintf(text, sizeof(text), "%lldus", (long long)arguments->for_us);
        (void)json_object_set_new(body, "for", json_string(text));
    }
    return body;
}

enum command_status command_act(const struct arguments *arguments)
{
    FL_CLEANUP(api_client_freep) struct api_client *client = NULL;
    json_t *body, *json = NULL;
    char path[GROUP_PATH_SIZE];
    struct fl_error err;
    const json_t *one;
    size_t i;
    int r;

    if (!group_path(arguments->operands[0], "/act", path))
        return command_fail(COMMAND_USAGE, "a group is named as in the configuration");
    body = word_json(arguments);
    r = api_client_new(arguments->api, &client, &err);
    if (r == 0)
        r = api_client_send(client, "POST", path, body, API_USUAL_TIME, &json, &err);
    json_decref(body);
    if (r < 0)
        return command_fail(command_status_of(r), err.message);
    if (arguments->json && json_dumpf(json, stdout, JSON_COMPACT) == 0)
        (void)putchar('\n');
    if (!arguments->json)
        json_array_foreach(json_object_get(json, "zones"), i, one)(void)
            printf("%s: %s, %s: %s\n", field_text(one, "zone"), field_text(one, "state"),
                   field_text(one, "reason"), field_text(one, "why"));
    json_decref(json);
    return COMMAND_FINE;
}
