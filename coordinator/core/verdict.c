/* The words of verdicts, as the trace format has them. */
#include "coordinator/core/verdict.h"

#include <stddef.h>

static const char *const class_names[VERDICT_CLASSES] = {
    "network", "storage", "service", "host", "dns", "tls", "monitoring",
};

static const char *const cause_names[VERDICT_CAUSES] = {
    [CAUSE_NONE] = NULL,
    [CAUSE_BLACKHOLE] = "blackhole",
    [CAUSE_LOSS] = "loss",
    [CAUSE_CONGESTION] = "congestion",
    [CAUSE_LATENCY] = "latency",
    [CAUSE_MTU] = "mtu",
    [CAUSE_UDP_FLOOD] = "udp_flood",
    [CAUSE_SYN_FLOOD] = "syn_flood",
    [CAUSE_ASYMMETRIC] = "asymmetric",
    [CAUSE_STALL] = "stall",
    [CAUSE_SLOW] = "slow",
    [CAUSE_IO_ERROR] = "io_error",
    [CAUSE_READ_ONLY] = "read_only",
    [CAUSE_NO_SPACE] = "no_space",
    [CAUSE_REFUSED] = "refused",
    [CAUSE_ERRORS] = "errors",
    [CAUSE_CONTENT] = "content",
    [CAUSE_CERT_EXPIRED] = "cert_expired",
    [CAUSE_CERT_INVALID] = "cert_invalid",
    [CAUSE_NXDOMAIN] = "nxdomain",
    [CAUSE_SERVFAIL] = "servfail",
    [CAUSE_DNS_TIMEOUT] = "dns_timeout",
    [CAUSE_DOWN] = "down",
    [CAUSE_STARVED] = "starved",
    [CAUSE_CLOCK] = "clock",
    [CAUSE_SILENT] = "silent",
};

static const char *const event_names[] = {"open", "update", "close"};

const char *verdict_class_name(enum verdict_class class)
{
    return (unsigned)class < VERDICT_CLASSES ? class_names[class] : "unknown";
}

const char *verdict_cause_name(enum verdict_cause cause)
{
    return (unsigned)cause < VERDICT_CAUSES ? cause_names[cause] : NULL;
}

const char *verdict_event_name(enum verdict_event_type type)
{
    return (unsigned)type < sizeof(event_names) / sizeof(event_names[0]) ? event_names[type]
                                                                         : "unknown";
}
