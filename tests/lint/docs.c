/* The manuals and the examples against the tables in the programs: every setting stands in
 * faultline.yaml(5) with its kind, its default and its sentence, and in the example of its file;
 * every subcommand in faultline(1). What a page should say is printed where it does not.
 *
 * usage: lint_docs SOURCE-DIRECTORY */
#include "agent/agent_config.h"
#include "agent/probe/probe.h"
#include "coordinator/cli/command.h"
#include "coordinator/coordinator_config.h"
#include "proto/types/fl_limits.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE (256 * 1024)
#define MAX_SECTION 16384

#define PAGE "deploy/man/faultline.yaml.5"
#define COMMANDS_PAGE "deploy/man/faultline.1"
#define AGENT_EXAMPLE "deploy/config/agent.yaml"
#define COORDINATOR_EXAMPLE "deploy/config/coordinator.yaml"

struct text {
    char bytes[MAX_SECTION];
    size_t length;
};

static int bad;

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
    size_t room = sizeof(text->bytes) - text->length;
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vsnprintf(text->bytes + text->length, room, format, arguments);
    va_end(arguments);
    if (n < 0 || (size_t)n >= room) {
        (void)fprintf(stderr, "a section is longer than %d bytes\n", MAX_SECTION);
        exit(EXIT_FAILURE);
    }
    text->length += (size_t)n;
}

static char *read_file(const char *folder, const char *name)
{
    char *bytes = calloc(1, MAX_FILE);
    char path[4096];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "r");
    if (!bytes || !file || fread(bytes, 1, MAX_FILE - 1, file) == 0) {
        (void)fprintf(stderr, "cannot read %s\n", path);
        exit(EXIT_FAILURE);
    }
    (void)fclose(file);
    return bytes;
}

static void add_kind(struct text *text, const struct fl_option *row)
{
    static const char *const kinds[] = {
        [FL_OPTION_BOOL] = "true or false", [FL_OPTION_INT] = "number",
        [FL_OPTION_DURATION] = "duration",  [FL_OPTION_SIZE] = "size",
        [FL_OPTION_STRING] = "text",        [FL_OPTION_NAME] = "name",
        [FL_OPTION_ADDRESS] = "HOST:PORT",
    };

    if (row->kind != FL_OPTION_CHOICE) {
        add(text, "%s", kinds[row->kind]);
        return;
    }
    for (size_t i = 0; row->choices[i]; i++)
        add(text, "%s%s", i > 0 ? " | " : "", row->choices[i]);
}

/* A row as the manual has it. */
static void add_row(struct text *text, const struct fl_option *row)
{
    add(text, ".TP\n.BR %s \" (", row->name);
    add_kind(text, row);
    if (!row->standard)
        add(text, ", required)\"\n");
    else if (strcmp(row->standard, FL_OPTION_UNSET) == 0)
        add(text, ", optional)\"\n");
    else
        add(text, ", default %s)\"\n", row->standard);
    for (const char *c = row->help; *c; c++)
        add(text, "%s%c", *c == '-' ? "\\" : "", *c);
    add(text, "\n");
}

static void check_manual(const char *page, const char *heading, const struct fl_option *table)
{
    static struct text section;

    section = (struct text){.length = 0};
    for (const struct fl_option *row = table; row->name; row++)
        add_row(&section, row);
    if (strstr(page, section.bytes))
        return;
    bad = 1;
    (void)printf("%s: the settings of \"%s\" are not as the table has them, which is:\n%s\n", PAGE,
                 heading, section.bytes);
}

/* Is the setting in the example, with its default where it has one? The name may be commented. */
static void check_example(const char *example, const char *file, const struct fl_option *table)
{
    for (const struct fl_option *row = table; row->name; row++) {
        bool defaulted = row->standard && strcmp(row->standard, FL_OPTION_UNSET) != 0;
        char wanted[256];

        (void)snprintf(wanted, sizeof(wanted), "%s: ", row->name);
        if (!strstr(example, wanted)) {
            bad = 1;
            (void)printf("%s: the setting \"%s\" is not there\n", file, row->name);
        }
        (void)snprintf(wanted, sizeof(wanted), "#%s: %s\n", row->name, row->standard);
        if (defaulted && strstr(example, wanted) == NULL) {
            (void)snprintf(wanted, sizeof(wanted), "#%s: ", row->name);
            if (strstr(example, wanted)) {
                bad = 1;
                (void)printf("%s: \"%s\" is shown with another default than %s\n", file, row->name,
                             row->standard);
            }
        }
    }
}

