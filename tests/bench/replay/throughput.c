/* Results a second on one core, and memory as the trace grows: the engine alone on results in
 * memory, then reader and engine on a trace in a file. 3 zones, 100 targets, all well or one
 * target in a hundred failing. */
#include "coordinator/trace/trace_reader.h"
#include "coordinator/trace/trace_writer.h"
#include "tests/bench/replay/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ZONES 3
#define TARGETS 100
#define TRACE_RESULTS 400000

struct course {
    uint64_t results;
    bool failing;
};

/* The i-th result of the fleet: all pairs in turn, evenly over each second. */
static void result_at(const struct fleet *fleet, uint64_t i, bool failing, uint64_t *noise,
                      uint32_t *agent, struct fl_result *ret)
{
    uint32_t probe = (uint32_t)(i / ZONES % TARGETS);

    *agent = (uint32_t)(i % ZONES);
    bench_result(fleet, probe,
                 BENCH_EPOCH_US + (fl_time)(i * (uint64_t)FL_SECOND / (ZONES * TARGETS)), noise,
                 failing && probe == 7 && i > (uint64_t)60 * ZONES * TARGETS, ret);
}

static int run_engine(const void *arg)
{
    const struct course *course = arg;
    struct fleet *fleet = bench_fleet(ZONES, TARGETS);
    struct engine *engine;
    struct engine_update update;
    uint64_t noise = 88172645463325252u;
    double ms = bench_cpu_ms();

    if (engine_new(fleet, 1, &engine, NULL) < 0)
        return 1;
    for (uint64_t i = 0; i < course->results; i++) {
        struct fl_result result;
        struct engine_event event = {.type = ENGINE_RESULT, .result = &result};

        result_at(fleet, i, course->failing, &noise, &event.agent, &result);
        event.t_us = result.rx_us;
        engine_step(engine, &event, &update);
        if ((i + 1) % (course->results / 4) == 0)
            printf("engine, %-18s %10llu results  %9.0f a second  RSS %7.1f MiB\n",
                   course->failing ? "1 % failing" : "all well", (unsigned long long)(i + 1),
                   (double)(i + 1) / (bench_cpu_ms() - ms) * 1e3, bench_rss_mib());
    }
    engine_free(engine);
    fleet_free(fleet);
    return 0;
}

static int write_trace(const char *path, bool failing)
{
    struct fleet *fleet = bench_fleet(ZONES, TARGETS);
    struct trace_writer *writer;
    struct fl_error err;
    uint64_t noise = 88172645463325252u;
    int r = trace_writer_open(path, fleet, &writer, &err);

    for (uint64_t i = 0; i < TRACE_RESULTS && r == 0; i++) {
        struct fl_result result;
        uint32_t agent;

        result_at(fleet, i, failing, &noise, &agent, &result);
        r = trace_writer_result(writer, agent, &result, &err);
    }
    if (r == 0)
        r = trace_writer_close(writer, &err);
    if (r < 0)
        (void)fprintf(stderr, "%s\n", err.message);
    fleet_free(fleet);
    return r;
}

static int run_replay(const void *path)
{
    struct trace_reader *reader;
    struct engine *engine = NULL;
    struct engine_update update;
    struct trace_record record;
    struct fl_error err;
    double ms = bench_cpu_ms();
    uint64_t n = 0;

    if (trace_reader_open(path, &reader, &err) < 0 ||
        engine_new(trace_reader_fleet(reader), 1, &engine, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    while (trace_reader_next(reader, &record, &err) > 0) {
        struct engine_event event = {ENGINE_RESULT, record.rx_us, record.agent, &record.result,
                                     &record.host};

        engine_step(engine, &event, &update);
        if (++n % (TRACE_RESULTS / 4) == 0)
            printf("trace, %-19s %10llu results  %9.0f a second  RSS %7.1f MiB\n", "1 % failing",
                   (unsigned long long)n, (double)n / (bench_cpu_ms() - ms) * 1e3, bench_rss_mib());
    }
    engine_free(engine);
    trace_reader_free(reader);
    return n == TRACE_RESULTS ? 0 : 1;
}

int bench_throughput(uint64_t results)
{
    char path[] = "/tmp/faultline-replay-XXXXXX";
    struct course well = {results, false}, failing = {results, true};
    int descriptor, r = bench_apart(run_engine, &well);

    r |= bench_apart(run_engine, &failing);
    descriptor = mkstemp(path);
    if (descriptor < 0)
        return 1;
    (void)close(descriptor);
    if (write_trace(path, true) < 0)
        r = 1;
    else
        r |= bench_apart(run_replay, path);
    (void)unlink(path);
    return r;
}
