/* keygen FILE: a new CURVE key pair, the secret half for nobody but its owner. */
#include "coordinator/cli/command.h"
#include "proto/runtime/fl_zsock.h"

#include <jansson.h>
#include <string.h>

static int print_json(const char *path, const char *public_key)
{
    json_t *json = json_pack("{s:s, s:s}", "file", path, "public_key", public_key);
    int r = json ? json_dumpf(json, stdout, JSON_COMPACT) : -1;

    json_decref(json);
    (void)putchar('\n');
    return r;
}

enum command_status command_keygen(const struct arguments *arguments)
{
    const char *path = arguments->operands[0];
    struct fl_keypair keys;
    struct fl_error err;
    int r = fl_keypair_new(&keys, &err);

    if (r == 0)
        r = fl_keypair_write(path, &keys, &err);
    explicit_bzero(keys.secret_key, sizeof(keys.secret_key));
    if (r < 0)
        return command_fail(COMMAND_WRONG, err.message);
    if (!arguments->json)
        (void)puts(keys.public_key);
    else if (print_json(path, keys.public_key) < 0)
        return command_fail(COMMAND_WRONG, "a path that is not UTF-8 cannot be said in JSON");
    return COMMAND_FINE;
}
