/* What a probe costs at the least: the same exchange on plain sockets, on OpenSSL or on libcurl,
 * with nothing around it. Each floor runs until `end_us` of the monotonic clock, as fast as it
 * goes or evenly spaced, and returns how many probes it made, or -1 when one failed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct floor_run {
    uint16_t port; /* on 127.0.0.1 */
    const char *ca_file;
    int64_t end_us;
    int64_t pace_us; /* from one start to the next; 0: as fast as it goes */
};

long floor_tcp(const struct floor_run *run);
long floor_http(const struct floor_run *run);
long floor_dns(const struct floor_run *run);
long floor_icmp(const struct floor_run *run);
long floor_https(const struct floor_run *run);
long floor_curl(const struct floor_run *run);

/* Requests `path` over one connection, so that another program makes the probes. */
long floor_ask(const struct floor_run *run, const char *path);

int64_t floor_now_us(void);

/* Wait for the next start; false when the time is over. */
bool floor_next(const struct floor_run *run, int64_t *due_us);
