/* Which share of the memory can still be had without swapping (/proc/meminfo). */
#include "agent/host/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct source_state {
    int fd;
};

static int mem_open(const struct source_place *place, struct source_state **ret)
{
    struct source_state *state = calloc(1, sizeof(*state));

    if (!state)
        return -ENOMEM;
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
    if (source_read(state->fd, text, sizeof(text)) < 0)
        return;
    if (find_kib(text, "MemTotal:", &total) && find_kib(text, "MemAvailable:", &available))
        ret->values[FL_HOST_MEM_FREE_PPM] = source_ppm(available, total);
}

static void mem_close(struct source_state *state)
{
    if (!state)
        return;
    source_close(&state->fd);
    free(state);
}

const struct source source_mem = {mem_open, mem_sample, mem_close};
