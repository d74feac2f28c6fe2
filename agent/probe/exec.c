/* Runs a monitoring plugin: its exit status says how it is, its performance data may be judged
 * too. What can be run stands in a list of the agent's own; a plan only names a line of it. No
 * shell is used, and the plugin has a process group of its own, which is killed as a whole when
 * its time is over. One that cannot be killed holds its own series and one of few places, never
 * the agent. Layer: operate. */
#include "agent/probe/plugin.h"
#include "agent/probe/probe_types.h"
#include "agent/probe/stream.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_daemon.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIST_SIZE (64 * 1024)
#define MAX_PLUGINS 64 /* that run, or are killed and not gone yet, of all series together */

enum { PLUGIN_OK, PLUGIN_WARNING, PLUGIN_CRITICAL, PLUGIN_UNKNOWN };

struct exec_settings {
    char *command;
    char *arguments;
    int64_t fail_on;
    char *metric;
    char *at_least, *at_most;
};

static const char *const fail_on_names[] = {"critical", "warning", NULL};
enum { FAIL_ON_CRITICAL, FAIL_ON_WARNING };

static const struct fl_option exec_options[] = {
    {.name = "command",
     .kind = FL_OPTION_NAME,
     .offset = offsetof(struct exec_settings, command),
     .help = "name of the command in the agent's own list"},
    {.name = "arguments",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct exec_settings, arguments),
     .max = 1024,
     .standard = FL_OPTION_UNSET,
     .help = "further words, where the list allows them"},
    {.name = "fail_on",
     .kind = FL_OPTION_CHOICE,
     .offset = offsetof(struct exec_settings, fail_on),
     .standard = "critical",
     .choices = fail_on_names,
     .help = "the least that counts as failed"},
    {.name = "metric",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct exec_settings, metric),
     .max = 64,
     .standard = FL_OPTION_UNSET,
     .help = "label in the plugin's performance data that must be there"},
    {.name = "at_least",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct exec_settings, at_least),
     .max = 32,
     .standard = FL_OPTION_UNSET,
     .help = "number that it must reach, in the plugin's own unit"},
    {.name = "at_most",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct exec_settings, at_most),
     .max = 32,
     .standard = FL_OPTION_UNSET,
     .help = "number that it must not exceed"},
    {0},
};

struct probe_instance {
    const struct probe_env *env;
    const struct exec_settings *settings;
};

struct probe_run {
    struct probe_instance *instance;
    probe_done_cb done;
    void *arg;
    int64_t start_us;
    struct plugin_command command;
    enum fl_failure early; /* why nothing was run */
    pid_t pid;
    int exit_fd, output_fd;
    struct event *exit_event, *output_event;
    size_t n_output; /* what comes beyond the room is read and left aside */
    char output[PLUGIN_TEXT];
};

static size_t n_running;

/* Killed, and to be reaped. */
static struct dying {
    pid_t pid; /* 0: free */
    const struct probe_instance *instance;
} dying[MAX_PLUGINS];

static void reap(void)
{
    for (size_t i = 0; i < MAX_PLUGINS; i++)
        if (dying[i].pid > 0 && waitpid(dying[i].pid, NULL, WNOHANG) != 0)
            dying[i] = (struct dying){0};
}

static void let_die(pid_t pid, const struct probe_instance *instance)
{
    (void)kill(-pid, SIGKILL);
    for (size_t i = 0; i < MAX_PLUGINS; i++) {
        if (dying[i].pid > 0)
            continue;
        dying[i] = (struct dying){pid, instance};
        break;
    }
    reap();
}

/* 0 when another may be started, or a negative errno. */
static int find_place(const struct probe_instance *instance)
{
    size_t n = n_running;

    reap();
    for (size_t i = 0; i < MAX_PLUGINS; i++) {
        if (dying[i].pid > 0 && dying[i].instance == instance)
            return -EBUSY; /* the one before still hangs */
        n += dying[i].pid > 0;
    }
    return n < MAX_PLUGINS ? 0 : -EAGAIN;
}

