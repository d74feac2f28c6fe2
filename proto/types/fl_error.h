/* The sentence that a person reads, carried beside the code that a program reads.
 * The caller owns the struct; who logs it, logs it once. */
#pragma once

#include "proto/types/fl_cleanup.h"

struct fl_error {
    char message[1024];
};

/* Write the sentence and return `code` (a negative errno), so that a failure is one line:
 * return fl_error_set(err, -EINVAL, "..."). `err` may be NULL. */
int fl_error_set(struct fl_error *err, int code, const char *format, ...) FL_PRINTF(3, 4);

/* Put "prefix: " before the sentence that is there; returns `code`. */
int fl_error_prefix(struct fl_error *err, int code, const char *format, ...) FL_PRINTF(3, 4);
