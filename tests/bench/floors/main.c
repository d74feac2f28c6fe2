/* agent_floor TYPE PORT SECONDS PACE_US [CA_FILE|PATH]: prints how many probes it made and the
 * microseconds of processor time of each. */
#include "tests/bench/floors/floors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define US INT64_C(1000000)

static const struct {
    const char *type;
    long (*run)(const struct floor_run *run);
} floors[] = {
    {"tcp", floor_tcp},   {"http", floor_http},   {"dns", floor_dns},
    {"icmp", floor_icmp}, {"https", floor_https}, {"curl", floor_curl},
};

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * US + now.tv_nsec / 1000;
}

int64_t floor_now_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

bool floor_next(const struct floor_run *run, int64_t *due_us)
{
    int64_t now = floor_now_us();

    if (now >= run->end_us)
        return false;
    if (run->pace_us == 0)
        return true;
    *due_us = *due_us == 0 ? now : *due_us + run->pace_us;
    while (now < *due_us) {
        struct timespec wait = {(*due_us - now) / US, (*due_us - now) % US * 1000};

        nanosleep(&wait, NULL);
        now = floor_now_us();
    }
    return true;
}

static long run_type(const char *type, const struct floor_run *run, const char *path)
{
    if (strcmp(type, "ask") == 0)
        return floor_ask(run, path);
    for (size_t i = 0; i < sizeof(floors) / sizeof(floors[0]); i++)
        if (strcmp(floors[i].type, type) == 0)
            return floors[i].run(run);
    fprintf(stderr, "agent_floor: there is no type \"%s\"\n", type);
    exit(2);
}

int main(int argc, char *argv[])
{
    struct floor_run run = {0};
    const char *extra = argc > 5 ? argv[5] : "";
    int64_t spent;
    long n;

    if (argc < 5) {
        fprintf(stderr, "usage: agent_floor TYPE PORT SECONDS PACE_US [CA_FILE|PATH]\n");
        return 2;
    }
    run.port = (uint16_t)strtoul(argv[2], NULL, 10);
    run.end_us = floor_now_us() + strtol(argv[3], NULL, 10) * US;
    run.pace_us = strtol(argv[4], NULL, 10);
    run.ca_file = extra;
    spent = clock_us(CLOCK_PROCESS_CPUTIME_ID);
    n = run_type(argv[1], &run, extra);
    spent = clock_us(CLOCK_PROCESS_CPUTIME_ID) - spent;
    if (n <= 0) {
        fprintf(stderr, "agent_floor: %s: a probe failed: %s\n", argv[1], strerror(errno));
        return 1;
    }
    printf("%ld %.2f\n", n, (double)spent / (double)n);
    return 0;
}
