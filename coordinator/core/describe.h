/* Turns a finding into a verdict: class, cause, whom it touches, rivals, and the evidence in
 * sentences with numbers. */
#pragma once

#include "coordinator/core/correlator.h"
#include "coordinator/core/witness.h"

struct scene {
    const struct fleet *fleet;
    struct evidence *evidence;
    const struct witness *witnesses; /* by agent */
    fl_time now_us;
};

/* What the verdict would be called: cheap, for each step. */
enum verdict_class describe_class(const struct scene *scene, const struct finding *finding);
enum verdict_cause describe_cause(const struct scene *scene, const struct finding *finding);

void describe(const struct scene *scene, const struct finding *finding, struct verdict *ret);
