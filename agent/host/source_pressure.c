/* How much of the time somebody on this host had to wait for the CPU, for memory or for a disk
 * (/proc/pressure, where the kernel has it). */
#include "agent/host/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *file;
    enum fl_host_metric metric;
} kinds[] = {
    {"pressure/cpu", FL_HOST_CPU_PRESSURE_PPM},
    {"pressure/memory", FL_HOST_MEM_PRESSURE_PPM},
    {"pressure/io", FL_HOST_IO_PRESSURE_PPM},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct source_state {
    int fds[KINDS];
    struct source_counter waited_us[KINDS];
};

static int pressure_open(const struct source_place *place, struct source_state **ret)
{
    struct source_state *state = calloc(1, sizeof(*state));

    if (!state)
        return -ENOMEM;
    for (size_t i = 0; i < KINDS; i++)
        state->fds[i] = source_open(place->proc, kinds[i].file);
    *ret = state;
    return 0;
}

/* some avg10=… avg60=… avg300=… total=MICROSECONDS */
static bool parse_total(const char *text, uint64_t *ret)
{
    static const char label[] = "total=";
    const char *at = strstr(text, label);

    if (!at || strncmp(text, "some ", 5) != 0)
        return false;
    *ret = strtoull(at + strlen(label), NULL, 10);
    return true;
}

static void pressure_sample(struct source_state *state, int64_t elapsed_us,
                            struct fl_host_sample *ret)
{
    for (size_t i = 0; i < KINDS; i++) {
        char text[256];
        uint64_t total, waited;

        if (source_read(state->fds[i], text, sizeof(text)) < 0 || !parse_total(text, &total))
            continue;
        if (source_counter_step(&state->waited_us[i], total, &waited) && elapsed_us > 0)
            ret->values[kinds[i].metric] = source_ppm(waited, (uint64_t)elapsed_us);
    }
}

static void pressure_close(struct source_state *state)
{
    if (!state)
        return;
    for (size_t i = 0; i < KINDS; i++)
        source_close(&state->fds[i]);
    free(state);
}

const struct source source_pressure = {pressure_open, pressure_sample, pressure_close};
