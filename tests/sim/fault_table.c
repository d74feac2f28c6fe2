#include "tests/sim/fault_table.h"

#include <string.h>

#define FLUSH (1u << FL_STEP_FLUSH)
#define WRITES (1u << FL_STEP_WRITE | 1u << FL_STEP_FLUSH)
#define OF(class_) VERDICT_##class_, -1
#define EITHER(class_, other_) VERDICT_##class_, VERDICT_##other_
#define BECAUSE(...) \
    {                \
        __VA_ARGS__  \
    }
#define NO_RANGE \
    {            \
        0, 0     \
    }

/* Shares, delays and factors are those of the incidents that are documented: 5 % (one disk in
 * twenty), 13 % (re-mirroring), 20 to 85 % (front ends), 5 to 60 % loss, queues of 30 to 200 ms. */
/* clang-format off */
const struct fault_kind fault_table[] = {
    /* name, family, place, effect, failure, share, extra ms, factor, flows, one way, steps, class, causes, gray */
    {"cut", SCENARIO_NETWORK, AT_ANY_WAY, SIM_CUT, 0, NO_RANGE, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(NETWORK), BECAUSE(CAUSE_BLACKHOLE), false},
    {"loss", SCENARIO_NETWORK, AT_ANY_WAY, SIM_LOSS, 0, {.06, .4}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(NETWORK), BECAUSE(CAUSE_LOSS, CAUSE_CONGESTION), false},
    {"delay", SCENARIO_NETWORK, AT_ANY_WAY, SIM_DELAY, 0, NO_RANGE, {30, 200}, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(NETWORK), BECAUSE(CAUSE_LATENCY, CAUSE_CONGESTION), false},
    {"congestion", SCENARIO_NETWORK, AT_ANY_WAY, SIM_CONGESTION, 0, {.03, .2}, {30, 200}, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(NETWORK), BECAUSE(CAUSE_CONGESTION, CAUSE_LOSS, CAUSE_LATENCY), false},
    {"flood on the way", SCENARIO_NETWORK, AT_PATH, SIM_FLOOD, 0, {.2, .6}, {30, 150}, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(NETWORK), BECAUSE(CAUSE_UDP_FLOOD, CAUSE_CONGESTION, CAUSE_LOSS), false},
    {"outside cut for a zone", SCENARIO_NETWORK, AT_ZONE_EXIT, SIM_CUT, 0, NO_RANGE, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(NETWORK), BECAUSE(CAUSE_BLACKHOLE), false},
    {"outside cut for all", SCENARIO_NETWORK, AT_OUTSIDE, SIM_CUT, 0, NO_RANGE, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(NETWORK), BECAUSE(CAUSE_BLACKHOLE), false},

    {"cut one way", SCENARIO_DIRECTION, AT_ANY_WAY, SIM_CUT, 0, NO_RANGE, NO_RANGE, NO_RANGE, NO_RANGE, true, SIM_BOTH, 0,
     OF(NETWORK), BECAUSE(CAUSE_ASYMMETRIC, CAUSE_BLACKHOLE), false},
    {"loss one way", SCENARIO_DIRECTION, AT_ANY_WAY, SIM_LOSS, 0, {.15, .7}, NO_RANGE, NO_RANGE, NO_RANGE, true, SIM_BOTH, 0,
     OF(NETWORK), BECAUSE(CAUSE_ASYMMETRIC, CAUSE_LOSS, CAUSE_CONGESTION), false},
    {"one of N equal paths", SCENARIO_DIRECTION, AT_FAR_WAY, SIM_CUT, 0, NO_RANGE, NO_RANGE, NO_RANGE, {.2, .5}, false, SIM_BOTH, 0,
     OF(NETWORK), BECAUSE(CAUSE_LOSS, CAUSE_BLACKHOLE), false},
    {"large packets", SCENARIO_DIRECTION, AT_FAR_WAY, SIM_MTU, 0, NO_RANGE, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(NETWORK), BECAUSE(CAUSE_MTU), false},

    {"stall", SCENARIO_STORAGE, AT_STORAGE, SIM_STALL, 0, {1, 1}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(STORAGE), BECAUSE(CAUSE_STALL), false},
    {"stall in part", SCENARIO_STORAGE, AT_STORAGE, SIM_STALL, 0, {.3, .6}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(STORAGE), BECAUSE(CAUSE_STALL), false},
    {"slow", SCENARIO_STORAGE, AT_STORAGE, SIM_SLOW, 0, NO_RANGE, NO_RANGE, {4, 40}, NO_RANGE, false, SIM_BOTH, 0,
     OF(STORAGE), BECAUSE(CAUSE_SLOW), false},
    {"flush slow", SCENARIO_STORAGE, AT_STEPPED, SIM_SLOW, 0, NO_RANGE, NO_RANGE, {10, 60}, NO_RANGE, false, SIM_BOTH, FLUSH,
     OF(STORAGE), BECAUSE(CAUSE_SLOW), false},
    {"flush stalled", SCENARIO_STORAGE, AT_STEPPED, SIM_STALL, 0, {1, 1}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, FLUSH,
     OF(STORAGE), BECAUSE(CAUSE_STALL), false},
    {"I/O errors", SCENARIO_STORAGE, AT_STORAGE, SIM_FAILURE, FL_FAILURE_IO_ERROR, {.4, 1}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(STORAGE), BECAUSE(CAUSE_IO_ERROR), false},
    {"read-only", SCENARIO_STORAGE, AT_STORAGE, SIM_FAILURE, FL_FAILURE_READ_ONLY, {1, 1}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, WRITES,
     OF(STORAGE), BECAUSE(CAUSE_READ_ONLY), false},
    {"no space", SCENARIO_STORAGE, AT_STORAGE, SIM_FAILURE, FL_FAILURE_NO_SPACE, {1, 1}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, WRITES,
     OF(STORAGE), BECAUSE(CAUSE_NO_SPACE), false},
    {"refused", SCENARIO_STORAGE, AT_VOLUME, SIM_REFUSED, 0, NO_RANGE, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(STORAGE), BECAUSE(CAUSE_REFUSED), false},

    {"errors", SCENARIO_SERVICE, AT_SERVICE, SIM_FAILURE, FL_FAILURE_STATUS, {.4, 1}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(SERVICE), BECAUSE(CAUSE_ERRORS), false},
    {"wrong content", SCENARIO_SERVICE, AT_SERVICE, SIM_FAILURE, FL_FAILURE_CONTENT, {1, 1}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(SERVICE), BECAUSE(CAUSE_CONTENT), false},
    {"refused", SCENARIO_SERVICE, AT_SERVICE, SIM_REFUSED, 0, NO_RANGE, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(SERVICE), BECAUSE(CAUSE_REFUSED), false},
    {"stall", SCENARIO_SERVICE, AT_SERVICE, SIM_STALL, 0, {.5, 1}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(SERVICE), BECAUSE(CAUSE_STALL), false},
    {"slow", SCENARIO_SERVICE, AT_SERVICE, SIM_SLOW, 0, NO_RANGE, NO_RANGE, {8, 60}, NO_RANGE, false, SIM_BOTH, 0,
     OF(SERVICE), BECAUSE(CAUSE_SLOW), false},
    {"SYN flood", SCENARIO_SERVICE, AT_SERVICE, SIM_SYN_FLOOD, 0, NO_RANGE, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     EITHER(SERVICE, NETWORK), BECAUSE(CAUSE_SYN_FLOOD, CAUSE_DOWN, CAUSE_BLACKHOLE), false},
    {"down", SCENARIO_SERVICE, AT_SERVICE, SIM_DOWN, 0, NO_RANGE, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     EITHER(SERVICE, NETWORK), BECAUSE(CAUSE_DOWN, CAUSE_BLACKHOLE), false},

    {"resolver says no such name", SCENARIO_DNS, AT_RESOLVER, SIM_RESOLVE_FAILS, FL_FAILURE_NXDOMAIN, {1, 1}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(DNS), BECAUSE(CAUSE_NXDOMAIN), false},
    {"resolver fails", SCENARIO_DNS, AT_RESOLVER, SIM_RESOLVE_FAILS, FL_FAILURE_SERVFAIL, {.5, 1}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(DNS), BECAUSE(CAUSE_SERVFAIL), false},
    {"resolver is silent", SCENARIO_DNS, AT_RESOLVER, SIM_RESOLVE_FAILS, FL_FAILURE_TIMEOUT, {1, 1}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(DNS), BECAUSE(CAUSE_DNS_TIMEOUT), false},
    {"one name is gone", SCENARIO_DNS, AT_NAMED, SIM_RESOLVE_FAILS, FL_FAILURE_NXDOMAIN, {1, 1}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(DNS), BECAUSE(CAUSE_NXDOMAIN), false},
    {"one name fails", SCENARIO_DNS, AT_NAMED, SIM_RESOLVE_FAILS, FL_FAILURE_SERVFAIL, {1, 1}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(DNS), BECAUSE(CAUSE_SERVFAIL), false},
    {"name server fails", SCENARIO_DNS, AT_NAME_SERVER, SIM_FAILURE, FL_FAILURE_SERVFAIL, {1, 1}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     EITHER(DNS, SERVICE), BECAUSE(CAUSE_SERVFAIL, CAUSE_ERRORS), false},

    {"certificate expired", SCENARIO_TLS, AT_TLS, SIM_FAILURE, FL_FAILURE_CERT_EXPIRED, {1, 1}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(TLS), BECAUSE(CAUSE_CERT_EXPIRED), false},
    {"certificate not valid", SCENARIO_TLS, AT_TLS, SIM_FAILURE, FL_FAILURE_CERT_INVALID, {1, 1}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(TLS), BECAUSE(CAUSE_CERT_INVALID), false},

    {"down", SCENARIO_HOST, AT_HOST, SIM_DOWN, 0, NO_RANGE, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(HOST), BECAUSE(CAUSE_DOWN), false},
    {"starved", SCENARIO_HOST, AT_HOST, SIM_STARVED, 0, NO_RANGE, {200, 700}, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(HOST), BECAUSE(CAUSE_STARVED), false},
    {"flooded", SCENARIO_HOST, AT_HOST, SIM_FLOOD, 0, {.2, .6}, {5, 60}, NO_RANGE, NO_RANGE, true, SIM_IN, 0,
     EITHER(HOST, NETWORK), BECAUSE(CAUSE_UDP_FLOOD), false},
    {"clock jumps", SCENARIO_HOST, AT_HOST, SIM_CLOCK, 0, NO_RANGE, {-90000, 90000}, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(HOST), BECAUSE(CAUSE_CLOCK), false},
    {"drops what it sends", SCENARIO_HOST, AT_HOST, SIM_LOCAL, 0, NO_RANGE, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     EITHER(HOST, NETWORK), BECAUSE(CAUSE_BLACKHOLE, CAUSE_DOWN, CAUSE_LOSS, CAUSE_ASYMMETRIC), false},
    {"card loses", SCENARIO_HOST, AT_HOST, SIM_LOSS, 0, {.1, .5}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     EITHER(HOST, NETWORK), BECAUSE(CAUSE_LOSS, CAUSE_CONGESTION), false},

    {"link cut", SCENARIO_MONITORING, AT_LINK, SIM_SILENT, 0, NO_RANGE, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(MONITORING), BECAUSE(CAUSE_SILENT), false},

    {"a little loss", SCENARIO_GRAY, AT_ANY_WAY, SIM_LOSS, 0, {.02, .05}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(NETWORK), BECAUSE(CAUSE_LOSS, CAUSE_CONGESTION), true},
    {"one replica of N stalled", SCENARIO_GRAY, AT_BACKEND, SIM_STALL, 0, {.15, .34}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(STORAGE), BECAUSE(CAUSE_STALL), true},
    {"twice as slow", SCENARIO_GRAY, AT_STORAGE, SIM_SLOW, 0, NO_RANGE, NO_RANGE, {1.8, 2.8}, NO_RANGE, false, SIM_BOTH, 0,
     OF(STORAGE), BECAUSE(CAUSE_SLOW), true},
    {"sporadic I/O errors", SCENARIO_GRAY, AT_STORAGE, SIM_FAILURE, FL_FAILURE_IO_ERROR, {.05, .2}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(STORAGE), BECAUSE(CAUSE_IO_ERROR), true},
    {"sporadic errors", SCENARIO_GRAY, AT_SERVICE, SIM_FAILURE, FL_FAILURE_STATUS, {.05, .2}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(SERVICE), BECAUSE(CAUSE_ERRORS), true},
    {"one of many equal paths", SCENARIO_GRAY, AT_FAR_WAY, SIM_CUT, 0, NO_RANGE, NO_RANGE, NO_RANGE, {.06, .13}, false, SIM_BOTH, 0,
     OF(NETWORK), BECAUSE(CAUSE_LOSS, CAUSE_BLACKHOLE), true},

    {"replies lost", SCENARIO_TRAP_REPLY, AT_FAR_WAY, SIM_LOSS, 0, {.2, .6}, NO_RANGE, NO_RANGE, NO_RANGE, true, SIM_IN, 0,
     OF(NETWORK), BECAUSE(CAUSE_ASYMMETRIC, CAUSE_LOSS, CAUSE_CONGESTION), false},
    {"flood towards a host", SCENARIO_TRAP_REPLY, AT_HOST, SIM_FLOOD, 0, {.3, .7}, {5, 60}, NO_RANGE, NO_RANGE, true, SIM_IN, 0,
     EITHER(NETWORK, HOST), BECAUSE(CAUSE_UDP_FLOOD), false},
    {"large replies lost", SCENARIO_TRAP_REPLY, AT_FAR_WAY, SIM_MTU, 0, NO_RANGE, NO_RANGE, NO_RANGE, NO_RANGE, true, SIM_IN, 0,
     OF(NETWORK), BECAUSE(CAUSE_MTU), false},
    {"proxy holds a dead volume", SCENARIO_TRAP_PROXY, AT_STORAGE, SIM_STALL, 0, {1, 1}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(STORAGE), BECAUSE(CAUSE_STALL), false},
    {"proxy holds a dead service", SCENARIO_TRAP_PROXY, AT_SERVICE, SIM_STALL, 0, {1, 1}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(SERVICE), BECAUSE(CAUSE_STALL), false},
    {"loss within the storage", SCENARIO_TRAP_INNER, AT_BACKEND, SIM_INNER_LOSS, 0, {.1, .5}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(STORAGE), BECAUSE(CAUSE_SLOW, CAUSE_STALL), false},
    {"volumes lost their replicas", SCENARIO_TRAP_INNER, AT_BACKEND, SIM_STALL, 0, {.3, 1}, NO_RANGE, NO_RANGE, NO_RANGE, false, SIM_BOTH, 0,
     OF(STORAGE), BECAUSE(CAUSE_STALL), false},
};
/* clang-format on */
const size_t fault_kinds = FL_COUNT(fault_table);

