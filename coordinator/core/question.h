/* Which probes, run now, would tell the explanations that stand apart: those that touch one of
 * two rivals and not the other, from agents that have them in their plan. Bounded for each
 * explanation, each agent and altogether, so that a large incident makes no storm; while nothing
 * new stands, it asks less and less often. Pure. */
#pragma once

#include "coordinator/core/correlator.h"

#define QUESTION_MAX 64 /* asked in one step of the engine */
#define QUESTION_REPEATS 3
#define QUESTION_INTERVAL_US (100 * FL_MS) /* between repeats */

#define QUESTION_EACH 16                  /* probes asked for an explanation at once, */
#define QUESTION_PAUSE_US (5 * FL_SECOND) /* and not again within this, which doubles */
#define QUESTION_LONGEST_PAUSE_US (5 * FL_MINUTE)
#define QUESTION_AGENT_RATE 2 /* a second, of one agent */
#define QUESTION_RATE 64      /* a second, of all agents */

struct question {
    struct component about; /* the explanation that stands first */
    uint32_t agent;
    uint32_t probe; /* index in the fleet */
};

struct question_book;

int question_book_new(const struct fleet *fleet, struct question_book **ret);
struct question_book *question_book_free(struct question_book *book);
FL_DEFINE_FREEP(struct question_book, question_book)

/* Forget what was asked so far; the output is empty then. */
void question_book_clear(struct question_book *book);

/* Ask for what is found now, beside what was asked since the last clear. */
void question_book_step(struct question_book *book, struct evidence *evidence, fl_time now_us,
                        const struct finding *found, size_t n_found);

/* Valid until the next step or clear. */
size_t question_book_asked(const struct question_book *book, const struct question **ret);

/* That would have been asked and were not, for a limit; since the start. */
uint64_t question_book_held(const struct question_book *book);
