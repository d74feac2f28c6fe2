/* Answers HAProxy's agent checks: one listener for all groups. The check sends a line
 * "GROUP ZONE" or "GROUP ZONE drain" (its agent-send) and is answered one line:
 *
 *     up ready 100%      serve, with the weight
 *     down               avoid: connections of today go elsewhere as well;
 *     drain              avoid, when the line asked for that: they stay until they end
 *
 * While the state is hold it is answered what stands, and what has expired is `up`. */
#pragma once

#include "coordinator/core/decision.h"

struct agent_check;
struct event_base;

#define AGENT_CHECK_MAX 512 /* connections at a time; who comes later is closed, and counted */

struct agent_check_stats {
    uint64_t answered, unknown, refused; /* since start */
};

/* The word on a zone of a group; false: there is none of that name. */
typedef bool (*agent_check_find_cb)(const char *group, const char *zone, struct decision *ret,
                                    void *arg);

int agent_check_new(struct event_base *base, const char *address, agent_check_find_cb find,
                    void *arg, struct agent_check **ret, struct fl_error *err);
struct agent_check *agent_check_free(struct agent_check *check);
FL_DEFINE_FREEP(struct agent_check, agent_check)

uint16_t agent_check_port(const struct agent_check *check);
void agent_check_stats(const struct agent_check *check, struct agent_check_stats *ret);

/* The answer to one line, with its newline. Pure. */
#define AGENT_CHECK_ANSWER 64
void agent_check_answer(const struct decision *decision, bool drain, char ret[AGENT_CHECK_ANSWER]);
