/* Answers name an ask and an order of it; the agent is known from its connection. So nobody can
 * answer for another, and what does not fit an ask that runs is counted and dropped. */
#include "coordinator/asker.h"

#include "proto/runtime/fl_clock.h"
#include "proto/types/fl_name.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GRACE_US FL_SECOND /* for an answer to travel */
#define QUESTION_DEADLINE_SLACK_US (500 * FL_MS)
#define MAX_TALLIES 256
#define TALLY_US FL_MINUTE /* what is asked within this of the last time is told together */

/* What was asked about one component in one go. */
struct tally {
    char component[FL_COMPONENT_SIZE];
    fl_time from_us, last_us;
    struct asker_told told;
};

struct kept {
    struct asker_ask ask;
    size_t tally; /* of a question */
    struct kept *next;
};

struct asker {
    const struct fleet *fleet;
    struct asker_host host;
    struct event *timer;
    uint64_t next_id;
    struct kept *kept; /* the newest first */
    size_t n_kept;
    struct tally tallies[MAX_TALLIES]; /* a ring */
    size_t n_tallies;
    struct asker_stats stats;
    void (*listener)(void *arg);
    void *listener_arg;
};

static struct kept *kept_free(struct kept *kept)
{
    fl_ask_done(&kept->ask.ask);
    free(kept->ask.recipients);
    free(kept->ask.results);
    free(kept);
    return NULL;
}

static void tell_listener(const struct asker *asker)
{
    if (asker->listener)
        asker->listener(asker->listener_arg);
}

/* ---- limits ---- */

/* Room for one more: the oldest that is over goes. */
static bool make_room(struct asker *asker)
{
    struct kept **oldest = NULL, *gone;

    if (asker->n_kept < ASKER_MAX_KEPT)
        return true;
    for (struct kept **at = &asker->kept; *at; at = &(*at)->next)
        if ((*at)->ask.over)
            oldest = at;
    if (!oldest)
        return false;
    gone = *oldest;
    *oldest = gone->next;
    kept_free(gone);
    asker->n_kept--;
    return true;
}

static size_t repeats_of(const struct fl_ask *ask, uint32_t orders)
{
    size_t n = 0;

    for (size_t i = 0; i < ask->orders.n_specs; i++)
        n += orders >> i & 1 ? ask->repeats[i] : 0;
    return n;
}

static int check(const struct asker *asker, const struct fl_ask *ask,
                 const struct asker_recipient *recipients, size_t n, struct fl_error *err)
{
    size_t results = 0;
    int r = fl_ask_check(ask, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++)
        results += repeats_of(ask, recipients[i].orders);
    if (results == 0)
        return fl_error_set(err, -EINVAL, "no agent has any of these probes in its plan");
    if (results > ASKER_MAX_RESULTS)
        return fl_error_set(err, -E2BIG, "%zu results from %zu agents; at most %d in one ask",
                            results, n, ASKER_MAX_RESULTS);
    if (asker->stats.running >= ASKER_MAX_RUNNING)
        return fl_error_set(err, -EBUSY, "%d asks run already, which is the most; ask later",
                            ASKER_MAX_RUNNING);
    return 0;
}

/* ---- asking ---- */

static int copy_orders(const struct fl_ask *from, uint32_t orders, struct fl_ask *ret)
{
    int r = 0;

    for (size_t i = 0; i < from->orders.n_specs && r == 0; i++) {
        const struct fl_probe_spec *spec = &from->orders.specs[i];
        struct fl_probe_spec *copy;

        if (!(orders >> i & 1))
            continue;
        copy = fl_ask_add(ret, spec->target, spec->probe, spec->type, from->repeats[i],
                          spec->interval_us, spec->timeout_us);
        r = copy ? 0 : -ENOMEM;
        for (size_t k = 0; k < spec->n_settings && r == 0; k++)
            r = fl_probe_spec_set(copy, spec->settings[k].key, spec->settings[k].value);
    }
    return r;
}

