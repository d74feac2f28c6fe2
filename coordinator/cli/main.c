/* faultline: asks the coordinator, replays what it saw, checks what it will read. */
#include "coordinator/cli/command.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

static int usage(const char *message)
{
    (void)fprintf(stderr, "faultline: %s\n", message);
    (void)fputs("faultline help says how to use it\n", stderr);
    return COMMAND_USAGE;
}

/* The usual spellings of two commands. */
static const char *command_name(const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return "help";
    if (strcmp(word, "--version") == 0)
        return "version";
    return word;
}

static int run(int argc, char **argv)
{
    const struct command *command = command_find(command_name(argv[0]));
    struct arguments arguments;
    struct fl_error err;

    if (!command) {
        (void)fl_error_set(&err, 0, "there is no command \"%s\"", argv[0]);
        return usage(err.message);
    }
    if (arguments_read(argc, argv, command->options, &arguments, &err) < 0)
        return usage(err.message);
    if (arguments.help) {
        command_help(command);
        return COMMAND_FINE;
    }
    if (arguments.n_operands < command->min_operands ||
        arguments.n_operands > command->max_operands) {
        (void)fl_error_set(&err, 0, "usage: faultline %s [OPTION...]%s%s", command->name,
                           *command->operands ? " " : "", command->operands);
        return usage(err.message);
    }
    return (int)command->run(&arguments);
}

int main(int argc, char **argv)
{
    int status;

    (void)setlocale(LC_CTYPE, "C.UTF-8"); /* widths of characters; the words stay English */
    if (argc < 2) {
        command_usage(stderr);
        return COMMAND_USAGE;
    }
    status = run(argc - 1, argv + 1);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("faultline: standard output");
        return status == COMMAND_FINE ? COMMAND_WRONG : status;
    }
    return status;
}
