#include "coordinator/command_runner.h"

#include "proto/runtime/fl_log.h"
#include "proto/runtime/fl_spawn.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/queue.h>
#include <sys/wait.h>
#include <unistd.h>

struct task {
    STAILQ_ENTRY(task) entry;
    char **command;
    char *input;
    int64_t timeout_us;
    command_done_cb done;
    uint64_t tag;
    void *arg;
};

struct lane {
    struct command_runner *runner;
    STAILQ_HEAD(, task) queue;
    size_t n_queued;
    struct task *running; /* NULL: none */
    pid_t pid;
    int pidfd;
    bool killed;
    struct event *ended, *overdue, *next;
};

struct command_runner {
    struct event_base *base;
    struct command_stats stats;
    size_t n_lanes;
    struct lane *lanes;
};

static struct task *task_free(struct task *task)
{
    if (!task)
        return NULL;
    for (size_t i = 0; task->command && task->command[i]; i++)
        free(task->command[i]);
    free(task->command);
    free(task->input);
    free(task);
    return NULL;
}

static struct task *task_new(char *const *command, const char *input)
{
    struct task *task = calloc(1, sizeof(*task));
    size_t n = 0;

    while (command[n])
        n++;
    if (!task || !(task->input = strdup(input)) ||
        !(task->command = calloc(n + 1, sizeof(*task->command))))
        return task_free(task);
    for (size_t i = 0; i < n; i++)
        if (!(task->command[i] = strdup(command[i])))
            return task_free(task);
    return task;
}

static void tell(struct task *task, int status)
{
    if (task->done)
        task->done(status, task->tag, task->arg);
    task_free(task);
}

/* The text fits a pipe, so that nobody waits for the program to read it. */
static int start(struct lane *lane)
{
    const struct timeval after = {lane->running->timeout_us / FL_SECOND,
                                  lane->running->timeout_us % FL_SECOND};
    int ends[2], r;

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    (void)fcntl(ends[0], F_SETFL, 0); /* the program's end waits as programs expect */
    if (write(ends[1], lane->running->input, strlen(lane->running->input)) < 0)
        r = -errno;
    else
        r = fl_spawn(lane->running->command, ends[0], -1, &lane->pid);
    (void)close(ends[0]);
    (void)close(ends[1]);
    if (r < 0)
        return r;
    lane->pidfd = pidfd_open(lane->pid, 0);
    if (lane->pidfd < 0 ||
        event_assign(lane->ended, lane->runner->base, lane->pidfd, EV_READ,
                     event_get_callback(lane->ended), lane) < 0 ||
        event_add(lane->ended, NULL) < 0 || event_add(lane->overdue, &after) < 0) {
        (void)kill(-lane->pid, SIGKILL);
        (void)waitpid(lane->pid, NULL, 0);
        return -ENOMEM;
    }
    return 0;
}

static void schedule(struct lane *lane)
{
    const struct timeval now = {0, 0};

    (void)event_add(lane->next, &now);
}

static void on_next(evutil_socket_t fd, short what, void *arg)
{
    struct lane *lane = arg;
    int r;

    (void)fd;
    (void)what;
    if (lane->running || STAILQ_EMPTY(&lane->queue))
        return;
    lane->running = STAILQ_FIRST(&lane->queue);
    STAILQ_REMOVE_HEAD(&lane->queue, entry);
    lane->n_queued--;
    lane->killed = false;
    r = start(lane);
    if (r == 0) {
        lane->runner->stats.started++;
        return;
    }
    fl_log_error("command", "cannot run \"%s\": %s", lane->running->command[0], strerror(-r));
    lane->runner->stats.failed++;
    tell(FL_TAKE(lane->running), COMMAND_STATUS_FAILED);
    schedule(lane);
}

