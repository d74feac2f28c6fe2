// links: coordinator_daemon PkgConfig::EVENT
/* Decisions on a real coordinator: what a restart and a reload leave as it was, and what a person
 * and a drill leave behind. */
#include "coordinator/coordinator.h"
#include "coordinator/decisions.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_loop.h"
#include "tests/support/unit.h"

#include <dirent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE (30 * FL_SECOND)

struct bench {
    char directory[64];
    char config_path[96];
    struct fl_loop *loop;
    struct coordinator *coordinator;
};

#define SHOP                                                                       \
    "  - {name: shop, mode: live, zones: [{zone: a, targets: [web-a]}, {zone: b, " \
    "targets: [web-b]}]}\n"
#define MAIL                                                                       \
    "  - {name: mail, mode: live, zones: [{zone: a, targets: [web-a]}, {zone: b, " \
    "targets: [web-b]}]}\n"

static void write_config(const struct bench *bench, const char *groups)
{
    static const char key[] = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
    FILE *file = fopen(bench->config_path, "w");

    assert_non_null(file);
    (void)fprintf(file,
                  "coordinator: {listen: \"tcp://127.0.0.1:*\", secret_key_file: %s/key, state: "
                  "%s/state}\n"
                  "zones: [a, b]\nagents:\n  - {name: a1, zone: a, public_key: \"%s\"}\n"
                  "targets:\n"
                  "  - {name: web-a, kind: service, place: a, probes: [{type: icmp}]}\n"
                  "  - {name: web-b, kind: service, place: b, probes: [{type: icmp}]}\n"
                  "decisions: {takeover_delay: 0s}\n"
                  "groups:\n%s",
                  bench->directory, bench->directory, key, groups);
    assert_int_equal(fclose(file), 0);
}

static void start(struct bench *bench)
{
    struct fl_error err = {""};

    assert_int_equal(fl_loop_new(&bench->loop, &err), 0);
    if (coordinator_new(bench->config_path, fl_loop_base(bench->loop), &bench->coordinator, &err) <
        0)
        fail_msg("%s", err.message);
}

static void stop(struct bench *bench)
{
    bench->coordinator = coordinator_free(bench->coordinator);
    fl_loop_free(bench->loop);
    bench->loop = NULL;
}

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct fl_keypair keys;
    struct fl_error err = {""};
    char path[128];

    assert_non_null(bench);
    (void)snprintf(bench->directory, sizeof(bench->directory), "/tmp/faultline-decide-XXXXXX");
    assert_non_null(mkdtemp(bench->directory));
    (void)snprintf(bench->config_path, sizeof(bench->config_path), "%s/c.yaml", bench->directory);
    (void)snprintf(path, sizeof(path), "%s/key", bench->directory);
    assert_int_equal(fl_keypair_new(&keys, &err), 0);
    assert_int_equal(fl_keypair_write(path, &keys, &err), 0);
    write_config(bench, SHOP);
    start(bench);
    *state = bench;
    return 0;
}

static void remove_files(const char *path)
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
    char path[128];

    stop(bench);
    (void)snprintf(path, sizeof(path), "%s/state", bench->directory);
    remove_files(path);
    remove_files(bench->directory);
    free(bench);
    return 0;
}

static struct decisions *decisions_of(const struct bench *bench)
{
    return coordinator_decisions(bench->coordinator);
}

static void turn(const struct bench *bench)
{
    const struct timeval step = {0, 20000};

    (void)event_base_loopexit(fl_loop_base(bench->loop), &step);
    assert_true(event_base_dispatch(fl_loop_base(bench->loop)) >= 0);
}

static struct decision said(const struct bench *bench, uint32_t group, uint32_t zone)
{
    struct decision decision;

    decider_at(decisions_decider(decisions_of(bench)), group, zone, fl_clock_steady(), &decision);
    return decision;
}

/* Until the decider has looked for the first time. */
static void wait_look(const struct bench *bench)
{
    int64_t end = fl_clock_monotonic() + PATIENCE;

    while (decisions_newest(decisions_of(bench)) == 0) {
        assert_true(fl_clock_monotonic() < end);
        turn(bench);
    }
}

