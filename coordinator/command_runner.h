/* Runs the commands of groups: a program with arguments, no shell, a text on its standard input,
 * a time after which it and all it started is killed. Never two at once of one lane; what waits
 * is bounded, and the oldest gives way. */
#pragma once

#include "proto/types/fl_cleanup.h"
#include "proto/types/fl_time.h"

#include <stdint.h>

#define COMMAND_QUEUE 16         /* waiting in one lane */
#define COMMAND_STATUS_FAILED -1 /* it could not be started, was killed, or gave way */

struct command_runner;
struct event_base;

struct command_stats {
    uint64_t started, failed, killed, dropped; /* since start */
};

/* `status`: what it ended with, or COMMAND_STATUS_FAILED. On the loop, never from within
 * command_runner_run. */
typedef void (*command_done_cb)(int status, uint64_t tag, void *arg);

/* Lanes are numbered from 0. */
int command_runner_new(struct event_base *base, size_t n_lanes, struct command_runner **ret);
/* What runs is killed; nobody is told. */
struct command_runner *command_runner_free(struct command_runner *runner);
FL_DEFINE_FREEP(struct command_runner, command_runner)

/* `command` (NULL-terminated) and `input` are copied. `done` may be NULL. 0 or -ENOMEM. */
int command_runner_run(struct command_runner *runner, size_t lane, char *const *command,
                       const char *input, int64_t timeout_us, command_done_cb done, uint64_t tag,
                       void *arg);
void command_runner_stats(const struct command_runner *runner, struct command_stats *ret);
