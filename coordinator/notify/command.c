/* A program with the message on its standard input as JSON, run without a shell. It may be run more
 * than once with the same key. */
#include "coordinator/notify/message.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAID_SIZE 256         /* of what it says at last */
#define LOOK_US (FL_MS * 200) /* how often it is asked whether all ends */
#define LAST_READS 256        /* of 512 bytes; a pipe holds half of that */
#define STATUS_NEVER 65       /* EX_DATAERR: it will never take this */

struct child {
    pid_t pid;
    int pidfd;
    int errors; /* the end to read from */
    char said[SAID_SIZE];
};

/* In memory, so that nobody waits for the program to read it. */
static int file_of(const char *text)
{
    size_t size = strlen(text), done = 0;
    int file = memfd_create("notification", MFD_CLOEXEC);

    while (file >= 0 && done < size) {
        ssize_t n = write(file, text + done, size - done);

        if (n <= 0) {
            (void)close(file);
            return -1;
        }
        done += (size_t)n;
    }
    if (file >= 0)
        (void)lseek(file, 0, SEEK_SET);
    return file;
}

static int start(char *const *command, const char *text, struct child *child)
{
    int ends[2], input = file_of(text), r;

    if (input < 0)
        return -ENOMEM;
    if (pipe2(ends, O_CLOEXEC) < 0) {
        (void)close(input);
        return -EMFILE;
    }
    r = fl_spawn(command, input, ends[1], &child->pid);
    (void)close(input);
    (void)close(ends[1]);
    child->errors = ends[0];
    (void)fcntl(child->errors, F_SETFL, O_NONBLOCK);
    if (r < 0) {
        (void)close(child->errors);
        return r;
    }
    child->pidfd = pidfd_open(child->pid, 0);
    return 0;
}

/* The last of what it said is kept. As read(2): 0 when it will say nothing more. */
static ssize_t listen_to(struct child *child)
{
    char bytes[512], all[SAID_SIZE + sizeof(bytes)];
    ssize_t n = read(child->errors, bytes, sizeof(bytes));
    size_t kept = strlen(child->said), size, skip;

    if (n <= 0)
        return n;
    for (ssize_t i = 0; i < n; i++)
        if ((unsigned char)bytes[i] < ' ' || bytes[i] == 127)
            bytes[i] = ' ';
    memcpy(all, child->said, kept);
    memcpy(all + kept, bytes, (size_t)n);
    size = kept + (size_t)n;
    skip = size < SAID_SIZE ? 0 : size - (SAID_SIZE - 1);
    memcpy(child->said, all + skip, size - skip);
    child->said[size - skip] = '\0';
    return n;
}

/* 0: it has ended; -ETIME: it has not in its time; -ECANCELED: all ends. */
static int wait_for(struct child *child, const struct notify_message *message, int64_t timeout_us)
{
    int64_t end = fl_clock_monotonic() + timeout_us;
    struct pollfd on[] = {{.fd = child->pidfd, .events = POLLIN},
                          {.fd = child->errors, .events = POLLIN}};

    for (;;) {
        int64_t left = end - fl_clock_monotonic();

        if (message->is_ending(message->arg))
            return -ECANCELED;
        if (left <= 0)
            return -ETIME;
        (void)poll(on, 2, (int)((left < LOOK_US ? left : LOOK_US) / FL_MS) + 1);
        if (on[1].revents && listen_to(child) == 0)
            on[1].fd = -1;
        if (on[0].revents)
            return 0;
    }
}

/* What it left behind goes too. Returns the status of waitpid. */
static int finish(struct child *child)
{
    int status = 0;

    (void)kill(-child->pid, SIGKILL);
    (void)waitpid(child->pid, &status, 0);
    for (int i = 0; i < LAST_READS && listen_to(child) > 0; i++)
        ;
    for (size_t n = strlen(child->said); n > 0 && child->said[n - 1] == ' '; n--)
        child->said[n - 1] = '\0';
    if (child->pidfd >= 0)
        (void)close(child->pidfd);
    (void)close(child->errors);
    return status;
}

static int judge(const struct notify_settings *settings, const struct child *child, int waited,
                 int status, struct fl_error *err)
{
    const char *name = settings->command[0];
    const char *colon = *child->said ? ": " : "";
    char limit[FL_DURATION_TEXT_SIZE];

    if (waited == -ETIME)
        return fl_error_set(err, -EAGAIN, "\"%s\" did not end within %s and was killed%s%s", name,
                            fl_duration_format(settings->timeout_us, limit), colon, child->said);
    if (waited < 0)
        return fl_error_set(err, -EAGAIN, "\"%s\" was killed, because its receiver ends", name);
    if (WIFSIGNALED(status))
        return fl_error_set(err, -EAGAIN, "\"%s\" was ended by signal %d%s%s", name,
                            WTERMSIG(status), colon, child->said);
    if (WEXITSTATUS(status) == 0)
        return 0;
    return fl_error_set(err, WEXITSTATUS(status) == STATUS_NEVER ? -EINVAL : -EAGAIN,
                        "\"%s\" ended with status %d%s%s", name, WEXITSTATUS(status), colon,
                        child->said);
}

static int deliver(const struct notify_settings *settings, const struct notify_message *message,
                   struct fl_error *err)
{
    struct child child = {.pidfd = -1};
    char *text = message_json(settings, message);
    int waited, r = text ? start(settings->command, text, &child) : -ENOMEM;

    free(text);
    if (r < 0)
        return fl_error_set(err, -EAGAIN, "\"%s\" cannot be run: %s", settings->command[0],
                            strerror(-r));
    waited = wait_for(&child, message, settings->timeout_us);
    return judge(settings, &child, waited, finish(&child), err);
}

static int check(const struct notify_settings *settings, struct fl_error *err)
{
    if (settings->command[0][0] == '/')
        return 0;
    return fl_error_set(err, -EINVAL, "field \"command\": \"%.100s\" is no absolute path",
                        settings->command[0]);
}

static const char *const needs[] = {"command", NULL}, *const knows[] = {NULL};

const struct notify_type notify_command = {
    .name = "command",
    .summary = "a program with verdict events as JSON on its standard input",
    .needs = needs,
    .knows = knows,
    .check = check,
    .deliver = deliver,
};