static void avoid(const struct bench *bench, uint32_t zone)
{
    wait_look(bench);
    decisions_act(decisions_of(bench), 0, zone, DECISION_ACT_AVOID, fl_clock_steady() + FL_HOUR);
    assert_int_equal(said(bench, 0, zone).state, DECISION_AVOID);
    assert_int_equal(said(bench, 0, zone).reason, REASON_OPERATOR);
}

static void what_stands_and_the_numbers_outlive_a_restart(void **state)
{
    struct bench *bench = *state;
    uint64_t before;

    avoid(bench, 1);
    before = decider_generation(decisions_decider(decisions_of(bench)));
    stop(bench);
    start(bench);
    assert_int_equal(said(bench, 0, 1).standing, DECISION_AVOID);
    assert_int_equal(said(bench, 0, 1).weight, 0);
    assert_true(decider_generation(decisions_decider(decisions_of(bench))) > before);
    wait_look(bench);
    assert_int_equal(said(bench, 0, 1).standing, DECISION_AVOID);
    assert_int_equal(said(bench, 0, 0).standing, DECISION_SERVE);
}

static void what_stands_and_the_numbers_outlive_a_reload(void **state)
{
    struct bench *bench = *state;
    struct decisions *decisions = decisions_of(bench);
    struct fl_error err = {""};
    uint64_t before;

    avoid(bench, 1);
    before = decider_generation(decisions_decider(decisions));
    write_config(bench, MAIL SHOP);
    if (coordinator_reload(bench->coordinator, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(decisions_find_group(decisions, "mail"), 0);
    assert_int_equal(decisions_find_group(decisions, "shop"), 1);
    assert_int_equal(decisions_find_zone(decisions, 1, "b"), 1);
    assert_true(decisions_find_group(decisions, "none") < 0);
    assert_int_equal(said(bench, 1, 1).standing, DECISION_AVOID);
    assert_int_equal(said(bench, 0, 1).standing, DECISION_SERVE);
    assert_true(decider_generation(decisions_decider(decisions)) >= before);
    /* and when all groups are gone, nothing is decided */
    write_config(bench, "  []\n");
    if (coordinator_reload(bench->coordinator, &err) < 0)
        fail_msg("%s", err.message);
    assert_true(decisions_find_group(decisions, "shop") < 0);
    turn(bench);
}

static void a_file_that_cannot_be_understood_is_refused(void **state)
{
    struct bench *bench = *state;
    struct coordinator *other = NULL;
    struct fl_error err = {""};
    char path[128];
    FILE *file;

    wait_look(bench);
    stop(bench);
    (void)snprintf(path, sizeof(path), "%s/state/decisions.json", bench->directory);
    file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs("{\"reserved_generation\": \"many\"}", file);
    (void)fclose(file);
    assert_int_equal(fl_loop_new(&bench->loop, &err), 0);
    assert_true(coordinator_new(bench->config_path, fl_loop_base(bench->loop), &other, &err) < 0);
    assert_non_null(strstr(err.message, "decisions.json\" cannot be understood"));
    assert_non_null(strstr(err.message, "reserved_generation"));
}

static void a_person_and_a_drill_are_kept(void **state)
{
    struct bench *bench = *state;
    struct store_decision *rows = NULL;
    const struct store_type *type;
    struct store *store;
    struct fl_error err = {""};
    struct drill drill;
    bool drilled = false, acted = false;
    size_t n = 0;

    avoid(bench, 0);
    assert_int_equal(decisions_drill(decisions_of(bench), 0, 1, &drill), 0);
    assert_int_equal(drill.outcome, DRILL_INTERRUPTED);
    stop(bench); /* everything is written */
    start(bench);
    type = coordinator_store(bench->coordinator, &store);
    if (type->decisions(store, "shop", 0, 100, &rows, &n, &err) < 0)
        fail_msg("%s", err.message);
    for (size_t i = 0; i < n; i++) {
        drilled |= strcmp(rows[i].type, "drill") == 0 && strstr(rows[i].json, "interrupted");
        acted |= strcmp(rows[i].type, "made") == 0 && strstr(rows[i].json, "operator");
    }
    assert_true(drilled && acted);
    free(rows);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_stands_and_the_numbers_outlive_a_restart),
        TEST(what_stands_and_the_numbers_outlive_a_reload),
        TEST(a_file_that_cannot_be_understood_is_refused),
        TEST(a_person_and_a_drill_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
