/* Results as they come, one line each with its layers, and what they come to at the end. */
#pragma once

#include "coordinator/cli/screen.h"

#include <jansson.h>

struct probe_report {
    struct screen screen;
    int zone_width, agent_width, probe_width;
    json_t *results; /* all that were shown; owned */
    size_t n_failed;
};

/* `agents` and `orders` as the answer to an ask has them: they say how wide the columns are.
 * -ENOMEM. */
int probe_report_begin(struct probe_report *report, const json_t *agents, const json_t *orders);
void probe_report_done(struct probe_report *report);

/* Show a result, unless `quiet`, and keep it. */
void probe_report_add(struct probe_report *report, json_t *result, bool quiet);

/* By zone and probe, how many were fine and how long they took. -ENOMEM. */
int probe_report_sum(const struct probe_report *report);