static void run_free(struct probe_run *run)
{
    if (run->exit_event)
        event_free(run->exit_event);
    if (run->output_event)
        event_free(run->output_event);
    if (run->exit_fd >= 0)
        close(run->exit_fd);
    if (run->output_fd >= 0)
        close(run->output_fd);
    if (run->pid > 0) {
        n_running--;
        let_die(run->pid, run->instance);
    }
    free(run);
}

static void read_output(struct probe_run *run)
{
    char rest[4096];

    for (int i = 0; i < 8; i++) { /* one that prints for ever must not hold the loop */
        const size_t room = sizeof(run->output) - 1 - run->n_output;
        ssize_t n = read(run->output_fd, room > 0 ? run->output + run->n_output : rest,
                         room > 0 ? room : sizeof(rest));

        if (n == 0)
            (void)event_del(run->output_event);
        if (n <= 0)
            return;
        run->n_output += room > 0 ? (size_t)n : 0;
    }
}

static void on_output(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    read_output(arg);
}

static enum fl_failure judge_metric(const struct exec_settings *settings, const char *output)
{
    double value;

    if (!settings->metric)
        return FL_FAILURE_NONE;
    if (!plugin_value(output, settings->metric, &value) ||
        (settings->at_least && value < strtod(settings->at_least, NULL)) ||
        (settings->at_most && value > strtod(settings->at_most, NULL)))
        return FL_FAILURE_CONTENT;
    return FL_FAILURE_NONE;
}

/* What a plugin cannot tell is no evidence against the target. */
static enum fl_failure judge(struct probe_run *run, int status)
{
    const struct exec_settings *settings = run->instance->settings;

    if (!WIFEXITED(status) || WEXITSTATUS(status) >= PLUGIN_UNKNOWN)
        return FL_FAILURE_LOCAL;
    if (WEXITSTATUS(status) == PLUGIN_CRITICAL ||
        (WEXITSTATUS(status) == PLUGIN_WARNING && settings->fail_on == FAIL_ON_WARNING))
        return FL_FAILURE_STATUS;
    run->output[run->n_output] = '\0';
    return judge_metric(settings, run->output);
}

/* The run is gone afterwards. */
static void finish(struct probe_run *run, enum fl_failure failure)
{
    struct fl_result result;

    fl_result_init(&result);
    if (failure == FL_FAILURE_NONE) {
        result.ok = true;
        result.phase_us[FL_LAYER_OPERATE] = fl_clock_monotonic() - run->start_us;
    } else {
        stream_fail(&result, FL_LAYER_OPERATE, failure);
    }
    run->done(&result, run->arg);
    run_free(run);
}

static void on_exit_event(evutil_socket_t fd, short what, void *arg)
{
    struct probe_run *run = arg;
    int status = 0;

    (void)fd;
    (void)what;
    if (run->pid <= 0) {
        finish(run, run->early);
        return;
    }
    if (waitpid(run->pid, &status, WNOHANG) != run->pid)
        return;
    (void)kill(-run->pid, SIGKILL); /* what it left behind */
    run->pid = 0;
    n_running--;
    read_output(run);
    finish(run, judge(run, status));
}

/* In the child; the agent's descriptors close by themselves. */
static _Noreturn void become(const struct plugin_command *command, int output_fd)
{
    static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C";
    char *const environment[] = {path, locale, NULL};
    const int null = open("/dev/null", O_RDWR);
    sigset_t none;

    (void)setpgid(0, 0);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output_fd, STDOUT_FILENO) < 0 ||
        dup2(null, STDERR_FILENO) < 0)
        _exit(PLUGIN_UNKNOWN);
    (void)execve(command->words[0], command->words, environment);
    _exit(PLUGIN_UNKNOWN);
}

/* fork, since posix_spawn would wait for a program on a dead mount. */
static int run_plugin(struct probe_run *run)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    run->output_fd = ends[0];
    (void)fcntl(ends[1], F_SETFL, 0); /* the plugin may wait */
    run->pid = fork();
    if (run->pid == 0)
        become(&run->command, ends[1]);
    close(ends[1]);
    if (run->pid < 0)
        return -errno;
    n_running++;
    (void)setpgid(run->pid, run->pid); /* whoever comes first */
    run->exit_fd = (int)syscall(SYS_pidfd_open, run->pid, 0);
    return run->exit_fd < 0 ? -errno : 0;
}

