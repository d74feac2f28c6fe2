/* Has agents probe something now: sends asks, matches answers, lets go of those whose time is
 * over, and keeps the last ones for who wants to see them. What a question of the judgement brings
 * goes back to the judgement as more observations; what an operator asks for does not, since it
 * comes at a rate that nothing was learned at. */
#pragma once

#include "coordinator/core/component.h"
#include "coordinator/core/question.h"
#include "proto/types/fl_ask.h"

#define ASKER_MAX_KEPT 64      /* asks that are remembered, those that run included */
#define ASKER_MAX_RUNNING 32   /* at once */
#define ASKER_MAX_RESULTS 8000 /* that one ask may bring from all agents */
#define ASKER_MAX_TOLD 32      /* agents named in what is told of the questions of an incident */

struct asker;
struct event_base;

enum asker_state { ASKER_WAITING, ASKER_ANSWERED, ASKER_REFUSED, ASKER_LATE };

/* One agent of an ask. */
struct asker_recipient {
    uint32_t agent;
    uint32_t orders; /* bit i: it is to run order i */
    enum asker_state state;
    uint64_t expected;                  /* results, if it runs all */
    uint64_t n_results, missed;         /* repeats that it did not get to */
    char reason[FL_ANSWER_REASON_SIZE]; /* the last of its refusals; "" none */
};

struct asker_result {
    uint32_t recipient, order;
    struct fl_result result;
};

struct asker_ask {
    uint64_t id;
    bool question; /* of the judgement */
    bool over;
    fl_time made_us, deadline_us;
    struct fl_ask ask;
    size_t n_recipients;
    struct asker_recipient *recipients;
    size_t n_results, room;
    struct asker_result *results; /* in the order of their coming */
};

/* What was asked to judge one component. */
struct asker_told {
    uint64_t asked, answered; /* probes, with their repeats */
    uint64_t refused;
    size_t n_agents;
    char agents[ASKER_MAX_TOLD][FL_NAME_SIZE];
};

struct asker_stats {
    uint64_t asks, questions;        /* since start */
    uint64_t results, refused, late; /* results; orders refused; answers that came too late */
    uint64_t turned_away;            /* asks over a limit */
    size_t running;
};

struct asker_host {
    /* Send to an agent. Negative, with the reason, when it cannot be asked. */
    int (*send)(uint32_t agent, const struct fl_ask *ask, void *arg, struct fl_error *err);
    /* An answer to a question; its rx_us is set. It may lead to new asks. */
    void (*judge)(uint32_t agent, const struct fl_result *result, void *arg);
    void *arg;
};

/* The fleet is borrowed until the next asker_reload. */
int asker_new(struct event_base *base, const struct fleet *fleet, const struct asker_host *host,
              struct asker **ret, struct fl_error *err);
struct asker *asker_free(struct asker *asker);
FL_DEFINE_FREEP(struct asker, asker)

/* Another fleet: all asks are forgotten. */
void asker_reload(struct asker *asker, const struct fleet *fleet);

/* Ask. `ask` has the orders and is copied, its id is given here; of the recipients, agent and
 * orders are read. -EINVAL, -E2BIG or -EBUSY with the reason. */
int asker_begin(struct asker *asker, const struct fl_ask *ask,
                const struct asker_recipient *recipients, size_t n_recipients, uint64_t *ret_id,
                struct fl_error *err);

/* Ask what the judgement wants to know. What is over a limit is dropped and counted. */
void asker_question(struct asker *asker, const struct question *questions, size_t n);

/* An agent answers. */
void asker_answer(struct asker *asker, uint32_t agent, const struct fl_answer *answer,
                  fl_time rx_us);

/* NULL: there is none any more. Valid until anything else is called. */
const struct asker_ask *asker_find(const struct asker *asker, uint64_t id);

/* Add to `ret` what was asked about a component, by its name, between two times. */
void asker_tell(const struct asker *asker, const char *component, fl_time from_us, fl_time to_us,
                struct asker_told *ret);

void asker_stats(const struct asker *asker, struct asker_stats *ret);

/* Called on the loop after anything of an ask has changed. One listener; NULL: none. */
void asker_on_change(struct asker *asker, void (*listener)(void *arg), void *arg);
