/* status: the fleet, what each zone sees of each target, what is wrong and what was refused. */
#include "coordinator/cli/accounts.h"
#include "coordinator/cli/api_client.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/field.h"
#include "coordinator/cli/lease_print.h"
#include "coordinator/cli/matrix.h"
#include "coordinator/cli/table.h"
#include "coordinator/trace/verdict_json.h"
#include "coordinator/trace/verdict_parse.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define MANY_AGENTS 40 /* from here on only those that are not well are listed */
#define MOST_AGENTS 200
#define MOST_PLAN_ERRORS 5

static bool connected(const json_t *agent)
{
    return json_is_true(json_object_get(agent, "connected"));
}

static bool plan_is_current(const json_t *agent)
{
    return !*field_text(agent, "plan_error") &&
           field_number(agent, "plan_version") == field_number(agent, "plan_wanted");
}

static void agent_state_cell(struct table *table, const json_t *agent, fl_time now_us)
{
    char text[FL_DURATION_TEXT_SIZE];

    if (connected(agent))
        table_cell(table, STYLE_GOOD, "connected");
    else if (!json_is_integer(json_object_get(agent, "last_us")))
        table_cell(table, STYLE_BAD, "never seen");
    else
        table_cell(table, STYLE_BAD, "silent for %s",
                   fl_duration_format(field_elapsed(field_number(agent, "last_us"), now_us), text));
}

static void agent_plan_cell(struct table *table, const json_t *agent)
{
    if (*field_text(agent, "plan_error"))
        table_cell(table, STYLE_BAD, "refused");
    else if (plan_is_current(agent))
        table_cell(table, STYLE_PLAIN, "current");
    else
        table_cell(table, STYLE_DOUBT, "%" PRId64 ", not yet %" PRId64,
                   field_number(agent, "plan_version"), field_number(agent, "plan_wanted"));
}

static void agent_row(struct table *table, const json_t *agent, fl_time now_us)
{
    int64_t dropped = field_number(agent, "dropped"), stalled = field_number(agent, "stalled");
    char text[FL_DURATION_TEXT_SIZE];

    table_cell(table, STYLE_PLAIN, "%s", field_text(agent, "name"));
    table_cell(table, STYLE_PLAIN, "%s", field_text(agent, "zone"));
    agent_state_cell(table, agent, now_us);
    agent_plan_cell(table, agent);
    table_cell(table, STYLE_PLAIN, "%" PRId64, field_number(agent, "spooled"));
    table_cell(table, stalled ? STYLE_DOUBT : STYLE_PLAIN, "%" PRId64, stalled);
    table_cell(table, dropped ? STYLE_DOUBT : STYLE_PLAIN, "%" PRId64, dropped);
    table_cell(table, STYLE_PLAIN, "%s",
               json_is_integer(json_object_get(agent, "clock_offset_us"))
                   ? fl_duration_format(field_number(agent, "clock_offset_us"), text)
                   : "");
    table_cell(table, STYLE_PLAIN, "%s", field_text(agent, "software"));
}

static int print_agents(const struct screen *screen, const json_t *status)
{
    static const char *const titles[] = {"AGENT",   "ZONE",    "STATE", "PLAN",   "SPOOLED",
                                         "STALLED", "DROPPED", "CLOCK", "VERSION"};
    FL_CLEANUP(table_freep) struct table *table = table_new(titles, FL_COUNT(titles));
    const json_t *agents = json_object_get(status, "agents"), *agent;
    bool all = json_array_size(agents) <= MANY_AGENTS;
    size_t i;

    if (!table)
        return -ENOMEM;
    json_array_foreach(agents, i,
                       agent) if ((all || !connected(agent) || !plan_is_current(agent)) &&
                                  table_rows(table) < MOST_AGENTS)
        agent_row(table, agent, field_number(status, "t_us"));
    (void)putc('\n', screen->out);
    if (!all)
        screen_paragraph(
            screen, "",
            "Agents that are not connected or have an old plan, %d at most:", MOST_AGENTS);
    return table_print(table, screen);
}

static void names_cell(struct table *table, const char *first, size_t size, size_t n)
{
    if (n > 1)
        table_cell(table, STYLE_PLAIN, "%s and %zu more", first, n - 1);
    else
        table_cell(table, STYLE_PLAIN, "%.*s", n ? (int)size : 0, first);
}

