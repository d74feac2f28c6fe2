/* What touched one component, over time: how many observations were fine and which were not, in
 * bins. Recent time is cut fine; what grows old is kept coarsely, so that a fault that hits one
 * probe in fifty is seen at last. Fine ones are only counted: they exonerate alike. */
#pragma once

#include "coordinator/core/component.h"
#include "coordinator/core/symbol.h"

#define TRACK_PER_INTERVAL 4 /* fine bins an interval of the fastest series */
#define TRACK_FINE 256
#define TRACK_COARSENING 8 /* fine bins in a coarse one */
#define TRACK_COARSE 192
#define TRACK_BINS (TRACK_FINE + TRACK_COARSE)
#define TRACK_MAX_CELLS 8192

/* Equal bad observations within one bin. */
struct cell {
    fl_time bin_us; /* where its bin begins */
    uint32_t n;
    uint8_t symbol, family, side;
    int8_t rarity;
};

/* Counts of fine observations, of one family from one side: bin number modulo the length. */
struct lane {
    uint32_t fine[TRACK_FINE];
    uint32_t coarse[TRACK_COARSE];
};

struct track {
    int64_t width_us; /* of a fine bin; 0: nothing was ever seen */
    int64_t head;     /* number of the newest fine bin */
    struct lane *lanes[SIDES][FAMILIES];
    struct cell *cells; /* in no particular order */
    size_t n_cells, room;
    uint64_t dropped; /* bad observations beyond TRACK_MAX_CELLS */
};

void track_clear(struct track *track); /* gives back its memory */

/* A series with this interval touches the component. Finer bins than before start anew. */
void track_admit(struct track *track, int64_t interval_us);

/* Move on to now_us: old bins become coarse, older ones go. */
void track_advance(struct track *track, fl_time now_us);

void track_fine(struct track *track, enum side side, enum symbol_family family, fl_time t_us);

/* `like` says all but bin and number. Removing what is not there does nothing. */
void track_add(struct track *track, const struct cell *like, fl_time t_us);
void track_remove(struct track *track, const struct cell *like, fl_time t_us);

/* Forget what went wrong in coarse bins: too long ago to say of which series it was. */
void track_forget_old(struct track *track);

/* Bins count back from the newest, the coarse ones after the fine ones; TRACK_BINS and more: too
 * old. What is in the future belongs to the newest. */
unsigned track_bin(const struct track *track, fl_time t_us);
/* Where a bin begins and ends. */
fl_time track_bin_begins(const struct track *track, unsigned bin);
fl_time track_bin_ends(const struct track *track, unsigned bin);

/* Add the counts of a lane to `counts`, newest bin first; bins from n_bins on are left out. */
void track_counts(const struct track *track, const struct lane *lane, unsigned n_bins,
                  double counts[TRACK_BINS]);
