#include "agent/probe/secret.h"

#include "proto/types/fl_name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 4096

static int open_in(const char *directory, const char *name)
{
    char path[PATH_SIZE];
    int length = directory ? snprintf(path, sizeof(path), "%s/%s", directory, name) : -1;

    if (length < 0 || (size_t)length >= sizeof(path)) {
        errno = directory ? ENAMETOOLONG : ENOENT;
        return -1;
    }
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

static int read_line(int fd, char *ret, size_t size)
{
    ssize_t n = read(fd, ret, size);
    size_t length;

    if (n < 0)
        return -errno;
    length = (size_t)n < size ? (size_t)n : size - 1;
    ret[length] = '\0';
    length = strcspn(ret, "\r\n");
    if (length == 0 || ((size_t)n == size && ret[length] == '\0'))
        return -EINVAL; /* empty, or longer than there is room */
    ret[length] = '\0';
    return 0;
}

/* A descriptor, or a negative errno. */
static int open_secret(const char *directory, const char *name)
{
    int fd = open_in(getenv("CREDENTIALS_DIRECTORY"), name);

    if (fd < 0)
        fd = open_in(directory, name);
    return fd < 0 ? -errno : fd;
}

static bool is_plain_name(const char *name)
{
    return name && fl_name_valid(name) && name[0] != '.';
}

int secret_read(const char *directory, const char *name, char *ret, size_t size,
                struct fl_error *err)
{
    int fd, r;

    ret[0] = '\0';
    if (!is_plain_name(name))
        return err ? fl_error_set(err, -EINVAL,
                                  "a secret is named without its directory, like \"db-password\"")
                   : -EINVAL;
    fd = open_secret(directory, name);
    r = fd < 0 ? fd : read_line(fd, ret, size);
    if (fd >= 0)
        close(fd);
    if (r < 0 && err)
        return fl_error_set(err, r, "the secret \"%s\" cannot be read in %s: %s", name, directory,
                            r == -EINVAL ? "its first line is empty or too long" : strerror(-r));
    return r;
}

int secret_read_all(const char *directory, const char *name, char *ret, size_t size,
                    size_t *ret_size)
{
    int fd = is_plain_name(name) ? open_secret(directory, name) : -EINVAL;
    ssize_t n;

    if (fd < 0)
        return fd;
    n = read(fd, ret, size);
    close(fd);
    if (n < 0)
        return -errno;
    *ret_size = (size_t)n;
    return n > 0 && (size_t)n < size ? 0 : -EINVAL; /* empty, or longer than there is room */
}

void secret_forget(char *secret, size_t size)
{
    explicit_bzero(secret, size);
}
