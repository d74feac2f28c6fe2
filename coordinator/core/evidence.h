/* All that was observed, arranged by component. Each observation enters the track of every
 * component that its series touches; a component knows its series. A success enters only when it
 * has settled: while its failed sisters may still be under way, it would look as if a fault were
 * over. What an incident explained, and what is forgotten, leaves again. */
#pragma once

#include "coordinator/core/track.h"
#include "coordinator/core/window.h"

#define EVIDENCE_ARRIVAL_US (300 * FL_MS) /* batching and travel of a result */

struct part {
    struct track track;
    struct window **series; /* those that touch it, in order of appearance; borrowed */
    size_t n_series, room;
    int64_t slowest_us;    /* interval of the slowest of them */
    bool far;              /* it is what operations are asked of */
    bool active;           /* something bad lies in its track */
    bool dirty;            /* something bad has come or gone since the flag was taken down */
    bool open;             /* an incident is open on it, */
    fl_time open_since_us; /* which began then */
};

struct evidence;

int evidence_new(const struct fleet *fleet, struct evidence **ret);
struct evidence *evidence_free(struct evidence *evidence);

/* A series appears. Without memory it is not admitted to all of its components. */
void evidence_admit(struct evidence *evidence, struct window *window);

/* Its rarity is filled in here. */
void evidence_observe(struct evidence *evidence, struct window *window, struct observation o,
                      fl_time now_us);

/* Where an observation lies in the part's track: when its probe started. Each look at an operation
 * that hangs says anew that the far side is stalled, but of the way there only that something was
 * lost when it began, as far as the track is cut fine. */
fl_time evidence_filed_us(const struct part *part, const struct observation *observation);

/* What was observed in another fleet of the same series comes into an empty window. */
void evidence_inherit(struct evidence *evidence, struct window *window, const struct window *from,
                      fl_time now_us);

/* Let in what has settled, and move the active components on. */
void evidence_advance(struct evidence *evidence, fl_time now_us);

/* What the series showed before to_us belongs to an incident that is over; it began at from_us. */
void evidence_forget(struct evidence *evidence, struct window *window, fl_time from_us,
                     fl_time to_us);

/* Does an open incident touch the series? */
bool evidence_covered(const struct evidence *evidence, const struct window *window);

/* Fine bins in an interval of the series that are in trouble, on average: what goes wrong within
 * them is hardly independent. */
unsigned evidence_clump(const struct part *part);

struct part *evidence_part(struct evidence *evidence, uint32_t component);
/* Numbers of the components with something bad, in rising order. */
size_t evidence_active(const struct evidence *evidence, const uint32_t **ret);