static void note_refused(struct asker *asker, struct asker_recipient *recipient, size_t n,
                         const char *reason)
{
    recipient->state = ASKER_REFUSED;
    (void)snprintf(recipient->reason, sizeof(recipient->reason), "%.*s", FL_ANSWER_REASON_SIZE - 1,
                   reason);
    for (char *c = recipient->reason; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    asker->stats.refused += n;
}

static void send_to(struct asker *asker, const struct asker_ask *ask,
                    struct asker_recipient *recipient)
{
    size_t n = (size_t)__builtin_popcount(recipient->orders);
    struct fl_error err = {"no memory"};
    struct fl_ask own;
    int r;

    fl_ask_init(&own);
    own.id = ask->id;
    own.deadline_us = ask->ask.deadline_us;
    r = copy_orders(&ask->ask, recipient->orders, &own);
    if (r == 0)
        r = asker->host.send(recipient->agent, &own, asker->host.arg, &err);
    fl_ask_done(&own);
    if (r < 0)
        note_refused(asker, recipient, n, err.message);
}

static void arm(struct asker *asker)
{
    fl_time now = fl_clock_steady(), first = INT64_MAX;
    struct timeval at;

    for (const struct kept *kept = asker->kept; kept; kept = kept->next)
        if (!kept->ask.over && kept->ask.deadline_us < first)
            first = kept->ask.deadline_us;
    if (first == INT64_MAX)
        return;
    first = first > now ? first - now : 0;
    at = (struct timeval){first / FL_SECOND, first % FL_SECOND};
    (void)evtimer_add(asker->timer, &at); /* it has been added before, so there is memory */
}

static void look_whether_over(struct asker *asker, struct asker_ask *ask)
{
    for (size_t i = 0; i < ask->n_recipients; i++)
        if (ask->recipients[i].state == ASKER_WAITING)
            return;
    if (!ask->over)
        asker->stats.running--;
    ask->over = true;
}

static struct kept *kept_new(struct asker *asker, const struct fl_ask *ask,
                             const struct asker_recipient *recipients, size_t n)
{
    struct kept *kept = calloc(1, sizeof(*kept));

    if (!kept)
        return NULL;
    fl_ask_init(&kept->ask.ask);
    kept->ask.recipients = calloc(n, sizeof(*recipients));
    if (!kept->ask.recipients || copy_orders(ask, UINT32_MAX, &kept->ask.ask) < 0)
        return kept_free(kept);
    kept->ask.id = kept->ask.ask.id = asker->next_id++;
    kept->ask.ask.deadline_us = ask->deadline_us;
    kept->ask.made_us = fl_clock_steady();
    kept->ask.deadline_us = kept->ask.made_us + ask->deadline_us + GRACE_US;
    for (size_t i = 0; i < n; i++)
        if (recipients[i].orders)
            kept->ask.recipients[kept->ask.n_recipients++] =
                (struct asker_recipient){.agent = recipients[i].agent,
                                         .orders = recipients[i].orders,
                                         .expected = repeats_of(ask, recipients[i].orders)};
    return kept;
}

static int begin(struct asker *asker, const struct fl_ask *ask,
                 const struct asker_recipient *recipients, size_t n, struct kept **ret,
                 struct fl_error *err)
{
    struct kept *kept;
    int r = check(asker, ask, recipients, n, err);

    if (r < 0) {
        asker->stats.turned_away++;
        return r;
    }
    kept = make_room(asker) ? kept_new(asker, ask, recipients, n) : NULL;
    if (!kept)
        return fl_error_set(err, -ENOMEM, "no memory for an ask");
    kept->next = asker->kept;
    asker->kept = kept;
    asker->n_kept++;
    asker->stats.running++;
    *ret = kept;
    return 0;
}

static void send_all(struct asker *asker, struct kept *kept)
{
    for (size_t i = 0; i < kept->ask.n_recipients; i++)
        send_to(asker, &kept->ask, &kept->ask.recipients[i]);
    look_whether_over(asker, &kept->ask);
    arm(asker);
}

int asker_begin(struct asker *asker, const struct fl_ask *ask,
                const struct asker_recipient *recipients, size_t n_recipients, uint64_t *ret_id,
                struct fl_error *err)
{
    struct kept *kept = NULL;
    int r = begin(asker, ask, recipients, n_recipients, &kept, err);

    if (r < 0)
        return r;
    asker->stats.asks++;
    *ret_id = kept->ask.id;
    send_all(asker, kept);
    return 0;
}

/* ---- questions ---- */

static struct tally *tally_of(struct asker *asker, const struct component *component, fl_time now)
{
    char name[FL_COMPONENT_SIZE];
    struct tally *tally;

    component_name(asker->fleet, component, name);
    for (size_t i = 0; i < asker->n_tallies && i < MAX_TALLIES; i++) {
        tally = &asker->tallies[i];
        if (now - tally->last_us <= TALLY_US && strcmp(tally->component, name) == 0)
            return tally;
    }
    tally = &asker->tallies[asker->n_tallies++ % MAX_TALLIES];
    *tally = (struct tally){.from_us = now};
    (void)snprintf(tally->component, sizeof(tally->component), "%s", name);
    return tally;
}

static void name_agent(struct asker_told *told, const char *agent)
{
    for (size_t i = 0; i < told->n_agents; i++)
        if (strcmp(told->agents[i], agent) == 0)
            return;
    if (told->n_agents < ASKER_MAX_TOLD)
        (void)snprintf(told->agents[told->n_agents++], FL_NAME_SIZE, "%s", agent);
}

/* The order of that probe, added if there is none yet; -1: there is no room. */
static int order_of(const struct fleet *fleet, uint32_t index, struct fl_ask *ask)
{
    const struct fleet_probe *probe = &fleet->probes[index];
    int64_t longest =
        QUESTION_REPEATS * QUESTION_INTERVAL_US + probe->timeout_us + QUESTION_DEADLINE_SLACK_US;

    for (size_t i = 0; i < ask->orders.n_specs; i++)
        if (ask->orders.specs[i].series == probe->series)
            return (int)i;
    if (!fl_ask_add(ask, fleet->targets[probe->target].name, probe->name, "", QUESTION_REPEATS,
                    QUESTION_INTERVAL_US, 0))
        return -1;
    if (ask->deadline_us < longest)
        ask->deadline_us = longest;
    return (int)ask->orders.n_specs - 1;
}

static size_t add_recipient(struct asker_recipient *recipients, size_t n, uint32_t agent,
                            uint32_t order)
{
    size_t i = 0;

    while (i < n && recipients[i].agent != agent)
        i++;
    if (i == n)
        recipients[n++] = (struct asker_recipient){.agent = agent};
    recipients[i].orders |= UINT32_C(1) << order;
    return n;
}

/* Those about the first one's component, together. Returns how many they were. */
static size_t ask_together(struct asker *asker, const struct question *questions, size_t n)
{
    struct asker_recipient recipients[QUESTION_MAX] = {0};
    struct fl_error err;
    struct kept *kept = NULL;
    struct tally *tally;
    struct fl_ask ask;
    size_t taken = 0, n_recipients = 0;

    fl_ask_init(&ask);
    while (taken < n && component_equal(&questions[taken].about, &questions[0].about)) {
        int order = order_of(asker->fleet, questions[taken].probe, &ask);

        if (order < 0)
            break;
        n_recipients =
            add_recipient(recipients, n_recipients, questions[taken].agent, (uint32_t)order);
        taken++;
    }
    tally = tally_of(asker, &questions[0].about, fl_clock_steady());
    tally->last_us = fl_clock_steady();
    if (begin(asker, &ask, recipients, n_recipients, &kept, &err) == 0) {
        kept->ask.question = true;
        kept->tally = (size_t)(tally - asker->tallies);
        tally->told.asked += taken * QUESTION_REPEATS;
        asker->stats.questions++;
        send_all(asker, kept);
    }
    fl_ask_done(&ask);
    return taken > 0 ? taken : 1;
}

void asker_question(struct asker *asker, const struct question *questions, size_t n)
{
    for (size_t i = 0; i < n;)
        i += ask_together(asker, questions + i, n - i);
}

/* ---- answers ---- */

static struct kept *find(const struct asker *asker, uint64_t id)
{
    struct kept *kept = asker->kept;

    while (kept && kept->ask.id != id)
        kept = kept->next;
    return kept;
}

static struct asker_recipient *recipient_of(const struct asker_ask *ask, uint32_t agent)
{
    for (size_t i = 0; i < ask->n_recipients; i++)
        if (ask->recipients[i].agent == agent)
            return &ask->recipients[i];
    return NULL;
}

/* The order of the ask that is the recipient's n-th; -1: it has not so many. */
static int nth_order(const struct asker_recipient *recipient, uint32_t n)
{
    for (int i = 0; i < FL_MAX_ASK_ORDERS; i++)
        if (recipient->orders >> i & 1 && n-- == 0)
            return i;
    return -1;
}

static bool has_room(struct asker_ask *ask)
{
    size_t room = ask->room ? 2 * ask->room : 16;
    struct asker_result *larger;

    if (ask->n_results < ask->room)
        return true;
    larger = realloc(ask->results, room * sizeof(*larger));
    if (!larger)
        return false;
    ask->results = larger;
    ask->room = room;
    return true;
}

/* Nobody may bring more than was asked for, nor of another series. */
static bool take_result(struct asker_ask *ask, struct asker_recipient *recipient, uint32_t n,
                        const struct fl_result *result, fl_time rx_us)
{
    int order = nth_order(recipient, n);

    if (order < 0 || result->series != ask->ask.orders.specs[order].series ||
        recipient->n_results >= repeats_of(&ask->ask, recipient->orders) || !has_room(ask))
        return false;
    ask->results[ask->n_results] =
        (struct asker_result){(uint32_t)(recipient - ask->recipients), (uint32_t)order, *result};
    ask->results[ask->n_results++].result.rx_us = rx_us;
    recipient->n_results++;
    return true;
}

/* The results are the answer's own, since what is judged may change the asks. */
static void judge_all(const struct asker *asker, uint32_t agent, const struct fl_answer *answer,
                      fl_time rx_us)
{
    for (size_t i = 0; i < answer->n_results; i++) {
        struct fl_result result = answer->results[i];

        result.rx_us = rx_us;
        asker->host.judge(agent, &result, asker->host.arg);
    }
}

static void note_answer(struct asker *asker, struct kept *kept, struct asker_recipient *recipient,
                        const struct fl_answer *answer, size_t n_taken)
{
    struct asker_told *told = &asker->tallies[kept->tally].told;

    asker->stats.results += n_taken;
    if (answer->done) {
        recipient->missed = answer->missed;
        if (recipient->state == ASKER_WAITING)
            recipient->state =
                recipient->n_results > 0 || !recipient->reason[0] ? ASKER_ANSWERED : ASKER_REFUSED;
    }
    if (!kept->ask.question)
        return;
    told->answered += n_taken;
    told->refused += answer->n_refusals;
    if (n_taken > 0)
        name_agent(told, asker->fleet->agents[recipient->agent].name);
}

void asker_answer(struct asker *asker, uint32_t agent, const struct fl_answer *answer,
                  fl_time rx_us)
{
    struct kept *kept = find(asker, answer->id);
    struct asker_recipient *recipient = kept ? recipient_of(&kept->ask, agent) : NULL;
    size_t n_taken = 0;
    bool question;

    if (!recipient || recipient->state != ASKER_WAITING) {
        asker->stats.late++;
        return;
    }
    for (size_t i = 0; i < answer->n_results; i++)
        n_taken +=
            take_result(&kept->ask, recipient, answer->orders[i], &answer->results[i], rx_us);
    for (size_t i = 0; i < answer->n_refusals; i++) {
        note_refused(asker, recipient, 1, answer->refusals[i].reason);
        recipient->state = ASKER_WAITING; /* for its other orders */
    }
    note_answer(asker, kept, recipient, answer, n_taken);
    question = kept->ask.question && n_taken == answer->n_results;
    look_whether_over(asker, &kept->ask);
    tell_listener(asker);
    if (question)
        judge_all(asker, agent, answer, rx_us);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct asker *asker = arg;
    fl_time now = fl_clock_steady();

    (void)fd;
    (void)what;
    for (struct kept *kept = asker->kept; kept; kept = kept->next) {
        if (kept->ask.over || kept->ask.deadline_us > now)
            continue;
        for (size_t i = 0; i < kept->ask.n_recipients; i++)
            if (kept->ask.recipients[i].state == ASKER_WAITING)
                kept->ask.recipients[i].state = ASKER_LATE;
        look_whether_over(asker, &kept->ask);
    }
    tell_listener(asker);
    arm(asker);
}

/* ---- what is known ---- */

const struct asker_ask *asker_find(const struct asker *asker, uint64_t id)
{
    const struct kept *kept = find(asker, id);

    return kept ? &kept->ask : NULL;
}

void asker_tell(const struct asker *asker, const char *component, fl_time from_us, fl_time to_us,
                struct asker_told *ret)
{
    for (size_t i = 0; i < asker->n_tallies && i < MAX_TALLIES; i++) {
        const struct tally *tally = &asker->tallies[i];

        if (tally->last_us < from_us || tally->from_us > to_us ||
            strcmp(tally->component, component) != 0)
            continue;
        ret->asked += tally->told.asked;
        ret->answered += tally->told.answered;
        ret->refused += tally->told.refused;
        for (size_t k = 0; k < tally->told.n_agents; k++)
            name_agent(ret, tally->told.agents[k]);
    }
}

void asker_stats(const struct asker *asker, struct asker_stats *ret)
{
    *ret = asker->stats;
}

void asker_on_change(struct asker *asker, void (*listener)(void *arg), void *arg)
{
    asker->listener = listener;
    asker->listener_arg = arg;
}

/* ---- life ---- */

static void forget_all(struct asker *asker)
{
    while (asker->kept) {
        struct kept *next = asker->kept->next;

        kept_free(asker->kept);
        asker->kept = next;
    }
    asker->n_kept = 0;
    asker->stats.running = 0;
}

void asker_reload(struct asker *asker, const struct fleet *fleet)
{
    forget_all(asker);
    asker->fleet = fleet;
    tell_listener(asker);
}

int asker_new(struct event_base *base, const struct fleet *fleet, const struct asker_host *host,
              struct asker **ret, struct fl_error *err)
{
    FL_CLEANUP(asker_freep) struct asker *asker = calloc(1, sizeof(*asker));
    const struct timeval never = {INT32_MAX, 0};

    if (!asker)
        return fl_error_set(err, -ENOMEM, "no memory for asks");
    asker->fleet = fleet;
    asker->host = *host;
    /* an answer to an ask of before a restart is told apart */
    asker->next_id = (uint64_t)fl_clock_steady();
    asker->timer = evtimer_new(base, on_timer, asker);
    if (!asker->timer || evtimer_add(asker->timer, &never) < 0)
        return fl_error_set(err, -ENOMEM, "no memory for asks");
    *ret = FL_TAKE(asker);
    return 0;
}

struct asker *asker_free(struct asker *asker)
{
    if (!asker)
        return NULL;
    forget_all(asker);
    if (asker->timer)
        event_free(asker->timer);
    free(asker);
    return NULL;
}
