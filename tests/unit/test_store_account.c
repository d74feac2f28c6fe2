// links: coordinator_store
/* What the history has of an agent's account: counted once, kept, and carried on by a new one. */
#include "coordinator/store/accounts.h"
#include "proto/runtime/fl_clock.h"
#include "tests/support/unit.h"

#include <dirent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_US (20 * FL_SECOND)
#define MAX_DONE 256

struct bench {
    char directory[64], path[96];
    struct event_base *base;
    const struct store_type *type;
    struct store *store;
    size_t n_done;
    enum store_outcome outcomes[MAX_DONE];
};

static void on_done(const char *agent, uint64_t boot, uint64_t sequence, enum store_outcome outcome,
                    void *arg)
{
    struct bench *bench = arg;

    assert_string_equal(agent, "a1");
    assert_true(boot == 7 && sequence > 0);
    assert_true(bench->n_done < MAX_DONE);
    bench->outcomes[bench->n_done++] = outcome;
}

static void open_store(struct bench *bench)
{
    const struct store_keep keep = {4 * FL_HOUR, 4 * FL_HOUR, 4 * FL_HOUR, FL_HOUR};
    struct fl_error err = {""};

    if (bench->type->open(bench->path, &keep, bench->base, on_done, bench, &bench->store, &err) < 0)
        fail_msg("%s", err.message);
}

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    (void)snprintf(bench->directory, sizeof(bench->directory), "/tmp/faultline-account-XXXXXX");
    assert_non_null(mkdtemp(bench->directory));
    (void)snprintf(bench->path, sizeof(bench->path), "%s/history.db", bench->directory);
    bench->base = event_base_new();
    bench->type = store_type_find("sqlite");
    open_store(bench);
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    const struct dirent *entry;
    DIR *directory;

    bench->type->close(bench->store);
    event_base_free(bench->base);
    directory = opendir(bench->directory);
    while (directory && (entry = readdir(directory)))
        (void)unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory)
        (void)closedir(directory);
    (void)rmdir(bench->directory);
    free(bench);
    return 0;
}

static void put(struct bench *bench, uint64_t sequence, uint64_t skipped, size_t n, uint64_t lost)
{
    struct fl_message message = {.type = FL_MESSAGE_BATCH};
    struct fl_result results[4];
    uint8_t *bytes = NULL;
    size_t size = 0;

    for (size_t i = 0; i < FL_COUNT(results); i++) {
        fl_result_init(&results[i]);
        results[i].t_us = INT64_C(1700000000000000);
        results[i].took_us = 1000;
        results[i].series = 1;
        results[i].ok = true;
    }
    message.batch.boot = 7;
    message.batch.sequence = sequence;
    message.batch.skipped = skipped;
    message.batch.lost_results = lost;
    message.batch.n_results = n;
    message.batch.results = results;
    strcpy(message.batch.agent, "a1");
    assert_int_equal(fl_codec_encode(&message, &bytes, &size, NULL), 0);
    assert_int_equal(
        bench->type->put_batch(bench->store, &message.batch, bytes, size, fl_clock_wall()), 0);
    free(bytes);
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

static void expect(struct bench *bench, int64_t base, uint64_t stored, uint64_t lost)
{
    struct store_account now;

    bench->type->account(bench->store, "a1", &now);
    assert_true(now.number == 77);
    assert_int_equal(now.base, base);
    assert_int_equal(now.stored, stored);
    assert_int_equal(now.lost, lost);
}

static const struct store_account begun = {.agent = "a1", .number = 77, .base = -5};

static void what_was_lost_is_counted_once_and_kept(void **state)
{
    struct bench *bench = *state;

    assert_int_equal(bench->type->put_account(bench->store, &begun), 0);
    put(bench, 1, 0, 3, 0);
    put(bench, 9, 7, 0, 40); /* in the place of 2 to 9, */
    put(bench, 9, 7, 0, 40); /* twice, */
    put(bench, 1, 0, 0, 3);  /* for a batch that had come, */
    put(bench, 9, 0, 2, 0);  /* and the batch that was said to be lost */
    wait_done(bench, 5);
    assert_int_equal(bench->outcomes[1], STORE_STORED);
    for (size_t i = 2; i < 5; i++)
        assert_int_equal(bench->outcomes[i], STORE_DUPLICATE);
    for (int turn = 0; turn < 2; turn++) {
        expect(bench, -5, 3, 40);
        bench->type->close(bench->store);
        open_store(bench);
    }
}

static void one_gap_too_many_is_sent_again(void **state)
{
    struct bench *bench = *state;

    assert_int_equal(bench->type->put_account(bench->store, &begun), 0);
    for (uint64_t i = 0; i < 128; i++)
        put(bench, 10 + 2 * i, 0, 1, 0);
    put(bench, 1000, 0, 1, 0);
    put(bench, 11, 0, 1, 0);
    put(bench, 1000, 0, 1, 0);
    wait_done(bench, 131);
    assert_int_equal(bench->outcomes[128], STORE_FAILED);
    assert_int_equal(bench->outcomes[129], STORE_STORED);
    assert_int_equal(bench->outcomes[130], STORE_STORED);
    expect(bench, -5, 130, 0);
}

static void a_history_that_begins_anew_carries_the_accounts_on(void **state)
{
    FL_CLEANUP(accounts_freep) struct accounts *accounts = NULL;
    struct db_batch batch = {.agent = "a1", .n_results = 3, .n_lost = 2};
    struct store_account now;

    (void)state;
    assert_int_equal(accounts_new(&accounts), 0);
    assert_int_equal(accounts_set(accounts, &begun), 0);
    assert_int_equal(accounts_add(accounts, &batch), 0);
    for (int i = 0; i < 200; i++) { /* among others */
        (void)snprintf(batch.agent, sizeof(batch.agent), "b%d", i * 7 % 200);
        assert_int_equal(accounts_add(accounts, &batch), 0);
    }
    accounts_start_anew(accounts);
    (void)snprintf(batch.agent, sizeof(batch.agent), "a1");
    assert_int_equal(accounts_add(accounts, &batch), 0);
    accounts_get(accounts, "a1", &now);
    assert_true(now.number == 77 && now.base == -5 + 3 + 2);
    assert_true(now.stored == 3 && now.lost == 2);
    accounts_get(accounts, "b199", &now);
    assert_true(now.number == 0 && now.base == 5 && now.stored == 0);
    accounts_get(accounts, "c", &now);
    assert_string_equal(now.agent, "c");
    assert_true(now.stored == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_lost_is_counted_once_and_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(one_gap_too_many_is_sent_again, setup, teardown),
        cmocka_unit_test(a_history_that_begins_anew_carries_the_accounts_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
