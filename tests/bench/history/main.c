/* What history costs on disk and in time: an hour of series as agents see them is put into a store
 * batch by batch, packed, and read back. Prints bytes a result on disk, results a CPU-second of the
 * store's thread, and how long it takes to read an hour of one series.
 *
 * usage: history [--agents N] [--targets N] [--seed S] [--keep] */
#include "coordinator/store/chunk.h"
#include "coordinator/store/store.h"
#include "proto/runtime/fl_clock.h"
#include "tests/bench/history/synthetic.h"

#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 6 /* of ten minutes */
#define SECONDS 600
#define READINGS 50

struct bench {
    size_t agents, targets;
    uint64_t seed;
    char directory[64], path[96];
    struct event_base *base;
    const struct store_type *type;
    struct store *store;
    uint64_t stored, put;
};

static void fail(const char *what)
{
    (void)fprintf(stderr, "history: %s\n", what);
    exit(EXIT_FAILURE);
}

static void on_done(const char *agent, uint64_t boot, uint64_t sequence, enum store_outcome outcome,
                    void *arg)
{
    struct bench *bench = arg;

    (void)agent;
    (void)boot;
    (void)sequence;
    if (outcome != STORE_STORED)
        fail("a batch was not stored");
    bench->stored++;
}

static double cpu_seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void open_store(struct bench *bench, int64_t pack_us)
{
    const struct store_keep keep = {24 * FL_HOUR, 24 * FL_HOUR, 24 * FL_HOUR, pack_us};
    struct fl_error err;

    if (bench->type->open(bench->path, &keep, bench->base, on_done, bench, &bench->store, &err) < 0)
        fail(err.message);
}

/* A second of all targets of an agent, as one batch. */
static void put_second(struct bench *bench, struct synthetic *synthetic, size_t agent, fl_time t_us)
{
    struct fl_message message = {.type = FL_MESSAGE_BATCH};
    uint8_t *bytes = NULL;
    size_t size = 0;

    synthetic_second(synthetic, agent, t_us, &message.batch);
    if (fl_codec_encode(&message, &bytes, &size, NULL) < 0)
        fail("a batch cannot be encoded");
    while (bench->type->put_batch(bench->store, &message.batch, bytes, size, t_us + FL_SECOND) ==
           -EAGAIN)
        (void)event_base_loop(bench->base, EVLOOP_ONCE);
    bench->put++;
    free(bytes);
}

static void fill(struct bench *bench, struct synthetic *synthetic, fl_time from_us)
{
    open_store(bench, FL_HOUR);
    for (fl_time t = 0; t < SECONDS; t++)
        for (size_t agent = 0; agent < bench->agents; agent++)
            put_second(bench, synthetic, agent, from_us + t * FL_SECOND);
    while (bench->stored < bench->put)
        (void)event_base_loop(bench->base, EVLOOP_ONCE);
    bench->store = bench->type->close(bench->store);
}

static double pack(struct bench *bench)
{
    uint64_t wanted = (uint64_t)bench->agents * bench->targets * SECONDS;
    double before = cpu_seconds();
    struct store_stats stats;

    open_store(bench, FL_SECOND);
    do {
        (void)usleep(10000);
        bench->type->stats(bench->store, &stats);
    } while (stats.packed < wanted);
    bench->store = bench->type->close(bench->store);
    return cpu_seconds() - before;
}

