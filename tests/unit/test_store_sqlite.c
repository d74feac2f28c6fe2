// links: coordinator_store
/* What was acknowledged is there once, whatever happens to the process, the disk or the file. */
#include "coordinator/core/rollup.h"
#include "coordinator/store/store.h"
#include "proto/runtime/fl_clock.h"
#include "proto/types/fl_name.h"
#include "tests/support/unit.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_US (20 * FL_SECOND)
#define MAX_DONE 4096
#define OLD_US INT64_C(1700000000000000)
#define SERIES fl_series_id("web", "get")

struct bench {
    char directory[64];
    char path[96];
    struct event_base *base;
    struct store *store;
    size_t n_done;
    uint64_t sequences[MAX_DONE];
    enum store_outcome outcomes[MAX_DONE];
    int report_fd; /* sequences that are stored, as a child tells its parent; -1: nobody */
};

static const struct store_type *type(void)
{
    const struct store_type *sqlite = store_type_find("sqlite");

    assert_non_null(sqlite);
    return sqlite;
}

static void on_done(const char *agent, uint64_t boot, uint64_t sequence, enum store_outcome outcome,
                    void *arg)
{
    struct bench *bench = arg;

    assert_string_equal(agent, "a1");
    assert_true(boot == 7);
    assert_true(bench->n_done < MAX_DONE);
    bench->sequences[bench->n_done] = sequence;
    bench->outcomes[bench->n_done++] = outcome;
    if (bench->report_fd >= 0 && outcome == STORE_STORED)
        assert_int_equal(write(bench->report_fd, &sequence, sizeof(sequence)), sizeof(sequence));
}

static void open_store(struct bench *bench, int64_t pack_us)
{
    const struct store_keep keep = {4 * FL_HOUR, 4 * FL_HOUR, 4 * FL_HOUR, pack_us};
    struct fl_error err = {""};

    bench->n_done = 0;
    if (type()->open(bench->path, &keep, bench->base, on_done, bench, &bench->store, &err) < 0)
        fail_msg("%s", err.message);
}

static void close_store(struct bench *bench)
{
    bench->store = type()->close(bench->store);
}

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    (void)snprintf(bench->directory, sizeof(bench->directory), "/tmp/faultline-store-XXXXXX");
    assert_non_null(mkdtemp(bench->directory));
    (void)snprintf(bench->path, sizeof(bench->path), "%s/history.db", bench->directory);
    bench->base = event_base_new();
    bench->report_fd = -1;
    *state = bench;
    return 0;
}

static void remove_directory(const char *path)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;

    while (directory && (entry = readdir(directory)))
        (void)unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory)
        (void)closedir(directory);
    (void)rmdir(path);
}

static int teardown(void **state)
{
    struct bench *bench = *state;

    close_store(bench);
    event_base_free(bench->base);
    remove_directory(bench->directory);
    free(bench);
    return 0;
}

static void plain_result(struct fl_result *result, fl_time t_us)
{
    memset(result, 0, sizeof(*result));
    fl_result_init(result);
    result->t_us = t_us;
    result->series = SERIES;
    result->took_us = 1000;
    result->ok = true;
}

static int put_results(struct bench *bench, uint64_t sequence, struct fl_result *results, size_t n)
{
    struct fl_message message = {.type = FL_MESSAGE_BATCH};
    uint8_t *bytes = NULL;
    size_t size = 0;
    int r;

    message.batch = (struct fl_batch){
        .agent = "a1", .boot = 7, .sequence = sequence, .n_results = n, .results = results};
    assert_int_equal(fl_codec_encode(&message, &bytes, &size, NULL), 0);
    r = type()->put_batch(bench->store, &message.batch, bytes, size, fl_clock_wall());
    free(bytes);
    return r;
}

static int put(struct bench *bench, uint64_t sequence, size_t n_results)
{
    struct fl_result results[4];

    for (size_t i = 0; i < FL_COUNT(results); i++)
        plain_result(&results[i], OLD_US);
    return put_results(bench, sequence, results, n_results);
}

static void wait_done(struct bench *bench, size_t n)
{
    int64_t end = fl_clock_monotonic() + WAIT_US;

    while (bench->n_done < n) {
        struct timeval step = {0, 50000};

        assert_true(fl_clock_monotonic() < end);
        (void)event_base_loopexit(bench->base, &step);
        (void)event_base_loop(bench->base, EVLOOP_ONCE);
    }
}

