/* Starts programs that inherit nothing but what they are given. */
#pragma once

#include <sys/types.h>

/* `command` is NULL-terminated and begins with a path. It runs in a process group of its own, with
 * no signal blocked or ignored, `input` as its standard input, `errors` as its standard error
 * (-1: that of the caller), no standard output and no other descriptor. 0 or a negative code. */
int fl_spawn(char *const *command, int input, int errors, pid_t *ret);
