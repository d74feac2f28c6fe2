#include "coordinator/core/correlator.h"

#include "coordinator/core/facts.h"
#include "coordinator/core/occasions.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_SCORE 3.0 /* nats over the price before anything is said */
#define LEAST_ODDS 1e-3 /* against the finding: a rival below is not worth a word */
#define SPELL_ROBUST 8  /* observations from which the outermost ones may be left out */
#define MAX_OTHERS 4    /* components that are tried in the stead of what was found */
#define IN_PART 0.9     /* share of the probes hit below which a narrower one may fit better */
#define MISFIT 0.01     /* share of the nats that a larger set must gain: modes fit not so finely */
#define FIRM_EACH 0.01  /* share by which another set must be better, for each interval that an */
#define FIRM_MOST 0.2   /* incident has been open, and at most */
#define INCUMBENT 1.0   /* nats for an open incident when two explanations are compared */
#define MODEL_DOUBT 0.01 /* what no model knows of: nothing is ever certain */
#define TEMPERATURE 0.8  /* of what is said, by how often it turned out right, and */
#define CAUTION 1.6      /* of what is acted on: to open early and wrong costs more than to wait */

/* A component by itself, as if nothing else were wrong: what it explains then is the most that it
 * can explain beside others. */
struct candidate {
    uint32_t id;
    struct component component;
    double price;
    struct fit alone;
};

struct correlator {
    const struct fleet *fleet;
    struct evidence *evidence;
    struct fit_tables *tables;
    struct facts *facts;
    struct fit *alone; /* by component: its last fit by itself */
    struct candidate *candidates;
    size_t n_candidates;
};

int correlator_new(const struct fleet *fleet, struct evidence *evidence, struct correlator **ret)
{
    struct correlator *correlator = calloc(1, sizeof(*correlator));
    size_t n = component_count(fleet) + 1;

    if (!correlator)
        return -ENOMEM;
    correlator->fleet = fleet;
    correlator->evidence = evidence;
    correlator->alone = calloc(n, sizeof(*correlator->alone));
    correlator->candidates = calloc(n, sizeof(*correlator->candidates));
    if (!correlator->alone || !correlator->candidates || fit_tables_new(&correlator->tables) < 0 ||
        facts_new(evidence, correlator->tables, &correlator->facts) < 0) {
        correlator_free(correlator);
        return -ENOMEM;
    }
    *ret = correlator;
    return 0;
}

struct correlator *correlator_free(struct correlator *correlator)
{
    if (!correlator)
        return NULL;
    fit_tables_free(correlator->tables);
    facts_free(correlator->facts);
    free(correlator->alone);
    free(correlator->candidates);
    free(correlator);
    return NULL;
}

/* How well a component explains what the findings, but for those in `without`, leave. One that is
 * better explained as over may have begun anew since: that is the same trouble still. */
static struct fit fit_beside(struct correlator *correlator, const struct candidate *candidate,
                             unsigned without)
{
    const struct part *part = evidence_part(correlator->evidence, candidate->id);
    const struct track *track = &part->track;
    unsigned clump = evidence_clump(part);
    const struct fact *facts;
    unsigned n_bins;
    size_t n = facts_of(correlator->facts, candidate->id, without, &facts, &n_bins);
    struct fit fit = fit_component(correlator->tables, candidate->component.type, track, clump,
                                   facts, n, n_bins),
               again;

    if (!fit.over)
        return fit;
    again = fit_component(correlator->tables, candidate->component.type, track, clump, facts, n,
                          track_bin(track, fit.to_us - 1));
    if (again.over || again.score - candidate->price <= LEAST_SCORE)
        return fit;
    again.from_us = fit.from_us;
    again.score += fit.score; /* it explains both */
    again.whole += fit.whole;
    return again;
}

