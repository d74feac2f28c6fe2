/* The worker that touches mounted file systems and devices, so that the agent never does: a dead
 * one holds whoever calls it, and no deadline helps. One worker serves one probe for as long as
 * the agent holds the other end of its socket. Between two rounds nothing is open, so that it can
 * be unmounted or taken away.
 *
 * usage: faultline-fileop file DIRECTORY NAME SIZE REQUIRE_MOUNT (0 or 1)
 *        faultline-fileop block DEVICE OFFSET SIZE WRITE (0 or 1) */
#include "agent/fileop/fileop.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ALIGNMENT 4096 /* what O_DIRECT asks of address and size, on every block device */

struct round {
    const char *directory; /* or device */
    const char *name;
    off_t offset;
    bool require_mount, write;
    size_t size;
    char *written;
    char *read;
    int directory_fd;
    int file_fd;
};

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* splitmix64 */
static void fill(char *bytes, size_t size, uint64_t seed)
{
    for (size_t i = 0; i < size; i += sizeof(seed)) {
        size_t n = size - i < sizeof(seed) ? size - i : sizeof(seed);
        uint64_t word;

        seed += UINT64_C(0x9e3779b97f4a7c15);
        word = (seed ^ (seed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
        memcpy(bytes + i, &word, n);
    }
}

static int file_open(struct round *round)
{
    struct statx status;

    round->directory_fd = open(round->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (round->directory_fd < 0)
        return errno;
    if (!round->require_mount)
        return 0;
    if (statx(round->directory_fd, "", AT_EMPTY_PATH, STATX_TYPE, &status) < 0)
        return errno;
    return status.stx_attributes & STATX_ATTR_MOUNT_ROOT ? 0 : FILEOP_NOT_MOUNTED;
}

static int write_all(struct round *round)
{
    size_t done = 0;

    while (done < round->size) {
        ssize_t n = pwrite(round->file_fd, round->written + done, round->size - done,
                           round->offset + (off_t)done);

        if (n < 0 && errno != EINTR)
            return errno;
        if (n > 0)
            done += (size_t)n;
    }
    return 0;
}

static int file_write(struct round *round)
{
    round->file_fd = openat(round->directory_fd, round->name,
                            O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    return round->file_fd < 0 ? errno : write_all(round);
}

static int file_flush(struct round *round)
{
    return fsync(round->file_fd) < 0 ? errno : 0;
}

static int read_all(struct round *round, int fd)
{
    size_t done = 0;

    while (done < round->size) {
        ssize_t n = pread(fd, round->read + done, round->size - done, round->offset + (off_t)done);

        if (n < 0 && errno != EINTR)
            return errno;
        if (n == 0)
            return round->write ? FILEOP_CHANGED : EIO; /* shorter than what was written */
        if (n > 0)
            done += (size_t)n;
    }
    if (!round->write)
        return 0;
    return memcmp(round->read, round->written, round->size) != 0 ? FILEOP_CHANGED : 0;
}

/* Not every file system can read past its cache (EINVAL): then it is asked to forget first. */
static int file_read(struct round *round)
{
    int fd = openat(round->directory_fd, round->name, O_RDONLY | O_DIRECT | O_NOFOLLOW | O_CLOEXEC);
    int error = fd < 0 ? errno : read_all(round, fd);

    close_fd(&fd);
    if (error != EINVAL)
        return error;
    (void)posix_fadvise(round->file_fd, 0, 0, POSIX_FADV_DONTNEED);
    return read_all(round, round->file_fd);
}

static int file_remove(struct round *round)
{
    int error = 0;

    if (close(round->file_fd) < 0)
        error = errno;
    round->file_fd = -1;
    if (unlinkat(round->directory_fd, round->name, 0) < 0)
        error = errno;
    close_fd(&round->directory_fd);
    return error;
}

/* O_EXCL: who would write gets no device that is mounted or otherwise in use. */
static int block_open(struct round *round)
{
    const int how = round->write ? O_RDWR | O_EXCL : O_RDONLY;
    struct stat status;

    round->file_fd = open(round->directory, how | O_DIRECT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (round->file_fd < 0 || fstat(round->file_fd, &status) < 0)
        return errno;
    return S_ISBLK(status.st_mode) ? 0 : ENOTBLK;
}

static int block_write(struct round *round)
{
    return round->write ? write_all(round) : FILEOP_SKIPPED;
}

static int block_flush(struct round *round)
{
    return round->write ? file_flush(round) : FILEOP_SKIPPED;
}

static int block_read(struct round *round)
{
    return read_all(round, round->file_fd);
}

static int block_close(struct round *round)
{
    close_fd(&round->file_fd);
    return 0;
}

typedef int (*step_function)(struct round *round);

static const step_function file_steps[FILEOP_STEPS] = {
    [FILEOP_OPEN] = file_open, [FILEOP_WRITE] = file_write,   [FILEOP_FLUSH] = file_flush,
    [FILEOP_READ] = file_read, [FILEOP_REMOVE] = file_remove,
};

static const step_function block_steps[FILEOP_STEPS] = {
    [FILEOP_OPEN] = block_open, [FILEOP_WRITE] = block_write,  [FILEOP_FLUSH] = block_flush,
    [FILEOP_READ] = block_read, [FILEOP_REMOVE] = block_close,
};

/* After an error nothing is left behind, as far as that can be had. */
static void tidy_up(struct round *round)
{
    if (round->file_fd >= 0 && round->name)
        (void)unlinkat(round->directory_fd, round->name, 0);
    close_fd(&round->file_fd);
    close_fd(&round->directory_fd);
}

/* False when nobody listens any more. */
static bool run_round(struct round *round, const step_function *steps,
                      const struct fileop_request *request)
{
    bool listened = true;

    fill(round->written, round->size, request->seed);
    for (uint32_t step = 0; step < FILEOP_STEPS && listened; step++) {
        struct fileop_report report = {.step = step};
        int64_t start_us = now_us();

        report.error = steps[step](round);
        report.took_us = now_us() - start_us;
        listened = send(FILEOP_SOCKET, &report, sizeof(report), MSG_NOSIGNAL) == sizeof(report);
        if (report.error != 0 && report.error != FILEOP_SKIPPED)
            break;
    }
    tidy_up(round);
    return listened;
}

static bool next_request(struct fileop_request *request)
{
    ssize_t n;

    do
        n = recv(FILEOP_SOCKET, request, sizeof(*request), 0);
    while (n < 0 && errno == EINTR);
    return n == sizeof(*request);
}

/* What is to be done in each round; NULL for arguments that make no sense. */
static const step_function *read_arguments(int argc, char *argv[], struct round *round)
{
    const bool file = argc == 6 && strcmp(argv[1], "file") == 0;

    if (argc != 6 || (!file && strcmp(argv[1], "block") != 0))
        return NULL;
    round->directory = argv[2];
    round->size = strtoul(argv[4], NULL, 10);
    if (round->size == 0 || round->size > FILEOP_MAX_SIZE)
        return NULL;
    if (file) {
        round->name = argv[3];
        round->require_mount = argv[5][0] == '1';
        round->write = true;
        return file_steps;
    }
    round->offset = strtoll(argv[3], NULL, 10);
    round->write = argv[5][0] == '1';
    return block_steps;
}

int main(int argc, char *argv[])
{
    struct round round = {.directory_fd = -1, .file_fd = -1};
    const step_function *steps = read_arguments(argc, argv, &round);
    struct fileop_request request;

    if (!steps) {
        (void)fprintf(stderr, "faultline-fileop: started by faultline-agent, not by hand\n");
        return 2;
    }
    if (chdir("/") < 0)
        return 2;
    round.written = aligned_alloc(ALIGNMENT, FILEOP_MAX_SIZE);
    round.read = aligned_alloc(ALIGNMENT, FILEOP_MAX_SIZE);
    if (!round.written || !round.read)
        return 1;
    while (next_request(&request) && run_round(&round, steps, &request))
        continue;
    free(round.written);
    free(round.read);
    return 0;
}