static const char *const family_names[SCENARIO_FAMILIES] = {
    [SCENARIO_NONE] = "none",
    [SCENARIO_BLIP] = "blip",
    [SCENARIO_NETWORK] = "network",
    [SCENARIO_DIRECTION] = "direction",
    [SCENARIO_STORAGE] = "storage",
    [SCENARIO_SERVICE] = "service",
    [SCENARIO_DNS] = "dns",
    [SCENARIO_TLS] = "tls",
    [SCENARIO_HOST] = "host",
    [SCENARIO_MONITORING] = "monitoring",
    [SCENARIO_DOUBLE] = "double",
    [SCENARIO_TRIPLE] = "triple",
    [SCENARIO_GRAY] = "gray",
    [SCENARIO_TRAP_REPLY] = "trap-reply",
    [SCENARIO_TRAP_PROXY] = "trap-proxy",
    [SCENARIO_TRAP_INNER] = "trap-inner",
    [SCENARIO_TRAP_BURSTS] = "trap-bursts",
    [SCENARIO_TRAP_RESTARTS] = "trap-restarts",
    [SCENARIO_TRAP_JOBS] = "trap-jobs",
    [SCENARIO_TRAP_FROM_START] = "trap-from-start",
    [SCENARIO_TRAP_FLAPPING] = "trap-flapping",
    [SCENARIO_QUIET] = "quiet",
};

const char *scenario_family_name(enum scenario_family family)
{
    return family_names[family];
}

int scenario_family_parse(const char *name)
{
    for (int i = 0; i < SCENARIO_FAMILIES; i++)
        if (strcmp(family_names[i], name) == 0)
            return i;
    return -1;
}