static uint64_t results_in(struct bench *bench)
{
    struct fl_error err = {""};
    uint64_t n = 0;

    if (type()->count_results(bench->store, "a1", &n, &err) < 0)
        fail_msg("%s", err.message);
    return n;
}

static void what_is_stored_is_told_in_order(void **state)
{
    struct bench *bench = *state;
    struct store_stats stats;

    open_store(bench, FL_HOUR);
    for (uint64_t i = 1; i <= 200; i++)
        assert_int_equal(put(bench, i, 3), 0);
    wait_done(bench, 200);
    for (uint64_t i = 0; i < 200; i++) {
        assert_true(bench->sequences[i] == i + 1);
        assert_int_equal(bench->outcomes[i], STORE_STORED);
    }
    assert_true(results_in(bench) == 600);
    type()->stats(bench->store, &stats);
    assert_true(stats.batches == 200 && stats.results == 600 && stats.queued == 0);
}

static void what_comes_twice_is_a_duplicate(void **state)
{
    struct bench *bench = *state;

    open_store(bench, FL_HOUR);
    assert_int_equal(put(bench, 1, 3), 0);
    assert_int_equal(put(bench, 1, 3), 0);
    wait_done(bench, 2);
    assert_int_equal(bench->outcomes[0], STORE_STORED);
    assert_int_equal(bench->outcomes[1], STORE_DUPLICATE);
    close_store(bench);
    open_store(bench, FL_HOUR);
    assert_int_equal(put(bench, 1, 3), 0);
    wait_done(bench, 1);
    assert_int_equal(bench->outcomes[0], STORE_DUPLICATE);
    assert_true(results_in(bench) == 3);
}

static void closing_writes_what_was_queued(void **state)
{
    struct bench *bench = *state;

    open_store(bench, FL_HOUR);
    for (uint64_t i = 1; i <= 50; i++)
        assert_int_equal(put(bench, i, 2), 0);
    close_store(bench);
    assert_int_equal(bench->n_done, 50);
    open_store(bench, FL_HOUR);
    assert_true(results_in(bench) == 100);
}

