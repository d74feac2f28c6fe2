/* What an agent sees of its own host. One row a counter: the table gives its place and name in
 * the trace format; the wire carries (row number, value). Rows are only ever added at the end. */
#pragma once

#include "proto/types/fl_error.h"
#include "proto/types/fl_limits.h"
#include "proto/types/fl_time.h"

#include <stdint.h>

enum fl_host_metric {
    FL_HOST_LINK_BPS, /* speed of the fastest interface that carries traffic */
    FL_HOST_RX_BPS,
    FL_HOST_TX_BPS,
    FL_HOST_RX_PPS,
    FL_HOST_UDP_RX_PPS,
    FL_HOST_UDP_NOPORT_PPS, /* datagrams for which nobody listens */
    FL_HOST_SYNCOOKIES_PS,
    FL_HOST_LISTEN_DROPS_PS, /* accept queue full, SYN queue full */
    FL_HOST_SOFTNET_DROPS_PS,
    FL_HOST_NIC_DROPS_PS,
    FL_HOST_RETRANS_PS,
    FL_HOST_CPU_BUSY_PPM, /* parts per million here, a fraction in the trace format */
    FL_HOST_CPU_STEAL_PPM,
    FL_HOST_MEM_FREE_PPM,
    FL_HOST_LOOP_LAG_US, /* how late the agent's own timers fired: the worst since the last sample
                          */
    FL_HOST_CLOCK_OFFSET_US, /* coordinator's clock minus the agent's */
    FL_HOST_TCP_IN_SEGS_PS,
    FL_HOST_UDP_RCVBUF_ERRORS_PS,
    FL_HOST_CPU_PRESSURE_PPM, /* of the time somebody waited for it */
    FL_HOST_MEM_PRESSURE_PPM,
    FL_HOST_IO_PRESSURE_PPM,
    FL_HOST_FILES_USED_PPM,       /* descriptors of the whole host, of those it may have */
    FL_HOST_AGENT_FILES_USED_PPM, /* the same of the agent alone */
    FL_HOST_CLOCK_SYNCED,         /* 1: somebody keeps the host's clock right, 0: nobody does */
    FL_HOST_CLOCK_ERROR_US,       /* by how much it may be wrong, as that one estimates */
    FL_HOST_SKIPPED_STARTS,       /* of probes, too late to be made up for; since the plan came */
    FL_HOST_METRICS
};

struct fl_host_metric_row {
    const char *section; /* "net", "cpu", "mem", "io", "files", or "" for the top of the object */
    const char *name;
    double scale; /* value in the trace format = stored integer × scale */
};

extern const struct fl_host_metric_row fl_host_metric_table[FL_HOST_METRICS];

struct fl_disk_sample {
    char name[32];
    char target[FL_TARGET_SIZE]; /* the target that is mounted from it; "" if none */
    int64_t iops;
    int64_t await_us;
    int64_t util_ppm;
    int64_t inflight;
};

struct fl_host_sample {
    fl_time t_us;
    fl_time rx_us;                   /* FL_ABSENT on the agent */
    int64_t values[FL_HOST_METRICS]; /* FL_ABSENT where not measured */
    uint32_t n_disks;
    struct fl_disk_sample disks[FL_MAX_DISKS];
};

/* Everything absent, no disks. */
void fl_host_sample_init(struct fl_host_sample *sample);

/* Is it one that a host can have? Times and counters within the limits, nothing but the clock's
 * offset negative, disks with printable names. Returns 0 or -EINVAL with the reason. */
int fl_host_sample_check(const struct fl_host_sample *sample, struct fl_error *err);
