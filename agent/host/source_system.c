/* File descriptors, of the host (/proc/sys/fs/file-nr) and of the agent, and whether somebody keeps
 * the host's clock right, as the kernel was told. */
#include "agent/host/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timex.h>

struct source_state {
    int files_fd;
    int own_fd; /* the folder of the agent's own descriptors, whose size is their number */
};

static int system_open(const struct source_place *place, struct source_state **ret)
{
    struct source_state *state = calloc(1, sizeof(*state));

    if (!state)
        return -ENOMEM;
    state->files_fd = source_open(place->proc, "sys/fs/file-nr");
    state->own_fd = source_open(place->proc, "self/fd");
    *ret = state;
    return 0;
}

/* allocated, unused, most */
static void sample_files(const struct source_state *state, struct fl_host_sample *ret)
{
    unsigned long long allocated, most;
    char text[128];

    if (source_read(state->files_fd, text, sizeof(text)) > 0 &&
        sscanf(text, "%llu %*u %llu", &allocated, &most) == 2)
        ret->values[FL_HOST_FILES_USED_PPM] = source_ppm(allocated, most);
}

/* Kernels before 6.2 say 0: not known. */
static void sample_own(const struct source_state *state, struct fl_host_sample *ret)
{
    struct rlimit limit;
    struct stat st;

    if (state->own_fd >= 0 && fstat(state->own_fd, &st) == 0 && S_ISDIR(st.st_mode) &&
        st.st_size > 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0)
        ret->values[FL_HOST_AGENT_FILES_USED_PPM] =
            source_ppm((uint64_t)st.st_size, limit.rlim_cur);
}

static void sample_clock(struct fl_host_sample *ret)
{
    struct timex clock = {0};
    int state = adjtimex(&clock);

    if (state < 0)
        return;
    ret->values[FL_HOST_CLOCK_SYNCED] = state != TIME_ERROR && !(clock.status & STA_UNSYNC);
    ret->values[FL_HOST_CLOCK_ERROR_US] = clock.esterror;
}

static void system_sample(struct source_state *state, int64_t elapsed_us,
                          struct fl_host_sample *ret)
{
    (void)elapsed_us;
    sample_files(state, ret);
    sample_own(state, ret);
    sample_clock(ret);
}

static void system_close(struct source_state *state)
{
    if (!state)
        return;
    source_close(&state->files_fd);
    source_close(&state->own_fd);
    free(state);
}

const struct source source_system = {system_open, system_sample, system_close};
