#include "agent/plan_file.h"

#include "proto/codec/fl_codec.h"
#include "proto/runtime/fl_daemon.h"

#include <errno.h>
#include <stdlib.h>

#define MODE 0600 /* it holds the mesh key */

static void free_text(char **text)
{
    free(*text);
}

static void free_bytes(uint8_t **bytes)
{
    free(*bytes);
}

int plan_file_read(const char *path, struct fl_plan *ret, struct fl_error *err)
{
    FL_CLEANUP(free_text) char *bytes = NULL;
    FL_CLEANUP(fl_message_done) struct fl_message message = {0};
    size_t size = 0;
    int r = fl_daemon_read_file(path, FL_MAX_PLAN_MESSAGE, &bytes, &size, err);

    if (r < 0)
        return r;
    r = fl_codec_decode((const uint8_t *)bytes, size, &message, err);
    if (r < 0)
        return fl_error_prefix(err, r, "%s", path);
    if (message.type != FL_MESSAGE_PLAN)
        return fl_error_set(err, -EBADMSG, "%s holds another message than a plan", path);
    *ret = message.plan;
    fl_plan_init(&message.plan);
    return 0;
}

int plan_file_write(const char *path, const struct fl_plan *plan, struct fl_error *err)
{
    FL_CLEANUP(free_bytes) uint8_t *bytes = NULL;
    /* only read, and not owned: so no fl_message_done */
    const struct fl_message message = {.type = FL_MESSAGE_PLAN, .plan = *plan};
    size_t size = 0;
    int r = fl_codec_encode(&message, &bytes, &size, err);

    return r < 0 ? r : fl_daemon_write_file(path, bytes, size, MODE, err);
}
