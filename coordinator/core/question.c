#include "coordinator/core/question.h"

#include "proto/types/fl_bucket.h"

#include <errno.h>
#include <stdlib.h>

#define MAX_INQUIRIES 64  /* explanations that are remembered */
#define SCANNED 64        /* series of one component that are looked at for one question */
#define FRESH_INTERVALS 3 /* a series that has been quiet longer tells nothing */

/* What is remembered of one explanation. */
struct inquiry {
    struct component component;
    uint64_t rivals; /* a sum over them: another one, another inquiry */
    fl_time next_us, seen_us;
    int64_t pause_us;
    uint32_t round; /* so that it is not always the same probes */
};

struct question_book {
    const struct fleet *fleet;
    struct fl_bucket *agents, all;
    size_t n_inquiries, n_asked;
    struct inquiry inquiries[MAX_INQUIRIES];
    struct question asked[QUESTION_MAX];
    uint64_t held;
};

/* One explanation while it is asked about. */
struct asking {
    struct question_book *book;
    struct evidence *evidence;
    fl_time now_us;
    struct component about;
    uint32_t round;
    size_t first; /* of its questions in the book */
};

int question_book_new(const struct fleet *fleet, struct question_book **ret)
{
    struct question_book *book = calloc(1, sizeof(*book));

    if (!book)
        return -ENOMEM;
    book->fleet = fleet;
    book->agents = calloc(fleet->n_agents + 1, sizeof(*book->agents));
    if (!book->agents) {
        free(book);
        return -ENOMEM;
    }
    for (size_t i = 0; i < fleet->n_agents; i++)
        fl_bucket_init(&book->agents[i], QUESTION_AGENT_RATE, QUESTION_AGENT_RATE, 0);
    fl_bucket_init(&book->all, QUESTION_RATE, QUESTION_RATE, 0);
    *ret = book;
    return 0;
}

struct question_book *question_book_free(struct question_book *book)
{
    if (!book)
        return NULL;
    free(book->agents);
    free(book);
    return NULL;
}

void question_book_clear(struct question_book *book)
{
    book->n_asked = 0;
}

size_t question_book_asked(const struct question_book *book, const struct question **ret)
{
    *ret = book->asked;
    return book->n_asked;
}

uint64_t question_book_held(const struct question_book *book)
{
    return book->held;
}

/* Independent of their order. */
static uint64_t rivals_of(const struct fleet *fleet, const struct finding *finding)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < finding->n_rivals; i++)
        sum +=
            (component_id(fleet, &finding->rivals[i].component) + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return sum;
}

/* The one of this component, or the place of the one that was seen longest ago. */
static struct inquiry *inquiry_of(struct question_book *book, const struct component *component)
{
    struct inquiry *oldest = book->inquiries;

    for (size_t i = 0; i < book->n_inquiries; i++) {
        struct inquiry *inquiry = &book->inquiries[i];

        if (component_equal(&inquiry->component, component))
            return inquiry;
        if (inquiry->seen_us < oldest->seen_us)
            oldest = inquiry;
    }
    if (book->n_inquiries < MAX_INQUIRIES)
        oldest = &book->inquiries[book->n_inquiries++];
    *oldest = (struct inquiry){.component = *component};
    return oldest;
}

/* May it be asked about now? Then the next time is set. */
static bool is_due(struct inquiry *inquiry, uint64_t rivals, fl_time now_us)
{
    bool again = inquiry->pause_us > 0 && inquiry->rivals == rivals;
    fl_time next_us = inquiry->next_us;

    inquiry->seen_us = now_us;
    if (!again && inquiry->pause_us > QUESTION_PAUSE_US)
        next_us = inquiry->next_us - inquiry->pause_us + QUESTION_PAUSE_US;
    if (now_us < next_us)
        return false;
    inquiry->pause_us = again ? 2 * inquiry->pause_us : QUESTION_PAUSE_US;
    if (inquiry->pause_us > QUESTION_LONGEST_PAUSE_US)
        inquiry->pause_us = QUESTION_LONGEST_PAUSE_US;
    inquiry->rivals = rivals;
    inquiry->next_us = now_us + inquiry->pause_us;
    inquiry->round++;
    return true;
}