static int watch(struct probe_run *run)
{
    struct event_base *base = run->instance->env->base;

    run->exit_event = event_new(base, run->exit_fd, run->exit_fd < 0 ? 0 : EV_READ | EV_PERSIST,
                                on_exit_event, run);
    if (!run->exit_event)
        return -ENOMEM;
    if (run->exit_fd < 0) {
        event_active(run->exit_event, EV_TIMEOUT, 0);
        return 0;
    }
    run->output_event = event_new(base, run->output_fd, EV_READ | EV_PERSIST, on_output, run);
    if (!run->output_event || event_add(run->exit_event, NULL) < 0 ||
        event_add(run->output_event, NULL) < 0)
        return -ENOMEM;
    return 0;
}

/* The agent's list is read each time: it may be changed without a word to the agent. */
static bool find_command(struct probe_run *run)
{
    const struct exec_settings *settings = run->instance->settings;
    const char *path = run->instance->env->commands_path;
    char *list = NULL;
    size_t size;
    int r = path && *path ? fl_daemon_read_file(path, LIST_SIZE, &list, &size, NULL) : -ENOENT;

    if (r == 0)
        r = plugin_find(list, settings->command, settings->arguments, &run->command, NULL);
    free(list);
    return r == 0;
}

static int exec_start(struct probe_instance *instance, probe_done_cb done, void *arg,
                      struct probe_run **ret)
{
    struct probe_run *run;
    int r = find_place(instance);

    if (r < 0)
        return r;
    run = calloc(1, sizeof(*run));
    if (!run)
        return -ENOMEM;
    run->instance = instance;
    run->done = done;
    run->arg = arg;
    run->start_us = fl_clock_monotonic();
    run->exit_fd = run->output_fd = -1;
    if (find_command(run))
        r = run_plugin(run);
    else
        run->early = FL_FAILURE_LOCAL;
    if (r == 0)
        r = watch(run);
    if (r < 0) {
        run_free(run);
        return r;
    }
    *ret = run;
    return 0;
}

static bool exec_cancel(struct probe_run *run)
{
    run_free(run);
    return true;
}

static bool exec_expire(struct probe_run *run, struct fl_result *result)
{
    stream_fail(result, FL_LAYER_OPERATE, FL_FAILURE_TIMEOUT);
    return exec_cancel(run);
}

static int check_number(const char *name, const char *text, struct fl_error *err)
{
    char *end;

    if (!text)
        return 0;
    (void)strtod(text, &end);
    if (end != text && *end == '\0')
        return 0;
    return fl_error_set(err, -EINVAL, "setting \"%s\": cannot read \"%s\": a number is allowed",
                        name, text);
}

static int exec_check(const void *settings, struct fl_error *err)
{
    const struct exec_settings *exec = settings;
    int r = check_number("at_least", exec->at_least, err);

    if (r == 0)
        r = check_number("at_most", exec->at_most, err);
    if (r == 0 && !exec->metric && (exec->at_least || exec->at_most))
        r = fl_error_set(err, -EINVAL,
                         "settings \"at_least\" and \"at_most\" need \"metric\": what they judge");
    return r;
}

static int exec_open(const struct probe_env *env, const struct fl_probe_spec *spec,
                     const void *settings, struct probe_instance **ret, struct fl_error *err)
{
    struct probe_instance *instance = calloc(1, sizeof(*instance));

    (void)spec;
    if (!instance)
        return fl_error_set(err, -ENOMEM, "out of memory");
    instance->env = env;
    instance->settings = settings;
    *ret = instance;
    return 0;
}

static void exec_close(struct probe_instance *instance)
{
    for (size_t i = 0; i < MAX_PLUGINS; i++)
        if (dying[i].instance == instance)
            dying[i].instance = NULL;
    reap();
    free(instance);
}

const struct probe_type probe_exec = {
    .name = "exec",
    .summary = "runs a monitoring plugin of the agent's own list and judges its exit status",
    .options = exec_options,
    .settings_size = sizeof(struct exec_settings),
    .check = exec_check,
    .open = exec_open,
    .close = exec_close,
    .start = exec_start,
    .expire = exec_expire,
    .cancel = exec_cancel,
};
