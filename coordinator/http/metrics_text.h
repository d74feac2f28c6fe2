/* Writes metrics as Prometheus text or as OpenMetrics has it. Pure, and bounded: what does not fit
 * is left out whole and counted. */
#pragma once

#include "proto/types/fl_cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum metrics_format { METRICS_PROMETHEUS, METRICS_OPENMETRICS };
enum metrics_kind { METRICS_GAUGE, METRICS_COUNTER };

struct metrics_text;

/* Which of the two a field Accept prefers; NULL: not given. Prometheus text when both are alike. */
enum metrics_format metrics_format_of(const char *accept);
const char *metrics_media_type(enum metrics_format format);

/* Up to `limit` bytes of samples. 0 or -ENOMEM. */
int metrics_text_new(enum metrics_format format, size_t limit, struct metrics_text **ret);
struct metrics_text *metrics_text_free(struct metrics_text *text);
FL_DEFINE_FREEP(struct metrics_text, metrics_text)

/* The family that the samples after it belong to; all three are borrowed. The name of a counter
 * is given without its ending _total. A family without samples is not written. */
void metrics_text_family(struct metrics_text *text, enum metrics_kind kind, const char *name,
                         const char *help);
/* A label of the next sample; any bytes will do for its value. */
void metrics_text_label(struct metrics_text *text, const char *name, const char *value);
/* Write the sample with the labels since the last one. */
void metrics_text_count(struct metrics_text *text, uint64_t value);
void metrics_text_millionths(struct metrics_text *text, int64_t value); /* of a second, of one */

/* Ends the text; says how many samples were left out. NULL: there was no memory. */
const char *metrics_text_end(struct metrics_text *text, size_t *ret_size);
uint64_t metrics_text_dropped(const struct metrics_text *text);
