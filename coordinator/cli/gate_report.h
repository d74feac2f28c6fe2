/* What a gate has to say: to who watches it, to programs, and to who runs it in a pipeline. */
#pragma once

#include "coordinator/cli/gate_run.h"
#include "coordinator/cli/screen.h"

/* The zones as a table, and how far it is. Returns the lines, 0 without memory. */
size_t gate_report_table(const struct gate_run *run, const struct screen *screen);

/* The caller owns it; NULL without memory. */
json_t *gate_report_json(const struct gate_run *run);

/* Write JUnit XML, a test case a zone; what cannot be judged is skipped. -errno with a sentence. */
int gate_report_junit(const struct gate_run *run, const char *path, struct fl_error *err);

/* Add Markdown to the end of a file, as a job's summary is written. Likewise. */
int gate_report_summary(const struct gate_run *run, const char *path, struct fl_error *err);
