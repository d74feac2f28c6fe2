/* Puts a snapshot into a folder. */
#pragma once

#include "coordinator/status/snapshot.h"
#include "proto/types/fl_error.h"

/* Each file is replaced as a whole; the folder and those in it are made when they are missing. */
int snapshot_folder_write(const char *folder, const struct snapshot *snapshot,
                          struct fl_error *err);
