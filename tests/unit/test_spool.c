// links: agent_daemon
#include "agent/spool.h"
#include "proto/codec/fl_codec.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define BOOT UINT64_C(0xfedcba9876543210)
#define NOON INT64_C(1790000000000000)

static char directory[64];
static struct fl_error notice, err;

static struct {
    size_t n;
    struct spool_row last;
    int64_t first_gone; /* 0: none */
} found;

static void count_row(const struct spool_row *row, void *arg)
{
    (void)arg;
    if (found.n++ > 0)
        assert_true(row->id > found.last.id);
    found.last = *row;
    if (row->gone && found.first_gone == 0)
        found.first_gone = row->id;
}

static const struct spool_settings roomy = {.max_bytes = 64 << 20,
                                            .max_age_us = 24 * FL_HOUR,
                                            .max_batches = 100000,
                                            .max_records = 1000,
                                            .agent = "a1"};

static struct spool *opened(const struct spool_settings *settings)
{
    struct spool *spool = NULL;

    memset(&found, 0, sizeof(found));
    if (spool_open(directory, settings, count_row, NULL, &notice, &spool, &err) < 0)
        fail_msg("%s", err.message);
    return spool;
}

/* A batch of `size` bytes that all are its sequence, spooled `seconds` after noon. */
static int64_t add(struct spool *spool, uint64_t sequence, size_t size, int64_t seconds)
{
    uint8_t bytes[8192];
    struct spool_row row = {.boot = BOOT,
                            .sequence = sequence,
                            .n_results = 7,
                            .t_us = NOON + seconds * FL_SECOND,
                            .bytes = bytes,
                            .size = size};
    int64_t id = 0;

    assert_true(size <= sizeof(bytes));
    memset(bytes, (int)(sequence & 0xff), size);
    assert_int_equal(spool_add(spool, &row, &id), 0);
    return id;
}

