/* What history has of the time before a release. */
#pragma once

#include "coordinator/cli/gate_run.h"

/* Fill `before` of each zone. `answer`: the first one, which has agents and orders. */
int gate_before_read(struct gate_run *run, const json_t *answer, struct fl_error *err);
