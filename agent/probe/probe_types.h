/* Every probe type there is, each defined in its own file; probe_table.c has the rows, and
 * agent/CMakeLists.txt says which of them are modules. */
#pragma once

#include "agent/probe/probe.h"

/* A module shows nothing else. */
#define PROBE_EXPORT __attribute__((visibility("default")))

extern PROBE_EXPORT const struct probe_type probe_icmp;
extern PROBE_EXPORT const struct probe_type probe_udp;
extern PROBE_EXPORT const struct probe_type probe_tcp;
extern PROBE_EXPORT const struct probe_type probe_tls;
extern PROBE_EXPORT const struct probe_type probe_dns;
extern PROBE_EXPORT const struct probe_type probe_ntp;
extern PROBE_EXPORT const struct probe_type probe_postgres;
extern PROBE_EXPORT const struct probe_type probe_mysql;
extern PROBE_EXPORT const struct probe_type probe_redis;
extern PROBE_EXPORT const struct probe_type probe_memcached;
extern PROBE_EXPORT const struct probe_type probe_nbd;
extern PROBE_EXPORT const struct probe_type probe_iscsi;
extern PROBE_EXPORT const struct probe_type probe_nfs;
extern PROBE_EXPORT const struct probe_type probe_s3;
extern PROBE_EXPORT const struct probe_type probe_http;
extern PROBE_EXPORT const struct probe_type probe_https;
extern PROBE_EXPORT const struct probe_type probe_grpc;
extern PROBE_EXPORT const struct probe_type probe_exec;
extern PROBE_EXPORT const struct probe_type probe_file;
extern PROBE_EXPORT const struct probe_type probe_block;
