#include "coordinator/core/track.h"

#include <stdlib.h>
#include <string.h>

/* Towards the past, also before the epoch. */
static int64_t divide_down(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t fine_number(const struct track *track, fl_time t_us)
{
    return divide_down(t_us, track->width_us);
}

/* The coarse bin that the next fine bin to grow old falls into. */
static int64_t coarse_head(const struct track *track)
{
    return divide_down(track->head - TRACK_FINE, TRACK_COARSENING);
}

static size_t slot(int64_t number, size_t length)
{
    return (size_t)(((number % (int64_t)length) + (int64_t)length) % (int64_t)length);
}

void track_clear(struct track *track)
{
    for (int side = 0; side < SIDES; side++)
        for (int family = 0; family < FAMILIES; family++)
            free(track->lanes[side][family]);
    free(track->cells);
    *track = (struct track){0};
}

void track_admit(struct track *track, int64_t interval_us)
{
    int64_t width_us = interval_us / TRACK_PER_INTERVAL;

    if (width_us < 1)
        width_us = 1;
    if (track->width_us != 0 && track->width_us <= width_us)
        return;
    for (int side = 0; side < SIDES; side++)
        for (int family = 0; family < FAMILIES; family++)
            if (track->lanes[side][family])
                memset(track->lanes[side][family], 0, sizeof(struct lane));
    track->width_us = width_us;
    track->head = INT64_MIN / 2;
    track->n_cells = 0;
}

/* The fine bin that leaves falls into its coarse one; a coarse bin that begins is empty. */
static void advance_one(struct track *track)
{
    int64_t coarse_before = coarse_head(track), leaving;
    bool begins;

    track->head++;
    leaving = track->head - TRACK_FINE;
    begins = coarse_head(track) != coarse_before;
    for (int side = 0; side < SIDES; side++)
        for (int family = 0; family < FAMILIES; family++) {
            struct lane *lane = track->lanes[side][family];

            if (!lane)
                continue;
            if (begins)
                lane->coarse[slot(coarse_head(track), TRACK_COARSE)] = 0;
            lane->coarse[slot(coarse_head(track), TRACK_COARSE)] +=
                lane->fine[slot(leaving, TRACK_FINE)];
            lane->fine[slot(track->head, TRACK_FINE)] = 0;
        }
}

static bool same_kind(const struct cell *x, const struct cell *y)
{
    return x->symbol == y->symbol && x->family == y->family && x->side == y->side &&
           x->rarity == y->rarity;
}

/* Where the bin of a time begins, as things stand now. */
static fl_time bin_of(const struct track *track, fl_time t_us)
{
    int64_t number = fine_number(track, t_us);

    if (number > track->head)
        number = track->head;
    if (track->head - number >= TRACK_FINE)
        number = divide_down(number, TRACK_COARSENING) * TRACK_COARSENING;
    return number * track->width_us;
}

static struct cell *find_cell(struct track *track, const struct cell *like, fl_time bin_us)
{
    /* what has left the fine bins since cells were settled is still cut fine */
    bool coarse = bin_us < (track->head - TRACK_FINE + 1) * track->width_us;

    for (size_t i = track->n_cells; i-- > 0;)
        if (same_kind(&track->cells[i], like) &&
            (track->cells[i].bin_us == bin_us ||
             (coarse && bin_of(track, track->cells[i].bin_us) == bin_us)))
            return &track->cells[i];
    return NULL;
}

/* Cells follow their bins: they grow coarse, are united, and go. To look at all of them whenever
 * one bin moves would be most of the work, so it is done when a coarse bin begins. */
static void settle_cells(struct track *track)
{
    size_t n = track->n_cells;

    track->n_cells = 0;
    for (size_t i = 0; i < n; i++) {
        struct cell cell = track->cells[i], *other;
        fl_time bin_us = bin_of(track, cell.bin_us);

        if (track_bin(track, cell.bin_us) >= TRACK_BINS)
            continue;
        other = bin_us == cell.bin_us ? NULL : find_cell(track, &cell, bin_us);
        if (other) {
            other->n += cell.n;
            continue;
        }
        cell.bin_us = bin_us;
        track->cells[track->n_cells++] = cell;
    }
}

void track_advance(struct track *track, fl_time now_us)
{
    int64_t to = fine_number(track, now_us), coarse_before = coarse_head(track);

    if (to <= track->head)
        return;
    if (to - track->head > TRACK_FINE + TRACK_COARSE * TRACK_COARSENING) {
        for (int side = 0; side < SIDES; side++)
            for (int family = 0; family < FAMILIES; family++)
                if (track->lanes[side][family])
                    memset(track->lanes[side][family], 0, sizeof(struct lane));
        track->head = to;
    }
    while (track->head < to)
        advance_one(track);
    if (track->n_cells > 0 && coarse_head(track) != coarse_before)
        settle_cells(track);
}

void track_fine(struct track *track, enum side side, enum symbol_family family, fl_time t_us)
{
    struct lane **lane = &track->lanes[side][family];
    unsigned bin = track_bin(track, t_us);

    if (!*lane)
        *lane = calloc(1, sizeof(**lane));
    if (!*lane || bin >= TRACK_BINS)
        return;
    if (bin < TRACK_FINE)
        (*lane)->fine[slot(track->head - bin, TRACK_FINE)]++;
    else
        (*lane)->coarse[slot(coarse_head(track) - (bin - TRACK_FINE), TRACK_COARSE)]++;
}

static bool make_room(struct track *track)
{
    size_t room = track->room ? track->room * 2 : 8;
    struct cell *larger;

    if (track->n_cells < track->room)
        return true;
    if (track->n_cells >= TRACK_MAX_CELLS)
        return false;
    larger = realloc(track->cells, room * sizeof(*larger));
    if (!larger)
        return false;
    track->cells = larger;
    track->room = room;
    return true;
}

void track_add(struct track *track, const struct cell *like, fl_time t_us)
{
    fl_time bin_us = bin_of(track, t_us);
    struct cell *cell = find_cell(track, like, bin_us);

    if (track_bin(track, t_us) >= TRACK_BINS)
        return;
    if (cell) {
        cell->n++;
    } else if (make_room(track)) {
        track->cells[track->n_cells] = *like;
        track->cells[track->n_cells].bin_us = bin_us;
        track->cells[track->n_cells++].n = 1;
    } else {
        track->dropped++;
    }
}

void track_remove(struct track *track, const struct cell *like, fl_time t_us)
{
    struct cell *cell = find_cell(track, like, bin_of(track, t_us));

    if (cell && --cell->n == 0)
        *cell = track->cells[--track->n_cells];
}

void track_forget_old(struct track *track)
{
    size_t kept = 0;

    for (size_t i = 0; i < track->n_cells; i++)
        if (track_bin(track, track->cells[i].bin_us) < TRACK_FINE)
            track->cells[kept++] = track->cells[i];
    track->n_cells = kept;
}

unsigned track_bin(const struct track *track, fl_time t_us)
{
    int64_t number = fine_number(track, t_us), back = track->head - number;

    if (back < 0)
        return 0;
    if (back < TRACK_FINE)
        return (unsigned)back;
    back = coarse_head(track) - divide_down(number, TRACK_COARSENING);
    return back >= TRACK_COARSE ? TRACK_BINS : TRACK_FINE + (unsigned)back;
}

fl_time track_bin_begins(const struct track *track, unsigned bin)
{
    if (bin < TRACK_FINE)
        return (track->head - bin) * track->width_us;
    return (coarse_head(track) - (bin - TRACK_FINE)) * TRACK_COARSENING * track->width_us;
}

fl_time track_bin_ends(const struct track *track, unsigned bin)
{
    if (bin < TRACK_FINE)
        return (track->head - bin + 1) * track->width_us;
    return (coarse_head(track) - (bin - TRACK_FINE) + 1) * TRACK_COARSENING * track->width_us;
}

void track_counts(const struct track *track, const struct lane *lane, unsigned n_bins,
                  double counts[TRACK_BINS])
{
    for (unsigned i = 0; i < n_bins && i < TRACK_FINE; i++)
        counts[i] += lane->fine[slot(track->head - i, TRACK_FINE)];
    for (unsigned i = TRACK_FINE; i < n_bins; i++)
        counts[i] += lane->coarse[slot(coarse_head(track) - (i - TRACK_FINE), TRACK_COARSE)];
}
