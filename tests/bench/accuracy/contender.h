/* The baselines that play along, and one scenario's worth of them. */
#pragma once

#include "tests/bench/accuracy/baseline.h"
#include "tests/bench/accuracy/options.h"

struct contender {
    const struct method *method;
    struct settings settings;
};

struct contenders {
    size_t n;
    struct contender *list;
};

/* None; each with its standard settings; or, to tune, every point of its grid.
 */
void contenders_choose(struct contenders *contenders, const struct options *options);
void contenders_done(struct contenders *contenders);

struct ring;

/* All of them watch the scenario's results. */
struct ring *ring_new(const struct contenders *contenders, const struct scenario *scenario);
size_t ring_events(const struct ring *ring, size_t i, const struct verdict_event **ret);
struct ring *ring_free(struct ring *ring);
