// links: coordinator_trace
/* Any bytes as the JSON of a verdict, as a coordinator's answer or a row of the history: refused,
 * or read into one that is written and read again as the same. */
#include "coordinator/trace/verdict_json.h"
#include "coordinator/trace/verdict_parse.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void say_twice(const struct verdict *verdict)
{
    struct verdict again;
    json_t *once = verdict_json(verdict), *twice;

    if (!once)
        return; /* a text that is no UTF-8 after it was cut */
    if (verdict_parse(once, &again) < 0)
        abort();
    twice = verdict_json(&again);
    if (!twice || !json_equal(once, twice))
        abort();
    json_decref(once);
    json_decref(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    json_t *json = json_loadb((const char *)bytes, size, 0, NULL);
    struct verdict verdict;

    if (json && verdict_parse(json, &verdict) == 0)
        say_twice(&verdict);
    json_decref(json);
    return 0;
}
