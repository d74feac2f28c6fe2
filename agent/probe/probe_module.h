/* Types that draw in a large library lie in modules beside the program, so that an agent whose
 * plan has none of them does not carry the library. */
#pragma once

#include "agent/probe/probe.h"
#include "fl_version.h"

/* The type `name` of the module `module`, loaded when it is first asked for and never unloaded.
 * Returns 0, or -ELIBACC with what is missing. */
int probe_module_load(const char *module, const char *name, const struct probe_type **ret,
                      struct fl_error *err);

/* What each module says of itself (probe_module_build.c): one of another build would read our
 * structures wrongly, and is refused. */
#define PROBE_MODULE_BUILD "probe_module_build"
#define PROBE_MODULE_THIS_BUILD FL_VERSION "-" FL_COMMIT
