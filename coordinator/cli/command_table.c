/* One row a subcommand. */
#include "coordinator/cli/command.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

const struct command command_table[] = {
    {"keygen", "FILE", "make a key pair, print its public key", ARGUMENTS_JSON, 1, 1,
     command_keygen},
    {"token", "FILE NAME SCOPE", "make a token for the API, print it", 0, 3, 3, command_token},
    {"status", "", "show the fleet, what it sees and what is wrong",
     ARGUMENTS_API | ARGUMENTS_JSON | ARGUMENTS_ACCOUNTS, 0, 0, command_status},
    {"explain", "ID", "say what an incident is, how that is known and what to do",
     ARGUMENTS_API | ARGUMENTS_JSON, 1, 1, command_explain},
    {"watch", "", "print what opens, changes and closes, as it happens",
     ARGUMENTS_API | ARGUMENTS_JSON | ARGUMENTS_FOR | ARGUMENTS_COUNT, 0, 0, command_watch},
    {"update", "ID TEXT", "tell customers of an incident, on the status page",
     ARGUMENTS_API | ARGUMENTS_JSON | ARGUMENTS_STATUS, 2, 2, command_update},
    {"maintenance", "add|list|end ...", "announce work, and be silent about it",
     ARGUMENTS_API | ARGUMENTS_JSON | ARGUMENTS_FOR | ARGUMENTS_IN | ARGUMENTS_TARGETS |
         ARGUMENTS_ZONES,
     1, 2, command_maintenance},
    {"decide", "GROUP", "say which zones a service group is to be served from",
     ARGUMENTS_API | ARGUMENTS_JSON | ARGUMENTS_ZONE, 1, 1, command_decide},
    {"drill", "GROUP", "play a fault of a zone through the decision path; nothing moves",
     ARGUMENTS_API | ARGUMENTS_JSON | ARGUMENTS_ZONE, 1, 1, command_drill},
    {"act", "GROUP WORD", "a person's word: serve, avoid, auto, acknowledge or block",
     ARGUMENTS_API | ARGUMENTS_JSON | ARGUMENTS_ZONE | ARGUMENTS_FOR, 2, 2, command_act},
    {"report", "", "say how a month was: uptime, incidents, latency",
     ARGUMENTS_API | ARGUMENTS_JSON | ARGUMENTS_MONTH | ARGUMENTS_HTML, 0, 0, command_report},
    {"export", "AGENT TARGET PROBE", "print the results of a series",
     ARGUMENTS_API | ARGUMENTS_CSV | ARGUMENTS_FROM | ARGUMENTS_TO, 3, 3, command_export},
    {"probe", "TYPE ADDRESS | TARGET[/PROBE]",
     "probe from here, or by agents with --from, now, layer by layer",
     ARGUMENTS_API | ARGUMENTS_JSON | ARGUMENTS_LIST | ARGUMENTS_AGENTS | ARGUMENTS_REPEATS |
         ARGUMENTS_INTERVAL | ARGUMENTS_TIMEOUT | ARGUMENTS_SIZE | ARGUMENTS_SET,
     0, 2, command_probe},
    {"gate", "", "say whether a release is fit, by probing it from all zones for a while",
     ARGUMENTS_API | ARGUMENTS_JSON | ARGUMENTS_GROUP | ARGUMENTS_TARGETS | ARGUMENTS_ZONES |
         ARGUMENTS_FOR | ARGUMENTS_INTERVAL | ARGUMENTS_TIMEOUT | ARGUMENTS_MAX_ERRORS |
         ARGUMENTS_MAX_P99 | ARGUMENTS_AGAINST | ARGUMENTS_JUNIT | ARGUMENTS_SUMMARY,
     0, 0, command_gate},
    {"plan", "diff FILE", "show what a reload with a configuration would change of what is probed",
     ARGUMENTS_API | ARGUMENTS_JSON, 2, 2, command_plan},
    {"notify", "--test [NAME]", "tell receivers of notifications that this is a test",
     ARGUMENTS_API | ARGUMENTS_TEST, 0, 1, command_notify},
    {"replay", "TRACE", "print the verdicts of a recorded trace",
     ARGUMENTS_JSON | ARGUMENTS_LENIENT, 1, 1, command_replay},
    {"check-config", "FILE...", "say whether configurations are good", ARGUMENTS_JSON, 1, INT_MAX,
     command_check_config},
    {"version", "", "say which version this is", ARGUMENTS_JSON, 0, 0, command_version},
    {"help", "[COMMAND]", "say how to use it", 0, 0, 1, command_show_help},
    {0},
};

const struct command *command_find(const char *name)
{
    for (const struct command *command = command_table; command->name; command++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

enum command_status command_fail(enum command_status status, const char *message)
{
    (void)fflush(stdout);
    (void)fprintf(stderr, "faultline: %s\n", message);
    return status;
}

enum command_status command_status_of(int code)
{
    if (code == -ENOENT)
        return COMMAND_WRONG;
    return code == -EINVAL ? COMMAND_USAGE : COMMAND_UNREACHABLE;
}
