// links: agent_probe
/* What reaches the echo responder's socket. A packet that verifies must be the very one that is
 * written for its nonce, and no packet may be both request and reply. */
#include "agent/probe/echo.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t key[32] = "the key of the corpus's packets";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static bool check(const uint8_t *bytes, size_t size, enum echo_kind kind)
{
    uint8_t nonce[ECHO_NONCE];
    uint8_t again[ECHO_SIZE];

    if (!echo_read(bytes, size, kind, key, nonce))
        return false;
    echo_write(kind, key, nonce, again);
    if (size != sizeof(again) || memcmp(bytes, again, sizeof(again)) != 0)
        abort();
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint8_t *exact = malloc(size + 1); /* so that a read beyond the packet is seen */

    if (!exact)
        return 0;
    memcpy(exact + 1, bytes, size);
    if (check(exact + 1, size, ECHO_REQUEST) && check(exact + 1, size, ECHO_REPLY))
        abort();
    free(exact);
    return 0;
}
