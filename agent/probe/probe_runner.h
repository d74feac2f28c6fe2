/* Runs the probes of a plan: instances, deadlines, stalled ones. Says when asked to start one,
 * and hands each result up. Knows no schedule and no wire. */
#pragma once

#include "agent/probe/probe.h"

struct probe_runner;

typedef void (*probe_result_cb)(const struct fl_result *result, void *arg);

int probe_runner_new(const struct probe_env *env, probe_result_cb result, void *arg,
                     struct probe_runner **ret, struct fl_error *err);
struct probe_runner *probe_runner_free(struct probe_runner *runner);
FL_DEFINE_FREEP(struct probe_runner, probe_runner)

/* Take over a checked plan (borrowed; stays valid until the next set or free). Instances whose
 * spec is unchanged are kept. All specs are checked before anything is changed. */
int probe_runner_set_plan(struct probe_runner *runner, const struct fl_plan *plan,
                          struct fl_error *err);

/* Start the probe at `index` of the plan. When its last attempt still hangs, a stalled result is
 * made instead. */
void probe_runner_start(struct probe_runner *runner, size_t index);

/* Start it once beside the schedule; `result` gets what comes of it, perhaps from inside this
 * call, unless the series goes meanwhile. -EBUSY: too many attempts of it are running, and the
 * schedule comes first. -ENOENT: no such index. */
int probe_runner_ask(struct probe_runner *runner, size_t index, probe_result_cb result, void *arg);
/* No results of attempts that were asked for with `arg` any more. */
void probe_runner_forget(struct probe_runner *runner, const void *arg);

size_t probe_runner_stalled(const struct probe_runner *runner); /* that hang in the kernel now */
