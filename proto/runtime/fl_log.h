/* One line a message to standard error: "<3>component: sentence", the level in systemd's form
 * when the journal reads it, else time and level in words. */
#pragma once

#include "proto/types/fl_cleanup.h"
#include "proto/types/fl_error.h"

#include <stdbool.h>
#include <stdint.h>

enum fl_log_level { FL_LOG_ERROR = 3, FL_LOG_WARNING = 4, FL_LOG_INFO = 6, FL_LOG_DEBUG = 7 };

void fl_log_set_level(enum fl_log_level level);
int fl_log_level_parse(const char *name); /* -1 for an unknown word */

void fl_log(enum fl_log_level level, const char *component, const char *format, ...)
    FL_PRINTF(3, 4);

#define fl_log_error(...) fl_log(FL_LOG_ERROR, __VA_ARGS__)
#define fl_log_warning(...) fl_log(FL_LOG_WARNING, __VA_ARGS__)
#define fl_log_info(...) fl_log(FL_LOG_INFO, __VA_ARGS__)
#define fl_log_debug(...) fl_log(FL_LOG_DEBUG, __VA_ARGS__)

/* For a condition that repeats: true at most once in `every_us`. `n_held` receives how many
 * were held back since the last true. The state starts zeroed. */
struct fl_log_limit {
    int64_t last_us;
    uint64_t held;
};
bool fl_log_allowed(struct fl_log_limit *limit, int64_t every_us, uint64_t *n_held);
