/* What the kernel knew of a TCP connection (TCP_INFO), as a result carries it: the word that
 * tells a network that loses from a far side that is silent. */
#pragma once

#include "proto/types/fl_result.h"

/* The counters at the beginning of an operation; what happens after counts as the operation's. */
struct tcp_info_mark {
    int64_t retrans;
    int64_t rx_bytes;
    int64_t tx_bytes, tx_acked;
};

/* Mark the beginning of an operation. All zero, so the beginning of the connection, when the
 * kernel does not answer. */
struct tcp_info_mark tcp_info_mark(int fd);

/* Fill the fields. `mark` NULL: the operation is the whole connection. What the kernel does not
 * say, or `fd` being no TCP socket, leaves FL_ABSENT. */
void tcp_info_read(int fd, const struct tcp_info_mark *mark, struct fl_tcp *ret);
