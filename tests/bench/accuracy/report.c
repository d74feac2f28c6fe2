#include "tests/bench/accuracy/report.h"

#include <math.h>

static double seconds(fl_time us)
{
    return (double)us / (double)FL_SECOND;
}

static const char *or_dash(const char *word)
{
    return word ? word : "-";
}

static void print_truth(FILE *out, const struct scenario *scenario, size_t i,
                        const struct truth_outcome *outcome)
{
    const struct scenario_truth *truth = &scenario->truths[i];
    const struct sim_fault *fault = &truth->fault;

    (void)fprintf(out, "  true %.1f to %.1f s: %s %s (%s) \"%s\"", seconds(fault->from_us),
                  seconds(fault->until_us), verdict_class_name(truth->kind->class),
                  truth->answers[0].component, or_dash(verdict_cause_name(truth->kind->causes[0])),
                  truth->kind->name);
    if (fault->share > 0 && fault->share < 1)
        (void)fprintf(out, ", share %.2f", fault->share);
    if (fault->extra_us != 0)
        (void)fprintf(out, ", %+.0f ms", (double)fault->extra_us / 1e3);
    if (fault->factor > 0)
        (void)fprintf(out, ", %.1f times", fault->factor);
    if (fault->flows > 0)
        (void)fprintf(out, ", flows %.2f", fault->flows);
    if (fault->direction != SIM_BOTH)
        (void)fprintf(out, ", %s only", fault->direction == SIM_OUT ? "out" : "in");
    for (size_t k = 1; k < truth->n_answers; k++)
        (void)fprintf(out, ", or %s", truth->answers[k].component);
    (void)fprintf(out, "; limit %.0f probes at %.1f a second: %s\n", truth->limit, truth->rate_hz,
                  outcome->found         ? outcome->right_cause ? "found" : "found, other cause"
                  : outcome->right_place ? "right place, wrong class"
                                         : "missed");
}

void report_miss(FILE *out, const struct scenario *scenario, const struct verdict_event *events,
                 size_t n_events, const struct outcome *outcome)
{
    const struct fleet *fleet = sim_fleet(scenario->sim);

    (void)fprintf(out, "%s seed %llu: %zu zones, %zu agents, %zu targets, interval %.0f s\n",
                  scenario_family_name(scenario->family), (unsigned long long)scenario->seed,
                  fleet->n_zones, fleet->n_agents, fleet->n_targets - fleet->n_agents,
                  seconds(scenario->interval_us));
    for (size_t i = 0; i < outcome->n_truths; i++)
        print_truth(out, scenario, i, &outcome->truths[i]);
    for (size_t i = 0; i < n_events; i++) {
        const struct verdict *verdict = &events[i].verdict;

        (void)fprintf(out, "  said %.2f s: %s %llu %s %s (%s) %.2f", seconds(events[i].t_us),
                      verdict_event_name(events[i].type), (unsigned long long)verdict->id,
                      verdict_class_name(verdict->class), verdict->component,
                      or_dash(verdict_cause_name(verdict->cause)), verdict->confidence);
        for (uint32_t k = 0; k < verdict->n_alternatives && k < 3; k++)
            (void)fprintf(out, "%s %s %.2f", k ? "," : "; or", verdict->alternatives[k].component,
                          verdict->alternatives[k].confidence);
        (void)fputc('\n', out);
    }
}

void report_head(FILE *out, const char *what)
{
    (void)fprintf(out, "%-15s %5s %6s %6s %6s %6s %6s %6s %6s %6s %6s %6s %5s %5s %5s %6s %6s\n",
                  what, "runs", "faults", "recall", "precis", "F1", "place", "class", "cause",
                  "n/s", "p50", "p95", "wrong", "again", "first", "ECE", "Brier");
}

/* A figure in its column, a dash where there is nothing that it could be of. */
static void put(FILE *out, int digits, double value)
{
    if (isnan(value))
        (void)fprintf(out, " %6s", "-");
    else
        (void)fprintf(out, " %6.*f", digits, value);
}

