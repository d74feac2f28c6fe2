// links: coordinator_store
/* What was acknowledged is there once, whatever happens to the process, the disk or the file. */
#include "coordinator/store/store.h"
#include "proto/runtime/fl_clock.h"
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

static void open_store(struct bench *bench, int64_t keep_us)
{
    struct fl_error err = {""};

    bench->n_done = 0;
    if (type()->open(bench->path, keep_us, bench->base, on_done, bench, &bench->store, &err) < 0)
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

static int put(struct bench *bench, uint64_t sequence, size_t n_results)
{
    struct fl_result results[4];
    struct fl_batch batch = {
        .agent = "a1", .boot = 7, .sequence = sequence, .n_results = n_results, .results = results};

    for (size_t i = 0; i < FL_COUNT(results); i++) {
        fl_result_init(&results[i]);
        results[i].t_us = 1700000000000000;
        results[i].took_us = 1000;
        results[i].ok = true;
    }
    return type()->put_batch(bench->store, &batch, fl_clock_wall());
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

    open_store(bench, FL_HOUR);
    assert_int_equal(sqlite3_open(bench->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    while (put(bench, taken + 1, 1) == 0)
        assert_true(++taken < MAX_DONE - 1);
    assert_int_equal(put(bench, taken + 1, 1), -EAGAIN);
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

static void results_older_than_is_kept_are_deleted(void **state)
{
    struct bench *bench = *state;
    int64_t end = fl_clock_monotonic() + WAIT_US;

    open_store(bench, FL_SECOND);
    for (uint64_t i = 1; i <= 20; i++)
        assert_int_equal(put(bench, i, 1), 0);
    wait_done(bench, 20);
    while (results_in(bench) > 0)
        assert_true(fl_clock_monotonic() < end);
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
    struct bench *bench = *state;
    struct fl_error err = {""};

    assert_true(type()->open("/proc/no/history.db", FL_HOUR, bench->base, on_done, bench,
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
