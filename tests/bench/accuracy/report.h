/* What people read: the tables, and what was missed. */
#pragma once

#include "tests/bench/accuracy/baseline.h"
#include "tests/bench/accuracy/tally.h"

#include <stdio.h>

/* What was true and what was said, for one scenario that was not judged right.
 */
void report_miss(FILE *out, const struct scenario *scenario, const struct verdict_event *events,
                 size_t n_events, const struct outcome *outcome);

/* The line of one family, or of several together. */
void report_head(FILE *out, const char *what);
void report_line(FILE *out, const char *name, struct tally *tally);
/* The figures that are asked for, each with its bar. */
void report_bars(FILE *out, const struct outcome *outcomes, size_t n);

/* One line a contender: over the mixed families, gray faults and traps.
 * `settings` NULL: it has none. */
void report_contender_head(FILE *out);
void report_contender(FILE *out, const char *name, const struct settings *settings,
                      const struct outcome *outcomes, size_t n);
double report_f1(const struct outcome *outcomes, size_t n); /* over the mixed families */