void report_line(FILE *out, const char *name, struct tally *tally)
{
    (void)fprintf(out, "%-15s %5u %6u", name, tally->scenarios, tally->faults);
    put(out, 3, tally_recall(tally));
    put(out, 3, tally_precision(tally));
    put(out, 3, tally_f1(tally));
    put(out, 3, tally_share(tally->right_place, tally->faults));
    put(out, 3, tally_share(tally->right_class, tally->faults));
    put(out, 3, tally_share(tally->right_cause, tally->found));
    put(out, 3, tally_share(tally->told_right, tally->told));
    put(out, 1, tally_quantile(tally->times, tally->n_times, 0.5));
    put(out, 1, tally_quantile(tally->times, tally->n_times, 0.95));
    (void)fprintf(out, " %5u %5u %5u", tally->wrong, tally->again, tally->wrong_first);
    put(out, 3, tally_ece(tally));
    put(out, 3, tally_brier(tally));
    (void)fputc('\n', out);
}

static void print_bar(FILE *out, const char *what, double value, bool at_least, double bar)
{
    bool met = at_least ? value >= bar : value <= bar;

    if (isnan(value)) {
        (void)fprintf(out, "%-58s %8s  nothing to measure\n", what, "-");
        return;
    }
    (void)fprintf(out, "%-58s %8.3f  %s %-6g %s\n", what, value, at_least ? "at least" : "at most ",
                  bar, met ? "met" : "NOT MET");
}

/* A tenth of the verdicts in each column. */
static void print_reliability(FILE *out, struct tally *tally)
{
    (void)fprintf(out, "%-29s", "  confidence of a tenth, mean");
    for (unsigned tenth = 0; tenth < TALLY_TENTHS; tenth++)
        (void)fprintf(out, " %5.3f", tally_reliability(tally, tenth).sure);
    (void)fprintf(out, "\n%-29s", "  share of it that was right");
    for (unsigned tenth = 0; tenth < TALLY_TENTHS; tenth++)
        (void)fprintf(out, " %5.3f", tally_reliability(tally, tenth).right);
    (void)fprintf(out, "\n%-58s %8zu\n", "  verdicts said", tally->n_said);
}

static bool is_single(enum scenario_family family)
{
    return family >= SCENARIO_NETWORK && family <= SCENARIO_MONITORING;
}

static void collect(const struct outcome *outcomes, size_t n, bool (*wanted)(enum scenario_family),
                    struct tally *tally)
{
    for (size_t i = 0; i < n; i++)
        if (outcomes[i].done && wanted(outcomes[i].family))
            tally_add(tally, &outcomes[i]);
}

static bool is_gray(enum scenario_family family)
{
    return family == SCENARIO_GRAY;
}

static bool is_quiet(enum scenario_family family)
{
    return family == SCENARIO_QUIET;
}

static bool is_any(enum scenario_family family)
{
    (void)family;
    return true;
}

