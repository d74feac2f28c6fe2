// links: fl_codec
/* Whatever comes off the wire: refused, or decoded into something that encodes. */
#include "proto/codec/fl_codec.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* What we accept we must be able to say ourselves, and to say again in the same bytes. */
static void say_twice(const struct fl_message *message)
{
    uint8_t *once = NULL, *again = NULL;
    size_t once_size = 0, again_size = 0;
    struct fl_message back;

    if (fl_codec_encode(message, &once, &once_size, NULL) < 0)
        return; /* a short message of another writer may be too long in ours */
    if (fl_codec_decode(once, once_size, &back, NULL) < 0 ||
        fl_codec_encode(&back, &again, &again_size, NULL) < 0 || again_size != once_size ||
        memcmp(again, once, once_size) != 0)
        abort();
    fl_message_done(&back);
    free(once);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fl_message message;

    if (fl_codec_decode(bytes, size, &message, NULL) < 0)
        return 0;
    say_twice(&message);
    fl_message_done(&message);
    return 0;
}
