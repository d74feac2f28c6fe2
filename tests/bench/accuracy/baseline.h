/* Models of what others do, to be held against on the same results: each sees
 * of a probe whether it was bad (failed, needed retransmissions, or took three
 * times as long as usual) and which components it touches, nothing more. What
 * they share is given to all of them alike: windows, how many evaluations in a
 * row open an incident, and that an agent which is not heard is a host or a
 * link, as the mesh says. Their classes follow from the kind of component. */
#pragma once

#include "coordinator/core/engine.h"
#include "tests/sim/touch.h"

#define BASELINE_OWN_SETTINGS 2
#define BASELINE_MAX_BLAMED 32

/* What one agent saw of one target within the window. */
struct pair {
    uint32_t agent, probe;
    size_t n_touched;
    uint32_t touched[TOUCH_MAX]; /* numbers of components */
    double n, bad;
};

struct evidence {
    const struct fleet *fleet;
    size_t n_pairs, n_components;
    struct pair *pairs;
    struct component *components;
    /* pairs that touch component c: cover[first[c]] to cover[first[c + 1] - 1] */
    uint32_t *first, *cover;
    double *scratch; /* room for a few numbers a component and a pair */
};

/* Numbers of the components at fault, at most BASELINE_MAX_BLAMED. */
typedef size_t blame(const struct evidence *evidence, const double own[BASELINE_OWN_SETTINGS],
                     uint32_t blamed[BASELINE_MAX_BLAMED]);

struct settings {
    int64_t window;                    /* intervals */
    uint32_t rounds;                   /* evaluations in a row that open */
    double own[BASELINE_OWN_SETTINGS]; /* what they mean stands with the method */
};

struct method {
    const char *name, *says; /* what it is, in a line */
    blame *blame;
    struct settings standard;              /* the best of --tune */
    double grid[BASELINE_OWN_SETTINGS][4]; /* what --tune tries; 0 ends */
};

extern const struct method methods[];
extern const size_t n_methods;

blame blame_counting, blame_votes, blame_netbouncer, blame_lasso, blame_flock;

struct baseline;

/* Fleet and method are borrowed. */
struct baseline *baseline_new(const struct method *method, const struct settings *settings,
                              const struct fleet *fleet, int64_t interval_us);
struct baseline *baseline_free(struct baseline *baseline);
void baseline_take(struct baseline *baseline, const struct engine_event *event);
/* With times since the start of the simulation. */
size_t baseline_events(const struct baseline *baseline, const struct verdict_event **ret);
