#include "coordinator/core/facts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_SIZE 8192 /* a power of two, twice the facts at least */
#define MAX_FACTS 4096

struct explained {
    uint32_t component;
    enum component_type type;
    struct fit fit;
};

/* Which findings explain each observation of a series' ring, one bit each. */
struct view {
    struct window *window;
    uint16_t by[WINDOW_SIZE];
    uint16_t all;
};

struct facts {
    struct evidence *evidence;
    const struct fit_tables *tables;
    struct explained explained[FACTS_MAX_FINDINGS];
    size_t n_explained;
    struct view *views;
    size_t n_views, room;
    struct fact list[MAX_FACTS];
    uint16_t masks[MAX_FACTS]; /* findings that explain the fact */
    size_t n;
    uint16_t hash[HASH_SIZE]; /* index in the list, plus one */
};

int facts_new(struct evidence *evidence, const struct fit_tables *tables, struct facts **ret)
{
    struct facts *facts = calloc(1, sizeof(*facts));

    if (!facts)
        return -ENOMEM;
    facts->evidence = evidence;
    facts->tables = tables;
    *ret = facts;
    return 0;
}

struct facts *facts_free(struct facts *facts)
{
    if (facts)
        free(facts->views);
    free(facts);
    return NULL;
}

/* The series' view, made when it is first needed; NULL without memory. */
static struct view *view_of(struct facts *facts, struct window *window)
{
    if (window->view > 0)
        return &facts->views[window->view - 1];
    if (facts->n_views == facts->room) {
        size_t room = facts->room ? facts->room * 2 : 64;
        struct view *larger = realloc(facts->views, room * sizeof(*larger));

        if (!larger)
            return NULL;
        facts->views = larger;
        facts->room = room;
    }
    facts->views[facts->n_views] = (struct view){.window = window};
    window->view = (uint32_t)++facts->n_views;
    return &facts->views[facts->n_views - 1];
}

static bool is_bad(const struct window *window, const struct observation *o)
{
    return symbol_is_bad((enum symbol)o->symbol) && !window_forgot(window, o);
}

static void explain_series(struct facts *facts, struct window *window, size_t finding)
{
    const struct explained *explained = &facts->explained[finding];
    struct view *view;
    enum side side;

    if (window->n_bad == 0 || !window_touches(window, explained->component, &side) ||
        !mode_reaches(explained->fit.mode, explained->type, side, window->family))
        return;
    view = view_of(facts, window);
    for (uint32_t i = 0; view && i < window->n; i++) {
        const struct observation *o = window_at(window, i);

        if (is_bad(window, o) &&
            observation_within(o, explained->fit.from_us, explained->fit.to_us))
            view->by[i] |= (uint16_t)(1u << finding);
        view->all |= view->by[i];
    }
}

void facts_explain(struct facts *facts, uint32_t component, enum component_type type,
                   const struct fit *fit)
{
    const struct part *part = evidence_part(facts->evidence, component);

    if (facts->n_explained == FACTS_MAX_FINDINGS)
        return;
    facts->explained[facts->n_explained] = (struct explained){component, type, *fit};
    for (size_t i = 0; i < part->n_series; i++)
        explain_series(facts, part->series[i], facts->n_explained);
    facts->n_explained++;
}

void facts_reset(struct facts *facts)
{
    for (size_t i = 0; i < facts->n_views; i++)
        facts->views[i].window->view = 0;
    facts->n_views = 0;
    facts->n_explained = 0;
}

static unsigned explained_in(const struct facts *facts, const struct part *part)
{
    unsigned all = 0;

    for (size_t i = 0; facts->n_views > 0 && i < part->n_series; i++)
        if (part->series[i]->view > 0)
            all |= facts->views[part->series[i]->view - 1].all;
    return all;
}

bool facts_overlap(const struct facts *facts, uint32_t component, size_t finding)
{
    return (explained_in(facts, evidence_part(facts->evidence, component)) >> finding & 1) != 0;
}

static size_t hash_of(const struct fact *fact, unsigned mask)
{
    uint64_t key = fact->bin;

    key = key << 8 | fact->symbol;
    key = key << 4 | fact->family;
    key = key << 1 | fact->side;
    key = key << 1 | fact->goes_on;
    key = key << 4 | (unsigned)(fact->rarity - RARITY_LEAST);
    key = (key << 16 | mask) * 0x9e3779b97f4a7c15u;
    return (size_t)(key >> 40) % HASH_SIZE;
}

static bool same(const struct fact *x, const struct fact *y)
{
    return x->bin == y->bin && x->symbol == y->symbol && x->family == y->family &&
           x->side == y->side && x->rarity == y->rarity && x->goes_on == y->goes_on;
}

