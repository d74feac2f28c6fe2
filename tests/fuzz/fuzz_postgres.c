// links: agent_probe
/* What a server sends to a postgres probe: any bytes in any pieces are read within themselves, and
 * each run ends with a word. */
#include "agent/probe/postgres.c"
#include "tests/support/fake_dialogue.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static char name[] = "name", text[] = "1";
    static const struct database_settings settings[] = {
        {.user = name, .query = text, .expect = text, .table = name},
        {.user = name, .query = text, .write = true, .table = name},
        {.user = name, .query = text, .use_tls = true, .table = name},
    };

    for (size_t i = 0; i < FL_COUNT(settings); i++) {
        const struct probe_instance instance = {.settings = &settings[i]};

        fake_dialogue(&postgres_protocol, &instance, bytes, size);
    }
    return 0;
}
