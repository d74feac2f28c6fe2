/* How many batches of its backlog an agent may have under way, so that a fleet that comes back at
 * once does not fill the store's queue. What is new is never held up. Pure. */
#pragma once

#include <stddef.h>

#define CREDIT_MOST 32 /* fills the way of any agent */

/* `room`: batches that the queue still takes of `capacity`; a quarter of it is for what is new. */
size_t credit_of(size_t room, size_t capacity, size_t n_agents);
