#include "coordinator/core/symbol.h"

#include <string.h>

static const char *const words[SYMBOLS] = {
    [SYMBOL_OK] = "fine",
    [SYMBOL_OK_RETRANS] = "needed retransmissions",
    [SYMBOL_OK_LATE_NET] = "slow to connect",
    [SYMBOL_OK_LATE_OP] = "slow to answer",
    [SYMBOL_LOCAL] = "not run by the agent itself",
    [SYMBOL_RESOLVE_TIMEOUT] = "name lookups timed out",
    [SYMBOL_NXDOMAIN] = "no such name",
    [SYMBOL_SERVFAIL] = "name server failures",
    [SYMBOL_CONNECT_TIMEOUT] = "no answer to the first packets",
    [SYMBOL_REFUSED] = "refused",
    [SYMBOL_RESET] = "reset",
    [SYMBOL_NET_TIMEOUT] = "timed out with bytes unacknowledged",
    [SYMBOL_REPLY_LOST] = "timed out with signs of a lost reply",
    [SYMBOL_STALL] = "every byte acknowledged and no answer",
    [SYMBOL_OPAQUE_TIMEOUT] = "timed out",
    [SYMBOL_CERT_EXPIRED] = "certificate expired",
    [SYMBOL_CERT_INVALID] = "certificate not valid",
    [SYMBOL_IO_ERROR] = "I/O errors",
    [SYMBOL_READ_ONLY] = "read-only",
    [SYMBOL_NO_SPACE] = "no space",
    [SYMBOL_ERROR] = "wrong answers",
    [SYMBOL_CONTENT] = "wrong content",
    [SYMBOL_SILENT] = "not heard",
    [SYMBOL_CLOCK] = "heard with a wrong clock",
};

enum symbol_family symbol_family(const char *probe_type)
{
    if (strcmp(probe_type, "icmp") == 0 || strcmp(probe_type, "udp") == 0)
        return FAMILY_ECHO;
    if (strcmp(probe_type, "dns") == 0)
        return FAMILY_DNS;
    if (strcmp(probe_type, "file") == 0 || strcmp(probe_type, "block") == 0)
        return FAMILY_FILE;
    return FAMILY_STREAM;
}

/* Segments sent again once the connection stood; where only the sum since its opening is known,
 * the SYNs are those that the time to connect gives away: they go again after 1 and 3 seconds. */
static int64_t resent(const struct fl_result *result)
{
    int64_t connect_us = result->phase_us[FL_LAYER_CONNECT];

    if (result->tcp.op_retrans != FL_ABSENT || result->tcp.retrans == FL_ABSENT)
        return result->tcp.op_retrans;
    return result->tcp.retrans - (connect_us >= FL_SECOND) - (connect_us >= 3 * FL_SECOND);
}

/* A time-out after the connection stood. */
static enum symbol symbol_of_timeout(const struct fl_result *result, enum symbol_family family)
{
    const struct fl_tcp *tcp = &result->tcp;

    if (family != FAMILY_STREAM || fl_tcp_absent(tcp))
        return SYMBOL_OPAQUE_TIMEOUT;
    if (tcp->unacked > 0 || tcp->notsent > 0)
        return SYMBOL_NET_TIMEOUT;
    if (resent(result) > 0 || tcp->rx_ooo > 0 || tcp->rx_bytes > 0)
        return SYMBOL_REPLY_LOST;
    return SYMBOL_STALL;
}

static enum symbol symbol_of_failure(const struct fl_result *result, enum symbol_family family)
{
    switch (result->failure) {
    case FL_FAILURE_TIMEOUT:
        if (result->layer == FL_LAYER_RESOLVE)
            return SYMBOL_RESOLVE_TIMEOUT;
        if (result->layer == FL_LAYER_CONNECT)
            return SYMBOL_CONNECT_TIMEOUT;
        return symbol_of_timeout(result, family);
    case FL_FAILURE_UNREACHABLE:
        return SYMBOL_CONNECT_TIMEOUT;
    case FL_FAILURE_REFUSED:
        return SYMBOL_REFUSED;
    case FL_FAILURE_RESET:
        return SYMBOL_RESET;
    case FL_FAILURE_NXDOMAIN:
        return SYMBOL_NXDOMAIN;
    case FL_FAILURE_SERVFAIL:
        return SYMBOL_SERVFAIL;
    case FL_FAILURE_CERT_EXPIRED:
        return SYMBOL_CERT_EXPIRED;
    case FL_FAILURE_CERT_INVALID:
        return SYMBOL_CERT_INVALID;
    case FL_FAILURE_CONTENT:
        return SYMBOL_CONTENT;
    case FL_FAILURE_IO_ERROR:
    case FL_FAILURE_STALE:
        return SYMBOL_IO_ERROR;
    case FL_FAILURE_READ_ONLY:
        return SYMBOL_READ_ONLY;
    case FL_FAILURE_NO_SPACE:
    case FL_FAILURE_QUOTA:
        return SYMBOL_NO_SPACE;
    case FL_FAILURE_LOCAL:
        return SYMBOL_LOCAL;
    default:
        return SYMBOL_ERROR;
    }
}

enum symbol symbol_of(const struct fl_result *result, enum symbol_family family, bool late_net,
                      bool late_op)
{
    if (!result->ok)
        return symbol_of_failure(result, family);
    if (result->tcp.retrans > 0 || result->tcp.op_retrans > 0 || result->tcp.rx_ooo > 0)
        return SYMBOL_OK_RETRANS;
    if (late_net)
        return SYMBOL_OK_LATE_NET;
    return late_op ? SYMBOL_OK_LATE_OP : SYMBOL_OK;
}

bool symbol_is_bad(enum symbol symbol)
{
    return symbol != SYMBOL_OK;
}

bool symbol_is_failed(enum symbol symbol)
{
    return symbol > SYMBOL_OK_LATE_OP;
}

const char *symbol_words(enum symbol symbol)
{
    return (unsigned)symbol < SYMBOLS ? words[symbol] : "unknown";
}