static bool is_fresh(const struct window *window, fl_time now_us)
{
    return now_us - window->last_rx_us <=
           FRESH_INTERVALS * window->interval_us + window->timeout_us + FL_SECOND;
}

static bool is_asked(const struct asking *asking, const struct window *window)
{
    for (size_t i = asking->first; i < asking->book->n_asked; i++)
        if (asking->book->asked[i].agent == window->agent &&
            asking->book->asked[i].probe == window->probe)
            return true;
    return false;
}

static size_t asked_of(const struct asking *asking, uint32_t agent)
{
    size_t n = 0;

    for (size_t i = asking->first; i < asking->book->n_asked; i++)
        n += asking->book->asked[i].agent == agent;
    return n;
}

/* A series that touches `component` and not `other`, of the agent that was asked least. */
static const struct window *telling(const struct asking *asking, uint32_t component, uint32_t other)
{
    const struct part *part = evidence_part(asking->evidence, component);
    size_t n = part->n_series < SCANNED ? part->n_series : SCANNED, least = SIZE_MAX;
    const struct window *best = NULL;
    enum side side;

    for (size_t i = 0; i < n; i++) {
        const struct window *window =
            part->series[(i + (size_t)asking->round * SCANNED / 4) % part->n_series];
        size_t asked;

        if (window->probe == FLEET_NONE || window_touches(window, other, &side) ||
            !is_fresh(window, asking->now_us) || is_asked(asking, window))
            continue;
        asked = asked_of(asking, window->agent);
        if (asked < least) {
            least = asked;
            best = window;
        }
    }
    return best;
}

static bool admit(struct question_book *book, uint32_t agent, fl_time now_us)
{
    if (book->n_asked < QUESTION_MAX && fl_bucket_has(&book->all, now_us) &&
        fl_bucket_take(&book->agents[agent], now_us))
        return fl_bucket_take(&book->all, now_us);
    book->held++;
    return false;
}

static bool ask_one(struct asking *asking, uint32_t component, uint32_t other)
{
    struct question_book *book = asking->book;
    const struct window *window;

    if (component == other || book->n_asked - asking->first >= QUESTION_EACH)
        return false;
    window = telling(asking, component, other);
    if (!window || !admit(book, window->agent, asking->now_us))
        return false;
    book->asked[book->n_asked++] = (struct question){asking->about, window->agent, window->probe};
    return true;
}

/* In turn one probe of either side of each pair, while there are any. */
static void ask_about(struct asking *asking, const struct finding *finding)
{
    const struct fleet *fleet = asking->book->fleet;
    uint32_t own = component_id(fleet, &finding->component);
    bool any = true;

    while (any) {
        any = false;
        for (size_t i = 0; i < finding->n_rivals; i++) {
            uint32_t rival = component_id(fleet, &finding->rivals[i].component);

            any = ask_one(asking, rival, own) || any;
            any = ask_one(asking, own, rival) || any;
        }
    }
}

void question_book_step(struct question_book *book, struct evidence *evidence, fl_time now_us,
                        const struct finding *found, size_t n_found)
{
    for (size_t i = 0; i < n_found; i++) {
        struct inquiry *inquiry;
        struct asking asking = {book, evidence, now_us, found[i].component, 0, book->n_asked};

        if (found[i].over || found[i].n_rivals == 0)
            continue;
        inquiry = inquiry_of(book, &found[i].component);
        if (!is_due(inquiry, rivals_of(book->fleet, &found[i]), now_us))
            continue;
        asking.round = inquiry->round;
        ask_about(&asking, &found[i]);
    }
}
