/* Lines from a stream. Decompression is streaming, so a trace of any length needs the memory of
 * its longest line. */
#include "coordinator/trace/trace_line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define CHUNK_SIZE (64 << 10)
#define MAX_WINDOW_LOG 27 /* 128 MiB: what the zstd tool itself accepts without being asked */

struct trace_line {
    FILE *stream;
    ZSTD_DStream *zstd; /* NULL for a plain one */
    char packed[CHUNK_SIZE];
    ZSTD_inBuffer in;
    bool in_frame; /* a zstd frame has begun and not ended */
    char chunk[CHUNK_SIZE];
    size_t begin, end; /* what of `chunk` was not taken yet */
    char *line;
    size_t size, room;
    uint64_t number;
};

int trace_line_new(FILE *stream, bool compressed, struct trace_line **ret, struct fl_error *err)
{
    struct trace_line *lines = calloc(1, sizeof(*lines));

    if (!lines) {
        (void)fclose(stream);
        return fl_error_set(err, -ENOMEM, "no memory");
    }
    lines->stream = stream;
    lines->in.src = lines->packed;
    if (compressed) {
        lines->zstd = ZSTD_createDStream();
        if (!lines->zstd) {
            trace_line_free(lines);
            return fl_error_set(err, -ENOMEM, "no memory");
        }
        (void)ZSTD_DCtx_setParameter(lines->zstd, ZSTD_d_windowLogMax, MAX_WINDOW_LOG);
    }
    *ret = lines;
    return 0;
}

struct trace_line *trace_line_free(struct trace_line *lines)
{
    if (!lines)
        return NULL;
    (void)fclose(lines->stream);
    ZSTD_freeDStream(lines->zstd);
    free(lines->line);
    free(lines);
    return NULL;
}

/* Bytes into `to`: how many, 0 at the end, negative on failure. */
static int64_t read_some(struct trace_line *lines, char *to, struct fl_error *err)
{
    size_t n = fread(to, 1, CHUNK_SIZE, lines->stream);

    if (n == 0 && ferror(lines->stream))
        return fl_error_set(err, -EIO, "cannot be read: %s", strerror(errno));
    return (int64_t)n;
}

static int64_t unpack_some(struct trace_line *lines, struct fl_error *err)
{
    ZSTD_outBuffer out = {.dst = lines->chunk, .size = CHUNK_SIZE};

    while (out.pos == 0) {
        size_t r;

        if (lines->in.pos == lines->in.size) {
            int64_t n = read_some(lines, lines->packed, err);

            if (n < 0)
                return n;
            if (n == 0 && lines->in_frame)
                return fl_error_set(err, -EIO, "the compressed data ends in the middle");
            if (n == 0)
                return 0;
            lines->in.size = (size_t)n;
            lines->in.pos = 0;
        }
        r = ZSTD_decompressStream(lines->zstd, &out, &lines->in);
        if (ZSTD_isError(r))
            return fl_error_set(err, -EIO, "cannot be decompressed: %s", ZSTD_getErrorName(r));
        lines->in_frame = r != 0;
    }
    return (int64_t)out.pos;
}

static int grow_line(struct trace_line *lines, size_t size, struct fl_error *err)
{
    size_t room = lines->room ? lines->room : 4096;
    char *line;

    while (room < size)
        room *= 2;
    if (room == lines->room)
        return 0;
    line = realloc(lines->line, room);
    if (!line)
        return fl_error_set(err, -ENOMEM, "no memory");
    lines->line = line;
    lines->room = room;
    return 0;
}

/* Take what the chunk has of the line. 1 when its end was there, 0 when more must be read. */
static int take(struct trace_line *lines, size_t limit, bool *too_long, struct fl_error *err)
{
    const char *from = lines->chunk + lines->begin;
    const char *newline = memchr(from, '\n', lines->end - lines->begin);
    size_t n = newline ? (size_t)(newline - from) : lines->end - lines->begin;
    int r;

    if (n > limit - lines->size)
        *too_long = true;
    if (!*too_long) {
        r = grow_line(lines, lines->size + n + 1, err);
        if (r < 0)
            return r;
        memcpy(lines->line + lines->size, from, n);
        lines->size += n;
    }
    lines->begin += n + (newline ? 1 : 0);
    return newline != NULL;
}

int trace_line_next(struct trace_line *lines, size_t limit, char **ret_text, size_t *ret_size,
                    struct fl_error *err)
{
    bool too_long = false, any = false;
    int r = 0;

    lines->size = 0;
    lines->number++;
    while (r == 0) {
        if (lines->begin == lines->end) {
            int64_t n = lines->zstd ? unpack_some(lines, err) : read_some(lines, lines->chunk, err);

            if (n < 0)
                return (int)n;
            if (n == 0)
                break;
            lines->begin = 0;
            lines->end = (size_t)n;
        }
        any = true;
        r = take(lines, limit, &too_long, err);
    }
    if (r < 0)
        return r;
    if (!any)
        return 0;
    if (too_long)
        return fl_error_set(err, -EBADMSG, "the line is longer than the %zu bytes allowed", limit);
    *ret_text = lines->line;
    *ret_size = lines->size;
    return 1;
}

uint64_t trace_line_number(const struct trace_line *lines)
{
    return lines->number;
}
