/* The agent: owns all its parts and carries what one says to the others. */
#pragma once

#include "agent/agent_config.h"

struct agent;
struct fl_loop;

/* `config` is taken on success and left empty. `path` is read again on SIGHUP. */
int agent_new(struct fl_loop *loop, const char *path, struct agent_config *config,
              struct agent **ret, struct fl_error *err);
struct agent *agent_free(struct agent *agent);
FL_DEFINE_FREEP(struct agent, agent)

/* Read the configuration again and go over to it; it stays as it was when the new one is not
 * good, and the log says why. */
void agent_reload(struct agent *agent);
