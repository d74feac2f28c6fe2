/* Verdicts and decisions as other programs get them, see proto/stream.proto. One way only: nobody
 * here reads them. */
#pragma once

#include "proto/types/fl_error.h"

#include <stddef.h>
#include <stdint.h>

#define FL_NOTICE_VERSION 1
#define FL_NOTICE_MAX_TEXTS 64 /* in each list of a verdict; what is more is left out */

/* Everything is borrowed until the call returns; `cause` may be NULL. */
struct fl_notice_verdict {
    uint64_t id;
    const char *event, *class, *component, *cause;
    double confidence;
    int64_t since_us, t_us;
    size_t n_zones, n_targets, n_evidence;
    const char *zones[FL_NOTICE_MAX_TEXTS];
    const char *targets[FL_NOTICE_MAX_TEXTS];
    const char *evidence[FL_NOTICE_MAX_TEXTS];
};

struct fl_notice_decision {
    const char *group, *zone, *state, *standing, *reason, *why;
    uint32_t weight;
    uint64_t verdict, generation;
    int64_t issued_us, valid_until_us;
};

struct fl_notice {
    uint64_t sequence, boot;
    const struct fl_notice_verdict *verdict;   /* exactly one of the two, */
    const struct fl_notice_decision *decision; /* the other NULL */
};

/* The caller frees the bytes. 0 or -ENOMEM. */
int fl_notice_encode(const struct fl_notice *notice, uint8_t **ret_bytes, size_t *ret_size);