static void verdict_row(struct table *table, const struct verdict *verdict, fl_time now_us)
{
    const char *cause = verdict_cause_name(verdict->cause);
    char text[FL_DURATION_TEXT_SIZE];

    table_cell(table, STYLE_PLAIN, "%" PRIu64, verdict->id);
    table_cell(table, STYLE_BAD, "%s", verdict_class_name(verdict->class));
    table_cell(table, STYLE_PLAIN, "%s", verdict->component);
    table_cell(table, STYLE_PLAIN, "%s", cause ? cause : "");
    table_cell(table, STYLE_PLAIN, "%.0f %%", 100 * verdict->confidence);
    table_cell(table, STYLE_PLAIN, "%s",
               fl_duration_format(field_elapsed(verdict->since_us, now_us), text));
    names_cell(table, verdict->zones[0], sizeof(verdict->zones[0]), verdict->n_zones);
    names_cell(table, verdict->targets[0], sizeof(verdict->targets[0]), verdict->n_targets);
}

static int print_verdicts(const struct screen *screen, const json_t *status)
{
    static const char *const titles[] = {"ID",   "CLASS", "COMPONENT", "CAUSE",
                                         "SURE", "FOR",   "ZONES",     "TARGETS"};
    FL_CLEANUP(table_freep) struct table *table = table_new(titles, FL_COUNT(titles));
    const json_t *json;
    struct verdict verdict;
    size_t i;

    if (!table)
        return -ENOMEM;
    json_array_foreach(json_object_get(status, "verdicts"), i,
                       json) if (verdict_parse(json, &verdict) == 0)
        verdict_row(table, &verdict, field_number(status, "t_us"));
    if (table_rows(table) == 0)
        return 0;
    (void)putc('\n', screen->out);
    return table_print(table, screen);
}

/* Every counter that is not 0, whatever its name. */
static void print_refusals(const struct screen *screen, json_t *refusals)
{
    char text[512] = "";
    size_t used = 0, i;
    const char *name;
    json_t *value;

    json_object_foreach(refusals, name,
                        value) if (json_integer_value(value) > 0 && used < sizeof(text)) used +=
        (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %" PRId64, used ? ", " : "", name,
                         (int64_t)json_integer_value(value));
    if (used == 0)
        return;
    (void)putc('\n', screen->out);
    screen_paragraph(screen, "Refused since the start: ", "%s", text);
    json_array_foreach(json_object_get(refusals, "last"), i, value) screen_paragraph(
        screen, "  - ", "%s", json_is_string(value) ? json_string_value(value) : "");
}

static void print_store(const struct screen *screen, const json_t *store)
{
    if (field_number(store, "failures") == 0)
        return;
    (void)putc('\n', screen->out);
    screen_paragraph(screen, "History is not kept: ", "%" PRId64 " failures, the last: %s",
                     field_number(store, "failures"), field_text(store, "last_error"));
}

static void print_lists(const struct screen *screen, const json_t *lists)
{
    const json_t *list;
    size_t i;

    json_array_foreach(lists, i, list)
    {
        if (!*field_text(list, "last_error"))
            continue;
        (void)putc('\n', screen->out);
        screen_paragraph(screen, "Targets are not brought up to date: ",
                         "%s: %s; %" PRId64 " of %" PRId64 " times", field_text(list, "url"),
                         field_text(list, "last_error"), field_number(list, "failed"),
                         field_number(list, "fetched"));
    }
}

static void print_receivers(const struct screen *screen, const json_t *receivers)
{
    const json_t *receiver;
    size_t i;

    json_array_foreach(receivers, i, receiver)
    {
        if (!*field_text(receiver, "last_error"))
            continue;
        (void)putc('\n', screen->out);
        screen_paragraph(screen, "Notifications do not all arrive: ",
                         "%s: %s; %" PRId64 " arrived, %" PRId64 " attempts failed, %" PRId64
                         " given up, %" PRId64 " addresses refused",
                         field_text(receiver, "name"), field_text(receiver, "last_error"),
                         field_number(receiver, "delivered"), field_number(receiver, "failed"),
                         field_number(receiver, "given_up"),
                         field_number(receiver, "refused_addresses"));
    }
}

struct summary {
    size_t open, agents, connected, refused; /* refused: agents that do not take their plan */
    size_t cells, blind;                     /* blind: without a result that is fresh */
};

static void count_row(const json_t *row, struct summary *summary)
{
    const json_t *cell;
    size_t i;

    json_array_foreach(json_object_get(row, "cells"), i, cell)
    {
        const char *state = field_text(cell, "state");

        summary->cells++;
        summary->blind += strcmp(state, "stale") == 0 || strcmp(state, "unseen") == 0;
    }
}