void report_bars(FILE *out, const struct outcome *outcomes, size_t n)
{
    struct tally mixed = {0}, single = {0}, gray = {0}, traps = {0}, quiet = {0}, all = {0};

    collect(outcomes, n, scenario_is_mixed, &mixed);
    collect(outcomes, n, is_single, &single);
    collect(outcomes, n, is_gray, &gray);
    collect(outcomes, n, scenario_is_trap, &traps);
    collect(outcomes, n, is_quiet, &quiet);
    collect(outcomes, n, is_any, &all);
    if (mixed.faults > 0) {
        print_bar(out, "F1, mixed: none, single, double, triple, blips", tally_f1(&mixed), true,
                  0.97);
        print_bar(out, "network told from storage, single faults",
                  tally_share(single.told_right, single.told), true, 0.995);
        print_bar(out, "cause right where found, mixed",
                  tally_share(mixed.right_cause, mixed.found), true, 0.95);
        print_bar(out, "intervals to the verdict, hard faults, p50",
                  tally_quantile(mixed.hard, mixed.n_hard, 0.5), false, 2.5);
        print_bar(out, "intervals to the verdict, hard faults, p95",
                  tally_quantile(mixed.hard, mixed.n_hard, 0.95), false, 5);
        (void)fprintf(out, "%-58s %8zu  of %zu found\n",
                      "  too faint for that: nobody's probes suffice in half of it",
                      mixed.n_times - mixed.n_hard, mixed.n_times);
        (void)fprintf(out, "%-58s %8u  of %u, %u of them found\n",
                      "faults over before twice the probes that anybody needs",
                      mixed.faults - mixed.reachable, mixed.faults, mixed.found - mixed.reached);
    }
    if (gray.faults > 0) {
        print_bar(out, "gray faults that lasted twice the limit, found",
                  tally_share(gray.reached, gray.reachable), true, 0.95);
        print_bar(out, "gray faults, probes over the limit, p50",
                  tally_quantile(gray.limits, gray.n_limits, 0.5), false, 2);
    }
    if (traps.faults > 0) {
        print_bar(out, "F1, traps", tally_f1(&traps), true, 0.93);
        print_bar(out, "network told from storage, traps",
                  tally_share(traps.told_right, traps.told), true, 0.98);
    }
    if (quiet.scenarios > 0) {
        (void)fprintf(out, "%-58s %8u  in %.1f simulated hours, %.2f an hour\n",
                      "false alarms in quiet life", quiet.wrong, quiet.hours,
                      quiet.hours > 0 ? quiet.wrong / quiet.hours : 0);
    }
    print_bar(out, "verdicts that were wrong at first", tally_share(all.wrong_first, all.incidents),
              false, 0.02);
    print_bar(out, "calibration, ECE over every verdict said", tally_ece(&all), false, 0.03);
    print_reliability(out, &all);
    tally_done(&mixed);
    tally_done(&single);
    tally_done(&gray);
    tally_done(&traps);
    tally_done(&quiet);
    tally_done(&all);
}

double report_f1(const struct outcome *outcomes, size_t n)
{
    struct tally mixed = {0};
    double f1;

    collect(outcomes, n, scenario_is_mixed, &mixed);
    f1 = tally_f1(&mixed);
    tally_done(&mixed);
    return f1;
}

void report_contender_head(FILE *out)
{
    (void)fprintf(out, "\n%-11s %6s %6s %6s %6s %6s %6s %6s %6s | %6s %6s %6s  %s\n", "mixed",
                  "recall", "precis", "F1", "place", "class", "n/s", "p50", "p95", "gray", "traps",
                  "n/s", "settings");
}

void report_contender(FILE *out, const char *name, const struct settings *settings,
                      const struct outcome *outcomes, size_t n)
{
    struct tally mixed = {0}, gray = {0}, traps = {0};

    collect(outcomes, n, scenario_is_mixed, &mixed);
    collect(outcomes, n, is_gray, &gray);
    collect(outcomes, n, scenario_is_trap, &traps);
    (void)fprintf(out, "%-11s", name);
    put(out, 3, tally_recall(&mixed));
    put(out, 3, tally_precision(&mixed));
    put(out, 3, tally_f1(&mixed));
    put(out, 3, tally_share(mixed.right_place, mixed.faults));
    put(out, 3, tally_share(mixed.right_class, mixed.faults));
    put(out, 3, tally_share(mixed.told_right, mixed.told));
    put(out, 1, tally_quantile(mixed.times, mixed.n_times, 0.5));
    put(out, 1, tally_quantile(mixed.times, mixed.n_times, 0.95));
    (void)fputs(" |", out);
    put(out, 3, tally_f1(&gray));
    put(out, 3, tally_f1(&traps));
    put(out, 3, tally_share(traps.told_right, traps.told));
    if (settings)
        (void)fprintf(out, "  %lld intervals, %u rounds, %g, %g", (long long)settings->window,
                      settings->rounds, settings->own[0], settings->own[1]);
    (void)fputc('\n', out);
    tally_done(&mixed);
    tally_done(&gray);
    tally_done(&traps);
}
