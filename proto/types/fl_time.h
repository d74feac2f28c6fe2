/* Times and durations: integer microseconds, as the trace format has them. */
#pragma once

#include "proto/types/fl_error.h"

#include <stddef.h>
#include <stdint.h>

typedef int64_t fl_time; /* microseconds since the Unix epoch */

#define FL_MS INT64_C(1000)
#define FL_SECOND INT64_C(1000000)
#define FL_MINUTE (60 * FL_SECOND)
#define FL_HOUR (60 * FL_MINUTE)

/* "absent" in every integer field that may be: no measurement has this value */
#define FL_ABSENT INT64_MIN

#define FL_DURATION_TEXT_SIZE 24
#define FL_TIME_TEXT_SIZE 32

/* Saturating sum: never wraps. */
int64_t fl_time_add(int64_t a, int64_t b);

/* Read "250ms", "2s", "1.5s", "10m", "24h", "7d", "90us": a number and a unit, no default unit.
 * Returns 0 or -EINVAL; `*ret_us` is untouched on failure. */
int fl_duration_parse(const char *text, int64_t *ret_us, struct fl_error *err);

/* Write a duration as a person says it: "850 us", "12 ms", "3.4 s", "2 min 5 s".
 * Returns `text`. */
const char *fl_duration_format(int64_t us, char text[FL_DURATION_TEXT_SIZE]);

/* Write "2026-11-23T09:28:00.123456Z" (RFC 3339, UTC). Returns `text`. */
const char *fl_time_format(fl_time time, char text[FL_TIME_TEXT_SIZE]);
