/* The bytes of a trace as lines: plain or zstd, each line bounded. Used by the reader alone. */
#pragma once

#include "proto/types/fl_cleanup.h"
#include "proto/types/fl_error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct trace_line;

/* Takes over `stream`, also when it fails. */
int trace_line_new(FILE *stream, bool compressed, struct trace_line **ret, struct fl_error *err);
struct trace_line *trace_line_free(struct trace_line *lines);
FL_DEFINE_FREEP(struct trace_line, trace_line)

/* 1 and a line without its end (borrowed until the next call), 0 at the end, -EBADMSG for a line
 * of more than `limit` bytes, which is skipped, or another negative errno. */
int trace_line_next(struct trace_line *lines, size_t limit, char **ret_text, size_t *ret_size,
                    struct fl_error *err);
uint64_t trace_line_number(const struct trace_line *lines); /* of the last one, from 1 */
