/* The status page as files in a folder, for a server that lives elsewhere: page, feed, API. */
#pragma once

#include "coordinator/status/status_model.h"

/* Each file is replaced as a whole; the folder and those in it are made when they are missing. */
int snapshot_write(const char *folder, const struct status_model *model, const char *url,
                   struct fl_error *err);
