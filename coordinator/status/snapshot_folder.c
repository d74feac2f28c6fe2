#include "coordinator/status/snapshot_folder.h"

#include "proto/runtime/fl_daemon.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MODE 0644 /* it is published */
#define PATH_SIZE 4300

static int make_folders(const char *folder, struct fl_error *err)
{
    static const char *const names[] = {"", "/api", "/api/v2", "/api/v2/incidents",
                                        "/api/v2/scheduled-maintenances"};
    char path[PATH_SIZE];

    for (size_t i = 0; i < FL_COUNT(names); i++) {
        (void)snprintf(path, sizeof(path), "%s%s", folder, names[i]);
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
            return fl_error_set(err, -errno, "field \"snapshot\": cannot make \"%s\": %s", path,
                                strerror(errno));
        /* whatever the umask: it is published */
        if (chmod(path, 0755) < 0 && i > 0)
            return fl_error_set(err, -errno, "field \"snapshot\": \"%s\": %s", path,
                                strerror(errno));
    }
    return 0;
}

int snapshot_folder_write(const char *folder, const struct snapshot *snapshot, struct fl_error *err)
{
    int r = make_folders(folder, err);

    for (size_t i = 0; r == 0 && i < SNAPSHOT_FILES; i++) {
        const struct snapshot_file *file = &snapshot->files[i];
        char path[PATH_SIZE];

        (void)snprintf(path, sizeof(path), "%s/%s", folder, file->name);
        r = fl_daemon_write_file(path, file->text, strlen(file->text), MODE, err);
        if (r < 0)
            r = fl_error_prefix(err, r, "field \"snapshot\"");
    }
    return r;
}
