#include "agent/probe/fileop_probe.h"

#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct probe_instance {
    const struct probe_env *env;
    struct fileop_job job;
    char *path, *name; /* the job's texts */
    struct fileop_worker *worker;
    struct probe_run *run; /* under way; NULL: none */
};

struct probe_run {
    struct probe_instance *instance;
    probe_done_cb done;
    void *arg;
    int64_t start_us;
    enum fileop_step step; /* under way */
    bool expired;          /* the deadline is over, it hangs */
    struct fl_result result;
};

/* The step of a result that a step of the worker stands for. */
static const enum fl_step result_steps[FILEOP_STEPS] = {
    [FILEOP_OPEN] = FL_STEP_NONE, [FILEOP_WRITE] = FL_STEP_WRITE, [FILEOP_FLUSH] = FL_STEP_FLUSH,
    [FILEOP_READ] = FL_STEP_READ, [FILEOP_REMOVE] = FL_STEP_NONE,
};

static enum fl_failure failure_of(int error)
{
    switch (error) {
    case EROFS:
        return FL_FAILURE_READ_ONLY;
    case ENOSPC:
        return FL_FAILURE_NO_SPACE;
    case EDQUOT:
        return FL_FAILURE_QUOTA;
    case ESTALE:
        return FL_FAILURE_STALE;
    case EACCES:
    case EPERM:
        return FL_FAILURE_DENIED;
    case ETIMEDOUT: /* of a mount that gives up by itself */
        return FL_FAILURE_TIMEOUT;
    case FILEOP_CHANGED:
        return FL_FAILURE_CONTENT;
    case FILEOP_NOT_MOUNTED:
    case ENOTBLK:
    case EBUSY: /* a device that somebody else uses is not written */
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return FL_FAILURE_LOCAL;
    default: /* EIO, ENOTCONN, ENODEV and whatever else a file system answers */
        return FL_FAILURE_IO_ERROR;
    }
}

static void note_failure(struct fl_result *result, enum fileop_step step, enum fl_failure failure)
{
    result->ok = false;
    result->layer = FL_LAYER_OPERATE;
    result->failure = failure;
    result->step = result_steps[step];
}

/* The run is gone afterwards. */
static void finish(struct probe_run *run)
{
    run->instance->run = NULL;
    run->done(&run->result, run->arg);
    free(run);
}

static void on_worker_died(struct probe_instance *instance)
{
    struct probe_run *run = instance->run;

    fileop_worker_release(instance->worker, false);
    instance->worker = NULL;
    if (!run)
        return;
    note_failure(&run->result, run->step, FL_FAILURE_LOCAL);
    finish(run);
}

static void on_report(const struct fileop_report *report, void *arg)
{
    struct probe_instance *instance = arg;
    struct probe_run *run = instance->run;
    enum fl_step step;

    if (!report) {
        on_worker_died(instance);
        return;
    }
    if (!run)
        return;
    if (report->error != 0 && report->error != FILEOP_SKIPPED) {
        note_failure(&run->result, report->step, failure_of(report->error));
        finish(run);
        return;
    }
    step = result_steps[report->step];
    if (step != FL_STEP_NONE && report->error == 0)
        run->result.step_us[step] = report->took_us;
    run->step = report->step + 1;
    if (run->step < FILEOP_STEPS)
        return;
    run->result.ok = true;
    run->result.phase_us[FL_LAYER_OPERATE] = fl_clock_monotonic() - run->start_us;
    finish(run);
}

static int make_worker(struct probe_instance *instance)
{
    const char *program = instance->env->fileop_path;

    return program ? fileop_worker_new(instance->env->base, program, &instance->job, on_report,
                                       instance, &instance->worker)
                   : -ENOENT;
}

int fileop_probe_start(struct probe_instance *instance, probe_done_cb done, void *arg,
                       struct probe_run **ret)
{
    struct probe_run *run;
    int r = instance->worker ? 0 : make_worker(instance);

    if (r < 0)
        return r;
    run = calloc(1, sizeof(*run));
    if (!run)
        return -ENOMEM;
    run->instance = instance;
    run->done = done;
    run->arg = arg;
    run->start_us = fl_clock_monotonic();
    fl_result_init(&run->result);
    r = fileop_worker_ask(instance->worker, (uint64_t)fl_clock_wall() ^ (uintptr_t)run);
    if (r < 0) {
        fileop_worker_release(instance->worker, false);
        instance->worker = NULL;
        free(run);
        return r;
    }
    instance->run = run;
    *ret = run;
    return 0;
}

/* Which function of the kernel holds it says more than that it hangs: whether it is the network
 * file system, the journal or the device that is waited for. */
static void tell_where(const struct probe_run *run)
{
    static const char *const steps[FILEOP_STEPS] = {"open", "write", "flush", "read", "remove"};
    const struct probe_instance *instance = run->instance;
    char where[64] = "";

    if (!instance->worker)
        return;
    fileop_worker_where(instance->worker, where, sizeof(where));
    fl_log_warning("fileop", "%s: the step \"%s\" hangs in the kernel, at %s", instance->job.path,
                   steps[run->step],
                   where[0] && strcmp(where, "0") != 0 ? where : "a place it does not tell");
}

bool fileop_probe_expire(struct probe_run *run, struct fl_result *result)
{
    tell_where(run);
    run->expired = true;
    *result = run->result;
    note_failure(result, run->step, FL_FAILURE_TIMEOUT);
    return false; /* done() comes when the kernel lets the worker go on */
}

/* Nothing waits for the worker, so the run can go even when that cannot. */
bool fileop_probe_cancel(struct probe_run *run)
{
    struct probe_instance *instance = run->instance;

    fileop_worker_release(instance->worker, run->expired);
    instance->worker = NULL;
    instance->run = NULL;
    free(run);
    return true;
}

int fileop_probe_new(const struct probe_env *env, const struct fileop_job *job,
                     struct probe_instance **ret, struct fl_error *err)
{
    struct probe_instance *instance = calloc(1, sizeof(*instance));

    if (!instance)
        return fl_error_set(err, -ENOMEM, "out of memory");
    instance->env = env;
    instance->job = *job;
    instance->job.path = instance->path = strdup(job->path);
    instance->job.name = instance->name = strdup(job->name);
    if (!instance->path || !instance->name) {
        fileop_probe_close(instance);
        return fl_error_set(err, -ENOMEM, "out of memory");
    }
    *ret = instance;
    return 0;
}

void fileop_probe_close(struct probe_instance *instance)
{
    fileop_worker_release(instance->worker, false);
    free(instance->path);
    free(instance->name);
    free(instance);
}
