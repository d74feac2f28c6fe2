/* The outcomes lie in memory that all processes share; each takes the next
 * scenario that nobody has. What a process prints it prints in one piece. */
#include "tests/bench/accuracy/run.h"

#include "coordinator/trace/trace_writer.h"
#include "tests/bench/accuracy/contender.h"
#include "tests/bench/accuracy/report.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct shared {
    atomic_size_t next;
    _Atomic int64_t cpu_us; /* of all processes together */
    size_t n;
    struct outcome outcomes[]; /* of the correlator, then of each contender */
};

struct task {
    enum scenario_family family;
    uint64_t seed;
};

static struct task task_at(const struct options *options, size_t i)
{
    size_t wanted = i / options->scenarios;

    for (int family = 0; family < SCENARIO_FAMILIES; family++)
        if (options->families[family] && wanted-- == 0)
            return (struct task){(enum scenario_family)family,
                                 options->seed + i % options->scenarios};
    abort();
}

static void record(void *arg, const struct engine_event *event)
{
    if (event->type == ENGINE_RESULT)
        (void)trace_writer_result(arg, event->agent, event->result, NULL);
    else
        (void)trace_writer_host(arg, event->agent, event->host, NULL);
}

/* The same scenario once more, into a trace: same seed, same results. */
static void write_trace(const struct options *options, const struct task *task)
{
    struct trace_writer *writer;
    struct scenario scenario;
    struct fl_error err;
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/%s-%llu.ndjson", options->trace,
                   scenario_family_name(task->family), (unsigned long long)task->seed);
    if (scenario_new(task->family, task->seed, &scenario) < 0)
        abort();
    if (trace_writer_open(path, sim_fleet(scenario.sim), &writer, &err) == 0) {
        sim_set_engine(scenario.sim, false);
        sim_observe(scenario.sim, record, writer);
        sim_run(scenario.sim, scenario.end_us);
        if (trace_writer_close(writer, &err) < 0)
            (void)fprintf(stderr, "accuracy: %s\n", err.message);
    } else {
        (void)fprintf(stderr, "accuracy: %s\n", err.message);
    }
    scenario_done(&scenario);
}

static void show_miss(const struct scenario *scenario, const struct verdict_event *events,
                      size_t n_events, const struct outcome *outcome)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        abort();
    report_miss(out, scenario, events, n_events, outcome);
    if (fclose(out) == 0)
        (void)!write(STDOUT_FILENO, text, size);
    free(text);
}

/* Fill the outcome of the correlator, and of each contender n_all further on.
 */
static void play(const struct options *options, const struct contenders *contenders,
                 const struct task *task, struct outcome *ret, size_t n_all)
{
    const struct verdict_event *events;
    struct scenario scenario;
    struct ring *ring;
    size_t n;

    if (scenario_new(task->family, task->seed, &scenario) < 0)
        abort();
    ring = ring_new(contenders, &scenario);
    sim_set_engine(scenario.sim, !options->no_engine);
    sim_run(scenario.sim, scenario.end_us);
    for (size_t i = 0; i < contenders->n; i++) {
        n = ring_events(ring, i, &events);
        judge(&scenario, events, n, &ret[(i + 1) * n_all]);
    }
    ring_free(ring);
    n = sim_events(scenario.sim, &events);
    judge(&scenario, events, n, ret);
    if (options->verbose && !outcome_is_perfect(ret))
        show_miss(&scenario, events, n, ret);
    if (options->trace && !outcome_is_perfect(ret))
        write_trace(options, task);
    scenario_done(&scenario);
}

static void work(const struct options *options, const struct contenders *contenders,
                 struct shared *shared)
{
    struct timespec cpu;
    size_t i;

    while ((i = atomic_fetch_add(&shared->next, 1)) < shared->n) {
        struct task task = task_at(options, i);

        play(options, contenders, &task, &shared->outcomes[i], shared->n);
    }
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    atomic_fetch_add(&shared->cpu_us, cpu.tv_sec * FL_SECOND + cpu.tv_nsec / 1000);
}

static int work_in_parallel(const struct options *options, const struct contenders *contenders,
                            struct shared *shared)
{
    int status, failed = 0;

    (void)fflush(stdout);
    for (unsigned i = 0; i < options->jobs; i++) {
        pid_t child = fork();

        if (child == 0) {
            work(options, contenders, shared);
            _exit(0);
        }
        failed |= child < 0;
    }
    while (wait(&status) > 0)
        failed |= !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    return failed;
}

static void print_tables(const struct options *options, const struct shared *shared)
{
    struct tally all = {0};

    report_head(stdout, "family");
    for (size_t i = 0; i < shared->n; i += options->scenarios) {
        struct tally tally = {0};

        for (size_t k = i; k < i + options->scenarios; k++) {
            tally_add(&tally, &shared->outcomes[k]);
            tally_add(&all, &shared->outcomes[k]);
        }
        report_line(stdout, scenario_family_name(shared->outcomes[i].family), &tally);
        tally_done(&tally);
    }
    report_line(stdout, "all", &all);
    puts("");
    if (!options->no_engine)
        report_bars(stdout, shared->outcomes, shared->n);
    printf("%llu results of %.1f simulated hours took %.1f s of CPU\n",
           (unsigned long long)all.results, all.hours,
           (double)atomic_load(&shared->cpu_us) / (double)FL_SECOND);
    tally_done(&all);
}

static void print_contenders(const struct contenders *contenders, const struct shared *shared)
{
    report_contender_head(stdout);
    report_contender(stdout, "Faultline", NULL, shared->outcomes, shared->n);
    for (size_t i = 0; i < contenders->n; i++)
        report_contender(stdout, contenders->list[i].method->name, &contenders->list[i].settings,
                         &shared->outcomes[(i + 1) * shared->n], shared->n);
}

/* For each method the setting with the best F1 over what is mixed. */
static void print_best(const struct contenders *contenders, const struct shared *shared)
{
    report_contender_head(stdout);
    for (size_t m = 0; m < n_methods; m++) {
        size_t best = contenders->n;
        double best_f1 = -1;

        for (size_t i = 0; i < contenders->n; i++) {
            double f1 = report_f1(&shared->outcomes[(i + 1) * shared->n], shared->n);

            if (contenders->list[i].method == &methods[m] && f1 > best_f1) {
                best_f1 = f1;
                best = i;
            }
        }
        if (best < contenders->n)
            report_contender(stdout, methods[m].name, &contenders->list[best].settings,
                             &shared->outcomes[(best + 1) * shared->n], shared->n);
    }
}

int run(const struct options *options)
{
    struct contenders contenders;
    struct shared *shared;
    size_t families = 0, n, size;
    int failed;

    contenders_choose(&contenders, options);
    for (int i = 0; i < SCENARIO_FAMILIES; i++)
        families += options->families[i];
    n = families * options->scenarios;
    size = sizeof(*shared) + (contenders.n + 1) * n * sizeof(struct outcome);
    shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        perror("accuracy: no memory");
        return 1;
    }
    shared->n = n;
    printf("%llu scenarios a family, seeds from %llu\n", (unsigned long long)options->scenarios,
           (unsigned long long)options->seed);
    failed = work_in_parallel(options, &contenders, shared);
    if (failed)
        (void)fprintf(stderr, "accuracy: a process ended before its work was done\n");
    else if (options->tune)
        print_best(&contenders, shared);
    else
        print_tables(options, shared);
    if (!failed && options->baselines)
        print_contenders(&contenders, shared);
    contenders_done(&contenders);
    (void)munmap(shared, size);
    return failed;
}