static void expect_bytes(struct spool *spool, int64_t id, uint64_t sequence, size_t size)
{
    uint8_t *bytes = NULL;
    size_t got = 0;

    if (spool_read(spool, id, &bytes, &got, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(got, size);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(bytes[i], sequence & 0xff);
    free(bytes);
}

/* In the place of what was dropped. */
static void expect_record(struct spool *spool, int64_t id, uint64_t sequence, uint64_t skipped,
                          uint64_t lost)
{
    struct fl_message message;
    uint8_t *bytes = NULL;
    size_t size = 0;

    if (spool_read(spool, id, &bytes, &size, &err) < 0 ||
        fl_codec_decode(bytes, size, &message, &err) < 0)
        fail_msg("%s", err.message);
    assert_string_equal(message.batch.agent, "a1");
    assert_true(message.batch.boot == BOOT);
    assert_int_equal(message.batch.sequence, sequence);
    assert_int_equal(message.batch.skipped, skipped);
    assert_int_equal(message.batch.lost_results, lost);
    assert_int_equal(message.batch.n_results, 0);
    fl_message_done(&message);
    free(bytes);
}

static struct spool_account account_of(struct spool *spool)
{
    struct spool_account account;

    spool_get_account(spool, &account);
    return account;
}

static struct spool_state state_of(struct spool *spool)
{
    struct spool_state state;

    spool_get_state(spool, &state);
    return state;
}

static char *in_directory(const char *name)
{
    static char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static int make_directory(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/faultline-spool-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    static const char *const names[] = {"spool.db",     "spool.db-wal",     "spool.db-shm",
                                        "spool.db.bad", "spool.db.bad-wal", "spool.db.bad-shm",
                                        "account.bin"};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(names); i++)
        (void)unlink(in_directory(names[i]));
    return rmdir(directory);
}

static void what_is_added_can_be_read_before_and_after_it_is_written(void **state)
{
    FL_CLEANUP(spool_freep) struct spool *spool = opened(&roomy);
    int64_t first = add(spool, 1, 100, 0), second = add(spool, 2, 4000, 0);

    (void)state;
    expect_bytes(spool, first, 1, 100);
    expect_bytes(spool, second, 2, 4000);
    assert_int_equal(spool_flush(spool, &err), 0);
    expect_bytes(spool, first, 1, 100);
    expect_bytes(spool, second, 2, 4000);
    assert_int_equal(state_of(spool).n_batches, 2);
    assert_true(second > first);
}

static void after_a_restart_everything_is_there_in_order(void **state)
{
    struct spool *spool = opened(&roomy);

    (void)state;
    for (uint64_t i = 1; i <= 50; i++)
        add(spool, i, 200, 0);
    spool_free(spool);
    spool = opened(&roomy);
    assert_string_equal(notice.message, "");
    assert_int_equal(found.n, 50);
    assert_true(found.last.boot == BOOT);
    assert_int_equal(found.last.sequence, 50);
    assert_int_equal(found.last.n_results, 7);
    assert_int_equal(found.last.size, 200);
    expect_bytes(spool, found.last.id, 50, 200);
    assert_true(add(spool, 51, 1, 0) > found.last.id);
    spool_free(spool);
}

static void what_is_removed_stays_away(void **state)
{
    struct spool *spool = opened(&roomy);
    int64_t ids[10];
    uint8_t *bytes;
    size_t size;

    (void)state;
    for (uint64_t i = 0; i < 10; i++)
        ids[i] = add(spool, i, 50, 0);
    spool_remove(spool, ids[9], 7);
    assert_int_equal(spool_flush(spool, &err), 0);
    for (int i = 0; i < 9; i += 2)
        spool_remove(spool, ids[i], 7);
    assert_int_equal(spool_flush(spool, &err), 0);
    assert_int_equal(spool_read(spool, ids[0], &bytes, &size, &err), -ENOENT);
    assert_int_equal(spool_read(spool, ids[9], &bytes, &size, &err), -ENOENT);
    assert_int_equal(state_of(spool).n_batches, 4);
    assert_int_equal(state_of(spool).bytes, 4 * (50 + SPOOL_ROW_BYTES));
    spool_free(spool);
    spool = opened(&roomy);
    assert_int_equal(found.n, 4);
    assert_int_equal(state_of(spool).bytes, 4 * (50 + SPOOL_ROW_BYTES));
    assert_int_equal(state_of(spool).dropped.batches, 0);
    spool_free(spool);
}

static void beyond_its_bytes_the_oldest_go_and_are_counted_for_ever(void **state)
{
    struct spool_settings small = roomy;
    struct spool *spool;
    int64_t first = 0;
    uint8_t *bytes;
    size_t size;

    (void)state;
    small.max_bytes = 10 * (1000 + SPOOL_ROW_BYTES);
    spool = opened(&small);
    for (uint64_t i = 1; i <= 25; i++) {
        int64_t id = add(spool, i, 1000, 0);

        first = first ? first : id;
    }
    assert_int_equal(spool_flush(spool, &err), 0);
    assert_int_equal(state_of(spool).n_batches, 10 + 1);
    assert_int_equal(state_of(spool).dropped.batches, 15);
    assert_int_equal(state_of(spool).dropped.results, 15 * 7);
    assert_true(state_of(spool).gone_to == first + 14);
    expect_record(spool, first + 14, 15, 14, 15 * 7);
    assert_int_equal(spool_read(spool, first + 13, &bytes, &size, &err), -ENOENT);
    expect_bytes(spool, first + 15, 16, 1000);
    spool_free(spool);
    spool = opened(&small);
    assert_int_equal(state_of(spool).dropped.batches, 15);
    assert_int_equal(state_of(spool).dropped.results, 15 * 7);
    spool_free(spool);
}

static void beyond_their_age_batches_go_and_are_counted(void **state)
{
    struct spool_settings brief = roomy;
    FL_CLEANUP(spool_freep) struct spool *spool = NULL;

    (void)state;
    brief.max_age_us = FL_HOUR;
    spool = opened(&brief);
    for (uint64_t i = 1; i <= 1000; i++)
        add(spool, i, 10, (int64_t)i);
    add(spool, 1001, 10, 3600 + 900);
    assert_int_equal(spool_flush(spool, &err), 0);
    assert_int_equal(state_of(spool).n_batches, 102 + 1);
    assert_int_equal(state_of(spool).dropped.batches, 899);
}

static void beyond_their_number_batches_go_and_are_counted(void **state)
{
    struct spool_settings few = roomy;
    FL_CLEANUP(spool_freep) struct spool *spool = NULL;

    (void)state;
    few.max_batches = 5;
    spool = opened(&few);
    for (uint64_t i = 1; i <= 12; i++)
        add(spool, i, 10, 0);
    assert_int_equal(spool_flush(spool, &err), 0);
    assert_int_equal(state_of(spool).n_batches, 5 + 1);
    assert_int_equal(state_of(spool).dropped.batches, 7);
}

static void results_lost_elsewhere_count_too(void **state)
{
    struct spool *spool = opened(&roomy);

    (void)state;
    spool_count_lost(spool, 3, 1);
    assert_int_equal(spool_flush(spool, &err), 0);
    spool_free(spool);
    spool = opened(&roomy);
    assert_int_equal(state_of(spool).dropped.results, 3);
    assert_int_equal(state_of(spool).dropped.batches, 1);
    spool_free(spool);
}

static void what_left_keeps_a_record_of_its_own(void **state)
{
    struct spool_settings few = roomy;
    FL_CLEANUP(spool_freep) struct spool *spool = NULL;
    int64_t ids[12];

    (void)state;
    few.max_batches = 4;
    spool = opened(&few);
    for (uint64_t i = 0; i < 4; i++)
        ids[i] = add(spool, i + 1, 10, 0);
    assert_int_equal(spool_flush(spool, &err), 0);
    expect_bytes(spool, ids[1], 2, 10); /* so the first two may have arrived */
    for (uint64_t i = 4; i < 12; i++)
        ids[i] = add(spool, i + 1, 10, 0);
    assert_int_equal(spool_flush(spool, &err), 0);
    expect_record(spool, ids[0], 1, 0, 7);
    expect_record(spool, ids[1], 2, 0, 7);
    expect_record(spool, ids[7], 8, 5, 6 * 7);
    expect_bytes(spool, ids[8], 9, 10);
    assert_int_equal(state_of(spool).n_batches, 3 + 4);
}

static void records_have_a_limit_and_what_they_say_is_said_anew(void **state)
{
    struct spool_settings few = roomy;
    FL_CLEANUP(spool_freep) struct spool *spool = NULL;

    (void)state;
    few.max_batches = 1;
    few.max_records = 2;
    spool = opened(&few);
    spool_count_produced(spool, 6 * 7);
    for (uint64_t i = 1; i <= 6; i++) {
        int64_t id = add(spool, i, 10, 0);

        assert_int_equal(spool_flush(spool, &err), 0);
        expect_bytes(spool, id, i, 10);
    }
    assert_int_equal(state_of(spool).n_batches, 3);
    assert_int_equal(spool_homeless(spool, 0), 3 * 7);
}

static void the_account_balances_whatever_becomes_of_batches(void **state)
{
    struct spool_settings few = roomy;
    struct spool *spool;
    uint64_t number;
    int64_t ids[12];

    (void)state;
    few.max_batches = 10;
    spool = opened(&few);
    number = account_of(spool).number;
    assert_true(number != 0);
    spool_count_produced(spool, 100);
    assert_int_equal(spool_homeless(spool, 90), 10); /* the caller lost 10 */
    for (uint64_t i = 0; i < 12; i++)
        ids[i] = add(spool, i + 1, 10, 0); /* 84, of which two batches are dropped */
    assert_int_equal(spool_homeless(spool, 0), 16);
    assert_int_equal(spool_flush(spool, &err), 0);
    assert_int_equal(spool_homeless(spool, 0), 16);
    spool_remove(spool, ids[1], 14); /* the record */
    spool_remove(spool, ids[5], 7);
    assert_int_equal(account_of(spool).settled, 21); /* at once */
    assert_int_equal(spool_flush(spool, &err), 0);
    assert_int_equal(account_of(spool).settled, 21);
    assert_int_equal(spool_homeless(spool, 16), 0);
    spool_free(spool);
    spool = opened(&few);
    assert_true(account_of(spool).number == number);
    assert_int_equal(account_of(spool).produced, 100);
    assert_int_equal(account_of(spool).settled, 21);
    assert_int_equal(spool_homeless(spool, 0), 16); /* what the caller had is lost now */
    spool_free(spool);
}

/* Run `body` in a child; returns its wait status. */
static int in_child(void (*body)(void))
{
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        body();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void write_a_hundred_and_die(void)
{
    struct spool *spool = NULL;

    if (spool_open(directory, &roomy, count_row, NULL, &notice, &spool, &err) < 0)
        _exit(2);
    for (uint64_t i = 1; i <= 100; i++)
        add(spool, i, 500, 0);
    if (spool_flush(spool, &err) < 0)
        _exit(3);
    spool_count_produced(spool, 200 * 7 + 5);
    for (uint64_t i = 101; i <= 200; i++)
        add(spool, i, 500, 0);
    raise(SIGKILL);
}

static void kill_9_loses_nothing_that_was_written(void **state)
{
    int status = in_child(write_a_hundred_and_die);
    FL_CLEANUP(spool_freep) struct spool *spool = NULL;

    (void)state;
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    spool = opened(&roomy);
    assert_string_equal(notice.message, "");
    /* what was not written is there as lost; no sequence is missing */
    assert_int_equal(found.n, 200);
    assert_int_equal(found.last.sequence, 200);
    assert_int_equal(account_of(spool).produced, 200 * 7 + 5);
    assert_int_equal(spool_homeless(spool, 0), 5);
    for (int64_t id = found.last.id - 199; id <= found.last.id; id++) {
        uint64_t sequence = (uint64_t)(id - found.last.id + 200);

        if (sequence <= 100 || found.first_gone == 0 || id < found.first_gone)
            expect_bytes(spool, id, sequence, 500);
        else
            expect_record(spool, id, sequence, 0, 7);
    }
}

static void have_two_of_ten_acknowledged_and_die(void)
{
    struct spool *spool = NULL;
    int64_t ids[10];

    if (spool_open(directory, &roomy, count_row, NULL, &notice, &spool, &err) < 0)
        _exit(2);
    spool_count_produced(spool, 10 * 7);
    for (uint64_t i = 0; i < 10; i++)
        ids[i] = add(spool, i, 50, 0);
    if (spool_flush(spool, &err) < 0)
        _exit(3);
    spool_remove(spool, ids[0], 7);
    spool_remove(spool, ids[9], 7);
    raise(SIGKILL);
}

static void kill_9_does_not_forget_what_was_acknowledged(void **state)
{
    int status = in_child(have_two_of_ten_acknowledged_and_die);
    FL_CLEANUP(spool_freep) struct spool *spool = opened(&roomy);

    (void)state;
    assert_true(WIFSIGNALED(status));
    assert_int_equal(found.n, 8);
    assert_int_equal(found.last.sequence, 8);
    assert_int_equal(account_of(spool).settled, 2 * 7);
    assert_int_equal(spool_homeless(spool, 0), 0);
    assert_int_equal(spool_flush(spool, &err), 0);
    assert_int_equal(state_of(spool).n_batches, 8);
    assert_int_equal(account_of(spool).settled, 2 * 7);
}

static void what_was_acknowledged_is_known_when_the_spool_itself_is_lost(void **state)
{
    FL_CLEANUP(spool_freep) struct spool *spool = NULL;

    (void)state;
    (void)in_child(have_two_of_ten_acknowledged_and_die);
    (void)unlink(in_directory("spool.db"));
    (void)unlink(in_directory("spool.db-wal"));
    (void)unlink(in_directory("spool.db-shm"));
    spool = opened(&roomy);
    assert_int_equal(found.n, 0);
    assert_int_equal(account_of(spool).settled, 2 * 7);
    assert_int_equal(spool_homeless(spool, 0), 8 * 7);
    assert_int_equal(spool_flush(spool, &err), 0);
    assert_int_equal(account_of(spool).settled, 2 * 7);
}

static void put_file(const char *name, const char *bytes, size_t size)
{
    int fd = open(in_directory(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    close(fd);
}

static void a_file_that_is_no_spool_is_moved_aside_and_said(void **state)
{
    static const char noise[] = "this is not a database, whatever its name says; not at all";
    FL_CLEANUP(spool_freep) struct spool *spool = NULL;

    (void)state;
    put_file("spool.db", noise, sizeof(noise));
    spool = opened(&roomy);
    assert_non_null(strstr(notice.message, "spool.db.bad"));
    assert_int_equal(access(in_directory("spool.db.bad"), F_OK), 0);
    assert_int_equal(found.n, 0);
    add(spool, 1, 10, 0);
    assert_int_equal(spool_flush(spool, &err), 0);
}

static void a_damaged_spool_is_moved_aside_and_said(void **state)
{
    struct spool *spool = opened(&roomy);
    char noise[20000];
    int fd;

    (void)state;
    for (uint64_t i = 1; i <= 100; i++)
        add(spool, i, 3000, 0);
    spool_free(spool);
    memset(noise, 0x5a, sizeof(noise));
    fd = open(in_directory("spool.db"), O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, noise, sizeof(noise), 4096), (ssize_t)sizeof(noise));
    close(fd);
    spool = opened(&roomy);
    assert_non_null(strstr(notice.message, "moved to"));
    assert_int_equal(found.n, 0);
    spool_free(spool);
}

static void two_agents_cannot_share_a_spool(void **state)
{
    FL_CLEANUP(spool_freep) struct spool *spool = opened(&roomy);
    struct spool *second = NULL;

    (void)state;
    assert_non_null(spool);
    assert_int_equal(spool_open(directory, &roomy, count_row, NULL, &notice, &second, &err),
                     -EBUSY);
    assert_null(second);
    assert_non_null(strstr(err.message, "another agent"));
}

#define CHILD_EXPECTS(condition)       \
    do {                               \
        if (!(condition))              \
            _exit(__LINE__ % 200 + 1); \
    } while (0)

static void limit_files(rlim_t size)
{
    struct rlimit limit = {size, RLIM_INFINITY};

    CHILD_EXPECTS(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

/* The limit on the size of files stands for a disk that is full. */
static void fill_the_disk_then_make_room(void)
{
    struct spool *spool = NULL;
    struct spool_state now;
    int64_t ids[40];

    signal(SIGXFSZ, SIG_IGN);
    CHILD_EXPECTS(spool_open(directory, &roomy, count_row, NULL, &notice, &spool, &err) == 0);
    limit_files(64 << 10);
    for (uint64_t i = 0; i < 40; i++)
        ids[i] = add(spool, i, 8000, 0);
    CHILD_EXPECTS(spool_flush(spool, &err) < 0);
    CHILD_EXPECTS(strstr(err.message, "spool.db"));
    spool_get_state(spool, &now);
    CHILD_EXPECTS(now.failing && now.dropped.batches == 0);
    for (uint64_t i = 0; i < 40; i++)
        expect_bytes(spool, ids[i], i, 8000);
    limit_files(RLIM_INFINITY);
    CHILD_EXPECTS(spool_flush(spool, &err) == 0);
    spool_get_state(spool, &now);
    CHILD_EXPECTS(!now.failing && now.n_batches == 40);
    spool_free(spool);
}

static void on_a_full_disk_batches_wait_in_memory_until_there_is_room(void **state)
{
    int status = in_child(fill_the_disk_then_make_room);
    FL_CLEANUP(spool_freep) struct spool *spool = NULL;

    (void)state;
    assert_int_equal(status, 0);
    spool = opened(&roomy);
    assert_int_equal(found.n, 40);
    expect_bytes(spool, found.last.id, 39, 8000);
}

/* While nothing can be written, memory is bounded too. */
static void overfill_memory(void)
{
    struct spool *spool = NULL;
    struct spool_state now;
    uint64_t n = 3 * SPOOL_HELD_BYTES / 8000;
    uint8_t bytes[8000] = {0};
    uint64_t lost = 0;

    signal(SIGXFSZ, SIG_IGN);
    CHILD_EXPECTS(spool_open(directory, &roomy, count_row, NULL, &notice, &spool, &err) == 0);
    limit_files(64 << 10);
    for (uint64_t i = 0; i < n; i++) {
        struct spool_row row = {.boot = BOOT,
                                .sequence = i,
                                .n_results = 1,
                                .t_us = NOON,
                                .bytes = bytes,
                                .size = sizeof(bytes)};
        int64_t id;
        int r;

        spool_count_produced(spool, 1);
        r = spool_add(spool, &row, &id);

        CHILD_EXPECTS(r == 0 || r == -ENOBUFS);
        lost += r < 0;
    }
    spool_get_state(spool, &now);
    CHILD_EXPECTS(now.bytes <= SPOOL_HELD_BYTES + (64 << 10));
    CHILD_EXPECTS(now.n_batches + now.dropped.batches + lost >= n);
    CHILD_EXPECTS(now.dropped.batches + lost > 0);
    CHILD_EXPECTS(spool_homeless(spool, 0) == lost);
    _exit(0);
}

static void a_disk_that_stays_full_costs_bounded_memory_and_all_losses_are_counted(void **state)
{
    (void)state;
    assert_int_equal(in_child(overfill_memory), 0);
}

int main(void)
{
#define SPOOL_TEST(function) \
    cmocka_unit_test_setup_teardown(function, make_directory, remove_directory)
    const struct CMUnitTest tests[] = {
        SPOOL_TEST(what_is_added_can_be_read_before_and_after_it_is_written),
        SPOOL_TEST(after_a_restart_everything_is_there_in_order),
        SPOOL_TEST(what_is_removed_stays_away),
        SPOOL_TEST(beyond_its_bytes_the_oldest_go_and_are_counted_for_ever),
        SPOOL_TEST(beyond_their_age_batches_go_and_are_counted),
        SPOOL_TEST(beyond_their_number_batches_go_and_are_counted),
        SPOOL_TEST(results_lost_elsewhere_count_too),
        SPOOL_TEST(what_left_keeps_a_record_of_its_own),
        SPOOL_TEST(records_have_a_limit_and_what_they_say_is_said_anew),
        SPOOL_TEST(the_account_balances_whatever_becomes_of_batches),
        SPOOL_TEST(kill_9_loses_nothing_that_was_written),
        SPOOL_TEST(kill_9_does_not_forget_what_was_acknowledged),
        SPOOL_TEST(what_was_acknowledged_is_known_when_the_spool_itself_is_lost),
        SPOOL_TEST(a_file_that_is_no_spool_is_moved_aside_and_said),
        SPOOL_TEST(a_damaged_spool_is_moved_aside_and_said),
        SPOOL_TEST(two_agents_cannot_share_a_spool),
        SPOOL_TEST(on_a_full_disk_batches_wait_in_memory_until_there_is_room),
        SPOOL_TEST(a_disk_that_stays_full_costs_bounded_memory_and_all_losses_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
