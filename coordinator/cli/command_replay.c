/* replay TRACE: what would have been said, and when. */
#include "coordinator/cli/command.h"
#include "coordinator/cli/replay.h"

enum command_status command_replay(const struct arguments *arguments)
{
    FL_CLEANUP(trace_reader_freep) struct trace_reader *reader = NULL;
    struct replay_outcome outcome;
    struct fl_error err;

    if (trace_reader_open(arguments->operands[0], &reader, &err) < 0 ||
        replay_run(reader, arguments->lenient, stdout, &outcome, &err) < 0)
        return command_fail(COMMAND_WRONG, err.message);
    return COMMAND_FINE;
}
