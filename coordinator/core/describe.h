/* Turns a finding into a verdict: class, cause, whom it touches, rivals, and the evidence in
 * sentences with numbers. */
#pragma once

#include "coordinator/core/correlator.h"
#include "coordinator/core/witness.h"

struct scene {
    const struct fleet *fleet;
    struct window *const *windows;
    size_t n_windows;
    const struct witness *witnesses; /* by agent */
    fl_time now_us;
};

void describe(const struct scene *scene, const struct finding *finding, struct verdict *ret);
