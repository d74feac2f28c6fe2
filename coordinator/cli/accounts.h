/* What became of every result, agent by agent. */
#pragma once

#include "coordinator/cli/arguments.h"
#include "coordinator/cli/command.h"

/* status --accounts. COMMAND_WRONG when one does not balance. */
enum command_status accounts_show(const struct arguments *arguments);
