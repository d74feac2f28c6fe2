/* A password or token that a plan names and only the agent's own host holds: a file in the
 * directory that the service manager hands over ($CREDENTIALS_DIRECTORY), or else in the agent's
 * `secrets`. A plan gives a plain name, so a coordinator can have no other file read. */
#pragma once

#include "proto/types/fl_error.h"

#include <stddef.h>

#define SECRET_SIZE 1024 /* bytes, with its end */

/* The first line of the file, without its end, as a string. `err` may be NULL. Returns 0, -EINVAL
 * for a name that is none or a file that is empty or too long, or the errno of reading it. */
int secret_read(const char *directory, const char *name, char *ret, size_t size,
                struct fl_error *err);

/* The whole file, of at most `size` bytes, for certificates and keys. 0, -EINVAL or the errno. */
int secret_read_all(const char *directory, const char *name, char *ret, size_t size,
                    size_t *ret_size);

/* Wipe it. */
void secret_forget(char *secret, size_t size);
