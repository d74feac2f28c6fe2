/* Every probe type there is, each defined in its own file; probe_table.c has the rows. */
#pragma once

#include "agent/probe/probe.h"

extern const struct probe_type probe_icmp;
extern const struct probe_type probe_udp;
extern const struct probe_type probe_tcp;
extern const struct probe_type probe_dns;
extern const struct probe_type probe_nbd;
extern const struct probe_type probe_iscsi;
extern const struct probe_type probe_nfs;
extern const struct probe_type probe_http;
extern const struct probe_type probe_https;
extern const struct probe_type probe_file;
extern const struct probe_type probe_block;
