/* version and help: what needs neither a coordinator nor a file. */
#include "coordinator/cli/command.h"
#include "fl_version.h"
#include "proto/runtime/fl_daemon.h"

void command_usage(FILE *stream)
{
    (void)fputs("usage: faultline COMMAND [OPTION...] [OPERAND...]\n\n", stream);
    for (const struct command *command = command_table; command->name; command++)
        (void)fprintf(stream, "  %-12s %-15s %s\n", command->name, command->operands,
                      command->summary);
    (void)fputs("\nfaultline COMMAND --help says more. Exit status: 0 all is well, 1 something is\n"
                "wrong, 2 wrong use, 3 the coordinator cannot be reached.\n",
                stream);
}

void command_help(const struct command *command)
{
    (void)printf("usage: faultline %s [OPTION...]%s%s\n\n%s\n\n", command->name,
                 *command->operands ? " " : "", command->operands, command->summary);
    arguments_describe(stdout, command->options);
}

enum command_status command_version(const struct arguments *arguments)
{
    if (arguments->json)
        (void)printf("{\"version\":\"%s\",\"commit\":\"%s\"}\n", FL_VERSION, FL_COMMIT);
    else
        fl_daemon_print_version("faultline");
    return COMMAND_FINE;
}

enum command_status command_show_help(const struct arguments *arguments)
{
    const struct command *command;

    if (arguments->n_operands == 0) {
        command_usage(stdout);
        return COMMAND_FINE;
    }
    command = command_find(arguments->operands[0]);
    if (!command)
        return command_fail(COMMAND_USAGE, "there is no such command; see faultline help");
    command_help(command);
    return COMMAND_FINE;
}
