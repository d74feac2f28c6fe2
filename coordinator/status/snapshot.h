/* The status page as files: page, feed and API, for a server that lives elsewhere. */
#pragma once

#include "coordinator/status/status_model.h"

#define SNAPSHOT_FILES 10

struct snapshot_file {
    const char *name; /* path below wherever the snapshot is put */
    const char *type; /* media type */
    char *text;
};

struct snapshot {
    struct snapshot_file files[SNAPSHOT_FILES];
};

/* 0, or -ENOMEM with an empty snapshot. `url`: where people reach the page. */
int snapshot_make(const struct status_model *model, const char *url, struct snapshot *ret);
void snapshot_done(struct snapshot *snapshot);
