#include "proto/runtime/fl_secret.h"

#include "proto/runtime/fl_daemon.h"
#include "proto/types/fl_cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int fl_secret_read(const char *path, size_t min, char **ret, size_t *ret_size, struct fl_error *err)
{
    size_t size;
    int r = fl_daemon_read_file(path, FL_SECRET_MAX + 1, ret, ret_size, err);

    if (r < 0)
        return fl_error_set(err, -EAGAIN, "its secret \"%s\" cannot be read", path);
    while (*ret_size > 0 && ((*ret)[*ret_size - 1] == '\n' || (*ret)[*ret_size - 1] == '\r'))
        (*ret)[--*ret_size] = '\0';
    size = *ret_size;
    if (size >= min && size <= FL_SECRET_MAX)
        return 0;
    fl_secret_free(FL_TAKE(*ret), size);
    return fl_error_set(err, -EAGAIN, "its secret \"%s\" has %zu bytes; allowed are %zu to %d",
                        path, size, min, FL_SECRET_MAX);
}

void fl_secret_free(char *secret, size_t size)
{
    if (secret)
        explicit_bzero(secret, size);
    free(secret);
}
