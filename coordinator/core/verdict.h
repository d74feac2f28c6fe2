/* A verdict in the words of the trace format, as values: nothing in here points anywhere. */
#pragma once

#include "proto/types/fl_limits.h"
#include "proto/types/fl_time.h"

#include <stdint.h>

enum verdict_class {
    VERDICT_NETWORK,
    VERDICT_STORAGE,
    VERDICT_SERVICE,
    VERDICT_HOST,
    VERDICT_DNS,
    VERDICT_TLS,
    VERDICT_MONITORING,
    VERDICT_CLASSES
};

enum verdict_cause {
    CAUSE_NONE,
    CAUSE_BLACKHOLE,
    CAUSE_LOSS,
    CAUSE_CONGESTION,
    CAUSE_LATENCY,
    CAUSE_MTU,
    CAUSE_UDP_FLOOD,
    CAUSE_SYN_FLOOD,
    CAUSE_ASYMMETRIC,
    CAUSE_STALL,
    CAUSE_SLOW,
    CAUSE_IO_ERROR,
    CAUSE_READ_ONLY,
    CAUSE_NO_SPACE,
    CAUSE_REFUSED,
    CAUSE_ERRORS,
    CAUSE_CONTENT,
    CAUSE_CERT_EXPIRED,
    CAUSE_CERT_INVALID,
    CAUSE_NXDOMAIN,
    CAUSE_SERVFAIL,
    CAUSE_DNS_TIMEOUT,
    CAUSE_DOWN,
    CAUSE_STARVED,
    CAUSE_CLOCK,
    CAUSE_SILENT,
    VERDICT_CAUSES
};

const char *verdict_class_name(enum verdict_class class);
const char *verdict_cause_name(enum verdict_cause cause); /* NULL for CAUSE_NONE */

#define VERDICT_MAX_ALTERNATIVES 6
#define VERDICT_MAX_ZONES 16
#define VERDICT_MAX_TARGETS 32
#define VERDICT_MAX_EVIDENCE 12
#define VERDICT_SENTENCE_SIZE 320

struct verdict_alternative {
    enum verdict_class class;
    char component[FL_COMPONENT_SIZE];
    double confidence;
};

struct verdict {
    uint64_t id; /* of the incident, from 1 */
    enum verdict_class class;
    char component[FL_COMPONENT_SIZE];
    enum verdict_cause cause;
    double confidence; /* 0..1 */
    fl_time since_us;
    uint32_t n_alternatives;
    struct verdict_alternative alternatives[VERDICT_MAX_ALTERNATIVES];
    uint32_t n_zones; /* whose agents suffer */
    char zones[VERDICT_MAX_ZONES][FL_NAME_SIZE];
    uint32_t n_targets;
    char targets[VERDICT_MAX_TARGETS][FL_TARGET_SIZE];
    uint32_t n_evidence;
    char evidence[VERDICT_MAX_EVIDENCE][VERDICT_SENTENCE_SIZE];
};

enum verdict_event_type { VERDICT_OPEN, VERDICT_UPDATE, VERDICT_CLOSE };

struct verdict_event {
    fl_time t_us;
    enum verdict_event_type type;
    struct verdict verdict;
};

const char *verdict_event_name(enum verdict_event_type type); /* "open" "update" "close" */
