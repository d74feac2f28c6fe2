/* Which share of the memory can still be had without swapping (/proc/meminfo). The kernel counts it
 * up over all zones for each reading, so what was read last stands for some samples. */
#include "agent/host/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define AGE 5 /* samples */

struct source_state {
    int fd;
    unsigned age;
    int64_t free_ppm;
};

static int mem_open(const struct source_place *place, struct source_state **ret)
{
    struct source_state *state = calloc(1, sizeof(*state));

    if (!state)
        return -ENOMEM;
    state->age = AGE;
    state->fd = source_open(place->proc, "meminfo");
    *ret = state;
    return 0;
}

static bool find_kib(const char *text, const char *label, uint64_t *ret)
{
    const char *at = strstr(text, label);

    if (!at)
        return false;
    *ret = strtoull(at + strlen(label), NULL, 10);
    return true;
}

static void mem_sample(struct source_state *state, int64_t elapsed_us, struct fl_host_sample *ret)
{
    char text[4096];
    uint64_t total, available;

    (void)elapsed_us;
    if (++state->age >= AGE) {
        state->age = 0;
        state->free_ppm = FL_ABSENT;
        if (source_read(state->fd, text, sizeof(text)) > 0 && find_kib(text, "MemTotal:", &total) &&
            find_kib(text, "MemAvailable:", &available))
            state->free_ppm = source_ppm(available, total);
    }
    ret->values[FL_HOST_MEM_FREE_PPM] = state->free_ppm;
}

static void mem_close(struct source_state *state)
{
    if (!state)
        return;
    source_close(&state->fd);
    free(state);
}

const struct source source_mem = {mem_open, mem_sample, mem_close};