static struct summary summarize(const json_t *status)
{
    const json_t *agents = json_object_get(status, "agents"), *item;
    struct summary summary = {.open = json_array_size(json_object_get(status, "verdicts")),
                              .agents = json_array_size(agents)};
    size_t i;

    json_array_foreach(agents, i, item)
    {
        summary.connected += connected(item);
        summary.refused += *field_text(item, "plan_error") != '\0';
    }
    json_array_foreach(json_object_get(status, "matrix"), i, item) count_row(item, &summary);
    return summary;
}

/* The colour of the first words is the answer: red a fault, yellow not all is seen. */
static void print_summary(const struct screen *screen, const json_t *status)
{
    struct summary summary = summarize(status);
    bool sees_all =
        summary.connected == summary.agents && summary.refused == 0 && summary.blind == 0;
    char text[160];

    if (summary.open > 0) {
        (void)snprintf(text, sizeof(text), "Open faults: %zu. faultline explain ID tells more.",
                       summary.open);
        (void)screen_text(screen, STYLE_BAD, text, screen->width);
    } else {
        (void)screen_text(screen, sees_all ? STYLE_GOOD : STYLE_DOUBT,
                          sees_all ? "No fault is known."
                                   : "No fault is known, but not all is seen.",
                          screen->width);
    }
    (void)putc('\n', screen->out);
    screen_paragraph(
        screen, "", "Agents connected: %zu of %zu. Series with fresh results: %zu of %zu.",
        summary.connected, summary.agents, summary.cells - summary.blind, summary.cells);
}

/* Why plans are refused, each reason once. */
static void print_plan_errors(const struct screen *screen, const json_t *agents)
{
    const char *last = "";
    const json_t *agent;
    size_t i, n = 0;

    json_array_foreach(agents, i, agent)
    {
        const char *error = field_text(agent, "plan_error");

        if (!*error || strcmp(error, last) == 0 || n == MOST_PLAN_ERRORS)
            continue;
        if (n++ == 0)
            screen_head(screen, "Plans that agents refuse");
        screen_paragraph(screen, "  - ", "%s: %s", field_text(agent, "name"), error);
        last = error;
    }
}

static int print_status(const json_t *status)
{
    FL_CLEANUP(matrix_freep) struct matrix *matrix = matrix_new(status);
    struct screen screen;
    int r;

    if (!matrix)
        return -ENOMEM;
    screen_init(&screen, stdout);
    print_summary(&screen, status);
    r = print_verdicts(&screen, status);
    (void)putchar('\n');
    if (r == 0)
        r = matrix_print(matrix, &screen);
    if (r == 0)
        r = print_agents(&screen, status);
    if (r == 0)
        r = lease_print(&screen, status);
    print_plan_errors(&screen, json_object_get(status, "agents"));
    print_refusals(&screen, json_object_get(status, "refusals"));
    print_store(&screen, json_object_get(status, "store"));
    print_lists(&screen, json_object_get(status, "lists"));
    print_receivers(&screen, json_object_get(status, "receivers"));
    return r;
}

static int print_json(const json_t *status)
{
    if (json_dumpf(status, stdout, VERDICT_JSON_FLAGS) < 0)
        return -ENOMEM;
    (void)putchar('\n');
    return 0;
}

enum command_status command_status(const struct arguments *arguments)
{
    FL_CLEANUP(api_client_freep) struct api_client *client = NULL;
    enum command_status status;
    json_t *json = NULL;
    struct fl_error err;
    int r;

    if (arguments->accounts)
        return accounts_show(arguments);
    r = api_client_new(arguments->api, &client, &err);
    if (r == 0)
        r = api_client_get(client, "/api/v1/status", API_USUAL_TIME, &json, &err);
    if (r < 0)
        return command_fail(command_status_of(r), err.message);
    if (!json_is_array(json_object_get(json, "verdicts")))
        status = command_fail(COMMAND_UNREACHABLE, "what answers there is no coordinator");
    else if ((arguments->json ? print_json(json) : print_status(json)) < 0)
        status = command_fail(COMMAND_WRONG, "no memory");
    else
        status =
            json_array_size(json_object_get(json, "verdicts")) > 0 ? COMMAND_WRONG : COMMAND_FINE;
    json_decref(json);
    return status;
}
