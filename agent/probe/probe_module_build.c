/* Part of every module, and of nothing else. */
#include "agent/probe/probe_module.h"

extern __attribute__((visibility("default"))) const char probe_module_build[];
const char probe_module_build[] = PROBE_MODULE_THIS_BUILD;