/* Another program holds the file meanwhile. */
static void a_full_queue_refuses_and_takes_again_later(void **state)
{
    struct bench *bench = *state;
    uint64_t taken = 0;
    sqlite3 *other = NULL;
    int r;

    open_store(bench, FL_HOUR);
    assert_int_equal(sqlite3_open(bench->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    while ((r = put(bench, taken + 1, 1)) == 0)
        assert_true(++taken < MAX_DONE - 1);
    assert_int_equal(r, -EAGAIN);
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    wait_done(bench, taken);
    assert_int_equal(put(bench, taken + 1, 1), 0);
    wait_done(bench, taken + 1);
    for (uint64_t i = 0; i <= taken; i++)
        assert_int_equal(bench->outcomes[i], STORE_STORED);
}

/* Puts batches for ever and reports each that is stored. */
static void child_that_dies(struct bench *bench)
{
    bench->base = event_base_new();
    open_store(bench, FL_HOUR);
    for (uint64_t i = 1; i < MAX_DONE; i++) {
        while (put(bench, i, 2) == -EAGAIN)
            (void)event_base_loop(bench->base, EVLOOP_ONCE);
        if (i % 10 == 0)
            wait_done(bench, i - 5);
    }
    _exit(0);
}

static void what_was_acknowledged_outlives_a_kill(void **state)
{
    struct bench *bench = *state;
    uint64_t acknowledged[MAX_DONE], n = 0, again;
    int ends[2], status;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bench->report_fd = ends[1];
        child_that_dies(bench);
    }
    (void)close(ends[1]);
    while (n < 60 && read(ends[0], &acknowledged[n], sizeof(n)) == sizeof(n))
        n++;
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    while (n < MAX_DONE && read(ends[0], &acknowledged[n], sizeof(n)) == sizeof(n))
        n++;
    (void)close(ends[0]);
    assert_true(n >= 60);
    open_store(bench, FL_HOUR);
    again = results_in(bench) / 2;
    assert_true(again >= n);
    for (uint64_t i = 0; i < n; i++)
        assert_int_equal(put(bench, acknowledged[i], 2), 0);
    wait_done(bench, n);
    for (uint64_t i = 0; i < n; i++)
        assert_int_equal(bench->outcomes[i], STORE_DUPLICATE);
    assert_true(results_in(bench) == again * 2);
}

static size_t read_back(struct bench *bench, fl_time from_us, fl_time to_us, struct fl_result **ret)
{
    struct fl_error err = {""};
    size_t n = 0;

    if (type()->results(bench->store, "a1", SERIES, from_us, to_us, 100000, ret, &n, &err) < 0)
        fail_msg("%s", err.message);
    return n;
}

static void wait_packed(struct bench *bench, uint64_t n)
{
    int64_t end = fl_clock_monotonic() + WAIT_US;
    struct store_stats stats;

    do {
        type()->stats(bench->store, &stats);
        assert_true(fl_clock_monotonic() < end);
        (void)sched_yield();
    } while (stats.packed < n);
    assert_true(stats.packed == n && stats.unreadable == 0);
}

static void results_older_than_is_kept_are_deleted(void **state)
{
    struct bench *bench = *state;
    int64_t end = fl_clock_monotonic() + WAIT_US;
    struct fl_result *results = NULL;
    size_t n;

    open_store(bench, FL_SECOND);
    for (uint64_t i = 1; i <= 20; i++)
        assert_int_equal(put(bench, i, 1), 0);
    wait_done(bench, 20);
    do {
        n = read_back(bench, OLD_US, OLD_US + 1, &results);
        free(results);
        assert_true(fl_clock_monotonic() < end);
    } while (n > 0);
    assert_true(results_in(bench) == 20); /* what was ever stored still balances */
}

struct sum {
    size_t points;
    fl_time last_us;
    struct rollup rollup;
};

static int add_point(fl_time start_us, const struct rollup *point, void *arg)
{
    struct sum *sum = arg;

    assert_true(start_us > sum->last_us && start_us % FL_MINUTE == 0);
    sum->last_us = start_us;
    sum->points++;
    rollup_merge(&sum->rollup, point);
    return 0;
}

static struct sum sum_of(struct bench *bench, unsigned level, int64_t step_us, fl_time from_us,
                         fl_time to_us)
{
    struct store_query query = {"a1", SERIES, from_us, to_us, level, step_us};
    struct sum sum = {.points = 0};
    struct fl_error err = {""};

    if (type()->points(bench->store, &query, add_point, &sum, &err) < 0)
        fail_msg("%s", err.message);
    return sum;
}

/* Fifty minutes in steps of a second, the last ones a moment ago. */
static void put_minutes(struct bench *bench, fl_time first_us, uint64_t first_sequence, size_t n)
{
    struct fl_result results[100];

    for (size_t done = 0; done < n; done += FL_COUNT(results)) {
        for (size_t i = 0; i < FL_COUNT(results); i++) {
            plain_result(&results[i], first_us + (fl_time)(done + i) * FL_SECOND);
            results[i].took_us = 1000 + (fl_time)(done + i);
        }
        assert_int_equal(put_results(bench, first_sequence + done / FL_COUNT(results), results,
                                     FL_COUNT(results)),
                         0);
    }
}

static void what_is_packed_reads_as_before(void **state)
{
    struct bench *bench = *state;
    fl_time first = (fl_clock_wall() - 50 * FL_MINUTE) / FL_HOUR * FL_HOUR + 90 * FL_SECOND;
    struct fl_result *before = NULL, *after = NULL;
    struct sum minutes, hours, fresh;

    open_store(bench, FL_HOUR);
    put_minutes(bench, first, 1, 1500);
    wait_done(bench, 15);
    assert_int_equal(read_back(bench, first, first + FL_HOUR, &before), 1500);
    fresh = sum_of(bench, ROLLUP_MINUTES, FL_MINUTE, first - 90 * FL_SECOND, first + FL_HOUR);
    close_store(bench);
    open_store(bench, FL_SECOND);
    wait_packed(bench, 1500);
    assert_int_equal(read_back(bench, first, first + FL_HOUR, &after), 1500);
    for (size_t i = 0; i < 1500; i++)
        assert_memory_equal(&after[i], &before[i], sizeof(before[i]));
    minutes = sum_of(bench, ROLLUP_MINUTES, FL_MINUTE, first - 90 * FL_SECOND, first + FL_HOUR);
    hours = sum_of(bench, ROLLUP_HOURS, FL_HOUR, first - 90 * FL_SECOND, first + FL_MINUTE);
    assert_int_equal(minutes.points, 26); /* from 1:30 to 26:30 */
    assert_int_equal(hours.points, 1);
    assert_true(minutes.rollup.counts.ok == 1500 && hours.rollup.counts.ok == 1500);
    assert_memory_equal(&minutes.rollup, &hours.rollup, sizeof(hours.rollup));
    assert_memory_equal(&minutes, &fresh, sizeof(fresh));
    minutes = sum_of(bench, ROLLUP_MINUTES, 5 * FL_MINUTE, first - 90 * FL_SECOND, first + FL_HOUR);
    assert_int_equal(minutes.points, 6);
    free(before);
    free(after);
}

static void what_comes_late_adds_to_its_points(void **state)
{
    struct bench *bench = *state;
    fl_time first = (fl_clock_wall() - 50 * FL_MINUTE) / FL_HOUR * FL_HOUR;
    struct fl_result *results = NULL;
    struct sum minutes;

    open_store(bench, FL_SECOND);
    put_minutes(bench, first, 1, 600);
    wait_packed(bench, 600);
    put_minutes(bench, first + 500000, 7, 600);
    wait_packed(bench, 1200);
    assert_int_equal(read_back(bench, first, first + FL_HOUR, &results), 1200);
    minutes = sum_of(bench, ROLLUP_MINUTES, FL_MINUTE, first, first + FL_HOUR);
    assert_int_equal(minutes.points, 10);
    assert_true(minutes.rollup.counts.samples == 1200);
    minutes = sum_of(bench, ROLLUP_HOURS, FL_HOUR, first, first + 1);
    assert_true(minutes.rollup.counts.samples == 1200);
    free(results);
}

static void name_series(struct bench *bench)
{
    struct fleet *fleet = NULL;
    struct fl_error err = {""};

    assert_int_equal(fleet_new(&fleet), 0);
    if (fleet_add_zone(fleet, "a", &err) < 0 || fleet_add_agent(fleet, "a1", "a", &err) < 0 ||
        fleet_add_target(fleet, "web", TARGET_SERVICE, "a", NULL, &err) < 0 ||
        fleet_add_probe(fleet, "web", "get", "http", FL_SECOND, FL_SECOND, &err) < 0 ||
        fleet_seal(fleet, FL_SECOND, FL_SECOND, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(type()->put_fleet(bench->store, fleet), 0);
    fleet_free(fleet);
}

/* The days once so much time is accounted for. */
static size_t wait_uptime(struct bench *bench, int64_t accounted_us, struct store_uptime **ret)
{
    int64_t end = fl_clock_monotonic() + WAIT_US;
    struct fl_error err = {""};
    size_t n = 0;

    for (;;) {
        const struct uptime_times *times;

        if (type()->uptime(bench->store, 0, fl_clock_wall() + UPTIME_DAY, ret, &n, &err) < 0)
            fail_msg("%s", err.message);
        times = n > 0 ? &(*ret)[0].times : NULL;
        if (times && times->up_us + times->down_us + times->disputed_us + times->maintenance_us ==
                         accounted_us)
            return n;
        free(*ret);
        assert_true(fl_clock_monotonic() < end);
        (void)sched_yield();
    }
}

static void uptime_is_made_and_made_again_for_what_comes_late(void **state)
{
    struct bench *bench = *state;
    fl_time first = (fl_clock_wall() - 50 * FL_MINUTE) / FL_HOUR * FL_HOUR;
    const struct uptime_work works[] = {{"web", first + 9 * FL_MINUTE, first + FL_HOUR}};
    struct store_uptime *days = NULL;
    struct fl_result late[10];

    open_store(bench, FL_SECOND);
    name_series(bench);
    assert_int_equal(type()->put_works(bench->store, works, 1), 0);
    put_minutes(bench, first, 1, 300);
    assert_int_equal(wait_uptime(bench, 6 * FL_MINUTE, &days), 2);
    assert_string_equal(days[0].target, "web");
    assert_string_equal(days[0].zone, "");
    assert_string_equal(days[1].zone, "a");
    assert_true(days[0].times.up_us == 5 * FL_MINUTE && days[0].first_us == first);
    assert_true(days[0].times.maintenance_us == FL_MINUTE);
    assert_memory_equal(&days[0].times, &days[1].times, sizeof(days[0].times));
    free(days);
    for (size_t i = 0; i < FL_COUNT(late); i++) {
        plain_result(&late[i], first + 6 * FL_MINUTE + (fl_time)i * FL_SECOND);
        late[i].ok = i % 2 == 0;
        late[i].layer = late[i].ok ? FL_LAYER_NONE : FL_LAYER_CONNECT;
        late[i].failure = late[i].ok ? FL_FAILURE_NONE : FL_FAILURE_REFUSED;
    }
    assert_int_equal(put_results(bench, 99, late, FL_COUNT(late)), 0);
    assert_int_equal(wait_uptime(bench, 7 * FL_MINUTE, &days), 2);
    assert_true(days[1].times.up_us == 5 * FL_MINUTE + 30 * FL_SECOND);
    assert_true(days[1].times.down_us == 30 * FL_SECOND && days[1].times.disputed_us == 0);
    free(days);
}

/* As version 1 of the schema had it. */
static void make_old_history(const char *path, const uint8_t *bytes, size_t size)
{
    static const char schema[] =
        "PRAGMA journal_mode=WAL;"
        "CREATE TABLE batches("
        " id INTEGER PRIMARY KEY, agent TEXT NOT NULL, boot INTEGER NOT NULL,"
        " sequence INTEGER NOT NULL, rx_us INTEGER NOT NULL, n_results INTEGER NOT NULL,"
        " bytes BLOB NOT NULL, UNIQUE(agent, boot, sequence));"
        "CREATE INDEX batches_by_rx ON batches(rx_us);"
        "CREATE TABLE incidents("
        " id INTEGER PRIMARY KEY, opened_us INTEGER NOT NULL, updated_us INTEGER NOT NULL,"
        " closed_us INTEGER, n_events INTEGER NOT NULL, verdict TEXT NOT NULL);"
        "CREATE TABLE events("
        " id INTEGER PRIMARY KEY, incident INTEGER NOT NULL, t_us INTEGER NOT NULL,"
        " event TEXT NOT NULL, verdict TEXT NOT NULL);"
        "CREATE INDEX events_by_incident ON events(incident, id);"
        "PRAGMA user_version=1;";
    sqlite3_stmt *statement;
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, schema, NULL, NULL, NULL), SQLITE_OK);
    for (int sequence = 1; sequence <= 5; sequence += 2) {
        assert_int_equal(sqlite3_prepare_v2(db,
                                            "INSERT INTO batches(agent, boot, sequence, rx_us,"
                                            " n_results, bytes) VALUES('a1', 7, ?1, 5, 2, ?2)",
                                            -1, &statement, NULL),
                         SQLITE_OK);
        (void)sqlite3_bind_int(statement, 1, sequence);
        (void)sqlite3_bind_blob64(statement, 2, bytes, size, SQLITE_STATIC);
        assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
        assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void an_older_history_is_carried_over(void **state)
{
    struct bench *bench = *state;
    struct fl_result results[2], *back = NULL;
    struct fl_message message = {.type = FL_MESSAGE_BATCH};
    uint8_t *bytes = NULL;
    size_t size = 0;

    plain_result(&results[0], OLD_US);
    plain_result(&results[1], OLD_US + 1);
    message.batch = (struct fl_batch){.agent = "a1", .boot = 7, .n_results = 2, .results = results};
    assert_int_equal(fl_codec_encode(&message, &bytes, &size, NULL), 0);
    make_old_history(bench->path, bytes, size);
    free(bytes);
    open_store(bench, FL_HOUR);
    assert_true(results_in(bench) == 6);
    assert_int_equal(read_back(bench, OLD_US, OLD_US + 2, &back), 6);
    free(back);
    for (uint64_t sequence = 1; sequence <= 5; sequence++)
        assert_int_equal(put(bench, sequence, 2), 0);
    wait_done(bench, 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(bench->outcomes[i], i % 2 == 0 ? STORE_DUPLICATE : STORE_STORED);
}

static struct verdict_event an_event(uint64_t id, fl_time t_us, enum verdict_event_type event)
{
    struct verdict_event ret = {.t_us = t_us, .type = event};
    struct verdict *verdict = &ret.verdict;

    verdict->id = id;
    verdict->class = VERDICT_NETWORK;
    verdict->cause = CAUSE_UDP_FLOOD;
    verdict->confidence = 0.9731;
    verdict->since_us = t_us - 5;
    strcpy(verdict->component, "path:a>storage");
    verdict->n_alternatives = 1;
    verdict->alternatives[0].class = VERDICT_STORAGE;
    verdict->alternatives[0].confidence = 0.02;
    strcpy(verdict->alternatives[0].component, "target:vol");
    verdict->n_zones = 2;
    strcpy(verdict->zones[0], "a");
    strcpy(verdict->zones[1], "b");
    verdict->n_targets = 1;
    strcpy(verdict->targets[0], "vol");
    verdict->n_evidence = 1;
    strcpy(verdict->evidence[0], "41 of 44 probes were lost: \"a\" hears nothing");
    return ret;
}

static void put_event(struct bench *bench, uint64_t id, fl_time t_us, enum verdict_event_type event)
{
    struct verdict_event verdict_event = an_event(id, t_us, event);

    assert_int_equal(type()->put_verdict(bench->store, &verdict_event), 0);
}

static void incidents_come_back_as_they_went(void **state)
{
    struct bench *bench = *state;
    struct verdict_event expected = an_event(1, 300, VERDICT_CLOSE), *events = NULL;
    struct store_incident incident, *list = NULL;
    struct fl_error err = {""};
    uint64_t last = 99;
    size_t n = 0;

    open_store(bench, FL_HOUR);
    assert_int_equal(type()->last_incident_id(bench->store, &last, &err), 0);
    assert_true(last == 0);
    put_event(bench, 1, 100, VERDICT_OPEN);
    put_event(bench, 1, 200, VERDICT_UPDATE);
    put_event(bench, 2, 250, VERDICT_OPEN);
    put_event(bench, 1, 300, VERDICT_CLOSE);
    close_store(bench);
    open_store(bench, FL_HOUR);
    assert_int_equal(type()->last_incident_id(bench->store, &last, &err), 0);
    assert_true(last == 2);
    assert_int_equal(type()->incident(bench->store, 1, &incident, &events, &n, &err), 0);
    assert_int_equal(n, 3);
    assert_int_equal(events[1].type, VERDICT_UPDATE);
    assert_true(incident.opened_us == 100 && incident.updated_us == 300);
    assert_true(incident.closed_us == 300 && incident.n_events == 3);
    assert_memory_equal(&incident.verdict, &expected.verdict, sizeof(expected.verdict));
    free(events);
    assert_int_equal(type()->incidents(bench->store, 0, 10, &list, &n, &err), 0);
    assert_int_equal(n, 2);
    assert_true(list[0].verdict.id == 2 && list[0].closed_us == FL_ABSENT);
    free(list);
    assert_int_equal(type()->incidents(bench->store, 2, 10, &list, &n, &err), 0);
    assert_int_equal(n, 1);
    assert_true(list[0].verdict.id == 1);
    free(list);
    assert_int_equal(type()->incident(bench->store, 9, &incident, &events, &n, &err), -ENOENT);
    assert_string_equal(err.message, "there is no incident 9");
}

static void what_a_dead_coordinator_left_open_is_closed(void **state)
{
    struct bench *bench = *state;
    struct store_incident incident;
    struct verdict_event *events = NULL;
    struct fl_error err = {""};
    size_t n = 0;

    open_store(bench, FL_HOUR);
    put_event(bench, 1, 100, VERDICT_OPEN);
    close_store(bench);
    open_store(bench, FL_HOUR);
    assert_int_equal(type()->close_orphans(bench->store, 500, &err), 0);
    assert_int_equal(type()->close_orphans(bench->store, 900, &err), 0);
    assert_int_equal(type()->incident(bench->store, 1, &incident, &events, &n, &err), 0);
    assert_true(incident.closed_us == 500 && incident.updated_us == 500);
    assert_int_equal(n, 2);
    assert_int_equal(events[1].type, VERDICT_CLOSE);
    assert_true(events[1].t_us == 500);
    free(events);
}

static void a_damaged_file_is_moved_aside(void **state)
{
    struct bench *bench = *state;
    FILE *file = fopen(bench->path, "w");
    DIR *directory;
    const struct dirent *entry;
    size_t kept = 0;

    assert_non_null(file);
    for (int i = 0; i < 5000; i++)
        assert_true(fputs("this is no database ", file) >= 0);
    assert_int_equal(fclose(file), 0);
    open_store(bench, FL_HOUR);
    assert_int_equal(put(bench, 1, 1), 0);
    wait_done(bench, 1);
    assert_int_equal(bench->outcomes[0], STORE_STORED);
    directory = opendir(bench->directory);
    while ((entry = readdir(directory)))
        kept += strncmp(entry->d_name, "history.db.damaged-", 19) == 0;
    (void)closedir(directory);
    assert_int_equal(kept, 1);
}

/* Fills a file system of its own until the store says so, then gives it room. */
static void child_with_a_small_disk(struct bench *bench)
{
    struct store_stats stats = {0};
    uint64_t sequence = 0, failed = 0;
    struct fl_error err = {""};

    if (unshare(CLONE_NEWNS) < 0)
        assert_int_equal(unshare(CLONE_NEWUSER | CLONE_NEWNS), 0);
    assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    assert_int_equal(mount("tmpfs", bench->directory, "tmpfs", 0, "size=512k"), 0);
    bench->base = event_base_new();
    open_store(bench, FL_HOUR);
    while (failed == 0 && sequence < MAX_DONE - 10) {
        assert_int_equal(put(bench, ++sequence, 4), 0);
        if (sequence % 50 == 0)
            wait_done(bench, sequence);
        for (size_t i = 0; i < bench->n_done; i++)
            if (bench->outcomes[i] == STORE_FAILED && (failed == 0 || bench->sequences[i] < failed))
                failed = bench->sequences[i];
    }
    wait_done(bench, sequence);
    assert_true(failed > 0);
    put_event(bench, 1, 100, VERDICT_OPEN);
    type()->stats(bench->store, &stats);
    assert_true(stats.failures > 0);
    assert_non_null(strstr(stats.last_error, "full"));
    assert_int_equal(mount("tmpfs", bench->directory, "tmpfs", MS_REMOUNT, "size=8m"), 0);
    assert_int_equal(put(bench, failed, 4), 0);
    wait_done(bench, sequence + 1);
    assert_int_equal(bench->outcomes[sequence], STORE_STORED);
    close_store(bench);
    open_store(bench, FL_HOUR);
    assert_int_equal(type()->last_incident_id(bench->store, &sequence, &err), 0);
    assert_true(sequence == 1);
    close_store(bench);
    event_base_free(bench->base);
}

static void a_full_disk_fails_batches_and_verdicts_wait_for_room(void **state)
{
    struct bench *bench = *state;
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        child_with_a_small_disk(bench);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_place_where_nothing_can_be_opened_is_refused(void **state)
{
    const struct store_keep keep = {FL_HOUR, FL_HOUR, FL_HOUR, FL_HOUR};
    struct bench *bench = *state;
    struct fl_error err = {""};

    assert_true(type()->open("/proc/no/history.db", &keep, bench->base, on_done, bench,
                             &bench->store, &err) < 0);
    assert_non_null(strstr(err.message, "\"/proc/no/history.db\""));
    assert_null(bench->store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_stored_is_told_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(what_comes_twice_is_a_duplicate, setup, teardown),
        cmocka_unit_test_setup_teardown(closing_writes_what_was_queued, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_queue_refuses_and_takes_again_later, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_was_acknowledged_outlives_a_kill, setup, teardown),
        cmocka_unit_test_setup_teardown(results_older_than_is_kept_are_deleted, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_packed_reads_as_before, setup, teardown),
        cmocka_unit_test_setup_teardown(what_comes_late_adds_to_its_points, setup, teardown),
        cmocka_unit_test_setup_teardown(uptime_is_made_and_made_again_for_what_comes_late, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_older_history_is_carried_over, setup, teardown),
        cmocka_unit_test_setup_teardown(incidents_come_back_as_they_went, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_dead_coordinator_left_open_is_closed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_moved_aside, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_fails_batches_and_verdicts_wait_for_room, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_place_where_nothing_can_be_opened_is_refused, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