static void check_probe_types(const char *page, const char *example)
{
    for (size_t i = 0; probe_table[i].name; i++) {
        const struct probe_type *type;
        struct fl_error err = {""};
        struct text heading = {.length = 0};
        char wanted[64];

        if (probe_type_find(probe_table[i].name, &type, &err) < 0) {
            bad = 1;
            (void)puts(err.message);
            continue;
        }
        add(&heading, ".SS Probe type %s\n", type->name);
        if (!strstr(page, heading.bytes)) {
            bad = 1;
            (void)printf("%s: there is no section \"Probe type %s\"\n", PAGE, type->name);
        }
        check_manual(page, type->name, type->options);
        if (strcmp(type->name, "udp") == 0)
            continue; /* the mesh brings it; hardly anybody writes it */
        (void)snprintf(wanted, sizeof(wanted), "type: %s\n", type->name);
        if (!strstr(example, wanted)) {
            bad = 1;
            (void)printf("%s: no probe of type %s is there\n", COORDINATOR_EXAMPLE, type->name);
        }
        check_example(example, COORDINATOR_EXAMPLE, type->options);
    }
}

static void check_commands(const char *folder)
{
    char *page = read_file(folder, COMMANDS_PAGE);

    for (const struct command *command = command_table; command->name; command++) {
        struct text heading = {.length = 0};

        add(&heading, ".TP\n.B ");
        for (const char *c = command->name; *c; c++)
            add(&heading, "%s%c", *c == '-' ? "\\" : "", *c);
        add(&heading, "\n");
        if (strstr(page, heading.bytes))
            continue;
        bad = 1;
        (void)printf("%s: the command \"%s\" is not there\n", COMMANDS_PAGE, command->name);
    }
    free(page);
}

static void check_loads(const char *folder)
{
    FL_CLEANUP(coordinator_config_freep) struct coordinator_config *coordinator = NULL;
    FL_CLEANUP(agent_config_done) struct agent_config agent = {0};
    struct fl_error err;
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/" AGENT_EXAMPLE, folder);
    if (agent_config_load(path, &agent, &err) < 0) {
        bad = 1;
        (void)puts(err.message);
    }
    (void)snprintf(path, sizeof(path), "%s/" COORDINATOR_EXAMPLE, folder);
    if (coordinator_config_load(path, NULL, &coordinator, &err) < 0) {
        bad = 1;
        (void)puts(err.message);
    }
}

int main(int argc, char **argv)
{
    char *page, *agent, *coordinator;

    if (argc != 2) {
        (void)fputs("usage: lint_docs SOURCE-DIRECTORY\n", stderr);
        return 2;
    }
    page = read_file(argv[1], PAGE);
    agent = read_file(argv[1], AGENT_EXAMPLE);
    coordinator = read_file(argv[1], COORDINATOR_EXAMPLE);

    check_manual(page, "agent", agent_options);
    check_manual(page, "agent: coordinators", agent_coordinator_options);
    check_manual(page, "coordinator", coordinator_options);
    check_manual(page, "http", config_http_options);
    check_manual(page, "status_page", config_status_options);
    check_manual(page, "status_page: bucket", config_bucket_options);
    check_manual(page, "history", config_history_options);
    check_manual(page, "lease", config_lease_options);
    check_manual(page, "agents", config_agent_options);
    check_manual(page, "targets", config_target_options);
    check_manual(page, "templates: urls", config_list_options);
    check_manual(page, "probes", config_probe_options);
    check_manual(page, "decisions", config_decisions_options);
    check_manual(page, "groups", config_group_options);
    check_manual(page, "groups: zones", config_member_options);
    check_manual(page, "notify", notify_options);
    check_example(agent, AGENT_EXAMPLE, agent_options);
    check_example(agent, AGENT_EXAMPLE, agent_coordinator_options);
    check_example(coordinator, COORDINATOR_EXAMPLE, coordinator_options);
    check_example(coordinator, COORDINATOR_EXAMPLE, config_http_options);
    check_example(coordinator, COORDINATOR_EXAMPLE, config_status_options);
    check_example(coordinator, COORDINATOR_EXAMPLE, config_bucket_options);
    check_example(coordinator, COORDINATOR_EXAMPLE, config_history_options);
    check_example(coordinator, COORDINATOR_EXAMPLE, config_lease_options);
    check_example(coordinator, COORDINATOR_EXAMPLE, config_agent_options);
    check_example(coordinator, COORDINATOR_EXAMPLE, config_target_options);
    check_example(coordinator, COORDINATOR_EXAMPLE, config_list_options);
    check_example(coordinator, COORDINATOR_EXAMPLE, config_decisions_options);
    check_example(coordinator, COORDINATOR_EXAMPLE, config_group_options);
    check_example(coordinator, COORDINATOR_EXAMPLE, config_member_options);
    check_example(coordinator, COORDINATOR_EXAMPLE, notify_options);
    check_probe_types(page, coordinator);
    check_commands(argv[1]);
    check_loads(argv[1]);

    free(page);
    free(agent);
    free(coordinator);
    return bad;
}
