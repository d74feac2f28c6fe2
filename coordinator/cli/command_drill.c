/* drill GROUP: a fault of one zone is played through the decision path as it stands now, and
 * nobody is told to move. */
#include "coordinator/cli/api_client.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/field.h"
#include "coordinator/cli/group_path.h"
#include "coordinator/cli/screen.h"

#include <errno.h>
#include <string.h>

static void print_after(const struct screen *screen, const char *what, const json_t *drill,
                        const char *field)
{
    char text[FL_DURATION_TEXT_SIZE];

    if (json_is_integer(json_object_get(drill, field)))
        screen_paragraph(screen, "  - ", "%s after %s", what,
                         fl_duration_format(field_number(drill, field), text));
}

static void print_drill(const json_t *drill)
{
    bool good = strcmp(field_text(drill, "outcome"), "succeeded") == 0;
    struct screen screen;
    const json_t *step;
    size_t i;

    screen_init(&screen, stdout);
    (void)screen_text(&screen, good ? STYLE_GOOD : STYLE_BAD, field_text(drill, "outcome"),
                      screen.width);
    (void)putc('\n', screen.out);
    screen_paragraph(&screen, "", "Group %s, zone %s: %s.", field_text(drill, "group"),
                     field_text(drill, "zone"), field_text(drill, "why"));
    print_after(&screen, "avoided", drill, "avoided_after_us");
    print_after(&screen, "served from again", drill, "returned_after_us");
    screen_head(&screen, "What would have been said");
    json_array_foreach(json_object_get(drill, "steps"), i, step) screen_paragraph(
        &screen, "  - ", "%s %s, %s: %s", field_text(step, "issued_at"), field_text(step, "would"),
        field_text(step, "reason"), field_text(step, "why"));
}

enum command_status command_drill(const struct arguments *arguments)
{
    FL_CLEANUP(api_client_freep) struct api_client *client = NULL;
    enum command_status status = COMMAND_FINE;
    json_t *body = NULL, *json = NULL;
    char path[GROUP_PATH_SIZE];
    struct fl_error err;
    int r;

    if (!group_path(arguments->operands[0], "/drill", path))
        return command_fail(COMMAND_USAGE, "a group is named as in the configuration");
    body = arguments->zone ? json_pack("{s:s}", "zone", arguments->zone) : json_object();
    r = api_client_new(arguments->api, &client, &err);
    if (r == 0)
        r = api_client_send(client, "POST", path, body, API_USUAL_TIME, &json, &err);
    json_decref(body);
    if (r < 0)
        return command_fail(command_status_of(r), err.message);
    if (strcmp(field_text(json, "outcome"), "succeeded") != 0)
        status = COMMAND_WRONG;
    if (!arguments->json)
        print_drill(json);
    else if (json_dumpf(json, stdout, JSON_COMPACT) == 0)
        (void)putchar('\n');
    json_decref(json);
    return status;
}
