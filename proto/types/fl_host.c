#include "proto/types/fl_host.h"

#include "proto/types/fl_name.h"

#include <errno.h>
#include <stdbool.h>
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
    [FL_HOST_CPU_PRESSURE_PPM] = {"cpu", "pressure", PPM},
    [FL_HOST_MEM_PRESSURE_PPM] = {"mem", "pressure", PPM},
    [FL_HOST_IO_PRESSURE_PPM] = {"io", "pressure", PPM},
    [FL_HOST_FILES_USED_PPM] = {"files", "used", PPM},
    [FL_HOST_AGENT_FILES_USED_PPM] = {"files", "used_by_agent", PPM},
    [FL_HOST_CLOCK_SYNCED] = {"", "clock_synced", 1},
    [FL_HOST_CLOCK_ERROR_US] = {"", "clock_error_us", 1},
    [FL_HOST_SKIPPED_STARTS] = {"", "skipped_starts", 1},
};

void fl_host_sample_init(struct fl_host_sample *sample)
{
    memset(sample, 0, sizeof(*sample));
    sample->rx_us = FL_ABSENT;
    for (int i = 0; i < FL_HOST_METRICS; i++)
        sample->values[i] = FL_ABSENT;
}

static bool counter_bad(int64_t value, int64_t least)
{
    return value != FL_ABSENT && (value < least || value > FL_MAX_COUNTER);
}

static bool time_bad(fl_time t_us)
{
    return t_us < 0 || t_us > FL_MAX_TIME_US;
}

static bool printable(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

static int check_disk(const struct fl_disk_sample *disk, struct fl_error *err)
{
    if (!disk->name[0] || !printable(disk->name))
        return fl_error_set(err, -EINVAL, "host: a disk without a printable name");
    if (disk->target[0] && !fl_target_name_valid(disk->target))
        return fl_error_set(err, -EINVAL, "host: the target of disk \"%s\" is no name", disk->name);
    if (counter_bad(disk->iops, 0) || counter_bad(disk->await_us, 0) ||
        counter_bad(disk->util_ppm, 0) || counter_bad(disk->inflight, 0))
        return fl_error_set(err, -EINVAL, "host: a number of disk \"%s\" is out of range",
                            disk->name);
    return 0;
}

int fl_host_sample_check(const struct fl_host_sample *sample, struct fl_error *err)
{
    if (time_bad(sample->t_us) || (sample->rx_us != FL_ABSENT && time_bad(sample->rx_us)))
        return fl_error_set(err, -EINVAL, "host: time out of range");
    for (int i = 0; i < FL_HOST_METRICS; i++)
        if (counter_bad(sample->values[i], i == FL_HOST_CLOCK_OFFSET_US ? -FL_MAX_COUNTER : 0))
            return fl_error_set(err, -EINVAL, "host: \"%s\" is out of range",
                                fl_host_metric_table[i].name);
    if (sample->n_disks > FL_MAX_DISKS)
        return fl_error_set(err, -EINVAL, "host: %u disks; at most %d are taken", sample->n_disks,
                            FL_MAX_DISKS);
    for (uint32_t i = 0; i < sample->n_disks; i++)
        if (check_disk(&sample->disks[i], err) < 0)
            return -EINVAL;
    return 0;
}
