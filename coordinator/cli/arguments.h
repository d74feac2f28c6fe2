/* What was said on the command line. Each subcommand names the options that it takes; reading and
 * checking them happens here, once for all. */
#pragma once

#include "proto/types/fl_error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define ARGUMENTS_STANDARD_API "http://127.0.0.1:8570"

enum arguments_option {
    ARGUMENTS_JSON = 1 << 0,
    ARGUMENTS_API = 1 << 1,
    ARGUMENTS_LENIENT = 1 << 2,
    ARGUMENTS_FOR = 1 << 3,
    ARGUMENTS_COUNT = 1 << 4,
    ARGUMENTS_TARGETS = 1 << 5,
    ARGUMENTS_ZONES = 1 << 6,
    ARGUMENTS_IN = 1 << 7,
    ARGUMENTS_STATUS = 1 << 8,
    ARGUMENTS_ZONE = 1 << 9,
    ARGUMENTS_MONTH = 1 << 10,
    ARGUMENTS_HTML = 1 << 11,
    ARGUMENTS_CSV = 1 << 12,
    ARGUMENTS_FROM = 1 << 13,
    ARGUMENTS_TO = 1 << 14,
    ARGUMENTS_TEST = 1 << 15,
    ARGUMENTS_ACCOUNTS = 1 << 16,
    ARGUMENTS_LIST = 1 << 17,
    ARGUMENTS_AGENTS = 1 << 18, /* --from, of zones and agents */
    ARGUMENTS_REPEATS = 1 << 19,
    ARGUMENTS_INTERVAL = 1 << 20,
    ARGUMENTS_TIMEOUT = 1 << 21,
    ARGUMENTS_SIZE = 1 << 22,
    ARGUMENTS_SET = 1 << 23,
    ARGUMENTS_GROUP = 1 << 24,
    ARGUMENTS_MAX_ERRORS = 1 << 25,
    ARGUMENTS_MAX_P99 = 1 << 26,
    ARGUMENTS_AGAINST = 1 << 27,
    ARGUMENTS_JUNIT = 1 << 28,
    ARGUMENTS_SUMMARY = 1 << 29,
};

#define ARGUMENTS_MAX_SET 16

struct arguments {
    bool help;
    bool json;
    bool lenient;
    bool html, csv;
    bool test, accounts, list;
    const char *month, *from, *to; /* NULL: not given */
    const char *api;
    const char *zone;                     /* NULL: not given */
    const char *targets, *zones, *status; /* NULL: not given */
    int64_t in_us;                        /* from now */
    int64_t for_us;                       /* 0: for ever */
    uint64_t count;                       /* 0: any number */
    uint64_t repeats;                     /* 0: not given */
    int64_t interval_us, timeout_us;      /* 0: not given */
    const char *size;                     /* NULL: not given */
    const char *group, *junit, *summary;  /* NULL: not given */
    double max_errors;                    /* a share; negative: not given */
    int64_t max_p99_us, against_us;       /* 0: not given */
    size_t n_set;
    const char *set[ARGUMENTS_MAX_SET]; /* as given, KEY=VALUE */
    int n_operands;
    char **operands;
};

/* argv[0] is the name of the subcommand. `allowed`: enum arguments_option, or'ed; --help always
 * is. -EINVAL with a sentence when the call is wrong. */
int arguments_read(int argc, char **argv, unsigned allowed, struct arguments *ret,
                   struct fl_error *err);

/* The lines of a help text for these options. */
void arguments_describe(FILE *stream, unsigned allowed);
