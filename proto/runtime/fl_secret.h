/* Secrets, which configuration names by the file that they are in. */
#pragma once

#include "proto/types/fl_error.h"

#include <stddef.h>

#define FL_SECRET_MAX 1024

/* One line of at least `min` and at most FL_SECRET_MAX bytes out of a file, without its end; freed
 * with fl_secret_free. 0 or -EAGAIN (another may put it right), with a sentence without the
 * secret. */
int fl_secret_read(const char *path, size_t min, char **ret, size_t *ret_size,
                   struct fl_error *err);
/* Leaves nothing of it in memory. NULL is allowed. */
void fl_secret_free(char *secret, size_t size);
