/* An incident is right when its last verdict names a component that the truth
 * accepts, with an accepted class, and it opened while the fault was there (or
 * just after: the last probes of a fault still have to time out and arrive). A
 * second incident of the same fault is not wrong but counted apart. */
#include "tests/bench/accuracy/judge.h"

#include <stdlib.h>
#include <string.h>

#define MAX_INCIDENTS 512
#define GRACE_INTERVALS 3
#define GRACE_US (6 * FL_SECOND)

struct incident {
    const struct verdict_event *first, *last;
    int truth; /* that it is right about; -1: none */
};

struct bench {
    const struct scenario *scenario;
    const struct verdict_event *events;
    size_t n_events, n;
    struct incident incidents[MAX_INCIDENTS];
};

static void collect(struct bench *bench, struct outcome *outcome)
{
    for (size_t i = 0; i < bench->n_events; i++) {
        const struct verdict_event *event = &bench->events[i];
        size_t at = 0;

        while (at < bench->n && bench->incidents[at].last->verdict.id != event->verdict.id)
            at++;
        if (at == MAX_INCIDENTS)
            break;
        outcome->updates += event->type == VERDICT_UPDATE;
        if (at == bench->n)
            bench->incidents[bench->n++] = (struct incident){event, event, -1};
        else
            bench->incidents[at].last = event;
    }
}

static bool in_time(const struct scenario_truth *truth, fl_time t_us)
{
    return t_us >= truth->fault.from_us &&
           t_us <= truth->fault.until_us + GRACE_INTERVALS * truth->interval_us + GRACE_US;
}

static bool says(const struct scenario_truth *truth, const struct verdict *verdict)
{
    return scenario_accepts(truth, verdict->component, verdict->class);
}

static int truth_of(const struct scenario *scenario, const struct verdict *verdict, fl_time t_us)
{
    for (size_t i = 0; scenario_counts(scenario) && i < scenario->n_truths; i++)
        if (in_time(&scenario->truths[i], t_us) && says(&scenario->truths[i], verdict))
            return (int)i;
    return -1;
}

/* When the incident's verdict became right for good. */
static fl_time right_since(const struct incident *incident, const struct scenario_truth *truth)
{
    fl_time since_us = incident->first->t_us;
    bool right = false;

    for (const struct verdict_event *event = incident->first; event <= incident->last; event++) {
        if (event->verdict.id != incident->first->verdict.id)
            continue;
        if (!right)
            since_us = event->t_us;
        right = says(truth, &event->verdict);
    }
    return since_us;
}

static void judge_incidents(struct bench *bench, struct outcome *outcome)
{
    outcome->incidents = (uint32_t)bench->n;
    for (size_t i = 0; i < bench->n; i++) {
        struct incident *incident = &bench->incidents[i];

        incident->truth =
            truth_of(bench->scenario, &incident->last->verdict, incident->first->t_us);
        if (incident->truth < 0) {
            outcome->wrong++;
            continue;
        }
        outcome->wrong_first +=
            !says(&bench->scenario->truths[incident->truth], &incident->first->verdict);
        for (size_t k = 0; k < i; k++)
            if (bench->incidents[k].truth == incident->truth) {
                outcome->again++;
                break;
            }
    }
}

static void judge_time(const struct incident *incident, const struct scenario_truth *truth,
                       struct truth_outcome *ret)
{
    double us = (double)(right_since(incident, truth) - truth->fault.from_us);

    ret->intervals = (float)(us / (double)truth->interval_us);
    ret->limits = (float)(us * 1e-6 * truth->rate_hz / truth->limit);
}

static void judge_truth(const struct bench *bench, size_t index, struct truth_outcome *ret)
{
    const struct scenario_truth *truth = &bench->scenario->truths[index];
    enum verdict_class class = truth->kind->class, other = VERDICT_CLASSES;
    bool opposite = false;

    if (class == VERDICT_NETWORK || class == VERDICT_STORAGE)
        other = class == VERDICT_NETWORK ? VERDICT_STORAGE : VERDICT_NETWORK;
    ret->gray = truth->kind->gray;
    ret->ambiguous = truth->n_answers > 1;
    ret->hard = truth->limit / truth->rate_hz <=
                JUDGE_HARD * (double)truth->interval_us / (double)FL_SECOND;
    ret->reachable =
        (double)(truth->fault.until_us - truth->fault.from_us) * 1e-6 * truth->rate_hz >=
        2 * truth->limit;
    for (size_t i = 0; i < bench->n; i++) {
        const struct incident *incident = &bench->incidents[i];
        const struct verdict *verdict = &incident->last->verdict;

        if (!in_time(truth, incident->first->t_us))
            continue;
        ret->right_place |= scenario_accepts_place(truth, verdict->component);
        if (incident->truth >= 0 && incident->truth != (int)index)
            continue; /* it speaks of another fault */
        ret->right_class |= verdict->class == class;
        opposite |= verdict->class == other;
        if (incident->truth != (int)index || ret->found)
            continue;
        ret->found = true;
        ret->right_cause = scenario_accepts_cause(truth, verdict->cause);
        judge_time(incident, truth, ret);
    }
    ret->told = other != VERDICT_CLASSES && (ret->right_class || opposite);
    ret->told_right = ret->told && !opposite;
}

static void judge_said(const struct bench *bench, struct outcome *outcome)
{
    for (size_t i = 0; i < bench->n_events && outcome->n_said < JUDGE_MAX_SAID; i++) {
        const struct verdict_event *event = &bench->events[i];

        if (event->type == VERDICT_CLOSE)
            continue;
        outcome->sure[outcome->n_said] = (float)event->verdict.confidence;
        outcome->right[outcome->n_said++] =
            truth_of(bench->scenario, &event->verdict, event->t_us) >= 0;
    }
}

void judge(const struct scenario *scenario, const struct verdict_event *events, size_t n_events,
           struct outcome *ret)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    if (!bench)
        abort();
    bench->scenario = scenario;
    bench->events = events;
    bench->n_events = n_events;
    *ret =
        (struct outcome){.family = scenario->family,
                         .seed = scenario->seed,
                         .n_truths = scenario_counts(scenario) ? (uint32_t)scenario->n_truths : 0,
                         .hours = (double)scenario->end_us / (double)FL_HOUR,
                         .results = sim_results(scenario->sim)};
    collect(bench, ret);
    judge_incidents(bench, ret);
    for (size_t i = 0; i < ret->n_truths; i++)
        judge_truth(bench, i, &ret->truths[i]);
    judge_said(bench, ret);
    free(bench);
    ret->done = true;
}

bool outcome_is_perfect(const struct outcome *outcome)
{
    bool perfect = outcome->wrong == 0 && outcome->again == 0 && outcome->wrong_first == 0;

    for (uint32_t i = 0; i < outcome->n_truths; i++)
        perfect = perfect && outcome->truths[i].found && outcome->truths[i].right_cause &&
                  (!outcome->truths[i].hard || outcome->truths[i].intervals <= JUDGE_SLOW);
    return perfect;
}
