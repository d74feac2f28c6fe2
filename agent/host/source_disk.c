/* What the block devices do (/proc/diskstats), and which target is mounted from which.
 *
 * A row is made for every device that a target is mounted from, and after those for every whole
 * disk that was ever used. A disk that takes requests and completes none has waited, on average,
 * at least as long as the sample. */
#include "agent/host/mounts.h"
#include "agent/host/source.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MAX_KNOWN 128 /* devices and partitions that are followed */
#define MAX_TARGETS 64
#define MAX_MOUNTS (1 << 20) /* bytes of the table of mounts */

struct reading {
    uint64_t ios, wait_ms, inflight, busy_ms;
};

struct disk {
    dev_t device;
    bool whole; /* no partition */
    bool fresh; /* seen in this sample */
    bool told;  /* `sample` could be told */
    bool used;
    struct source_counter ios, wait_ms, busy_ms;
    struct fl_disk_sample sample;
};

struct mounted_target {
    char name[FL_TARGET_SIZE];
    char directory[SOURCE_PATH_SIZE];
    dev_t device; /* 0: not known */
};

struct source_state {
    const char *sys;
    int fd;
    int mounts_fd;
    size_t n_disks, n_targets;
    struct disk disks[MAX_KNOWN];
    struct mounted_target targets[MAX_TARGETS];
};

static int disk_open(const struct source_place *place, struct source_state **ret)
{
    struct source_state *state = calloc(1, sizeof(*state));

    if (!state)
        return -ENOMEM;
    state->sys = place->sys;
    state->fd = source_open(place->proc, "diskstats");
    state->mounts_fd = source_open(place->proc, "self/mountinfo");
    *ret = state;
    return 0;
}

/* What lies in /dev is on no disk: it is the disk itself, or a name of it. */
static bool device_itself(const char *path, dev_t *ret)
{
    struct stat st;

    if (strncmp(path, "/dev/", 5) != 0 || stat(path, &st) < 0 || !S_ISBLK(st.st_mode))
        return false;
    *ret = st.st_rdev;
    return true;
}

static void find_devices(struct source_state *state)
{
    char *text = malloc(MAX_MOUNTS);

    if (!text)
        return;
    if (source_read(state->mounts_fd, text, MAX_MOUNTS) > 0) {
        for (size_t i = 0; i < state->n_targets; i++) {
            struct mounted_target *target = &state->targets[i];

            if (!device_itself(target->directory, &target->device) &&
                !mounts_device(text, target->directory, &target->device))
                target->device = 0;
        }
    }
    free(text);
}

/* The kernel marks the table of mounts when it has changed. */
static bool mounts_changed(const struct source_state *state)
{
    struct pollfd pfd = {.fd = state->mounts_fd, .events = POLLPRI};

    return state->mounts_fd >= 0 && poll(&pfd, 1, 0) > 0 && (pfd.revents & POLLPRI);
}

void source_disk_clear_targets(struct source_state *state)
{
    state->n_targets = 0;
}

void source_disk_add_target(struct source_state *state, const char *target, const char *directory)
{
    struct mounted_target *made;
    size_t length = strlen(directory);

    while (length > 1 && directory[length - 1] == '/')
        length--;
    if (state->n_targets == MAX_TARGETS || length >= SOURCE_PATH_SIZE)
        return;
    made = &state->targets[state->n_targets++];
    (void)snprintf(made->name, sizeof(made->name), "%s", target);
    (void)snprintf(made->directory, sizeof(made->directory), "%.*s", (int)length, directory);
    find_devices(state);
}

static bool is_whole(const char *sys, const char *name)
{
    char path[SOURCE_PATH_SIZE];
    int length = snprintf(path, sizeof(path), "%s/class/block/%s/partition", sys, name);

    return length > 0 && (size_t)length < sizeof(path) && access(path, F_OK) != 0;
}

/* `hint` is where it stood the last time: the order seldom changes. */
static struct disk *find_disk(struct source_state *state, dev_t device, const char *name,
                              size_t hint)
{
    struct disk *made;

    if (hint < state->n_disks && state->disks[hint].device == device)
        return &state->disks[hint];
    for (size_t i = 0; i < state->n_disks; i++)
        if (state->disks[i].device == device)
            return &state->disks[i];
    if (state->n_disks == MAX_KNOWN)
        return NULL;
    made = &state->disks[state->n_disks++];
    memset(made, 0, sizeof(*made));
    made->device = device;
    made->whole = is_whole(state->sys, name);
    (void)snprintf(made->sample.name, sizeof(made->sample.name), "%s", name);
    return made;
}