/* The fact of this kind explained by these, or where it would be. */
static uint16_t *find(struct facts *facts, const struct fact *like, unsigned mask)
{
    size_t at = hash_of(like, mask);

    while (facts->hash[at] != 0) {
        size_t i = facts->hash[at] - 1u;

        if (facts->masks[i] == mask && same(&facts->list[i], like))
            break;
        at = (at + 1) % HASH_SIZE;
    }
    return &facts->hash[at];
}

/* What the findings in the mask leave of a fact; of what only goes on, nothing. */
static void explain_fact(const struct facts *facts, struct fact *fact, unsigned mask)
{
    enum symbol_family family = (enum symbol_family)fact->family;
    enum symbol symbol = (enum symbol)fact->symbol;

    fact->explained = true;
    fact->excluded = fact->goes_on ? UINT32_MAX : 0;
    fact->p = rates_normal(family, symbol, fact->rarity);
    for (size_t i = 0; i < facts->n_explained; i++) {
        const struct fit *fit = &facts->explained[i].fit;

        if ((mask >> i & 1) == 0)
            continue;
        fact->p = fit_explained(facts->tables, fit->mode, fit->rho, family, symbol, fact->p);
        fact->excluded |= mode_excludes(fit->mode);
    }
}

static void take_cells(struct facts *facts, const struct track *track, unsigned n_bins)
{
    for (size_t i = 0; i < track->n_cells && facts->n < MAX_FACTS; i++) {
        const struct cell *cell = &track->cells[i];
        unsigned bin = track_bin(track, cell->bin_us);

        if (bin >= n_bins)
            continue;
        facts->masks[facts->n] = 0;
        facts->list[facts->n++] = (struct fact){.n = cell->n,
                                                .bin = (uint16_t)bin,
                                                .symbol = cell->symbol,
                                                .family = cell->family,
                                                .side = cell->side,
                                                .rarity = cell->rarity};
    }
}

/* One observation is explained: it leaves the plain fact for one that says by what. */
static void move_one(struct facts *facts, struct fact like, bool goes_on, unsigned mask)
{
    uint16_t *plain = find(facts, &like, 0), *explained;

    if (*plain == 0 || facts->list[*plain - 1].n < 1)
        return;
    facts->list[*plain - 1].n--;
    like.goes_on = goes_on;
    explained = find(facts, &like, mask);
    if (*explained == 0 && facts->n < MAX_FACTS) {
        facts->list[facts->n] = like;
        facts->masks[facts->n] = (uint16_t)mask;
        explain_fact(facts, &facts->list[facts->n], mask);
        *explained = (uint16_t)++facts->n;
    }
    if (*explained != 0)
        facts->list[*explained - 1].n++;
}

static void move_series(struct facts *facts, const struct part *part, uint32_t component,
                        const struct window *window, unsigned without)
{
    const struct view *view = &facts->views[window->view - 1];
    enum side side = SIDE_NEAR;

    (void)window_touches(window, component, &side);
    for (uint32_t i = 0; i < window->n; i++) {
        const struct observation *o = window_at(window, i);
        unsigned mask = view->by[i] & ~without, bin;

        if (mask == 0)
            continue;
        bin = track_bin(&part->track, evidence_filed_us(part, o));
        if (bin < TRACK_FINE)
            move_one(facts,
                     (struct fact){.bin = (uint16_t)bin,
                                   .symbol = o->symbol,
                                   .family = (uint8_t)window->family,
                                   .side = (uint8_t)side,
                                   .rarity = o->rarity},
                     o->hung_ms > 0, mask);
    }
}

size_t facts_of(struct facts *facts, uint32_t component, unsigned without,
                const struct fact **ret_facts, unsigned *ret_bins)
{
    const struct part *part = evidence_part(facts->evidence, component);
    bool overlap = (explained_in(facts, part) & ~without) != 0;

    facts->n = 0;
    *ret_facts = facts->list;
    *ret_bins = overlap ? TRACK_FINE : TRACK_BINS;
    take_cells(facts, &part->track, *ret_bins);
    if (!overlap)
        return facts->n;
    memset(facts->hash, 0, sizeof(facts->hash));
    for (size_t i = 0; i < facts->n; i++)
        *find(facts, &facts->list[i], 0) = (uint16_t)(i + 1);
    for (size_t i = 0; i < part->n_series; i++)
        if (part->series[i]->view > 0 &&
            (facts->views[part->series[i]->view - 1].all & ~without) != 0)
            move_series(facts, part, component, part->series[i], without);
    return facts->n;
}
