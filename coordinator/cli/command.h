/* The contract of a subcommand: one file, one row in command_table.c. */
#pragma once

#include "coordinator/cli/arguments.h"

/* The same for all of them, so that scripts can rely on it. */
enum command_status {
    COMMAND_FINE,
    COMMAND_WRONG,       /* something is wrong in the world: a fault, a file that is no good */
    COMMAND_USAGE,       /* the call itself was wrong */
    COMMAND_UNREACHABLE, /* the coordinator cannot be asked */
};

struct command {
    const char *name;
    const char *operands; /* as in the usage line, "" for none */
    const char *summary;
    unsigned options; /* enum arguments_option, or'ed */
    int min_operands;
    int max_operands;
    enum command_status (*run)(const struct arguments *arguments);
};

extern const struct command command_table[]; /* ends with a name of NULL */
const struct command *command_find(const char *name);

/* Say what went wrong, on standard error; returns `status`. */
enum command_status command_fail(enum command_status status, const char *message);

/* What a failure of api_client_get ends with. */
enum command_status command_status_of(int code);

void command_usage(FILE *stream);
void command_help(const struct command *command);

enum command_status command_keygen(const struct arguments *arguments);
enum command_status command_update(const struct arguments *arguments);
enum command_status command_maintenance(const struct arguments *arguments);
enum command_status command_token(const struct arguments *arguments);
enum command_status command_replay(const struct arguments *arguments);
enum command_status command_check_config(const struct arguments *arguments);
enum command_status command_explain(const struct arguments *arguments);
enum command_status command_status(const struct arguments *arguments);
enum command_status command_watch(const struct arguments *arguments);
enum command_status command_decide(const struct arguments *arguments);
enum command_status command_drill(const struct arguments *arguments);
enum command_status command_plan(const struct arguments *arguments);
enum command_status command_act(const struct arguments *arguments);
enum command_status command_notify(const struct arguments *arguments);
enum command_status command_report(const struct arguments *arguments);
enum command_status command_probe(const struct arguments *arguments);
enum command_status command_gate(const struct arguments *arguments);
enum command_status command_export(const struct arguments *arguments);
enum command_status command_version(const struct arguments *arguments);
enum command_status command_show_help(const struct arguments *arguments);
