// links: agent_probe
/* What a DNS server answers. Whatever it is, it is judged, within its own bytes; an answer that
 * holds what was expected must be well without an expectation too, or lack the type asked for. */
#include "agent/probe/dns_message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char *const expectations[] = {NULL, "1", "test", ""};
    struct dns_query query;
    uint8_t *exact = malloc(size + 1);

    if (!exact || dns_message_query("web.test", 0, &query, NULL) < 0)
        abort();
    memcpy(exact + 1, bytes, size);
    for (size_t i = 0; i < FL_COUNT(expectations); i++) {
        const uint8_t id[2] = {0, 0};
        enum fl_failure failure = FL_FAILURES;
        bool taken = dns_message_answer(&query, id, expectations[i], exact + 1, size, &failure);

        if (taken != (failure != FL_FAILURES))
            abort();
    }
    free(exact);
    return 0;
}
