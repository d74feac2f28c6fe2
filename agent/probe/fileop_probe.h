/* Rounds of a worker process (agent/fileop) as attempts of a probe: all of it is the layer
 * operate, in steps. When the file system or device hangs, the worker hangs; the attempt is then
 * past its deadline and stays alive until the kernel lets the worker go on. These are a type's
 * `close`, `start`, `expire` and `cancel`. */
#pragma once

#include "agent/probe/fileop_worker.h"
#include "agent/probe/probe.h"

/* An instance that asks a worker for `job`, whose texts are copied. 0 or -ENOMEM. */
int fileop_probe_new(const struct probe_env *env, const struct fileop_job *job,
                     struct probe_instance **ret, struct fl_error *err);

void fileop_probe_close(struct probe_instance *instance);
int fileop_probe_start(struct probe_instance *instance, probe_done_cb done, void *arg,
                       struct probe_run **ret);
bool fileop_probe_expire(struct probe_run *run, struct fl_result *result);
bool fileop_probe_cancel(struct probe_run *run);
