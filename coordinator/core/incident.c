#include "coordinator/core/incident.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SURE 0.8    /* confidence that opens after two evaluations in a row */
#define LIKELY 0.45 /* confidence that opens after LIKELY_ROUNDS */
#define LIKELY_ROUNDS 8
#define LEAST_CHANGE_US FL_SECOND /* a changed verdict must last as long before it is said, and */
#define CHANGE_INTERVALS 2        /* as many intervals */
#define GRAY 0.5        /* a share of the probes below which a burst of bad luck looks alike, */
#define GRAY_SCORE 6.0  /* so that more must speak for it */
#define SPAN_FACTOR 1.1 /* the bad probes must span more than one interval */
#define LEAST_CLOSE_US (2 * FL_SECOND)

struct candidate {
    struct component component;
    uint32_t rounds;
    bool seen;
};

struct incident_book {
    uint64_t next_id;
    size_t n_open, n_candidates, n_events;
    struct component components[INCIDENT_MAX_OPEN];
    struct verdict verdicts[INCIDENT_MAX_OPEN];
    struct {
        fl_time seen_us;    /* last evaluation that found it */
        fl_time last_us;    /* newest observation that it explained */
        fl_time changed_us; /* since when class or cause has been another; 0: it has not */
        bool refreshed;
    } life[INCIDENT_MAX_OPEN];
    struct candidate candidates[INCIDENT_MAX_OPEN];
    struct verdict_event events[2 * INCIDENT_MAX_OPEN];
};

int incident_book_new(uint64_t first_id, struct incident_book **ret)
{
    struct incident_book *book = calloc(1, sizeof(*book));

    if (!book)
        return -ENOMEM;
    book->next_id = first_id;
    *ret = book;
    return 0;
}

struct incident_book *incident_book_free(struct incident_book *book)
{
    free(book);
    return NULL;
}

static void emit(struct incident_book *book, fl_time now_us, enum verdict_event_type type,
                 const struct verdict *verdict)
{
    if (book->n_events == FL_COUNT(book->events))
        return;
    book->events[book->n_events++] = (struct verdict_event){now_us, type, *verdict};
}

static size_t find_open(const struct incident_book *book, const struct component *component)
{
    size_t i = 0;

    while (i < book->n_open && !component_equal(&book->components[i], component))
        i++;
    return i;
}

static struct candidate *find_candidate(struct incident_book *book,
                                        const struct component *component)
{
    for (size_t i = 0; i < book->n_candidates; i++)
        if (component_equal(&book->candidates[i].component, component))
            return &book->candidates[i];
    if (book->n_candidates == INCIDENT_MAX_OPEN)
        return NULL;
    book->candidates[book->n_candidates] = (struct candidate){*component, 0, false};
    return &book->candidates[book->n_candidates++];
}

static bool ripe(const struct finding *finding, const struct candidate *candidate,
                 int64_t interval_us)
{
    double span = (double)(finding->last_us - finding->since_us);

    if (finding->component.type != COMPONENT_LINK && span < SPAN_FACTOR * (double)interval_us)
        return false;
    if (finding->rho < GRAY && finding->score < GRAY_SCORE)
        return false;
    if (finding->confidence >= SURE)
        return candidate->rounds >= 2;
    return finding->confidence >= LIKELY && candidate->rounds >= LIKELY_ROUNDS;
}

/* Keep id and onset, take everything else anew. */
static void redescribe(struct incident_book *book, size_t i, const struct scene *scene,
                       const struct finding *finding)
{
    struct verdict *own = &book->verdicts[i];
    uint64_t id = own->id;
    fl_time since_us = own->since_us;
    struct finding from_onset = *finding;

    if (since_us < from_onset.since_us)
        from_onset.since_us = since_us;
    describe(scene, &from_onset, own);
    own->id = id;
}

static void refresh(struct incident_book *book, size_t i, const struct scene *scene,
                    const struct finding *finding, int64_t interval_us)
{
    int64_t patience = CHANGE_INTERVALS * interval_us;
    struct verdict now;

    book->life[i].seen_us = scene->now_us;
    book->life[i].last_us = finding->last_us;
    book->life[i].refreshed = true;
    describe(scene, finding, &now);
    if (now.class == book->verdicts[i].class && now.cause == book->verdicts[i].cause) {
        book->life[i].changed_us = 0;
        return;
    }
    if (book->life[i].changed_us == 0)
        book->life[i].changed_us = scene->now_us;
    if (scene->now_us - book->life[i].changed_us <
        (patience > LEAST_CHANGE_US ? patience : LEAST_CHANGE_US))
        return;
    book->life[i].changed_us = 0;
    redescribe(book, i, scene, finding);
    emit(book, scene->now_us, VERDICT_UPDATE, &book->verdicts[i]);
}

/* An open incident that the finding explains better: it was a rival, or its component is gone
 * from the findings and touches the same series. */
