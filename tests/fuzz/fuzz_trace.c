// links: coordinator_trace
/* Any bytes as a trace: the reader must end, with records or with sentences. */
#include "coordinator/trace/trace_reader.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct trace_record record;
    struct trace_reader *reader;
    struct fl_error err;
    FILE *stream;
    int r;

    if (size == 0)
        return 0;
    /* The first bytes of zstd's magic number choose the way through the decompressor. */
    stream = fmemopen((void *)(uintptr_t)data, size, "r");
    if (!stream)
        return 0;
    if (trace_reader_open_stream(stream, data[0] == 0x28 ? "fuzz.zst" : "fuzz", &reader, &err) < 0)
        return 0;
    do
        r = trace_reader_next(reader, &record, &err);
    while (r > 0 || r == -EBADMSG);
    trace_reader_free(reader);
    return 0;
}
