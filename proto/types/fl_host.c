#include "proto/types/fl_host.h"

#include <string.h>

#define PPM 1e-6

const struct fl_host_metric_row fl_host_metric_table[FL_HOST_METRICS] = {
    [FL_HOST_LINK_BPS] = {"net", "link_bps", 1},
    [FL_HOST_RX_BPS] = {"net", "rx_bps", 1},
    [FL_HOST_TX_BPS] = {"net", "tx_bps", 1},
    [FL_HOST_RX_PPS] = {"net", "rx_pps", 1},
    [FL_HOST_UDP_RX_PPS] = {"net", "udp_rx_pps", 1},
    [FL_HOST_UDP_NOPORT_PPS] = {"net", "udp_noport_pps", 1},
    [FL_HOST_SYNCOOKIES_PS] = {"net", "syncookies_ps", 1},
    [FL_HOST_LISTEN_DROPS_PS] = {"net", "listen_drops_ps", 1},
    [FL_HOST_SOFTNET_DROPS_PS] = {"net", "softnet_drops_ps", 1},
    [FL_HOST_NIC_DROPS_PS] = {"net", "nic_drops_ps", 1},
    [FL_HOST_RETRANS_PS] = {"net", "retrans_ps", 1},
    [FL_HOST_CPU_BUSY_PPM] = {"cpu", "busy", PPM},
    [FL_HOST_CPU_STEAL_PPM] = {"cpu", "steal", PPM},
    [FL_HOST_MEM_FREE_PPM] = {"mem", "free", PPM},
    [FL_HOST_LOOP_LAG_US] = {"", "loop_lag_us", 1},
    [FL_HOST_CLOCK_OFFSET_US] = {"", "clock_offset_us", 1},
    [FL_HOST_TCP_IN_SEGS_PS] = {"net", "tcp_in_segs_ps", 1},
    [FL_HOST_UDP_RCVBUF_ERRORS_PS] = {"net", "udp_rcvbuf_errors_ps", 1},
};

void fl_host_sample_init(struct fl_host_sample *sample)
{
    memset(sample, 0, sizeof(*sample));
    sample->rx_us = FL_ABSENT;
    for (int i = 0; i < FL_HOST_METRICS; i++)
        sample->values[i] = FL_ABSENT;
}