static int64_t number_of(struct bench *bench, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    sqlite3 *db = NULL;
    int64_t n;

    if (sqlite3_open(bench->path, &db) != SQLITE_OK ||
        sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        fail(sqlite3_errmsg(db));
    n = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
    return n;
}

static void say_sizes(struct bench *bench)
{
    double n = (double)bench->agents * (double)bench->targets * SECONDS * ROUNDS;
    double pages = (double)number_of(
        bench, "SELECT sum(pgsize) FROM dbstat WHERE name IN ('chunks', 'chunks_by_hour')");
    double rollups = (double)number_of(bench, "SELECT sum(pgsize) FROM dbstat WHERE name = "
                                              "'rollups'");
    double minutes = (double)number_of(bench, "SELECT sum(length(bytes)) FROM rollups WHERE level "
                                              "= 0");

    (void)printf("on disk: %.2f bytes a result, of which chunks %.2f; points %.2f bytes a result "
                 "(%.0f bytes a minute of a series)\n",
                 pages / n, (double)number_of(bench, "SELECT sum(length(bytes)) FROM chunks") / n,
                 rollups / n, minutes / (n / 60));
}

/* What the chunks of ten minutes of each kind of series take, with all fields and with fewer. */
static void say_kinds(struct bench *bench)
{
    static struct fl_result results[SYNTHETIC_KINDS][SECONDS];
    const struct fl_result *order[SECONDS];
    struct chunk_packer *packer = NULL;
    double sums[3] = {0};

    if (chunk_packer_new(&packer) < 0)
        fail("no memory");
    for (unsigned kind = 0; kind < SYNTHETIC_KINDS; kind++) {
        double sizes[3];

        for (int only = SYNTHETIC_ALL; only <= SYNTHETIC_TIME; only++) {
            const uint8_t *bytes;
            size_t size = 0;

            synthetic_series(bench->seed, kind, (enum synthetic_fields)only, results[kind],
                             SECONDS);
            for (size_t i = 0; i < SECONDS; i++)
                order[i] = &results[kind][i];
            if (chunk_pack(packer, order, SECONDS, &bytes, &size) < 0)
                fail("a chunk cannot be packed");
            sizes[only] = (double)size / SECONDS;
            sums[only] += sizes[only] / SYNTHETIC_KINDS;
        }
        (void)printf("  %-5s %5.2f bytes with steps and TCP_INFO, %5.2f with phases, %5.2f time "
                     "and latency\n",
                     synthetic_kind_name(kind), sizes[0], sizes[1], sizes[2]);
    }
    (void)printf("  mean  %5.2f, %5.2f, %5.2f\n", sums[0], sums[1], sums[2]);
    chunk_packer_free(packer);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void say_reading(struct bench *bench, fl_time from_us)
{
    double times[READINGS];
    struct fl_error err;
    size_t n = 0;

    open_store(bench, FL_HOUR);
    for (size_t i = 0; i < READINGS; i++) {
        int64_t before = fl_clock_monotonic();
        struct fl_result *results = NULL;
        char agent[FL_NAME_SIZE];

        (void)snprintf(agent, sizeof(agent), "agent%zu", i % bench->agents);
        if (bench->type->results(bench->store, agent, synthetic_id(i * 7 % bench->targets), from_us,
                                 from_us + FL_HOUR, 100000, &results, &n, &err) < 0)
            fail(err.message);
        times[i] = (double)(fl_clock_monotonic() - before) / 1000;
        free(results);
    }
    qsort(times, READINGS, sizeof(times[0]), compare);
    (void)printf("an hour of one series (%zu results) is read in %.2f ms (median of %d; slowest "
                 "%.2f ms)\n",
                 n, times[READINGS / 2], READINGS, times[READINGS - 1]);
    bench->store = bench->type->close(bench->store);
}

static void read_arguments(int argc, char **argv, struct bench *bench, bool *keep)
{
    static const struct option options[] = {{"agents", required_argument, NULL, 'a'},
                                            {"targets", required_argument, NULL, 't'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"keep", no_argument, NULL, 'k'},
                                            {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'a')
            bench->agents = strtoul(optarg, NULL, 10);
        else if (option == 't')
            bench->targets = strtoul(optarg, NULL, 10);
        else if (option == 's')
            bench->seed = strtoull(optarg, NULL, 10);
        else if (option == 'k')
            *keep = true;
        else
            exit(2);
    }
    if (bench->agents == 0 || bench->targets == 0 || bench->targets > FL_MAX_BATCH_RESULTS)
        fail("--agents and --targets must be 1 to some thousands");
}

int main(int argc, char **argv)
{
    struct bench bench = {.agents = 10, .targets = 70, .seed = 1};
    fl_time from_us = (fl_clock_wall() - 3 * FL_HOUR) / FL_HOUR * FL_HOUR;
    double n, in_seconds = 0, pack_seconds = 0;
    struct synthetic *synthetic;
    bool keep = false;

    read_arguments(argc, argv, &bench, &keep);
    (void)snprintf(bench.directory, sizeof(bench.directory), "/var/tmp/faultline-bench-XXXXXX");
    if (!mkdtemp(bench.directory))
        fail("no place for a history in /var/tmp");
    (void)snprintf(bench.path, sizeof(bench.path), "%s/history.db", bench.directory);
    bench.base = event_base_new();
    bench.type = store_type_find("sqlite");
    synthetic = synthetic_new(bench.agents, bench.targets, bench.seed);
    n = (double)bench.agents * (double)bench.targets * SECONDS * ROUNDS;
    (void)printf("%zu agents, %zu targets, an hour at 1 s: %.0f results, seed %llu\n", bench.agents,
                 bench.targets, n, (unsigned long long)bench.seed);
    say_kinds(&bench);
    for (int round = 0; round < ROUNDS; round++) {
        double before = cpu_seconds(), making = synthetic_seconds(synthetic);

        fill(&bench, synthetic, from_us + round * SECONDS * FL_SECOND);
        in_seconds += cpu_seconds() - before - (synthetic_seconds(synthetic) - making);
        pack_seconds += pack(&bench);
    }
    (void)printf("taken in: %.2f million results a CPU-second (the message is copied, queued, "
                 "written)\npacked: %.2f million results a CPU-second\n",
                 n / in_seconds / 1e6, n / pack_seconds / 1e6);
    say_sizes(&bench);
    say_reading(&bench, from_us);
    if (!keep) {
        (void)unlink(bench.path);
        (void)rmdir(bench.directory);
    } else {
        (void)printf("kept: %s\n", bench.path);
    }
    synthetic_free(synthetic);
    event_base_free(bench.base);
    return 0;
}
