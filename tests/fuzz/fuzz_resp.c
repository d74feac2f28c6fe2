// links: agent_probe
/* What a Redis server answers: any bytes are read within themselves, and a reply is the same
 * whatever follows it. */
#include "agent/probe/resp.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint8_t *exact = malloc(size + 1);
    struct resp whole, part;
    ssize_t used;

    if (!exact)
        abort();
    memcpy(exact + 1, bytes, size);
    used = resp_read(exact + 1, size, &whole);
    if (used > (ssize_t)size)
        abort();
    if (used > 0 && (resp_read(exact + 1, (size_t)used, &part) != used || part.kind != whole.kind ||
                     part.size != whole.size || resp_read(exact + 1, (size_t)used - 1, &part) > 0))
        abort();
    free(exact);
    return 0;
}
