/* Two things tell of a worker: its socket, for as long as somebody wants its reports, and its
 * pidfd, by which it is reaped whenever that may be. A killed process can hang on its way out
 * with the socket closed already, so the end of the socket alone does not mean that waiting for
 * the process would not block. */
#include "agent/probe/fileop_worker.h"

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM "faultline-fileop"

struct fileop_worker {
    fileop_report_cb report; /* NULL: let go */
    void *arg;
    pid_t pid;
    int pidfd;
    int fd;
    struct event *exit_event;
    struct event *report_event;
};

static size_t n_workers;

size_t fileop_worker_count(void)
{
    return n_workers;
}

void fileop_worker_find(char *ret, size_t size)
{
    static const char *const places[] = {PROGRAM, "../libexec/faultline/" PROGRAM};
    char self[2048];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;

    self[n > 0 ? n : 0] = '\0';
    slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        (void)snprintf(ret, size, "%s/%s", self, places[i]);
        if (access(ret, X_OK) == 0)
            return;
    }
}

static void stop_listening(struct fileop_worker *worker)
{
    if (worker->report_event)
        event_free(worker->report_event);
    worker->report_event = NULL;
    if (worker->fd >= 0)
        close(worker->fd);
    worker->fd = -1;
}

static void worker_free(struct fileop_worker *worker)
{
    stop_listening(worker);
    if (worker->exit_event)
        event_free(worker->exit_event);
    if (worker->pidfd >= 0)
        close(worker->pidfd);
    if (worker->pid > 0)
        n_workers--;
    free(worker);
}

static void on_exit_event(evutil_socket_t fd, short what, void *arg)
{
    struct fileop_worker *worker = arg;

    (void)fd;
    (void)what;
    if (waitpid(worker->pid, NULL, WNOHANG) == 0)
        return;
    (void)event_del(worker->exit_event);
    worker->pid = 0;
    n_workers--;
    if (!worker->report) /* else its owner has still to hear of it, and lets it go then */
        worker_free(worker);
}

static void on_report_event(evutil_socket_t fd, short what, void *arg)
{
    struct fileop_worker *worker = arg;
    struct fileop_report report;
    ssize_t n = recv(fd, &report, sizeof(report), MSG_DONTWAIT);

    (void)what;
    if (n == sizeof(report) && report.step < FILEOP_STEPS) {
        worker->report(&report, worker->arg);
        return;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    stop_listening(worker);
    worker->report(NULL, worker->arg);
}

void fileop_worker_release(struct fileop_worker *worker, bool hangs)
{
    if (!worker)
        return;
    worker->report = NULL;
    stop_listening(worker);
    if (worker->pid == 0)
        worker_free(worker);
    else if (hangs)
        (void)kill(worker->pid, SIGKILL);
}

void fileop_worker_where(const struct fileop_worker *worker, char *ret, size_t size)
{
    char path[64];
    ssize_t n = 0;
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%d/wchan", (int)worker->pid);
    fd = worker->pid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        n = read(fd, ret, size - 1);
        close(fd);
    }
    ret[n > 0 ? n : 0] = '\0';
}

int fileop_worker_ask(struct fileop_worker *worker, uint64_t seed)
{
    const struct fileop_request request = {.seed = seed};

    if (worker->fd < 0)
        return -EPIPE;
    if (send(worker->fd, &request, sizeof(request), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return -errno;
    return 0;
}

/* The child starts with no signal blocked or ignored, whatever the agent does with its own. */
static int spawn(const char *program, const struct fileop_job *job, int fd, pid_t *ret)
{
    char size[24];
    char *argv[] = {PROGRAM,
                    (char *)(uintptr_t)job->kind,
                    (char *)(uintptr_t)job->path,
                    (char *)(uintptr_t)job->name,
                    size,
                    job->flag ? "1" : "0",
                    NULL};
    char *environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int r;

    (void)snprintf(size, sizeof(size), "%zu", job->size);
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    r = posix_spawn_file_actions_init(&actions);
    if (r != 0)
        return -r;
    r = posix_spawnattr_init(&attributes);
    if (r == 0) {
        (void)posix_spawnattr_setsigmask(&attributes, &none);
        (void)posix_spawnattr_setsigdefault(&attributes, &all);
        (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        r = posix_spawn_file_actions_adddup2(&actions, fd, FILEOP_SOCKET);
        if (r == 0)
            r = posix_spawn(ret, program, &actions, &attributes, argv, environment);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return -r;
}

static int start_process(struct fileop_worker *worker, const char *program,
                         const struct fileop_job *job)
{
    int fds[2], r;
    pid_t pid = 0;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    worker->fd = fds[0];
    r = spawn(program, job, fds[1], &pid);
    close(fds[1]);
    if (r < 0)
        return r;
    worker->pid = pid;
    n_workers++;
    worker->pidfd = pidfd_open(pid, 0);
    return worker->pidfd < 0 ? -errno : 0;
}

static int watch(struct fileop_worker *worker, struct event_base *base)
{
    worker->exit_event =
        event_new(base, worker->pidfd, EV_READ | EV_PERSIST, on_exit_event, worker);
    worker->report_event =
        event_new(base, worker->fd, EV_READ | EV_PERSIST, on_report_event, worker);
    if (!worker->exit_event || !worker->report_event || event_add(worker->exit_event, NULL) < 0 ||
        event_add(worker->report_event, NULL) < 0)
        return -ENOMEM;
    return 0;
}

int fileop_worker_new(struct event_base *base, const char *program, const struct fileop_job *job,
                      fileop_report_cb report, void *arg, struct fileop_worker **ret)
{
    struct fileop_worker *worker;
    int r;

    if (n_workers >= FILEOP_MAX_WORKERS)
        return -EAGAIN;
    worker = calloc(1, sizeof(*worker));
    if (!worker)
        return -ENOMEM;
    worker->report = report;
    worker->arg = arg;
    worker->fd = worker->pidfd = -1;
    r = start_process(worker, program, job);
    if (r == 0)
        r = watch(worker, base);
    if (r < 0) {
        if (worker->pid > 0) { /* it has touched nothing yet, so it ends at once */
            (void)kill(worker->pid, SIGKILL);
            (void)waitpid(worker->pid, NULL, 0);
        }
        worker_free(worker);
        return r;
    }
    *ret = worker;
    return 0;
}
