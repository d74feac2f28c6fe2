/* One result becomes one symbol: how far the probe got and what the kernel said, in the words
 * that hypotheses predict. What real TCP shows under each fault was measured: "every byte
 * acknowledged" alone does not clear the network, so a stall is told from a lost reply by
 * retransmissions, out-of-order segments and bytes received as well. */
#pragma once

#include "proto/types/fl_result.h"

#include <stdbool.h>

enum symbol {
    SYMBOL_OK,
    SYMBOL_OK_RETRANS,  /* fine, but segments had to be sent again, by either side */
    SYMBOL_OK_LATE_NET, /* fine, but the connection took far longer than usual */
    SYMBOL_OK_LATE_OP,  /* fine, but the far side took far longer than usual */
    SYMBOL_LOCAL,
    SYMBOL_RESOLVE_TIMEOUT,
    SYMBOL_NXDOMAIN,
    SYMBOL_SERVFAIL,
    SYMBOL_CONNECT_TIMEOUT,
    SYMBOL_REFUSED,
    SYMBOL_RESET,
    SYMBOL_NET_TIMEOUT,    /* bytes unacknowledged or unsent */
    SYMBOL_REPLY_LOST,     /* all acknowledged, but own retransmission, disorder or a part */
    SYMBOL_STALL,          /* all acknowledged, nothing came back */
    SYMBOL_OPAQUE_TIMEOUT, /* no connection to ask the kernel about */
    SYMBOL_CERT_EXPIRED,
    SYMBOL_CERT_INVALID,
    SYMBOL_IO_ERROR,
    SYMBOL_READ_ONLY,
    SYMBOL_NO_SPACE,
    SYMBOL_ERROR, /* an answer, and a wrong one: status, protocol, denied */
    SYMBOL_CONTENT,
    SYMBOL_SILENT, /* nothing heard from an agent that should be heard */
    SYMBOL_CLOCK,  /* heard, with a clock that is far from the coordinator's */
    SYMBOLS
};

/* What a probe can tell apart, by its type. */
enum symbol_family {
    FAMILY_ECHO,   /* icmp, udp: one datagram each way */
    FAMILY_STREAM, /* over TCP */
    FAMILY_DNS,    /* datagrams, with an answer that has a content */
    FAMILY_FILE,   /* a mounted file system: the kernel's client is between */
    FAMILY_AGENT,  /* not a probe: whether the agent is heard */
    FAMILIES
};

enum symbol_family symbol_family(const char *probe_type);

/* `late_net`, `late_op`: the judgement of the baseline on an ok result. */
enum symbol symbol_of(const struct fl_result *result, enum symbol_family family, bool late_net,
                      bool late_op);

bool symbol_is_bad(enum symbol symbol);       /* anything but plain ok */
bool symbol_is_failed(enum symbol symbol);    /* the probe did not succeed */
const char *symbol_words(enum symbol symbol); /* as in "12 connect timeouts" */
