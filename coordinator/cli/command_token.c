/* token FILE NAME SCOPE: a new token for the API; its hash goes to the end of the file, the token
 * itself is printed once and kept nowhere. */
#include "coordinator/api_token.h"
#include "coordinator/cli/command.h"
#include "proto/types/fl_cleanup.h"
#include "proto/types/fl_name.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int append(const char *path, const char *line, struct fl_error *err)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    size_t size = strlen(line);
    int r = 0;

    if (fd < 0)
        return fl_error_set(err, -errno, "cannot write \"%s\": %s", path, strerror(errno));
    if (write(fd, line, size) != (ssize_t)size || fsync(fd) < 0)
        r = fl_error_set(err, -EIO, "cannot write \"%s\": %s", path, strerror(errno));
    (void)close(fd);
    return r;
}

enum command_status command_token(const struct arguments *arguments)
{
    const char *path = arguments->operands[0], *name = arguments->operands[1];
    const char *scope = arguments->operands[2];
    char token[API_TOKEN_SIZE], hash[API_TOKEN_HASH_SIZE], line[256];
    struct fl_error err;
    int r;

    if (!fl_name_valid(name))
        return command_fail(COMMAND_USAGE,
                            "a name is 1 to 64 of A-Z, a-z, 0-9, \".\", \"_\", \"-\"");
    if (api_scope_parse(scope) < 0)
        return command_fail(COMMAND_USAGE, "a scope is one of status, read, probe, admin");
    r = api_token_new(token, hash, &err);
    (void)snprintf(line, sizeof(line), "%s %s %s\n", name, scope, hash);
    if (r == 0)
        r = append(path, line, &err);
    if (r < 0)
        return command_fail(COMMAND_WRONG, err.message);
    (void)puts(token);
    explicit_bzero(token, sizeof(token));
    return COMMAND_FINE;
}
