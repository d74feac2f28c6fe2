#include "proto/runtime/fl_daemon.h"

#include "fl_version.h"
#include "proto/runtime/fl_log.h"
#include "proto/types/fl_cleanup.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_READ 4096

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

static void free_bytes(char **bytes)
{
    free(*bytes);
}

void fl_daemon_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    FL_CLEANUP(close_fd) int fd = -1;
    size_t length;

    if (!path || (path[0] != '/' && path[0] != '@'))
        return;
    length = strlen(path);
    if (length >= sizeof(address.sun_path)) {
        fl_log_warning("daemon", "NOTIFY_SOCKET is longer than a socket address can be");
        return;
    }
    memcpy(address.sun_path, path, length);
    if (path[0] == '@')
        address.sun_path[0] = '\0'; /* the abstract namespace */
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0)
        fl_log_warning("daemon", "cannot tell the service manager \"%s\": %s", state,
                       strerror(errno));
}

/* Half of what the manager allows, as sd_watchdog_enabled(3) advises; 0 when it does not watch. */
static int64_t watchdog_interval(void)
{
    const char *limit = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");

    if (!limit || (pid && strtoimax(pid, NULL, 10) != getpid()))
        return 0;
    return strtoimax(limit, NULL, 10) / 2;
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    fl_daemon_notify("WATCHDOG=1");
    if (fl_daemon_watchdog_start(arg, NULL) < 0)
        fl_log_error("daemon", "cannot set the timer of the watchdog again");
}

int fl_daemon_watchdog_start(struct event_base *base, struct fl_error *err)
{
    int64_t us = watchdog_interval();
    struct timeval after = {us / 1000000, us % 1000000};

    if (us <= 0)
        return 0;
    /* The base owns a one-shot event, so nobody has to stop this. */
    if (event_base_once(base, -1, EV_TIMEOUT, on_watchdog, base, &after) < 0)
        return fl_error_set(err, -ENOMEM, "cannot set the timer of the watchdog");
    return 0;
}

static int make_one(const char *path, struct fl_error *err)
{
    struct stat found;
    int code;

    if (mkdir(path, 0700) == 0)
        return 0;
    code = errno;
    if (code == EEXIST && stat(path, &found) == 0 && S_ISDIR(found.st_mode))
        return 0;
    if (code == EEXIST)
        return fl_error_set(err, -ENOTDIR, "\"%s\" is there and is no directory", path);
    return fl_error_set(err, -code, "cannot create the directory \"%s\": %s", path, strerror(code));
}

int fl_daemon_make_directory(const char *path, struct fl_error *err)
{
    char part[PATH_MAX];
    size_t length = strlen(path);
    struct stat found;
    int r;

    if (length == 0 || length >= sizeof(part))
        return fl_error_set(err, -ENAMETOOLONG, "a directory needs a path of 1 to %d bytes",
                            PATH_MAX - 1);
    memcpy(part, path, length + 1);
    for (size_t i = 1; i < length; i++) {
        if (part[i] != '/' || part[i - 1] == '/')
            continue;
        part[i] = '\0';
        /* Asked first: where the file system is read-only mkdir would hide that it is there. */
        r = stat(part, &found) == 0 && S_ISDIR(found.st_mode) ? 0 : make_one(part, err);
        if (r < 0)
            return r;
        part[i] = '/';
    }
    return stat(part, &found) == 0 && S_ISDIR(found.st_mode) ? 0 : make_one(part, err);
}

static int write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        bytes += n;
        size -= (size_t)n;
    }
    return 0;
}

static int write_temporary(const char *path, const void *bytes, size_t size, unsigned mode)
{
    FL_CLEANUP(close_fd) int fd = -1;
    int r;

    if (unlink(path) < 0 && errno != ENOENT) /* left by a crash */
        return -errno;
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)mode & 0700);
    if (fd < 0)
        return -errno;
    r = write_all(fd, bytes, size);
    if (r == 0 && (fchmod(fd, (mode_t)mode) < 0 || fsync(fd) < 0))
        r = -errno;
    return r;
}

/* The rename itself lasts only when its directory has been written. */
static int sync_directory_of(const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    FL_CLEANUP(close_fd) int fd = -1;

    if (!slash)
        (void)snprintf(directory, sizeof(directory), ".");
    else
        (void)snprintf(directory, sizeof(directory), "%.*s",
                       slash == path ? 1 : (int)(slash - path), path);
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0 ? 0 : -errno;
}

int fl_daemon_write_file(const char *path, const void *bytes, size_t size, unsigned mode,
                         struct fl_error *err)
{
    char temporary[PATH_MAX];
    int r;

    if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary))
        return fl_error_set(err, -ENAMETOOLONG, "a path of a file has at most %d bytes",
                            PATH_MAX - 5);
    r = write_temporary(temporary, bytes, size, mode);
    if (r == 0 && rename(temporary, path) < 0)
        r = -errno;
    if (r < 0) {
        (void)unlink(temporary);
        return fl_error_set(err, r, "cannot write \"%s\": %s", path, strerror(-r));
    }
    r = sync_directory_of(path);
    if (r < 0)
        return fl_error_set(err, r, "cannot sync the directory of \"%s\": %s", path, strerror(-r));
    return 0;
}

/* Read until the end or until there is more than `limit`; one byte more is always kept free. */
static int read_all(int fd, size_t limit, char **bytes, size_t *used)
{
    size_t room = 0;

    *used = 0;
    for (;;) {
        ssize_t n;

        if (*used + 1 >= room) {
            char *more = realloc(*bytes, room = room ? room * 2 : FIRST_READ);

            if (!more)
                return -ENOMEM;
            *bytes = more;
        }
        n = read(fd, *bytes + *used, room - *used - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        *used += (size_t)n;
        if (*used > limit)
            return -EFBIG;
        if (n == 0)
            return 0;
    }
}

int fl_daemon_read_file(const char *path, size_t limit, char **ret_bytes, size_t *ret_size,
                        struct fl_error *err)
{
    FL_CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    FL_CLEANUP(free_bytes) char *bytes = NULL;
    size_t used = 0;
    int r;

    if (fd < 0)
        return fl_error_set(err, -errno, "cannot open \"%s\": %s", path, strerror(errno));
    r = read_all(fd, limit, &bytes, &used);
    if (r == -EFBIG)
        return fl_error_set(err, r, "\"%s\" is larger than %zu bytes, the most it may have", path,
                            limit);
    if (r < 0)
        return fl_error_set(err, r, "cannot read \"%s\": %s", path, strerror(-r));
    bytes[used] = '\0';
    *ret_bytes = FL_TAKE(bytes);
    *ret_size = used;
    return 0;
}

int fl_daemon_random(void *bytes, size_t size, struct fl_error *err)
{
    char *at = bytes;

    while (size > 0) {
        ssize_t n = getrandom(at, size, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fl_error_set(err, -errno, "the kernel gives no random bytes: %s",
                                strerror(errno));
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

void fl_daemon_print_version(const char *program)
{
    (void)printf("%s %s (git %s)\n", program, FL_VERSION, FL_COMMIT[0] ? FL_COMMIT : "unknown");
}
