// links: coordinator_store
/* The history of decisions goes in in order and comes back newest first, by group, over a restart.
 */
#include "coordinator/store/store.h"
#include "tests/support/unit.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bench {
    char directory[64];
    char path[96];
    struct event_base *base;
    struct store *store;
};

static const struct store_type *type(void)
{
    return store_type_find("sqlite");
}

static void on_done(const char *agent, uint64_t boot, uint64_t sequence, enum store_outcome outcome,
                    void *arg)
{
    (void)agent;
    (void)boot;
    (void)sequence;
    (void)outcome;
    (void)arg;
}

static void open_store(struct bench *bench)
{
    static const struct store_keep keep = {FL_HOUR, FL_HOUR, FL_HOUR, FL_SECOND};
    struct fl_error err = {""};

    if (type()->open(bench->path, &keep, bench->base, on_done, bench, &bench->store, &err) < 0)
        fail_msg("%s", err.message);
}

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    assert_non_null(bench);
    (void)snprintf(bench->directory, sizeof(bench->directory), "/tmp/faultline-decided-XXXXXX");
    assert_non_null(mkdtemp(bench->directory));
    (void)snprintf(bench->path, sizeof(bench->path), "%s/history.db", bench->directory);
    bench->base = event_base_new();
    open_store(bench);
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    struct bench *bench = *state;
    char path[128];

    type()->close(bench->store);
    event_base_free(bench->base);
    for (size_t i = 0; i < FL_COUNT(suffixes); i++) {
        (void)snprintf(path, sizeof(path), "%s%s", bench->path, suffixes[i]);
        (void)unlink(path);
    }
    (void)rmdir(bench->directory);
    free(bench);
    return 0;
}

static void put(struct bench *bench, fl_time t_us, const char *kind, const char *group)
{
    struct store_decision row = {.t_us = t_us};

    strcpy(row.type, kind);
    strcpy(row.group, group);
    strcpy(row.zone, "a");
    (void)snprintf(row.json, sizeof(row.json), "{\"at\":%lld}", (long long)t_us);
    assert_int_equal(type()->put_decision(bench->store, &row), 0);
}

static size_t rows(struct bench *bench, const char *group, uint64_t before, size_t limit,
                   struct store_decision **ret)
{
    struct fl_error err = {""};
    size_t n = 0;

    if (type()->decisions(bench->store, group, before, limit, ret, &n, &err) < 0)
        fail_msg("%s", err.message);
    return n;
}

static void decisions_come_back_newest_first_by_group_and_by_pages(void **state)
{
    struct bench *bench = *state;
    struct store_decision *found = NULL;
    uint64_t last;

    for (fl_time t = 1; t <= 5; t++)
        put(bench, t, t == 3 ? "withheld" : "made", t == 4 ? "mail" : "shop");
    type()->close(bench->store); /* everything is written */
    open_store(bench);
    assert_int_equal(rows(bench, "shop", 0, 3, &found), 3);
    assert_true(found[0].t_us == 5 && found[1].t_us == 3 && found[2].t_us == 2);
    assert_string_equal(found[1].type, "withheld");
    assert_string_equal(found[0].json, "{\"at\":5}");
    last = found[2].id;
    free(found);
    assert_int_equal(rows(bench, "shop", last, 3, &found), 1);
    assert_true(found[0].t_us == 1);
    free(found);
    assert_int_equal(rows(bench, "nobody", 0, 3, &found), 0);
    free(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(decisions_come_back_newest_first_by_group_and_by_pages,
                                        setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
