#include "coordinator/core/incident.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SURE 0.8    /* confidence that opens after two evaluations in a row */
#define LIKELY 0.45 /* confidence that opens after LIKELY_ROUNDS */
#define LIKELY_ROUNDS 8
#define LEAST_CHANGE_US FL_SECOND /* a changed verdict must last as long before it is said, and */
#define CHANGE_INTERVALS 2        /* as many intervals */
#define RENEW_US FL_SECOND        /* between two looks at the numbers of an open one */
#define DOUBT_CHANGE 0.15         /* by which confidence must have changed to be worth a word */
#define GRAY 0.5         /* a share of the probes below which a burst of bad luck looks alike, */
#define GRAY_SCORE 6.0   /* so that more must speak for it, */
#define GRAY_OCCASIONS 5 /* on more occasions: a restart or two are none, */
#define GRAY_SCATTER 0.8 /* on this share of those that chance would make: restarts bunch */
#define LATE_SPAN_FACTOR 2.6   /* what is only late must be so for longer: jobs come and go; */
#define ALONE_SPAN_FACTOR 5    /* longer still where one agent alone sees it */
#define SPAN_FACTOR 1.1        /* the bad probes must span more than one interval */
#define LINK_SPAN_US FL_SECOND /* who is not heard must not be so at two looks: agents restart */
#define STRAIN_INTERVALS 2     /* for which a host's need may still make it find things late */
#define LEAST_CLOSE_US (2 * FL_SECOND)
#define CLOSE_INTERVALS 2
#define MAX_CLOSED 16 /* incidents that may come back as themselves */
#define COMES_BACK_US \
    FL_MINUTE /* within this, and as many intervals, it is the same one flapping */
#define COMES_BACK_INTERVALS 30
#define MAX_FLAPS 4

struct candidate {
    struct component component;
    uint32_t rounds;
    bool seen;
};

struct life {
    fl_time seen_us;    /* last evaluation that found it */
    fl_time last_us;    /* newest observation that it explained */
    fl_time changed_us; /* since when it has been another verdict, or as sure; 0: it has not */
    double said_confidence;
    int64_t interval_us; /* of the slowest series that it explains */
    uint32_t flaps;      /* how often it has come back */
    bool refreshed;
};

/* An incident that is over. */
struct closed {
    struct component component;
    struct verdict verdict;
    fl_time closed_us;
    uint32_t flaps;
};

