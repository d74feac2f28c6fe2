/* How right, how soon, how sure: random scenarios of every family against their truth.
 * Usage: accuracy [SCENARIOS-A-FAMILY [FIRST-SEED [FAMILY]]]; VERBOSE=1 shows what went wrong. */
#include "tests/sim/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_INCIDENTS 256
#define MAX_TIMES 100000

struct incident {
    struct verdict first, last;
    fl_time opened_us;
};

struct tally {
    unsigned scenarios, faults, found, right_cause, incidents, false_incidents, wrong_first, flips;
    size_t n_times;
    double times[MAX_TIMES]; /* to the verdict, in intervals */
};

static size_t incidents_of(const struct scenario *scenario, struct incident *incidents,
                           unsigned *flips)
{
    const struct verdict_event *events;
    size_t n_events = sim_events(scenario->sim, &events), n = 0;

    for (size_t i = 0; i < n_events; i++) {
        size_t at = 0;

        while (at < n && incidents[at].last.id != events[i].verdict.id)
            at++;
        if (at == MAX_INCIDENTS)
            break;
        if (at == n)
            incidents[n++] =
                (struct incident){events[i].verdict, events[i].verdict, events[i].t_us};
        *flips += events[i].type == VERDICT_UPDATE;
        incidents[at].last = events[i].verdict;
    }
    return n;
}

static bool matches(const struct scenario *scenario, const struct scenario_truth *truth,
                    const struct verdict *verdict)
{
    return (verdict->class == truth->class || verdict->class == truth->other_class) &&
           scenario_accepts(scenario, truth, verdict->component);
}

static bool cause_is_right(const struct scenario_truth *truth, enum verdict_cause cause)
{
    for (size_t i = 0; i < FL_COUNT(truth->causes); i++)
        if (truth->causes[i] != CAUSE_NONE && truth->causes[i] == cause)
            return true;
    return false;
}

static void count_truth(const struct scenario *scenario, const struct scenario_truth *truth,
                        const struct incident *incidents, size_t n, struct tally *tally)
{
    tally->faults++;
    for (size_t i = 0; i < n; i++) {
        if (!matches(scenario, truth, &incidents[i].last))
            continue;
        tally->found++;
        tally->right_cause += cause_is_right(truth, incidents[i].last.cause);
        if (tally->n_times < MAX_TIMES)
            tally->times[tally->n_times++] =
                (double)(incidents[i].opened_us - truth->fault.from_us) /
                (double)scenario->interval_us;
        return;
    }
}

static void complain(const struct scenario *scenario, enum scenario_family family, uint64_t seed)
{
    const struct verdict_event *events;
    size_t n = sim_events(scenario->sim, &events);

    printf("%s seed %llu, interval %lld s:\n", scenario_family_name(family),
           (unsigned long long)seed, (long long)(scenario->interval_us / FL_SECOND));
    for (size_t i = 0; i < scenario->n_truths; i++) {
        const struct sim_fault *fault = &scenario->truths[i].fault;
        char name[FL_COMPONENT_SIZE];

        component_name(sim_fleet(scenario->sim), &fault->component, name);
        printf("  truth %.1f..%.1f %s %s %s effect %d share %.2f extra %lld factor %.1f\n",
               (double)fault->from_us / 1e6, (double)fault->until_us / 1e6,
               verdict_class_name(scenario->truths[i].class), name,
               verdict_cause_name(scenario->truths[i].causes[0]), (int)fault->effect, fault->share,
               (long long)fault->extra_us, fault->factor);
    }
    for (size_t i = 0; i < n; i++) {
        const struct verdict *verdict = &events[i].verdict;

        printf("  %.2f %s %llu %s %s %s %.2f\n", (double)events[i].t_us / 1e6,
               verdict_event_name(events[i].type), (unsigned long long)verdict->id,
               verdict_class_name(verdict->class), verdict->component,
               verdict_cause_name(verdict->cause), verdict->confidence);
    }
}

