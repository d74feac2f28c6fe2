/* One row a type. Alone in its file, so that a test may bring a table of its own. */
#include "agent/probe/probe_types.h"

/* clang-format off */
const struct probe_type *const probe_table[] = {
    &probe_icmp,
    &probe_udp,
    &probe_tcp,
    &probe_dns,
    &probe_nbd,
    &probe_iscsi,
    &probe_nfs,
    &probe_http,
    &probe_https,
    &probe_file,
    &probe_block,
    NULL,
};
/* clang-format on */
