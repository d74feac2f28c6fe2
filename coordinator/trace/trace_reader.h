/* Reads a trace: the fleet from its first line, then results and host samples one by one. What a
 * line says is checked before it is handed out. */
#pragma once

#include "coordinator/core/fleet.h"
#include "proto/types/fl_host.h"
#include "proto/types/fl_result.h"

#include <stdio.h>

#define TRACE_MAX_FLEET_LINE                                                                \
    (64 << 20)                     /* bytes in the first line: the largest fleet, with room \
                                    */
#define TRACE_MAX_LINE (256 << 10) /* bytes in any other: a host with all its disks */

struct trace_reader;

enum trace_record_type { TRACE_RESULT, TRACE_HOST };

struct trace_record {
    enum trace_record_type type;
    uint32_t agent; /* index in the fleet */
    fl_time rx_us;
    struct fl_result result;    /* for TRACE_RESULT */
    struct fl_host_sample host; /* for TRACE_HOST */
};

/* A path, or "-" for standard input; a name ending in ".zst" is decompressed. Reads the fleet. */
int trace_reader_open(const char *path, struct trace_reader **ret, struct fl_error *err);

/* The same from an open stream, which the reader closes, also when this fails. `name` stands for
 * it in messages. */
int trace_reader_open_stream(FILE *stream, const char *name, struct trace_reader **ret,
                             struct fl_error *err);
struct trace_reader *trace_reader_free(struct trace_reader *reader);
FL_DEFINE_FREEP(struct trace_reader, trace_reader)

const struct fleet *trace_reader_fleet(const struct trace_reader *reader); /* borrowed */

/* 1: a record. 0: the end. -EBADMSG: this line cannot be used, the next call reads the one after
 * it. Any other negative errno ends the trace. The error names file and line. */
int trace_reader_next(struct trace_reader *reader, struct trace_record *ret, struct fl_error *err);
