#include "coordinator/status/snapshot.h"

#include "coordinator/status/status_html.h"
#include "coordinator/status/status_json.h"
#include "proto/runtime/fl_daemon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MODE 0644 /* it is published */

/* `text` is taken over; NULL: there was no memory for it. */
static int write_text(const char *folder, const char *name, char *text, struct fl_error *err)
{
    char path[4300];
    int r;

    if (!text)
        return fl_error_set(err, -ENOMEM, "no memory for the snapshot");
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    r = fl_daemon_write_file(path, text, strlen(text), MODE, err);
    free(text);
    return r < 0 ? fl_error_prefix(err, r, "field \"snapshot\"") : 0;
}

static int write_json(const char *folder, const char *name, json_t *json, struct fl_error *err)
{
    char path[128], *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

    json_decref(json);
    (void)snprintf(path, sizeof(path), "api/v2/%s.json", name);
    return write_text(folder, path, text, err);
}

static int make_folders(const char *folder, struct fl_error *err)
{
    static const char *const names[] = {"", "/api", "/api/v2", "/api/v2/incidents",
                                        "/api/v2/scheduled-maintenances"};
    char path[4200];

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

int snapshot_write(const char *folder, const struct status_model *model, const char *url,
                   struct fl_error *err)
{
    int r = make_folders(folder, err);

    if (r == 0)
        r = write_text(folder, "index.html", status_html_page(model, url, false), err);
    if (r == 0)
        r = write_text(folder, "feed.atom", status_atom(model, url), err);
    if (r == 0)
        r = write_json(folder, "summary", status_json_summary(model, url), err);
    if (r == 0)
        r = write_json(folder, "status", status_json_status(model, url), err);
    if (r == 0)
        r = write_json(folder, "components", status_json_components(model, url), err);
    if (r == 0)
        r = write_json(folder, "incidents", status_json_incidents(model, url, STATUS_ALL), err);
    if (r == 0)
        r = write_json(folder, "incidents/unresolved",
                       status_json_incidents(model, url, STATUS_UNRESOLVED), err);
    if (r == 0)
        r = write_json(folder, "scheduled-maintenances",
                       status_json_maintenances(model, url, STATUS_ALL), err);
    if (r == 0)
        r = write_json(folder, "scheduled-maintenances/upcoming",
                       status_json_maintenances(model, url, STATUS_UPCOMING), err);
    if (r == 0)
        r = write_json(folder, "scheduled-maintenances/active",
                       status_json_maintenances(model, url, STATUS_ACTIVE), err);
    return r;
}
