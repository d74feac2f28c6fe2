/* Drives the engine with a trace, in the trace's own time. Knows no clock: the same trace gives
 * the same bytes. */
#pragma once

#include "coordinator/trace/trace_reader.h"

struct replay_outcome {
    fl_time t_us; /* of the last record */
    uint64_t results;
    uint64_t opened;
    uint64_t skipped; /* lines that could not be used, when lenient */
};

/* Print the verdict events of a trace to `out`, one JSON object a line, and the end line when all
 * of it was read. Holds one record at a time. */
int replay_run(struct trace_reader *reader, bool lenient, FILE *out, struct replay_outcome *ret,
               struct fl_error *err);
