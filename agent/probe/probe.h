/* The contract of a probe type: one file, one row in probe_table.c.
 *
 * A series is one probe of the plan. Its instance keeps what outlives one attempt (a parsed
 * address, a worker process, a warm handle); a run is one attempt. The runner (probe_runner.c)
 * keeps the deadline: at the timeout it calls `expire`. Everything happens on the loop, nothing
 * blocks. */
#pragma once

#include "proto/types/fl_option.h"
#include "proto/types/fl_plan.h"
#include "proto/types/fl_result.h"

struct event_base;
struct resolver;
struct probe_run;      /* one attempt, defined by each type for itself */
struct probe_instance; /* one series, likewise */

/* What the agent lends to every probe. Outlives all of them. */
struct probe_env {
    struct event_base *base;
    struct resolver *resolver;
    const uint8_t *mesh_key;   /* FL_MESH_KEY_SIZE bytes, changed in place with the plan */
    const char *fileop_path;   /* the worker that touches mounted file systems */
    const char *secrets_path;  /* directory of the secrets that plans may name */
    const char *commands_path; /* list of the commands that plans may name; NULL: none */
};

/* The attempt is over: `result` says how (borrowed until the call returns). t_us, took_us and
 * series are the runner's to fill. The run is destroyed by the type right after this call.
 * Called exactly once a run, never from inside start(), never after expire() or cancel(). */
typedef void (*probe_done_cb)(const struct fl_result *result, void *arg);

struct probe_type {
    const char *name;    /* as in the configuration, e.g. "tcp" */
    const char *summary; /* one line, for lists and the manual */
    const struct fl_option *options;
    size_t settings_size;

    /* Attempts of one instance may overlap, when the time-out is longer than the interval. False:
     * the next begins when the last is over (two writers would spoil each other's bytes). */
    bool parallel;

    /* Check what the table alone cannot judge. May be NULL. */
    int (*check)(const void *settings, struct fl_error *err);

    /* Make an instance. `settings` and `spec` live as long as it does. */
    int (*open)(const struct probe_env *env, const struct fl_probe_spec *spec, const void *settings,
                struct probe_instance **ret, struct fl_error *err);
    /* No run is alive then, but for those whose cancel() was false. */
    void (*close)(struct probe_instance *instance);

    /* Begin an attempt. A failure to begin (no descriptors left) is a negative errno; the runner
     * makes a `local` result of it. */
    int (*start)(struct probe_instance *instance, probe_done_cb done, void *arg,
                 struct probe_run **ret);

    /* The deadline has passed: fill the result (layer reached, failure timeout, phases, TCP_INFO)
     * and destroy the run: return true. Return false when the attempt hangs in the kernel and
     * cannot be ended: the result is filled all the same, the run stays alive until done(), and
     * the runner reports a stalled result each interval meanwhile. */
    bool (*expire)(struct probe_run *run, struct fl_result *result);

    /* Destroy without a result: plan changed, agent stops. Returns false when the attempt hangs
     * in the kernel; the type then frees the run by itself when it ends. */
    bool (*cancel)(struct probe_run *run);
};

/* A row of the table. A type that draws in a large library lies in a module, which is loaded when
 * the type is first asked for. */
struct probe_row {
    const char *name;
    const struct probe_type *type; /* NULL: in `module` */
    const char *module;            /* its file is probe_MODULE.so */
};
extern const struct probe_row probe_table[]; /* ended by a NULL name */

/* The type of that name. 0, -ENOENT when there is none (`err` is left to the caller, who knows
 * what was meant), or -ELIBACC with why its module cannot be loaded. */
int probe_type_find(const char *name, const struct probe_type **ret, struct fl_error *err);

/* Parse the settings of a spec through its type's table and check them. `ret_settings` is
 * calloc'ed; free with probe_settings_free. The error names probe, setting, value, what is
 * allowed. */
int probe_settings_parse(const struct probe_type *type, const struct fl_probe_spec *spec,
                         void **ret_settings, struct fl_error *err);
void probe_settings_free(const struct probe_type *type, void *settings);
