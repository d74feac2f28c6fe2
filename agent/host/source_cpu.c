/* How busy the processors are, and how much of their time the machine below took away
 * (/proc/stat, the line of all processors). Waiting for disks counts as idle. */
#include "agent/host/source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define COLUMNS 8 /* user nice system idle iowait irq softirq steal; guests are in user */
#define IDLE 3
#define IOWAIT 4
#define STEAL 7

struct source_state {
    int fd;
    struct source_counter columns[COLUMNS];
};

static int cpu_open(const struct source_place *place, struct source_state **ret)
{
    struct source_state *state = calloc(1, sizeof(*state));

    if (!state)
        return -ENOMEM;
    state->fd = source_open(place->proc, "stat");
    *ret = state;
    return 0;
}

static bool parse(const char *text, uint64_t values[COLUMNS])
{
    return sscanf(text,
                  "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
                  " %" SCNu64 " %" SCNu64,
                  &values[0], &values[1], &values[2], &values[3], &values[4], &values[5],
                  &values[6], &values[7]) == COLUMNS;
}

static void cpu_sample(struct source_state *state, int64_t elapsed_us, struct fl_host_sample *ret)
{
    char text[512];
    uint64_t now[COLUMNS], deltas[COLUMNS], total = 0, busy = 0;
    bool usable = elapsed_us > 0;

    if (source_read(state->fd, text, sizeof(text)) < 0 || !parse(text, now))
        return;
    for (int i = 0; i < COLUMNS; i++) {
        /* idle and iowait may step back a little between readings: that is no time at all */
        if (!source_counter_step(&state->columns[i], now[i], &deltas[i]))
            usable = usable && (i == IDLE || i == IOWAIT);
        total += deltas[i];
        if (i != IDLE && i != IOWAIT && i != STEAL)
            busy += deltas[i];
    }
    if (!usable)
        return;
    ret->values[FL_HOST_CPU_BUSY_PPM] = source_ppm(busy, total);
    ret->values[FL_HOST_CPU_STEAL_PPM] = source_ppm(deltas[STEAL], total);
}

static void cpu_close(struct source_state *state)
{
    if (!state)
        return;
    source_close(&state->fd);
    free(state);
}

const struct source source_cpu = {cpu_open, cpu_sample, cpu_close};