struct incident_book {
    uint64_t next_id;
    size_t n_open, n_candidates, n_events;
    struct component components[INCIDENT_MAX_OPEN];
    struct verdict verdicts[INCIDENT_MAX_OPEN];
    struct life life[INCIDENT_MAX_OPEN];
    struct closed closed[MAX_CLOSED]; /* a ring */
    size_t next_closed;
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

/* In intervals. */
static double least_span(const struct finding *finding)
{
    if (!mode_of_lateness(finding->mode))
        return SPAN_FACTOR;
    return finding->witness != FLEET_NONE ? ALONE_SPAN_FACTOR : LATE_SPAN_FACTOR;
}

/* Is it only late, and only for a host that has lately been in need itself? */
static bool strained(const struct scene *scene, const struct finding *finding)
{
    int64_t memory_us = STRAIN_INTERVALS * finding->slowest_us;

    if (memory_us < WITNESS_MEMORY_US)
        memory_us = WITNESS_MEMORY_US;
    return mode_of_lateness(finding->mode) && finding->witness != FLEET_NONE &&
           witness_strained(&scene->witnesses[finding->witness], scene->now_us - memory_us);
}

static bool ripe(const struct scene *scene, const struct finding *finding,
                 const struct candidate *candidate)
{
    if (strained(scene, finding))
        return false;
    if (finding->component.type == COMPONENT_LINK) {
        if (!scene->witnesses[finding->component.a].silent || finding->span_us < LINK_SPAN_US)
            return false;
    } else if ((double)finding->span_us < least_span(finding) * (double)finding->fastest_us) {
        return false;
    }
    if (finding->rho < GRAY &&
        (finding->score < GRAY_SCORE || finding->occasions < GRAY_OCCASIONS ||
         finding->occasions < GRAY_SCATTER * finding->scattered))
        return false;
    if (finding->cautious >= SURE)
        return candidate->rounds >= 2;
    return finding->cautious >= LIKELY && candidate->rounds >= LIKELY_ROUNDS;
}

static void say(struct incident_book *book, size_t i, fl_time now_us, enum verdict_event_type type)
{
    book->life[i].said_confidence = book->verdicts[i].confidence;
    emit(book, now_us, type, &book->verdicts[i]);
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

/* A cause that a host's counters named is not taken back because they have gone quiet: a listener
 * stays full long after the flood. Nor is a direction because the time-outs that told it grow old,
 * nor is a cut that comes and goes a little loss. */
static bool tells_less(enum verdict_cause now, enum verdict_cause before, bool flaps)
{
    if (before == CAUSE_BLACKHOLE)
        return flaps && now == CAUSE_LOSS;
    if (before == CAUSE_ASYMMETRIC)
        return now == CAUSE_LOSS || now == CAUSE_CONGESTION || now == CAUSE_BLACKHOLE;
    return (before == CAUSE_UDP_FLOOD || before == CAUSE_SYN_FLOOD) && now != CAUSE_UDP_FLOOD &&
           now != CAUSE_SYN_FLOOD;
}

static void touch(struct incident_book *book, size_t i, const struct scene *scene,
                  const struct finding *finding)
{
    book->life[i].seen_us = scene->now_us;
    book->life[i].last_us = finding->last_us;
    book->life[i].interval_us = finding->slowest_us;
    book->life[i].refreshed = true;
}

/* Has the doubt changed? At an end it always grows: that is none worth a word. */
static bool doubts_otherwise(const struct incident_book *book, size_t i, const struct scene *scene,
                             const struct finding *finding)
{
    double change = finding->confidence - book->life[i].said_confidence;
    bool lasts =
        scene->now_us - finding->last_us <= LEAST_CLOSE_US + CLOSE_INTERVALS * finding->slowest_us;

    return change >= DOUBT_CHANGE || (lasts && change <= -DOUBT_CHANGE);
}

/* Would another verdict, or another doubt, be said now? */
static bool says_otherwise(const struct incident_book *book, size_t i, const struct scene *scene,
                           const struct finding *finding)
{
    const struct verdict *own = &book->verdicts[i];
    enum verdict_class class = describe_class(scene, finding);
    enum verdict_cause cause = describe_cause(scene, finding);

    if (class != own->class)
        return true;
    if (tells_less(cause, own->cause, book->life[i].flaps > 0))
        return false;
    return cause != own->cause || doubts_otherwise(book, i, scene, finding);
}

/* Its numbers grow while it lasts; at its end they would only fade. */
static void renew(struct incident_book *book, size_t i, const struct scene *scene,
                  const struct finding *finding)
{
    if (scene->now_us % RENEW_US == 0 &&
        describe_cause(scene, finding) == book->verdicts[i].cause &&
        finding->confidence >= book->verdicts[i].confidence)
        redescribe(book, i, scene, finding);
}

static void refresh(struct incident_book *book, size_t i, const struct scene *scene,
                    const struct finding *finding)
{
    int64_t patience = CHANGE_INTERVALS * finding->fastest_us;

    touch(book, i, scene, finding);
    if (!says_otherwise(book, i, scene, finding)) {
        book->life[i].changed_us = 0;
        renew(book, i, scene, finding);
        return;
    }
    if (book->life[i].changed_us == 0)
        book->life[i].changed_us = scene->now_us;
    if (scene->now_us - book->life[i].changed_us <
        (patience > LEAST_CHANGE_US ? patience : LEAST_CHANGE_US))
        return;
    book->life[i].changed_us = 0;
    redescribe(book, i, scene, finding);
    say(book, i, scene->now_us, VERDICT_UPDATE);
}

static struct part *part_of(const struct scene *scene, const struct component *component)
{
    return evidence_part(scene->evidence, component_id(scene->fleet, component));
}

/* Do both touch a series that is in trouble right now? */
static bool share_trouble(const struct scene *scene, const struct component *x,
                          const struct component *y)
{
    const struct part *part = part_of(scene, x);
    uint32_t other = component_id(scene->fleet, y);
    enum side side;

    for (size_t i = 0; i < part->n_series; i++)
        if (part->series[i]->n_bad > 0 && window_touches(part->series[i], other, &side) &&
            symbol_is_bad((enum symbol)window_at(part->series[i], 0)->symbol))
            return true;
    return false;
}

/* An open incident that the finding explains better: it was a rival, or its component is gone
 * from the findings and touches the same series. */
static size_t find_superseded(const struct incident_book *book, const struct scene *scene,
                              const struct finding *finding, const struct finding *found,
                              size_t n_found)
{
    for (size_t i = 0; i < book->n_open; i++) {
        bool still_found = false;

        for (size_t k = 0; k < n_found; k++)
            still_found |= component_equal(&found[k].component, &book->components[i]);
        if (!still_found && share_trouble(scene, &finding->component, &book->components[i]))
            return i;
    }
    return book->n_open;
}

/* The same trouble at the same place a short while ago, or NULL. */
static struct closed *find_flapping(struct incident_book *book, const struct scene *scene,
                                    const struct finding *finding)
{
    int64_t within_us = COMES_BACK_INTERVALS * finding->slowest_us;

    if (within_us < COMES_BACK_US)
        within_us = COMES_BACK_US;
    for (size_t i = 0; i < MAX_CLOSED; i++) {
        struct closed *closed = &book->closed[i];

        if (closed->verdict.id != 0 && component_equal(&closed->component, &finding->component) &&
            closed->verdict.class == describe_class(scene, finding) &&
            scene->now_us - closed->closed_us <= within_us)
            return closed;
    }
    return NULL;
}

static void move_entry(struct incident_book *book, size_t to, size_t from)
{
    book->components[to] = book->components[from];
    book->verdicts[to] = book->verdicts[from];
    book->life[to] = book->life[from];
}

/* A fault that flaps is one incident: it opens again under its own number and with its own onset.
 */
static size_t open_new(struct incident_book *book, const struct scene *scene,
                       const struct finding *finding)
{
    struct closed *closed = find_flapping(book, scene, finding);
    uint64_t id = closed ? closed->verdict.id : book->next_id++;
    size_t i = book->n_open++;

    while (i > 0 && book->verdicts[i - 1].id > id) { /* open ones are in order of id */
        move_entry(book, i, i - 1);
        i--;
    }
    book->components[i] = finding->component;
    describe(scene, finding, &book->verdicts[i]);
    book->verdicts[i].id = id;
    book->life[i] = (struct life){.flaps = closed ? closed->flaps + 1 : 0};
    if (closed) {
        book->verdicts[i].since_us = closed->verdict.since_us;
        closed->verdict.id = 0;
    }
    say(book, i, scene->now_us, VERDICT_OPEN);
    return i;
}

static void open_or_move(struct incident_book *book, const struct scene *scene,
                         const struct finding *finding, const struct finding *found, size_t n_found)
{
    size_t i = find_superseded(book, scene, finding, found, n_found);

    if (i < book->n_open) {
        part_of(scene, &book->components[i])->open = false;
        book->components[i] = finding->component;
        redescribe(book, i, scene, finding);
        say(book, i, scene->now_us, VERDICT_UPDATE);
    } else if (book->n_open < INCIDENT_MAX_OPEN) {
        i = open_new(book, scene, finding);
    } else {
        return;
    }
    part_of(scene, &book->components[i])->open = true;
    part_of(scene, &book->components[i])->open_since_us = book->verdicts[i].since_us;
    book->life[i].changed_us = 0;
    touch(book, i, scene, finding);
}

/* What the incident explained is over: it must not open another. */
static void forget_past(struct incident_book *book, const struct scene *scene, size_t own)
{
    const struct part *part = part_of(scene, &book->components[own]);
    fl_time floor_us = book->life[own].last_us + 1;

    for (size_t i = 0; i < part->n_series; i++)
        if (part->series[i]->floor_us < floor_us &&
            !evidence_covered(scene->evidence, part->series[i]))
            evidence_forget(scene->evidence, part->series[i], book->verdicts[own].since_us,
                            floor_us);
}

/* One that has come back before is given longer. */
static bool has_gone(const struct incident_book *book, size_t i, fl_time now_us)
{
    int64_t patience = CLOSE_INTERVALS * book->life[i].interval_us;

    if (patience < LEAST_CLOSE_US)
        patience = LEAST_CLOSE_US;
    patience *=
        1 + 2 * (int64_t)(book->life[i].flaps < MAX_FLAPS ? book->life[i].flaps : MAX_FLAPS);
    return !book->life[i].refreshed && now_us - book->life[i].seen_us >= patience;
}

static void remember(struct incident_book *book, size_t i, fl_time now_us)
{
    book->closed[book->next_closed] =
        (struct closed){book->components[i], book->verdicts[i], now_us, book->life[i].flaps};
    book->next_closed = (book->next_closed + 1) % MAX_CLOSED;
}

static void close_gone(struct incident_book *book, const struct scene *scene)
{
    size_t kept = 0;

    for (size_t i = 0; i < book->n_open; i++) {
        if (has_gone(book, i, scene->now_us)) {
            emit(book, scene->now_us, VERDICT_CLOSE, &book->verdicts[i]);
            part_of(scene, &book->components[i])->open = false;
            forget_past(book, scene, i);
            remember(book, i, scene->now_us);
            continue;
        }
        if (kept != i)
            move_entry(book, kept, i);
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
                          const struct finding *found, size_t n_found,
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
            refresh(book, at, scene, &found[i]);
            continue;
        }
        candidate = find_candidate(book, &found[i].component);
        if (!candidate)
            continue;
        candidate->seen = true;
        candidate->rounds++;
        if (ripe(scene, &found[i], candidate))
            open_or_move(book, scene, &found[i], found, n_found);
    }
    drop_unseen_candidates(book);
    close_gone(book, scene);
    *ret_events = book->events;
    return book->n_events;
}

void incident_book_inherit(struct incident_book *book, const struct incident_book *from,
                           const struct fleet *from_fleet, const struct scene *scene)
{
    book->next_id = from->next_id;
    for (size_t i = 0; i < from->n_open; i++) {
        struct component *component = &book->components[book->n_open];
        struct part *part;

        if (!component_in(from_fleet, &from->components[i], scene->fleet, component))
            continue;
        book->verdicts[book->n_open] = from->verdicts[i];
        book->life[book->n_open++] = from->life[i];
        part = part_of(scene, component);
        part->open = true;
        part->open_since_us = from->verdicts[i].since_us;
    }
    for (size_t i = 0; i < MAX_CLOSED; i++) {
        struct closed *closed = &book->closed[book->next_closed];

        *closed = from->closed[(from->next_closed + i) % MAX_CLOSED];
        if (closed->verdict.id != 0 &&
            component_in(from_fleet, &closed->component, scene->fleet, &closed->component))
            book->next_closed = (book->next_closed + 1) % MAX_CLOSED;
        else
            *closed = (struct closed){.closed_us = 0};
    }
}

size_t incident_book_open(const struct incident_book *book, const struct verdict **ret)
{
    *ret = book->verdicts;
    return book->n_open;
}
