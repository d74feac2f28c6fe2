/* A mounted file system, as its user meets it: create a file, write it, fsync, read it back from
 * below the page cache, remove it. */
#include "agent/probe/fileop_probe.h"
#include "agent/probe/probe_types.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct file_settings {
    char *directory;
    int64_t size;
    bool require_mount;
};

static const struct fl_option file_options[] = {
    {.name = "directory",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct file_settings, directory),
     .min = 1,
     .max = 4000,
     .help = "absolute path of the mounted directory"},
    {.name = "size",
     .kind = FL_OPTION_SIZE,
     .offset = offsetof(struct file_settings, size),
     .min = 512,
     .max = FILEOP_MAX_SIZE,
     .standard = "4KiB",
     .help = "bytes to write and read back"},
    {.name = "require_mount",
     .kind = FL_OPTION_BOOL,
     .offset = offsetof(struct file_settings, require_mount),
     .standard = "false",
     .help = "fail as local while the directory is no mount point"},
    {0},
};

static int file_check(const void *settings, struct fl_error *err)
{
    const struct file_settings *file = settings;

    if (file->directory[0] == '/')
        return 0;
    return fl_error_set(err, -EINVAL,
                        "setting \"directory\": \"%s\" is relative: write the absolute path of "
                        "the mounted directory",
                        file->directory);
}

/* Several agents may have the same file system mounted, some on one host. */
static void name_file(char *ret, size_t size, const struct fl_probe_spec *spec)
{
    char host[65] = "host";

    (void)gethostname(host, sizeof(host) - 1);
    for (char *at = host; *at; at++)
        if (*at == '/')
            *at = '_';
    (void)snprintf(ret, size, ".faultline-%.40s-%d-%08x", host, (int)getpid(),
                   (unsigned)spec->series);
}

static int file_open(const struct probe_env *env, const struct fl_probe_spec *spec,
                     const void *settings, struct probe_instance **ret, struct fl_error *err)
{
    const struct file_settings *file = settings;
    char name[160];
    const struct fileop_job job = {
        .kind = "file",
        .path = file->directory,
        .name = name,
        .size = (size_t)file->size,
        .flag = file->require_mount,
    };

    name_file(name, sizeof(name), spec);
    return fileop_probe_new(env, &job, ret, err);
}

const struct probe_type probe_file = {
    .name = "file",
    .summary = "creates, writes, flushes and reads a file in a mounted directory",
    .options = file_options,
    .settings_size = sizeof(struct file_settings),
    .check = file_check,
    .open = file_open,
    .close = fileop_probe_close,
    .start = fileop_probe_start,
    .expire = fileop_probe_expire,
    .cancel = fileop_probe_cancel,
};
