/* Linux's own header, not libc's, has the fields up to tcpi_rcv_ooopack. An older kernel returns
 * a shorter struct: a field counts only when it lies within what was returned. */
#include "agent/probe/tcp_info.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define MIN_RTT_UNKNOWN UINT32_MAX /* the kernel's minimum before the first sample */

#define HAS(size, field) \
    ((size) >= offsetof(struct tcp_info, field) + sizeof((struct tcp_info){0}.field))

/* How many bytes of `info` the kernel filled; 0 when it has nothing to say. */
static size_t get_info(int fd, struct tcp_info *info)
{
    socklen_t size = sizeof(*info);

    memset(info, 0, sizeof(*info));
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &size) < 0)
        return 0;
    return size;
}

/* Bytes that left, each counted once: what was sent again is no more of them. */
static int64_t sent_of(const struct tcp_info *info)
{
    return (int64_t)(info->tcpi_bytes_sent - info->tcpi_bytes_retrans);
}

/* Bytes acknowledged. The kernel counts the SYN of who connects as one. */
static int64_t acked_of(const struct tcp_info *info)
{
    return info->tcpi_bytes_acked > 0 ? (int64_t)info->tcpi_bytes_acked - 1 : 0;
}

struct tcp_info_mark tcp_info_mark(int fd)
{
    struct tcp_info info;

    (void)get_info(fd, &info); /* zeroes where the kernel is silent */
    return (struct tcp_info_mark){
        .retrans = info.tcpi_total_retrans,
        .rx_bytes = (int64_t)info.tcpi_bytes_received,
        .tx_bytes = sent_of(&info),
        .tx_acked = acked_of(&info),
    };
}

/* Bytes out and acknowledged within the operation. A FIN is acknowledged as a byte as well. */
static void read_sent(const struct tcp_info *info, const struct tcp_info_mark *start,
                      struct fl_tcp *ret)
{
    int64_t acked = acked_of(info) - start->tx_acked;

    ret->tx_bytes = sent_of(info) - start->tx_bytes;
    ret->tx_acked = acked < ret->tx_bytes ? acked : ret->tx_bytes;
}

void tcp_info_read(int fd, const struct tcp_info_mark *mark, struct fl_tcp *ret)
{
    const struct tcp_info_mark start = mark ? *mark : (struct tcp_info_mark){0};
    struct tcp_info info;
    size_t size = get_info(fd, &info);

    for (int i = 0; i < FL_TCP_FIELDS; i++)
        *fl_tcp_field(ret, i) = FL_ABSENT;
    if (HAS(size, tcpi_rtt) && info.tcpi_rtt > 0)
        ret->rtt_us = info.tcpi_rtt;
    if (HAS(size, tcpi_min_rtt) && info.tcpi_min_rtt != MIN_RTT_UNKNOWN)
        ret->min_rtt_us = info.tcpi_min_rtt;
    if (HAS(size, tcpi_total_retrans)) {
        ret->retrans = info.tcpi_total_retrans;
        ret->op_retrans = info.tcpi_total_retrans - start.retrans;
    }
    if (HAS(size, tcpi_unacked))
        ret->unacked = info.tcpi_unacked;
    if (HAS(size, tcpi_notsent_bytes))
        ret->notsent = info.tcpi_notsent_bytes;
    if (HAS(size, tcpi_bytes_received))
        ret->rx_bytes = (int64_t)info.tcpi_bytes_received - start.rx_bytes;
    if (HAS(size, tcpi_rcv_ooopack))
        ret->rx_ooo = info.tcpi_rcv_ooopack;
    if (HAS(size, tcpi_bytes_retrans)) /* newer than the count of bytes acknowledged */
        read_sent(&info, &start, ret);
}
