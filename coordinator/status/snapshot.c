#include "coordinator/status/snapshot.h"

#include "coordinator/status/status_html.h"
#include "coordinator/status/status_json.h"

#include <errno.h>
#include <stdlib.h>

#define HTML "text/html; charset=utf-8"
#define ATOM "application/atom+xml; charset=utf-8"
#define JSON "application/json"

static char *dump(json_t *json)
{
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

    json_decref(json);
    return text;
}

int snapshot_make(const struct status_model *model, const char *url, struct snapshot *ret)
{
    *ret = (struct snapshot){{
        {"index.html", HTML, status_html_page(model, url, false)},
        {"feed.atom", ATOM, status_atom(model, url)},
        {"api/v2/summary.json", JSON, dump(status_json_summary(model, url))},
        {"api/v2/status.json", JSON, dump(status_json_status(model, url))},
        {"api/v2/components.json", JSON, dump(status_json_components(model, url))},
        {"api/v2/incidents.json", JSON, dump(status_json_incidents(model, url, STATUS_ALL))},
        {"api/v2/incidents/unresolved.json", JSON,
         dump(status_json_incidents(model, url, STATUS_UNRESOLVED))},
        {"api/v2/scheduled-maintenances.json", JSON,
         dump(status_json_maintenances(model, url, STATUS_ALL))},
        {"api/v2/scheduled-maintenances/upcoming.json", JSON,
         dump(status_json_maintenances(model, url, STATUS_UPCOMING))},
        {"api/v2/scheduled-maintenances/active.json", JSON,
         dump(status_json_maintenances(model, url, STATUS_ACTIVE))},
    }};
    for (size_t i = 0; i < SNAPSHOT_FILES; i++)
        if (!ret->files[i].text) {
            snapshot_done(ret);
            return -ENOMEM;
        }
    return 0;
}

void snapshot_done(struct snapshot *snapshot)
{
    for (size_t i = 0; i < SNAPSHOT_FILES; i++)
        free(snapshot->files[i].text);
    *snapshot = (struct snapshot){0};
}
