/* One row a type. Alone in its file, so that a test may bring a table of its own. */
#include "agent/probe/probe_types.h"

/* clang-format off */
const struct probe_row probe_table[] = {
    {"icmp", &probe_icmp, NULL},
    {"udp", &probe_udp, NULL},
    {"tcp", &probe_tcp, NULL},
    {"tls", &probe_tls, NULL},
    {"dns", &probe_dns, NULL},
    {"ntp", &probe_ntp, NULL},
    {"postgres", &probe_postgres, NULL},
    {"mysql", &probe_mysql, NULL},
    {"redis", &probe_redis, NULL},
    {"memcached", &probe_memcached, NULL},
    {"nbd", NULL, "nbd"},
    {"iscsi", NULL, "iscsi"},
    {"nfs", NULL, "nfs"},
    {"s3", NULL, "http"},
    {"http", NULL, "http"},
    {"https", NULL, "http"},
    {"grpc", NULL, "http"},
    {"exec", &probe_exec, NULL},
    {"file", &probe_file, NULL},
    {"block", &probe_block, NULL},
    {0},
};
/* clang-format on */