static void play(enum scenario_family family, uint64_t seed, struct tally *tally, bool verbose)
{
    static struct incident incidents[MAX_INCIDENTS];
    struct scenario scenario;
    unsigned wrong = 0, before = tally->found;
    size_t n;

    if (scenario_new(family, seed, &scenario) < 0)
        abort();
    sim_set_bursts(scenario.sim, seed % 2 == 0 ? 5 * FL_MINUTE : 0);
    sim_run(scenario.sim, scenario.end_us);
    n = incidents_of(&scenario, incidents, &tally->flips);
    tally->scenarios++;
    tally->incidents += (unsigned)n;
    for (size_t i = 0; i < scenario.n_truths && family != SCENARIO_BLIP; i++)
        count_truth(&scenario, &scenario.truths[i], incidents, n, tally);
    for (size_t i = 0; i < n; i++) {
        bool right = false, first = false;

        for (size_t k = 0; k < scenario.n_truths && family != SCENARIO_BLIP; k++) {
            right |= matches(&scenario, &scenario.truths[k], &incidents[i].last);
            first |= matches(&scenario, &scenario.truths[k], &incidents[i].first);
        }
        wrong += !right;
        tally->wrong_first += right && !first;
    }
    tally->false_incidents += wrong;
    if (verbose &&
        (wrong > 0 || (family != SCENARIO_BLIP && tally->found - before < scenario.n_truths)))
        complain(&scenario, family, seed);
    scenario_done(&scenario);
}

static int compare_times(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;

    return (a > b) - (a < b);
}

static void print_tally(const char *name, struct tally *tally)
{
    double recall = tally->faults ? (double)tally->found / tally->faults : 1;
    double precision = tally->incidents ? 1 - (double)tally->false_incidents / tally->incidents : 1;
    size_t n = tally->n_times;

    qsort(tally->times, n, sizeof(double), compare_times);
    printf("%-11s %5u %6u %6.3f %9.3f %6.3f %6.3f %6.1f %6.1f %6u %6u\n", name, tally->scenarios,
           tally->faults, recall, precision,
           recall + precision > 0 ? 2 * recall * precision / (recall + precision) : 0,
           tally->found ? (double)tally->right_cause / tally->found : 1,
           n ? tally->times[n / 2] : 0, n ? tally->times[n * 95 / 100] : 0, tally->wrong_first,
           tally->flips);
}

static void add(struct tally *sum, const struct tally *tally)
{
    sum->scenarios += tally->scenarios;
    sum->faults += tally->faults;
    sum->found += tally->found;
    sum->right_cause += tally->right_cause;
    sum->incidents += tally->incidents;
    sum->false_incidents += tally->false_incidents;
    sum->wrong_first += tally->wrong_first;
    sum->flips += tally->flips;
    for (size_t i = 0; i < tally->n_times && sum->n_times < MAX_TIMES; i++)
        sum->times[sum->n_times++] = tally->times[i];
}

int main(int argc, char **argv)
{
    static struct tally all, tally;
    uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 20;
    uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    bool verbose = getenv("VERBOSE") != NULL;

    printf("%llu scenarios a family, seeds from %llu\n", (unsigned long long)n,
           (unsigned long long)first);
    printf("%-11s %5s %6s %6s %9s %6s %6s %6s %6s %6s %6s\n", "family", "runs", "faults", "recall",
           "precision", "F1", "cause", "p50", "p95", "first", "flips");
    for (int family = 0; family < SCENARIO_FAMILIES; family++) {
        if (argc > 3 && strcmp(argv[3], scenario_family_name((enum scenario_family)family)) != 0)
            continue;
        memset(&tally, 0, sizeof(tally));
        for (uint64_t seed = first; seed < first + n; seed++)
            play((enum scenario_family)family, seed, &tally, verbose);
        print_tally(scenario_family_name((enum scenario_family)family), &tally);
        add(&all, &tally);
    }
    print_tally("all", &all);
    return 0;
}