static size_t find_superseded(const struct incident_book *book, const struct scene *scene,
                              const struct finding *finding, const struct finding *found,
                              size_t n_found)
{
    for (size_t i = 0; i < book->n_open; i++) {
        bool still_found = false, shared = false;

        for (size_t k = 0; k < n_found; k++)
            still_found |= component_equal(&found[k].component, &book->components[i]);
        if (still_found)
            continue;
        for (size_t k = 0; k < scene->n_windows && !shared; k++)
            shared = correlator_touches(scene->fleet, scene->windows[k], &finding->component) &&
                     correlator_touches(scene->fleet, scene->windows[k], &book->components[i]) &&
                     scene->windows[k]->n > 0 &&
                     symbol_is_bad((enum symbol)window_at(scene->windows[k], 0)->symbol);
        if (shared)
            return i;
    }
    return book->n_open;
}

static void open_or_move(struct incident_book *book, const struct scene *scene,
                         const struct finding *finding, const struct finding *found, size_t n_found)
{
    size_t i = find_superseded(book, scene, finding, found, n_found);

    if (i < book->n_open) {
        book->components[i] = finding->component;
        redescribe(book, i, scene, finding);
        emit(book, scene->now_us, VERDICT_UPDATE, &book->verdicts[i]);
    } else if (book->n_open < INCIDENT_MAX_OPEN) {
        i = book->n_open++;
        book->components[i] = finding->component;
        describe(scene, finding, &book->verdicts[i]);
        book->verdicts[i].id = book->next_id++;
        emit(book, scene->now_us, VERDICT_OPEN, &book->verdicts[i]);
    } else {
        return;
    }
    book->life[i].seen_us = scene->now_us;
    book->life[i].last_us = finding->last_us;
    book->life[i].changed_us = 0;
    book->life[i].refreshed = true;
}

static bool covered_by_another(const struct incident_book *book, const struct scene *scene,
                               const struct window *window, size_t own)
{
    for (size_t i = 0; i < book->n_open; i++)
        if (i != own && correlator_touches(scene->fleet, window, &book->components[i]))
            return true;
    return false;
}

/* What the incident explained is over: it must not open another. */
static void forget_past(struct incident_book *book, const struct scene *scene, size_t own)
{
    fl_time floor_us = book->life[own].last_us + 1;

    for (size_t i = 0; i < scene->n_windows; i++) {
        struct window *window = scene->windows[i];

        if (window->floor_us < floor_us &&
            correlator_touches(scene->fleet, window, &book->components[own]) &&
            !covered_by_another(book, scene, window, own))
            window->floor_us = floor_us;
    }
}

static void close_gone(struct incident_book *book, const struct scene *scene, int64_t interval_us)
{
    int64_t patience = 2 * interval_us > LEAST_CLOSE_US ? 2 * interval_us : LEAST_CLOSE_US;
    size_t kept = 0;

    for (size_t i = 0; i < book->n_open; i++) {
        if (!book->life[i].refreshed && scene->now_us - book->life[i].seen_us >= patience) {
            emit(book, scene->now_us, VERDICT_CLOSE, &book->verdicts[i]);
            forget_past(book, scene, i);
            continue;
        }
        if (kept != i) {
            book->components[kept] = book->components[i];
            book->verdicts[kept] = book->verdicts[i];
            book->life[kept] = book->life[i];
        }
        kept++;
    }
    book->n_open = kept;
}

static void drop_unseen_candidates(struct incident_book *book)
{
    size_t kept = 0;

    for (size_t i = 0; i < book->n_candidates; i++)
        if (book->candidates[i].seen)
            book->candidates[kept++] = book->candidates[i];
    book->n_candidates = kept;
}

size_t incident_book_step(struct incident_book *book, const struct scene *scene,
                          const struct finding *found, size_t n_found, int64_t interval_us,
                          const struct verdict_event **ret_events)
{
    book->n_events = 0;
    for (size_t i = 0; i < book->n_open; i++)
        book->life[i].refreshed = false;
    for (size_t i = 0; i < book->n_candidates; i++)
        book->candidates[i].seen = false;
    for (size_t i = 0; i < n_found; i++) {
        size_t at = find_open(book, &found[i].component);
        struct candidate *candidate;

        if (found[i].over) {
            if (at < book->n_open)
                book->life[at].last_us = found[i].last_us;
            continue;
        }
        if (at < book->n_open) {
            refresh(book, at, scene, &found[i], interval_us);
            continue;
        }
        candidate = find_candidate(book, &found[i].component);
        if (!candidate)
            continue;
        candidate->seen = true;
        candidate->rounds++;
        if (ripe(&found[i], candidate, interval_us))
            open_or_move(book, scene, &found[i], found, n_found);
    }
    drop_unseen_candidates(book);
    close_gone(book, scene, interval_us);
    *ret_events = book->events;
    return book->n_events;
}

size_t incident_book_components(const struct incident_book *book, const struct component **ret)
{
    *ret = book->components;
    return book->n_open;
}

size_t incident_book_open(const struct incident_book *book, const struct verdict **ret)
{
    *ret = book->verdicts;
    return book->n_open;
}
