// links: agent_probe
/* What a server sends to a mysql probe: any bytes in any pieces are read within themselves, and
 * each run ends with a word. */
#include "agent/probe/mysql.c"
#include "tests/support/fake_dialogue.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static char name[] = "name", text[] = "1";
    static const struct database_settings settings[] = {
        {.user = name, .query = text, .expect = text, .table = name},
        {.user = name, .query = text, .write = true, .database = name, .table = name},
    };

    for (size_t i = 0; i < FL_COUNT(settings); i++) {
        const struct probe_instance instance = {.settings = &settings[i]};

        fake_dialogue(&mysql_protocol, &instance, bytes, size);
    }
    return 0;
}
