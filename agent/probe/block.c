/* A block device of this host: reads from it past every cache; writes and flushes before that only
 * where a region is granted, and only while nobody else uses the device. */
#include "agent/probe/fileop_probe.h"
#include "agent/probe/probe_types.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define BLOCK 4096 /* what every device takes in one piece without a cache */

struct block_settings {
    char *device;
    int64_t offset;
    int64_t length;
    bool write;
};

static const struct fl_option block_options[] = {
    {.name = "device",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct block_settings, device),
     .min = 1,
     .max = 500,
     .help = "absolute path of the device, like /dev/disk/by-id/NAME"},
    {.name = "offset",
     .kind = FL_OPTION_SIZE,
     .offset = offsetof(struct block_settings, offset),
     .max = INT64_MAX / 2,
     .standard = "0",
     .help = "where the region begins"},
    {.name = "length",
     .kind = FL_OPTION_SIZE,
     .offset = offsetof(struct block_settings, length),
     .min = BLOCK,
     .max = FILEOP_MAX_SIZE,
     .standard = "4KiB",
     .help = "size of the region"},
    {.name = "write",
     .kind = FL_OPTION_BOOL,
     .offset = offsetof(struct block_settings, write),
     .standard = "false",
     .help = "write and flush the region before it is read; its bytes are lost"},
    {0},
};

static int block_check(const void *settings, struct fl_error *err)
{
    const struct block_settings *block = settings;

    if (block->device[0] != '/')
        return fl_error_set(err, -EINVAL,
                            "setting \"device\": \"%s\" is relative: write the absolute path of "
                            "the device",
                            block->device);
    if (block->offset % BLOCK == 0 && block->length % BLOCK == 0)
        return 0;
    return fl_error_set(err, -EINVAL,
                        "settings \"offset\" and \"length\": %" PRId64 " and %" PRId64
                        " are allowed only as multiples of %d: nothing less is read past a cache",
                        block->offset, block->length, BLOCK);
}

static int block_open(const struct probe_env *env, const struct fl_probe_spec *spec,
                      const void *settings, struct probe_instance **ret, struct fl_error *err)
{
    const struct block_settings *block = settings;
    char offset[24];
    const struct fileop_job job = {
        .kind = "block",
        .path = block->device,
        .name = offset,
        .size = (size_t)block->length,
        .flag = block->write,
    };

    (void)spec;
    (void)snprintf(offset, sizeof(offset), "%" PRId64, block->offset);
    return fileop_probe_new(env, &job, ret, err);
}

const struct probe_type probe_block = {
    .name = "block",
    .summary = "reads a block device past every cache, and writes where it may",
    .options = block_options,
    .settings_size = sizeof(struct block_settings),
    .check = block_check,
    .open = block_open,
    .close = fileop_probe_close,
    .start = fileop_probe_start,
    .expire = fileop_probe_expire,
    .cancel = fileop_probe_cancel,
};
