/* Records what the coordinator sees as a trace: trace_reader reads back what this writes. */
#pragma once

#include "coordinator/core/fleet.h"
#include "proto/types/fl_host.h"
#include "proto/types/fl_result.h"

struct trace_writer;

/* Begin a trace with its fleet (borrowed, must outlive the writer). A recording that is there
 * already is kept as PATH.old. Written uncompressed: a path ending in ".zst" is refused. */
int trace_writer_open(const char *path, const struct fleet *fleet, struct trace_writer **ret,
                      struct fl_error *err);

/* -ENOENT for an agent or a series that is not of the fleet; nothing is written then. */
int trace_writer_result(struct trace_writer *writer, uint32_t agent, const struct fl_result *result,
                        struct fl_error *err);
int trace_writer_host(struct trace_writer *writer, uint32_t agent,
                      const struct fl_host_sample *sample, struct fl_error *err);

/* What was buffered reaches the file. Frees the writer whatever it returns. */
int trace_writer_close(struct trace_writer *writer, struct fl_error *err);
