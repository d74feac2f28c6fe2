/* Packets that arrived and were thrown away because a processor's queue was full
 * (/proc/net/softnet_stat: a line a processor, in hexadecimal, the second column). */
#include "agent/host/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct source_state {
    int fd;
    struct source_counter dropped;
};

static int softnet_open(const struct source_place *place, struct source_state **ret)
{
    struct source_state *state = calloc(1, sizeof(*state));

    if (!state)
        return -ENOMEM;
    state->fd = source_open(place->proc, "self/net/softnet_stat");
    *ret = state;
    return 0;
}

static void softnet_sample(struct source_state *state, int64_t elapsed_us,
                           struct fl_host_sample *ret)
{
    char text[SOURCE_TEXT_SIZE];
    uint64_t dropped = 0, delta;

    if (source_read(state->fd, text, sizeof(text)) <= 0)
        return;
    for (char *line = text; line && *line;) {
        char *column;

        (void)strtoull(line, &column, 16);
        dropped += strtoull(column, NULL, 16);
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    if (source_counter_step(&state->dropped, dropped, &delta))
        ret->values[FL_HOST_SOFTNET_DROPS_PS] = source_rate(delta, elapsed_us);
}

static void softnet_close(struct source_state *state)
{
    if (!state)
        return;
    source_close(&state->fd);
    free(state);
}

const struct source source_softnet = {softnet_open, softnet_sample, softnet_close};
