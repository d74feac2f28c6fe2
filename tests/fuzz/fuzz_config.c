// links: coordinator_daemon
/* Any bytes as the coordinator's configuration: refused with a sentence, or taken whole. */
#include "coordinator/coordinator_config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct coordinator_config *config = NULL;
    struct fl_error err = {""};

    if (coordinator_config_parse("fuzz", (const char *)bytes, size, NULL, &config, &err) < 0 &&
        (config || err.message[0] == '\0'))
        abort();
    coordinator_config_free(config);
    return 0;
}