static void step_disk(struct disk *disk, const struct reading *now, int64_t elapsed_us)
{
    struct fl_disk_sample *sample = &disk->sample;
    uint64_t ios, wait_ms, busy_ms;
    bool told = source_counter_step(&disk->ios, now->ios, &ios);

    told = source_counter_step(&disk->wait_ms, now->wait_ms, &wait_ms) && told;
    told = source_counter_step(&disk->busy_ms, now->busy_ms, &busy_ms) && told;
    disk->fresh = true;
    disk->used = now->ios > 0 || now->inflight > 0;
    disk->told = told && elapsed_us > 0;
    if (!disk->told)
        return;
    sample->iops = source_rate(ios, elapsed_us);
    sample->inflight = (int64_t)now->inflight;
    sample->util_ppm = source_ppm(busy_ms * (uint64_t)FL_MS, (uint64_t)elapsed_us);
    if (ios > 0)
        sample->await_us = (int64_t)(wait_ms * (uint64_t)FL_MS / ios);
    else
        sample->await_us = now->inflight > 0 ? elapsed_us : 0;
}

/* MAJOR MINOR NAME reads merged sectors ms writes merged sectors ms inflight busy_ms … */
static bool parse_line(const char *line, char name[32], dev_t *ret_device, struct reading *ret)
{
    enum { READS, READ_MS = 3, WRITES, WRITE_MS = 7, INFLIGHT, BUSY_MS, VALUES };
    uint64_t device[2], v[VALUES];
    const char *at = line + strspn(line, " 0123456789");
    size_t length = strcspn(at, " ");

    if (source_numbers(line, device, 2) != 2 || length == 0 || length >= 32 ||
        source_numbers(at + length, v, VALUES) != VALUES)
        return false;
    memcpy(name, at, length);
    name[length] = '\0';
    *ret_device = makedev((unsigned)device[0], (unsigned)device[1]);
    *ret =
        (struct reading){v[READS] + v[WRITES], v[READ_MS] + v[WRITE_MS], v[INFLIGHT], v[BUSY_MS]};
    return true;
}

static void forget_gone(struct source_state *state)
{
    size_t kept = 0;

    for (size_t i = 0; i < state->n_disks; i++)
        if (state->disks[i].fresh)
            state->disks[kept++] = state->disks[i];
    state->n_disks = kept;
}

static void read_disks(struct source_state *state, char *text, int64_t elapsed_us)
{
    char *rest, name[32];
    struct reading now;
    size_t row = 0;
    dev_t device;

    for (size_t i = 0; i < state->n_disks; i++)
        state->disks[i].fresh = false;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        struct disk *disk;

        if (!parse_line(line, name, &device, &now))
            continue;
        disk = find_disk(state, device, name, row++);
        if (disk)
            step_disk(disk, &now, elapsed_us);
    }
    forget_gone(state);
}

static const char *target_of(const struct source_state *state, dev_t device)
{
    for (size_t i = 0; i < state->n_targets; i++)
        if (state->targets[i].device == device)
            return state->targets[i].name;
    return "";
}

static void add_rows(struct source_state *state, bool with_target, struct fl_host_sample *ret)
{
    for (size_t i = 0; i < state->n_disks && ret->n_disks < FL_MAX_DISKS; i++) {
        struct disk *disk = &state->disks[i];
        const char *target = target_of(state, disk->device);

        if (!disk->told || (*target != '\0') != with_target)
            continue;
        if (!with_target && !(disk->whole && disk->used))
            continue;
        (void)snprintf(disk->sample.target, sizeof(disk->sample.target), "%s", target);
        ret->disks[ret->n_disks++] = disk->sample;
    }
}

static void disk_sample(struct source_state *state, int64_t elapsed_us, struct fl_host_sample *ret)
{
    char text[SOURCE_TEXT_SIZE];

    if (mounts_changed(state))
        find_devices(state);
    if (source_read(state->fd, text, sizeof(text)) <= 0)
        return;
    read_disks(state, text, elapsed_us);
    add_rows(state, true, ret);
    add_rows(state, false, ret);
}

static void disk_close(struct source_state *state)
{
    if (!state)
        return;
    source_close(&state->fd);
    source_close(&state->mounts_fd);
    free(state);
}

const struct source source_disk = {disk_open, disk_sample, disk_close};
