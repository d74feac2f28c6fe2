// links: fl_codec
/* Whatever comes off the wire: refused, or decoded into something that encodes again. */
#include "proto/codec/fl_codec.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fl_message message;
    uint8_t *again = NULL;
    size_t again_size = 0;

    if (fl_codec_decode(bytes, size, &message, NULL) < 0)
        return 0;
    if (fl_codec_encode(&message, &again, &again_size, NULL) == 0) {
        struct fl_message twice;

        if (fl_codec_decode(again, again_size, &twice, NULL) < 0)
            abort(); /* what we accept we must be able to say ourselves */
        fl_message_done(&twice);
        free(again);
    }
    fl_message_done(&message);
    return 0;
}
