#include "tests/bench/replay/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct fleet *bench_fleet(uint32_t zones, uint32_t targets)
{
    struct fleet *fleet;
    char name[32], place[32];
    int r = fleet_new(&fleet);

    for (uint32_t i = 0; i < zones && r == 0; i++) {
        (void)snprintf(name, sizeof(name), "z%u", i);
        r = fleet_add_zone(fleet, name, NULL);
    }
    for (uint32_t i = 0; i < zones && r == 0; i++) {
        (void)snprintf(name, sizeof(name), "agent-%u", i);
        (void)snprintf(place, sizeof(place), "z%u", i);
        r = fleet_add_agent(fleet, name, place, NULL);
    }
    for (uint32_t i = 0; i < targets && r == 0; i++) {
        (void)snprintf(name, sizeof(name), "target-%u", i);
        (void)snprintf(place, sizeof(place), "z%u", i % zones);
        r = fleet_add_target(fleet, name, TARGET_SERVICE, place, NULL, NULL);
        if (r == 0)
            r = fleet_add_probe(fleet, name, "main", "http", FL_SECOND, FL_SECOND, NULL);
    }
    if (r == 0)
        r = fleet_seal(fleet, 10 * FL_SECOND, FL_SECOND, NULL);
    if (r < 0) {
        (void)fprintf(stderr, "the fleet cannot be built\n");
        exit(1);
    }
    return fleet;
}

/* xorshift64 */
static uint32_t draw(uint64_t *noise)
{
    *noise ^= *noise << 13;
    *noise ^= *noise >> 7;
    *noise ^= *noise << 17;
    return (uint32_t)(*noise >> 32);
}

void bench_result(const struct fleet *fleet, uint32_t probe, fl_time t_us, uint64_t *noise,
                  bool fails, struct fl_result *ret)
{
    int64_t us = 900 + draw(noise) % 200;

    fl_result_init(ret);
    ret->series = fleet->probes[probe].series;
    ret->t_us = t_us - (fails ? FL_SECOND : 3 * us) - 2 * FL_MS;
    ret->rx_us = t_us;
    if (fails) {
        ret->took_us = FL_SECOND;
        ret->layer = FL_LAYER_CONNECT;
        ret->failure = FL_FAILURE_TIMEOUT;
        return;
    }
    ret->ok = true;
    ret->took_us = 3 * us;
    ret->phase_us[FL_LAYER_CONNECT] = us;
    ret->phase_us[FL_LAYER_OPERATE] = 2 * us;
    ret->tcp.rtt_us = ret->tcp.min_rtt_us = us;
    ret->tcp.retrans = ret->tcp.unacked = 0;
}

double bench_cpu_ms(void)
{
    struct timespec cpu;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return (double)cpu.tv_sec * 1e3 + (double)cpu.tv_nsec / 1e6;
}

double bench_rss_mib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");

    if (file) {
        if (fscanf(file, "%*s %ld", &pages) != 1)
            pages = 0;
        (void)fclose(file);
    }
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1024.0 * 1024.0);
}

int bench_apart(int (*run)(const void *arg), const void *arg)
{
    pid_t child;
    int status;

    (void)fflush(stdout);
    child = fork();
    if (child == 0) {
        status = run(arg);
        (void)fflush(stdout);
        _exit(status);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
