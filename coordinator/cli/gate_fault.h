/* What the judgement says of a gate that fails: is it the release, or something else? */
#pragma once

#include "coordinator/cli/gate_run.h"

/* Look at the open verdicts once. One that touches what is probed from a zone that fails is put
 * into `fault`; `fault_elsewhere` says that it is no fault of what is probed. */
int gate_fault_find(struct gate_run *run, struct fl_error *err);

void gate_fault_wait(int64_t us);