static int by_score(const void *x, const void *y)
{
    const struct candidate *a = x, *b = y;
    double left = a->alone.score - a->price, right = b->alone.score - b->price;

    if (left > right || left < right)
        return left > right ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

/* Components that explain something by themselves, the best first. One of which nothing bad has
 * been heard since its last fit can only have become poorer: it is looked at once a second, if it
 * was not poor already. */
static void collect_candidates(struct correlator *correlator, fl_time now_us)
{
    const uint32_t *active;
    size_t n = evidence_active(correlator->evidence, &active);

    correlator->n_candidates = 0;
    for (size_t i = 0; i < n; i++) {
        struct part *part = evidence_part(correlator->evidence, active[i]);
        struct fit *alone = &correlator->alone[active[i]];
        struct candidate candidate = {.id = active[i]};

        candidate.component = component_of_id(correlator->fleet, active[i]);
        candidate.price = component_price(correlator->fleet, &candidate.component);
        if (part->open)
            candidate.price /= 2;
        if (part->dirty || part->open || (alone->score > LEAST_SCORE && now_us % FL_SECOND == 0))
            *alone = fit_beside(correlator, &candidate, 0);
        part->dirty = false;
        candidate.alone = *alone;
        if (alone->score > 0)
            correlator->candidates[correlator->n_candidates++] = candidate;
    }
    qsort(correlator->candidates, correlator->n_candidates, sizeof(*correlator->candidates),
          by_score);
}

static void take_interval(struct finding *finding, int64_t interval_us)
{
    if (interval_us < finding->fastest_us)
        finding->fastest_us = interval_us;
    if (interval_us > finding->slowest_us)
        finding->slowest_us = interval_us;
}

/* How long until nothing that started is still under way. */
static int64_t settle_us(const struct part *part)
{
    int64_t longest_us = 0;

    for (size_t i = 0; i < part->n_series; i++)
        if (part->series[i]->timeout_us > longest_us)
            longest_us = part->series[i]->timeout_us;
    return longest_us + EVIDENCE_ARRIVAL_US;
}

/* What the finding's mode explains, by occasion, and what was fine in the same families. */
static void fill_occasions(struct correlator *correlator, const struct finding *finding,
                           const struct part *part, struct occasions *occasions)
{
    const struct track *track = &part->track;
    unsigned n_bins = track_bin(track, finding->from_us);
    bool seen[FAMILIES] = {0};

    n_bins = n_bins < TRACK_BINS ? n_bins + 1 : TRACK_BINS;
    occasions_reset(occasions, track->width_us, settle_us(part));
    for (size_t i = 0; i < track->n_cells; i++) {
        const struct cell *cell = &track->cells[i];

        if (cell->bin_us + track->width_us <= finding->from_us ||
            !fit_explains(correlator->tables, finding->mode, (enum symbol_family)cell->family,
                          (enum symbol)cell->symbol))
            continue;
        occasions_bad(occasions, track_bin(track, cell->bin_us), cell->n);
        seen[cell->family] = true;
    }
    for (int side = 0; side < SIDES; side++)
        for (int family = 0; family < FAMILIES; family++)
            if (seen[family] && track->lanes[side][family])
                track_counts(track, track->lanes[side][family], n_bins, occasions->fine);
}

/* The spell that a finding is in: when it was seen first and last, and by how many. */
struct spell {
    fl_time first[2], last[2]; /* outermost and next */
    unsigned n;
    uint32_t agent;
    bool alone;
};

static void spell_add(struct spell *spell, fl_time t_us, uint32_t agent)
{
    spell->alone = spell->n == 0 || (spell->alone && spell->agent == agent);
    spell->agent = agent;
    spell->n++;
    if (t_us <= spell->first[0]) {
        spell->first[1] = spell->first[0];
        spell->first[0] = t_us;
    } else if (t_us < spell->first[1]) {
        spell->first[1] = t_us;
    }
    if (t_us >= spell->last[0]) {
        spell->last[1] = spell->last[0];
        spell->last[0] = t_us;
    } else if (t_us > spell->last[1]) {
        spell->last[1] = t_us;
    }
}

/* One that is late by itself just before or after a job must not make the job look long. */
static int64_t spell_span(const struct spell *spell, bool lateness)
{
    int edge = lateness && spell->n >= SPELL_ROBUST;

    return spell->n == 0 ? 0 : spell->last[edge] - spell->first[edge];
}

/* A probe that got through in spite of losses is heard of at once, but what was fine at its time is
 * not counted yet: it must not make a burst look long. */
static bool is_early(const struct observation *o, const struct window *window, fl_time now_us)
{
    return !symbol_is_failed((enum symbol)o->symbol) &&
           o->t_us + window->timeout_us + EVIDENCE_ARRIVAL_US > now_us;
}

/* When the observations were that the finding explains. */
static void measure(struct correlator *correlator, struct finding *finding, uint32_t id,
                    fl_time now_us)
{
    const struct part *part = evidence_part(correlator->evidence, id);
    struct spell all = {{INT64_MAX, INT64_MAX}, {INT64_MIN, INT64_MIN}, 0, 0, true}, newest = all;
    struct occasions occasions;

    fill_occasions(correlator, finding, part, &occasions);
    finding->occasions = occasions_count(&occasions, &finding->scattered);
    finding->fastest_us = INT64_MAX;
    finding->slowest_us = 0;
    for (size_t i = 0; i < part->n_series; i++) {
        const struct window *window = part->series[i];

        for (uint32_t k = 0; k < window->n && window->n_bad > 0; k++) {
            const struct observation *o = window_at(window, k);

            if (o->t_us < finding->from_us || window_forgot(window, o) ||
                (o->hung_ms > 0 && o->t_us >= finding->to_us) ||
                !fit_explains(correlator->tables, finding->mode, window->family,
                              (enum symbol)o->symbol))
                continue;
            spell_add(&all, o->t_us, window->agent);
            if (o->t_us >= finding->spell_us &&
                (mode_of_lateness(finding->mode) || !is_early(o, window, now_us)))
                spell_add(&newest, o->t_us, window->agent);
            take_interval(finding, window->interval_us);
        }
    }
    if (all.n == 0) { /* all of it has left the rings */
        spell_add(&all, finding->from_us, 0);
        take_interval(finding, part->track.width_us * TRACK_PER_INTERVAL);
    }
    finding->since_us = all.first[0];
    finding->last_us = all.last[0];
    finding->span_us = spell_span(&newest, mode_of_lateness(finding->mode));
    finding->witness = newest.alone ? newest.agent : FLEET_NONE;
}

/* A set of components that explains the evidence together; each fit is beside those before it. */
struct solution {
    const struct candidate *chosen[CORRELATOR_MAX_FOUND];
    struct fit fits[CORRELATOR_MAX_FOUND];
    size_t n;
    double total; /* nats, less the prices */
};

static bool already(const struct solution *solution, const struct candidate *candidate)
{
    for (size_t i = 0; i < solution->n; i++)
        if (solution->chosen[i] == candidate)
            return true;
    return false;
}

/* The next best component over its price, or NULL. */
static const struct candidate *next_best(struct correlator *correlator,
                                         const struct solution *solution, struct fit *ret_fit)
{
    const struct candidate *best = NULL;
    double most = LEAST_SCORE;

    for (size_t i = 0; i < correlator->n_candidates; i++) {
        const struct candidate *candidate = &correlator->candidates[i];
        struct fit fit;

        if (candidate->alone.score - candidate->price <= most)
            break;
        if (already(solution, candidate))
            continue;
        fit = solution->n == 0 ? candidate->alone : fit_beside(correlator, candidate, 0);
        if (fit.score - candidate->price <= most)
            continue;
        most = fit.score - candidate->price;
        best = candidate;
        *ret_fit = fit;
    }
    return best;
}

/* An open incident goes on explaining what lies between its onset and now, also where the
 * evidence that opened it has left the rings. */
static void cover_incident(struct correlator *correlator, uint32_t id, struct fit *fit)
{
    const struct part *part = evidence_part(correlator->evidence, id);

    if (part->open && part->open_since_us < fit->from_us)
        fit->from_us = part->open_since_us;
}

static void take(struct correlator *correlator, struct solution *solution,
                 const struct candidate *candidate, struct fit fit)
{
    solution->total += fit.whole - component_price(correlator->fleet, &candidate->component);
    if (evidence_part(correlator->evidence, candidate->id)->open)
        solution->total += INCUMBENT;
    cover_incident(correlator, candidate->id, &fit);
    facts_explain(correlator->facts, candidate->id, candidate->component.type, &fit);
    solution->chosen[solution->n] = candidate;
    solution->fits[solution->n++] = fit;
}

/* Rise from what is open already, where that still explains enough, or from `first`, or from
 * nothing. */
static void rise(struct correlator *correlator, bool from_open, const struct candidate *first,
                 struct solution *solution)
{
    const struct candidate *next;
    struct fit fit;

    *solution = (struct solution){.n = 0};
    facts_reset(correlator->facts);
    for (size_t i = 0; from_open && i < correlator->n_candidates; i++) {
        const struct candidate *candidate = &correlator->candidates[i];

        if (!evidence_part(correlator->evidence, candidate->id)->open ||
            solution->n == CORRELATOR_MAX_FOUND)
            continue;
        fit = fit_beside(correlator, candidate, 0);
        if (fit.score - candidate->price > LEAST_SCORE)
            take(correlator, solution, candidate, fit);
    }
    if (first)
        take(correlator, solution, first, first->alone);
    while (solution->n < CORRELATOR_MAX_FOUND && (next = next_best(correlator, solution, &fit)))
        take(correlator, solution, next, fit);
}

/* A larger set gains a little from each observation only because no mode fits exactly. */
static bool is_better(const struct solution *x, const struct solution *y)
{
    double margin = MISFIT * fmax(0, fmin(x->total, y->total));

    return x->total - (x->n > y->n ? margin : 0) > y->total - (y->n > x->n ? margin : 0);
}

static double worth(struct correlator *correlator, const struct solution *solution, size_t at)
{
    return solution->fits[at].whole -
           component_price(correlator->fleet, &solution->chosen[at]->component);
}

/* Does the solution hold a wider component, which all that touches this one touches too? */
static bool is_within(struct correlator *correlator, const struct solution *solution, uint32_t id)
{
    const struct part *part = evidence_part(correlator->evidence, id);
    enum side side;

    for (size_t i = 0; i < solution->n; i++) {
        size_t k = 0;

        if (solution->fits[i].over || solution->chosen[i]->id == id)
            continue;
        while (k < part->n_series &&
               window_touches(part->series[k], solution->chosen[i]->id, &side))
            k++;
        if (k == part->n_series)
            return true;
    }
    return false;
}

/* Is another explanation so much better than the one that was said? The more so the longer that
 * has been, but that what was said is a part of something wider is no reversal; what both have in
 * common does not count. */
static bool overturns(struct correlator *correlator, const struct solution *solution,
                      const struct solution *said, fl_time now_us)
{
    double firm = 0, common = 0;

    for (size_t i = 0; i < said->n; i++) {
        const struct part *part = evidence_part(correlator->evidence, said->chosen[i]->id);
        double age = (double)(now_us - part->open_since_us) /
                     (double)(part->track.width_us * TRACK_PER_INTERVAL);

        if (already(solution, said->chosen[i]))
            common += worth(correlator, said, i);
        else if (part->open && !is_within(correlator, solution, said->chosen[i]->id))
            firm = fmax(firm, fmin(FIRM_MOST, FIRM_EACH * age));
    }
    return solution->total - said->total > firm * fmax(0, said->total - common);
}

/* Is there a reason to look further? A set that is open already is looked over once a second. */
static bool is_settled(const struct correlator *correlator, const struct solution *solution,
                       fl_time now_us)
{
    for (size_t i = 0; i < solution->n; i++)
        if (!solution->fits[i].over &&
            !evidence_part(correlator->evidence, solution->chosen[i]->id)->open)
            return false;
    return now_us % FL_SECOND != 0;
}

/* May the candidate do better in the stead of several narrow ones, or of a wide one of which only
 * a part is hit? */
static bool may_replace(const struct correlator *correlator, const struct solution *solution,
                        const struct candidate *candidate)
{
    unsigned n = 0;

    if (candidate->alone.over || candidate->alone.score - candidate->price <= LEAST_SCORE ||
        already(solution, candidate))
        return false;
    for (size_t i = 0; i < solution->n; i++)
        if (!solution->fits[i].over && facts_overlap(correlator->facts, candidate->id, i))
            n += solution->fits[i].rho < IN_PART ? 2 : 1;
    return n > 1;
}

/* The rise takes the best by itself first, which may be a wide component where narrow ones fit
 * better together, or the other way round: rise from others too. */
static void try_others(struct correlator *correlator, struct solution *best)
{
    const struct candidate *others[MAX_OTHERS];
    struct solution solution;
    size_t n = 0;

    for (size_t i = 0; i < correlator->n_candidates && n < MAX_OTHERS; i++)
        if (may_replace(correlator, best, &correlator->candidates[i]))
            others[n++] = &correlator->candidates[i];
    for (size_t i = 0; i < n; i++) {
        rise(correlator, false, others[i], &solution);
        if (is_better(&solution, best))
            *best = solution;
    }
}

/* The best of all starts; its facts are left explained. */
static void search(struct correlator *correlator, fl_time now_us, struct solution *best)
{
    struct solution other;

    rise(correlator, true, NULL, &other);
    rise(correlator, false, NULL, best);
    if (!is_settled(correlator, best, now_us))
        try_others(correlator, best);
    if (!overturns(correlator, best, &other, now_us) || !is_better(best, &other))
        *best = other;
    facts_reset(correlator->facts);
    for (size_t i = 0; i < best->n; i++)
        facts_explain(correlator->facts, best->chosen[i]->id, best->chosen[i]->component.type,
                      &best->fits[i]);
}

static void insert_rival(struct finding *finding, const struct rival *rival)
{
    size_t i = finding->n_rivals;

    if (i == CORRELATOR_MAX_RIVALS && finding->rivals[i - 1].confidence >= rival->confidence)
        return;
    if (i == CORRELATOR_MAX_RIVALS)
        i--;
    else
        finding->n_rivals++;
    while (i > 0 && finding->rivals[i - 1].confidence < rival->confidence) {
        finding->rivals[i] = finding->rivals[i - 1];
        i--;
    }
    finding->rivals[i] = *rival;
}

/* At most even: it was not chosen. */
static double odds_of(double score, double against, double temperature)
{
    return fmin(1, exp((score - against) / temperature));
}

/* What would have explained the same in the finding's stead, and how well. */
static void weigh_rivals(struct correlator *correlator, const struct solution *solution, size_t at,
                         struct finding *own)
{
    const struct candidate *chosen = solution->chosen[at];
    unsigned without = 1u << at;
    double score = solution->n == 1 ? own->score
                                    : fit_beside(correlator, chosen, without).score - chosen->price;
    double sum = 1 + MODEL_DOUBT + exp(-own->score / TEMPERATURE);
    double cautious = 1 + MODEL_DOUBT + exp(-own->score / CAUTION);

    own->n_rivals = 0;
    for (size_t i = 0; i < correlator->n_candidates; i++) {
        const struct candidate *rival = &correlator->candidates[i];
        struct fit fit = rival->alone;
        double odds;

        if (odds_of(rival->alone.score - rival->price, score, CAUTION) < LEAST_ODDS)
            break;
        if (already(solution, rival) || !facts_overlap(correlator->facts, rival->id, at))
            continue;
        if (solution->n > 1)
            fit = fit_beside(correlator, rival, without);
        if (fit.score <= 0 || fit.over)
            continue;
        cautious += odds_of(fit.score - rival->price, score, CAUTION);
        odds = odds_of(fit.score - rival->price, score, TEMPERATURE);
        if (odds < LEAST_ODDS)
            continue;
        sum += odds;
        insert_rival(own, &(struct rival){rival->component, fit.mode, odds});
    }
    own->confidence = 1 / sum;
    own->cautious = 1 / cautious;
    for (size_t i = 0; i < own->n_rivals; i++)
        own->rivals[i].confidence /= sum;
}

size_t correlator_explain(struct correlator *correlator, fl_time now_us,
                          struct finding found[CORRELATOR_MAX_FOUND])
{
    struct solution solution;

    evidence_advance(correlator->evidence, now_us);
    collect_candidates(correlator, now_us);
    search(correlator, now_us, &solution);
    for (size_t i = 0; i < solution.n; i++) {
        const struct candidate *chosen = solution.chosen[i];
        const struct fit *fit = &solution.fits[i];

        found[i] = (struct finding){.component = chosen->component,
                                    .mode = fit->mode,
                                    .rho = fit->rho,
                                    .score = fit->score - chosen->price,
                                    .from_us = fit->from_us,
                                    .spell_us = fit->spell_us,
                                    .to_us = fit->to_us,
                                    .over = fit->over};
        measure(correlator, &found[i], chosen->id, now_us);
        if (!fit->over)
            weigh_rivals(correlator, &solution, i, &found[i]);
    }
    facts_reset(correlator->facts);
    return solution.n;
}
