#include "agent/host/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PPM 1000000
/* The kernel fills at least a page line by line: with less than half of one there was no line
 * more, since none of ours is longer than the other half. */
#define PIECE_THAT_ENDS 2048

int source_open(const char *folder, const char *name)
{
    char path[SOURCE_PATH_SIZE];
    int length = snprintf(path, sizeof(path), "%s/%s", folder, name);

    if (length < 0 || (size_t)length >= sizeof(path))
        return -1;
    return open(path, O_RDONLY | O_CLOEXEC);
}

void source_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void cut_at_line(char *text, size_t *used)
{
    while (*used > 0 && text[*used - 1] != '\n')
        (*used)--;
    text[*used] = '\0';
}

ssize_t source_read(int fd, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    if (fd < 0)
        return -EBADF;
    while (used < size - 1) {
        ssize_t n = pread(fd, text + used, size - 1 - used, (off_t)used);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        used += (size_t)n;
        if (n < PIECE_THAT_ENDS)
            break;
    }
    text[used] = '\0';
    if (used == size - 1)
        cut_at_line(text, &used);
    return (ssize_t)used;
}

unsigned source_numbers(const char *text, uint64_t *values, unsigned n)
{
    unsigned found = 0;

    for (; found < n; found++) {
        while (*text == ' ')
            text++;
        if (*text < '0' || *text > '9')
            break;
        for (values[found] = 0; *text >= '0' && *text <= '9'; text++)
            values[found] = values[found] * 10 + (uint64_t)(*text - '0');
    }
    return found;
}

bool source_counter_step(struct source_counter *counter, uint64_t now, uint64_t *ret_delta)
{
    bool usable = counter->known && now >= counter->last;

    *ret_delta = usable ? now - counter->last : 0;
    counter->last = now;
    counter->known = true;
    return usable;
}

int64_t source_rate(uint64_t delta, int64_t elapsed_us)
{
    if (elapsed_us <= 0)
        return FL_ABSENT;
    return (int64_t)((double)delta * (double)FL_SECOND / (double)elapsed_us + 0.5);
}

int64_t source_ppm(uint64_t part, uint64_t whole)
{
    if (whole == 0)
        return FL_ABSENT;
    if (part >= whole)
        return PPM;
    return (int64_t)((double)part * PPM / (double)whole);
}