static void on_ended(evutil_socket_t fd, short what, void *arg)
{
    struct lane *lane = arg;
    int status = 0;

    (void)what;
    if (waitpid(lane->pid, &status, WNOHANG) != lane->pid) {
        (void)event_add(lane->ended, NULL);
        return;
    }
    (void)event_del(lane->overdue);
    (void)close(fd);
    lane->pidfd = -1;
    (void)kill(-lane->pid, SIGKILL); /* what it left behind */
    status = WIFEXITED(status) ? WEXITSTATUS(status) : COMMAND_STATUS_FAILED;
    if (status != 0 && !lane->killed) {
        fl_log_warning("command", "\"%s\" ended with status %d", lane->running->command[0], status);
        lane->runner->stats.failed++;
    }
    tell(FL_TAKE(lane->running), status);
    schedule(lane);
}

static void on_overdue(evutil_socket_t fd, short what, void *arg)
{
    struct lane *lane = arg;
    char limit[FL_DURATION_TEXT_SIZE];

    (void)fd;
    (void)what;
    lane->killed = true;
    lane->runner->stats.killed++;
    fl_log_warning("command", "\"%s\" did not end within %s and was killed",
                   lane->running->command[0], fl_duration_format(lane->running->timeout_us, limit));
    (void)kill(-lane->pid, SIGKILL);
}

static int lane_init(struct command_runner *runner, struct lane *lane)
{
    lane->runner = runner;
    lane->pidfd = -1;
    STAILQ_INIT(&lane->queue);
    lane->ended = event_new(runner->base, -1, EV_READ, on_ended, lane);
    lane->overdue = event_new(runner->base, -1, 0, on_overdue, lane);
    lane->next = event_new(runner->base, -1, 0, on_next, lane);
    return lane->ended && lane->overdue && lane->next ? 0 : -ENOMEM;
}

int command_runner_new(struct event_base *base, size_t n_lanes, struct command_runner **ret)
{
    FL_CLEANUP(command_runner_freep) struct command_runner *runner = calloc(1, sizeof(*runner));

    if (!runner || !(runner->lanes = calloc(n_lanes + 1, sizeof(*runner->lanes))))
        return -ENOMEM;
    runner->base = base;
    for (size_t i = 0; i < n_lanes; i++) {
        runner->n_lanes++;
        if (lane_init(runner, &runner->lanes[i]) < 0)
            return -ENOMEM;
    }
    *ret = FL_TAKE(runner);
    return 0;
}

static void lane_done(struct lane *lane)
{
    struct task *task;

    if (lane->running) {
        (void)kill(-lane->pid, SIGKILL);
        (void)waitpid(lane->pid, NULL, 0);
        (void)close(lane->pidfd);
        task_free(lane->running);
    }
    while ((task = STAILQ_FIRST(&lane->queue))) {
        STAILQ_REMOVE_HEAD(&lane->queue, entry);
        task_free(task);
    }
    if (lane->ended)
        event_free(lane->ended);
    if (lane->overdue)
        event_free(lane->overdue);
    if (lane->next)
        event_free(lane->next);
}

struct command_runner *command_runner_free(struct command_runner *runner)
{
    if (!runner)
        return NULL;
    for (size_t i = 0; i < runner->n_lanes; i++)
        lane_done(&runner->lanes[i]);
    free(runner->lanes);
    free(runner);
    return NULL;
}

int command_runner_run(struct command_runner *runner, size_t lane_index, char *const *command,
                       const char *input, int64_t timeout_us, command_done_cb done, uint64_t tag,
                       void *arg)
{
    struct lane *lane = &runner->lanes[lane_index];
    struct task *task = task_new(command, input), *oldest;

    if (!task)
        return -ENOMEM;
    task->timeout_us = timeout_us;
    task->done = done;
    task->tag = tag;
    task->arg = arg;
    if (lane->n_queued == COMMAND_QUEUE) {
        oldest = STAILQ_FIRST(&lane->queue);
        STAILQ_REMOVE_HEAD(&lane->queue, entry);
        lane->n_queued--;
        runner->stats.dropped++;
        task_free(oldest);
    }
    STAILQ_INSERT_TAIL(&lane->queue, task, entry);
    lane->n_queued++;
    schedule(lane);
    return 0;
}

void command_runner_stats(const struct command_runner *runner, struct command_stats *ret)
{
    *ret = runner->stats;
}
