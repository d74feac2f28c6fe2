/* What one look at the host's counters costs: CPU time over many samples.
 * usage: host_sample [SAMPLES] */
#include "agent/host/host.h"
#include "proto/types/fl_time.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PAUSE_NS 20000000 /* as cold as between two samples of an agent, or nearly so */

static int64_t clock_us(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * FL_SECOND + now.tv_nsec / 1000;
}

static int by_size(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

int main(int argc, char *argv[])
{
    const size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 200;
    int64_t *costs = n > 0 ? calloc(n, sizeof(*costs)) : NULL;
    struct fl_host_sample sample;
    struct host *host = NULL;
    struct fl_error err;

    if (!costs || host_new("/proc", "/sys", &host, &err) < 0)
        return 1;
    for (size_t i = 0; i < n; i++) {
        const struct timespec pause = {0, PAUSE_NS};
        int64_t before_us;

        nanosleep(&pause, NULL);
        before_us = clock_us(CLOCK_PROCESS_CPUTIME_ID);
        host_sample(host, clock_us(CLOCK_REALTIME), &sample);
        costs[i] = clock_us(CLOCK_PROCESS_CPUTIME_ID) - before_us;
    }
    qsort(costs, n, sizeof(*costs), by_size);
    printf("%zu samples: median %lld us of CPU, p99 %lld us, %u disks\n", n,
           (long long)costs[n / 2], (long long)costs[n * 99 / 100], sample.n_disks);
    host_free(host);
    free(costs);
    return 0;
}
