/* The plan on disk, so that an agent that starts while its coordinators are away still knows what
 * to probe. The bytes are those of the wire. */
#pragma once

#include "proto/types/fl_error.h"
#include "proto/types/fl_plan.h"

/* -ENOENT: none is there; -EBADMSG and others: it cannot be used. `ret` is the caller's. */
int plan_file_read(const char *path, struct fl_plan *ret, struct fl_error *err);

/* The old one or the new one is there afterwards, never a part. */
int plan_file_write(const char *path, const struct fl_plan *plan, struct fl_error *err);
