// links: fl_runtime
/* Any bytes as configuration: parse them and walk every node that is there. */
#include "proto/runtime/fl_yaml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* What the reader promises. */
#define DEEPEST 64

static size_t walk(const struct fl_yaml_node *node, unsigned depth)
{
    size_t seen = 1;

    if (depth > DEEPEST)
        abort();
    if (fl_yaml_line(node) == 0 || (fl_yaml_kind(node) == FL_YAML_SCALAR) != !!fl_yaml_text(node))
        abort();
    for (size_t i = 0; i < fl_yaml_count(node); i++) {
        const char *key = fl_yaml_key(node, i);

        /* A key leads to its own value, since it is there once. */
        if (key && fl_yaml_get(node, key) != fl_yaml_item(node, i))
            abort();
        seen += walk(fl_yaml_item(node, i), depth + 1);
    }
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fl_yaml *yaml = NULL;
    struct fl_error err = {""};

    if (fl_yaml_parse("fuzz", (const char *)bytes, size, &yaml, &err) == 0)
        (void)walk(fl_yaml_root(yaml), 0);
    else if (yaml || err.message[0] == '\0')
        abort();
    fl_yaml_free(yaml);
    return 0;
}
