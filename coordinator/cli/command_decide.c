/* decide GROUP: where a service group is to be served from now. The exit status is the answer, so
 * that a script needs nothing else. */
#include "coordinator/cli/api_client.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/field.h"
#include "coordinator/cli/group_path.h"
#include "coordinator/cli/table.h"

#include <errno.h>
#include <string.h>

/* Beside COMMAND_USAGE: what a zone is to do. */
enum decide_status { DECIDE_SERVE = 0, DECIDE_AVOID = 1, DECIDE_HOLD = 3 };

static enum decide_status status_of(const char *state)
{
    if (strcmp(state, "serve") == 0)
        return DECIDE_SERVE;
    return strcmp(state, "avoid") == 0 ? DECIDE_AVOID : DECIDE_HOLD;
}

/* Of several zones: one that is avoided is what a script must know first. */
static enum decide_status worse(enum decide_status a, enum decide_status b)
{
    if (a == DECIDE_AVOID || b == DECIDE_AVOID)
        return DECIDE_AVOID;
    return a == DECIDE_HOLD || b == DECIDE_HOLD ? DECIDE_HOLD : DECIDE_SERVE;
}

static enum screen_style style_of(const char *state)
{
    static const enum screen_style styles[] = {
        [DECIDE_SERVE] = STYLE_GOOD, [DECIDE_AVOID] = STYLE_BAD, [DECIDE_HOLD] = STYLE_DOUBT};

    return styles[status_of(state)];
}

static void add_row(struct table *table, const json_t *decision)
{
    const char *state = field_text(decision, "state");
    bool shadow = json_is_true(json_object_get(decision, "shadow"));

    table_cell(table, STYLE_PLAIN, "%s", field_text(decision, "zone"));
    table_cell(table, style_of(state), "%s", state);
    table_cell(table, STYLE_PLAIN, "%lld %%", (long long)field_number(decision, "weight"));
    table_cell(table, STYLE_PLAIN, "%s", field_text(decision, "reason"));
    table_cell(table, STYLE_PLAIN, "%lld", (long long)field_number(decision, "generation"));
    table_cell(table, STYLE_PLAIN, "%s%s%s", field_text(decision, "why"),
               shadow ? "; shadow, would be " : "", shadow ? field_text(decision, "would") : "");
}

static void print_zones(const json_t *zones)
{
    static const char *const titles[] = {"zone", "state", "weight", "reason", "generation", "why"};
    FL_CLEANUP(table_freep) struct table *table = table_new(titles, FL_COUNT(titles));
    struct screen screen;
    const json_t *one;
    size_t i;

    screen_init(&screen, stdout);
    json_array_foreach(zones, i, one) add_row(table, one);
    if (!table || table_print(table, &screen) < 0)
        (void)command_fail(COMMAND_WRONG, "no memory");
}

/* Only the zone that was asked for stays. False: there is none of that name. */
static bool pick_zone(json_t *zones, const char *zone)
{
    for (size_t i = json_array_size(zones); i-- > 0;)
        if (strcmp(field_text(json_array_get(zones, i), "zone"), zone) != 0)
            (void)json_array_remove(zones, i);
    return json_array_size(zones) == 1;
}

static int ask(const struct arguments *arguments, json_t **ret, struct fl_error *err)
{
    FL_CLEANUP(api_client_freep) struct api_client *client = NULL;
    char path[GROUP_PATH_SIZE];
    int r = 0;

    if (!group_path(arguments->operands[0], "", path))
        return fl_error_set(err, -EINVAL, "\"%.64s\" is no name of a group",
                            arguments->operands[0]);
    r = api_client_new(arguments->api, &client, err);
    if (r == 0)
        r = api_client_get(client, path, API_USUAL_TIME, ret, err);
    if (r == 0 && arguments->zone && !pick_zone(json_object_get(*ret, "zones"), arguments->zone))
        r = fl_error_set(err, -ENOENT, "group \"%s\" has no zone \"%.64s\"", arguments->operands[0],
                         arguments->zone);
    return r;
}

enum command_status command_decide(const struct arguments *arguments)
{
    enum decide_status status = DECIDE_SERVE;
    json_t *json = NULL;
    struct fl_error err;
    const json_t *zones, *one;
    size_t i;
    int r = ask(arguments, &json, &err);

    if (r < 0) {
        json_decref(json);
        return command_fail(r == -ENOENT || r == -EINVAL ? COMMAND_USAGE : COMMAND_UNREACHABLE,
                            err.message);
    }
    zones = json_object_get(json, "zones");
    json_array_foreach(zones, i, one) status = worse(status, status_of(field_text(one, "state")));
    if (!arguments->json)
        print_zones(zones);
    else if (json_dumpf(json, stdout, JSON_COMPACT) == 0)
        (void)putchar('\n');
    json_decref(json);
    return (enum command_status)status;
}
