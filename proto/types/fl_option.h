/* One row a setting: name, kind, range, default, meaning. The reader of configuration, the
 * reader of plans, `check-config`, the example file and the manual are all held to the row. */
#pragma once

#include "proto/types/fl_error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fl_option_kind {
    FL_OPTION_BOOL,     /* bool: "true" "false" "yes" "no" */
    FL_OPTION_INT,      /* int64_t, min..max */
    FL_OPTION_DURATION, /* int64_t microseconds, min..max, written "250ms" */
    FL_OPTION_SIZE,     /* int64_t bytes, min..max, written "64MiB", "4KiB", "512" */
    FL_OPTION_STRING,   /* char *, owned; min..max is its length */
    FL_OPTION_NAME,     /* char *, owned, fl_name_valid() */
    FL_OPTION_ADDRESS,  /* char *, owned: "HOST:PORT", "[V6]:PORT" */
    FL_OPTION_CHOICE,   /* int64_t: index into `choices` */
};

struct fl_option {
    const char *name; /* NULL ends a table */
    enum fl_option_kind kind;
    size_t offset;              /* of the field in the settings struct */
    int64_t min, max;           /* range, inclusive; for strings the length in bytes */
    const char *standard;       /* default, as one would write it; NULL: the setting must be given;
                                   FL_OPTION_UNSET: it may stay out and is then 0 or NULL */
    const char *const *choices; /* for FL_OPTION_CHOICE, NULL-terminated */
    const char *help;           /* one line for the manual */
};

#define FL_OPTION_UNSET ""
#define FL_OPTION_HOST_SIZE 256 /* a host name (RFC 1035: 253 bytes) with its end */

/* Fill `settings` with every default. Fields without one are 0 or NULL. 0 or -ENOMEM. */
int fl_options_init(const struct fl_option *table, void *settings);

/* Read one value. The error names the setting, what was read and what is allowed.
 * -ENOENT: no such setting (the error lists what there is), -EINVAL: bad value. */
int fl_options_set(const struct fl_option *table, void *settings, const char *name,
                   const char *value, struct fl_error *err);

/* The row of that name, or NULL. */
const struct fl_option *fl_options_find(const struct fl_option *table, const char *name);

/* `given[i]` tells whether row i was set. 0, or -EINVAL naming the first that must be and was
 * not. */
int fl_options_require(const struct fl_option *table, const bool *given, struct fl_error *err);

/* Free what fl_options_init/_set allocated. */
void fl_options_done(const struct fl_option *table, void *settings);

/* Split "HOST:PORT" or "[V6]:PORT". `host` receives the name without brackets.
 * Returns 0 or -EINVAL. */
int fl_address_split(const char *address, char *host, size_t host_size, uint16_t *ret_port,
                     struct fl_error *err);
