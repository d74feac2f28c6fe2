// links: agent_core
#include "agent/core/backlog.h"
#include "tests/support/unit.h"

#include <errno.h>

#define BOOT 77
#define NOW INT64_C(1000000)

static struct backlog *with_peers(size_t n)
{
    const size_t from[] = {BACKLOG_NEW_PEER, BACKLOG_NEW_PEER, BACKLOG_NEW_PEER};
    struct backlog *backlog = NULL;

    assert_int_equal(backlog_new(&backlog), 0);
    assert_int_equal(backlog_set_peers(backlog, from, n), 0);
    return backlog;
}

/* Batches with ids and sequences `first` to `last`. */
static void add(struct backlog *backlog, int64_t first, int64_t last)
{
    for (int64_t id = first; id <= last; id++)
        assert_int_equal(backlog_add(backlog, id, BOOT, (uint64_t)id, 1000, 10), 0);
}

/* Send the next; 0 when there is none. */
static int64_t send_next(struct backlog *backlog, size_t peer, int64_t now_us)
{
    int64_t id = 0;

    if (!backlog_next(backlog, peer, now_us, &id))
        return 0;
    backlog_sent(backlog, peer, id, now_us);
    return id;
}

static void a_batch_is_sent_once_and_leaves_when_acknowledged(void **state)
{
    FL_CLEANUP(backlog_freep) struct backlog *backlog = with_peers(1);
    int64_t id = 0;

    (void)state;
    add(backlog, 5, 5);
    assert_int_equal(send_next(backlog, 0, NOW), 5);
    assert_int_equal(send_next(backlog, 0, NOW), 0);
    assert_true(backlog_acked(backlog, 0, BOOT, 5, &id, NULL));
    assert_int_equal(id, 5);
    assert_int_equal(backlog_count(backlog), 0);
    assert_false(backlog_acked(backlog, 0, BOOT, 5, &id, NULL));
    assert_true(backlog_deadline(backlog, 0) == BACKLOG_NEVER);
}

static void it_leaves_only_when_every_coordinator_has_it(void **state)
{
    FL_CLEANUP(backlog_freep) struct backlog *backlog = with_peers(2);
    int64_t id = 0;

    (void)state;
    add(backlog, 1, 1);
    assert_int_equal(send_next(backlog, 0, NOW), 1);
    assert_int_equal(send_next(backlog, 1, NOW), 1);
    assert_false(backlog_acked(backlog, 1, BOOT, 1, &id, NULL));
    assert_int_equal(send_next(backlog, 1, NOW), 0);
    assert_true(backlog_acked(backlog, 0, BOOT, 1, &id, NULL));
}

static void after_a_reconnect_new_ones_go_first_then_old_ones_in_order(void **state)
{
    FL_CLEANUP(backlog_freep) struct backlog *backlog = with_peers(1);

    (void)state;
    add(backlog, 1, 3);
    backlog_connected(backlog, 0);
    add(backlog, 4, 5);
    assert_int_equal(send_next(backlog, 0, NOW), 4);
    assert_int_equal(send_next(backlog, 0, NOW), 5);
    for (int64_t id = 1; id <= 3; id++)
        assert_int_equal(send_next(backlog, 0, NOW + id * 100000), id);
    assert_int_equal(send_next(backlog, 0, NOW + 900000), 0);
}

static void what_was_under_way_at_a_reconnect_goes_again(void **state)
{
    FL_CLEANUP(backlog_freep) struct backlog *backlog = with_peers(1);
    int64_t id;

    (void)state;
    add(backlog, 1, 2);
    assert_int_equal(send_next(backlog, 0, NOW), 1);
    assert_int_equal(send_next(backlog, 0, NOW), 2);
    assert_true(backlog_acked(backlog, 0, BOOT, 1, &id, NULL));
    backlog_connected(backlog, 0);
    assert_int_equal(send_next(backlog, 0, NOW), 2);
    assert_int_equal(send_next(backlog, 0, NOW), 0);
}

static void old_ones_go_at_a_bounded_rate(void **state)
{
    FL_CLEANUP(backlog_freep) struct backlog *backlog = with_peers(1);
    int64_t now = NOW, id, done;
    int n = 0;

    (void)state;
    add(backlog, 1, 5000);
    backlog_connected(backlog, 0);
    while (now < NOW + 1000000) {
        id = send_next(backlog, 0, now);
        if (id == 0) {
            now = backlog_deadline(backlog, 0);
            continue;
        }
        n++;
        assert_true(backlog_acked(backlog, 0, BOOT, (uint64_t)id, &done, NULL));
    }
    assert_in_range(n, BACKLOG_BYTES_PER_SECOND / 1000, BACKLOG_BYTES_PER_SECOND / 1000 + 2);
}

static void the_window_bounds_what_is_under_way(void **state)
{
    FL_CLEANUP(backlog_freep) struct backlog *backlog = with_peers(1);
    int64_t id;
    int n = 0;

    (void)state;
    add(backlog, 1, BACKLOG_WINDOW + 10);
    while (send_next(backlog, 0, NOW))
        n++;
    assert_int_equal(n, BACKLOG_WINDOW);
    assert_int_equal(backlog_deadline(backlog, 0), NOW + BACKLOG_ACK_TIMEOUT_US);
    assert_true(backlog_acked(backlog, 0, BOOT, 3, &id, NULL));
    assert_int_equal(send_next(backlog, 0, NOW), BACKLOG_WINDOW + 1);
    assert_int_equal(send_next(backlog, 0, NOW), 0);
}

static void the_window_bounds_bytes_but_lets_one_large_batch_pass(void **state)
{
    FL_CLEANUP(backlog_freep) struct backlog *backlog = with_peers(1);

    (void)state;
    assert_int_equal(backlog_add(backlog, 1, BOOT, 1, 2 * BACKLOG_WINDOW_BYTES, 1), 0);
    assert_int_equal(backlog_add(backlog, 2, BOOT, 2, 10, 1), 0);
    assert_int_equal(send_next(backlog, 0, NOW), 1);
    assert_int_equal(send_next(backlog, 0, NOW), 0);
}

static void old_ones_take_only_a_part_of_the_window(void **state)
{
    FL_CLEANUP(backlog_freep) struct backlog *backlog = with_peers(1);
    int n = 0;

    (void)state;
    add(backlog, 1, 200);
    backlog_connected(backlog, 0);
    for (int64_t now = NOW; now < NOW + 1000000; now += 10000)
        n += send_next(backlog, 0, now) != 0;
    assert_int_equal(n, BACKLOG_CREDIT); /* until more is said */
    backlog_set_credit(backlog, 0, 1000);
    for (int64_t now = NOW; now < NOW + 1000000; now += 10000)
        n += send_next(backlog, 0, now) != 0;
    assert_int_equal(n, BACKLOG_WINDOW_OLD);
    add(backlog, 201, 201);
    assert_int_equal(send_next(backlog, 0, NOW + 1000000), 201);
}

static void without_credit_only_what_is_new_goes(void **state)
{
    FL_CLEANUP(backlog_freep) struct backlog *backlog = with_peers(1);

    (void)state;
    add(backlog, 1, 20);
    backlog_connected(backlog, 0);
    backlog_set_credit(backlog, 0, 0);
    assert_int_equal(send_next(backlog, 0, NOW), 0);
    assert_true(backlog_deadline(backlog, 0) == BACKLOG_NEVER);
    add(backlog, 21, 21);
    assert_int_equal(send_next(backlog, 0, NOW), 21);
    backlog_set_credit(backlog, 0, 1);
    assert_int_equal(send_next(backlog, 0, NOW), 1);
    assert_int_equal(send_next(backlog, 0, NOW + 1000000), 0);
}

static void an_unacknowledged_batch_is_sent_again_after_a_while(void **state)
{
    FL_CLEANUP(backlog_freep) struct backlog *backlog = with_peers(1);
    int64_t due, id;

    (void)state;
    add(backlog, 1, 1);
    assert_int_equal(send_next(backlog, 0, NOW), 1);
    due = backlog_deadline(backlog, 0);
    assert_int_equal(due, NOW + BACKLOG_ACK_TIMEOUT_US);
    assert_int_equal(send_next(backlog, 0, due - 1), 0);
    assert_int_equal(send_next(backlog, 0, due), 1);
    assert_int_equal(send_next(backlog, 0, due), 0);
    assert_true(backlog_acked(backlog, 0, BOOT, 1, &id, NULL));
    assert_int_equal(send_next(backlog, 0, due + BACKLOG_ACK_TIMEOUT_US), 0);
}

static void what_the_spool_dropped_is_not_sent_any_more(void **state)
{
    FL_CLEANUP(backlog_freep) struct backlog *backlog = with_peers(1);
    int64_t id;

    (void)state;
    add(backlog, 1, 10);
    assert_int_equal(send_next(backlog, 0, NOW), 1);
    backlog_forget_range(backlog, 0, 4);
    backlog_forget(backlog, 5);
    assert_int_equal(backlog_count(backlog), 6);
    assert_false(backlog_acked(backlog, 0, BOOT, 1, &id, NULL));
    assert_int_equal(send_next(backlog, 0, NOW), 4);
    assert_int_equal(send_next(backlog, 0, NOW), 6);
    assert_int_equal(send_next(backlog, 0, NOW + BACKLOG_ACK_TIMEOUT_US - 1), 7);
}

static void an_acknowledgement_of_another_boot_or_a_stranger_is_ignored(void **state)
{
    FL_CLEANUP(backlog_freep) struct backlog *backlog = with_peers(1);
    int64_t id;

    (void)state;
    add(backlog, 1, 1);
    assert_int_equal(send_next(backlog, 0, NOW), 1);
    assert_false(backlog_acked(backlog, 0, BOOT + 1, 1, &id, NULL));
    assert_false(backlog_acked(backlog, 0, BOOT, 9, &id, NULL));
    assert_int_equal(backlog_count(backlog), 1);
}

static void a_removed_coordinator_is_not_waited_for(void **state)
{
    FL_CLEANUP(backlog_freep) struct backlog *backlog = with_peers(2);
    const size_t second_only[] = {1};
    int64_t id;

    (void)state;
    add(backlog, 1, 3);
    for (int i = 0; i < 3; i++)
        send_next(backlog, 1, NOW);
    assert_false(backlog_acked(backlog, 1, BOOT, 1, &id, NULL));
    assert_false(backlog_acked(backlog, 1, BOOT, 2, &id, NULL));
    assert_int_equal(backlog_set_peers(backlog, second_only, 1), 2);
    assert_true(backlog_pop_done(backlog, &id, NULL));
    assert_int_equal(id, 1);
    assert_true(backlog_pop_done(backlog, &id, NULL));
    assert_int_equal(id, 2);
    assert_false(backlog_pop_done(backlog, &id, NULL));
    backlog_connected(backlog, 0);
    assert_int_equal(send_next(backlog, 0, NOW), 3);
}

static void an_added_coordinator_gets_everything_that_is_still_there(void **state)
{
    FL_CLEANUP(backlog_freep) struct backlog *backlog = with_peers(1);
    const size_t one_more[] = {0, BACKLOG_NEW_PEER};
    int64_t id;

    (void)state;
    add(backlog, 1, 2);
    send_next(backlog, 0, NOW);
    assert_true(backlog_acked(backlog, 0, BOOT, 1, &id, NULL));
    assert_int_equal(backlog_set_peers(backlog, one_more, 2), 0);
    assert_int_equal(send_next(backlog, 1, NOW), 2);
    assert_false(backlog_acked(backlog, 1, BOOT, 2, &id, NULL));
    assert_int_equal(send_next(backlog, 0, NOW), 2);
    assert_true(backlog_acked(backlog, 0, BOOT, 2, &id, NULL));
}

static void a_stuck_batch_does_not_hinder_those_after_it(void **state)
{
    FL_CLEANUP(backlog_freep) struct backlog *backlog = with_peers(1);
    int64_t id;

    (void)state;
    add(backlog, 1, 1); /* never acknowledged */
    assert_int_equal(send_next(backlog, 0, NOW), 1);
    for (int64_t i = 2; i < 20000; i++) {
        add(backlog, i, i);
        assert_int_equal(send_next(backlog, 0, NOW), i);
        assert_true(backlog_acked(backlog, 0, BOOT, (uint64_t)i, &id, NULL));
        assert_int_equal(id, i);
    }
    assert_int_equal(backlog_count(backlog), 1);
}

static void more_than_the_limit_is_refused(void **state)
{
    FL_CLEANUP(backlog_freep) struct backlog *backlog = with_peers(1);

    (void)state;
    add(backlog, 1, BACKLOG_MAX_BATCHES);
    assert_int_equal(backlog_add(backlog, BACKLOG_MAX_BATCHES + 1, BOOT, 1, 1, 1), -ENOSPC);
    backlog_forget_range(backlog, 0, 3);
    assert_int_equal(backlog_add(backlog, BACKLOG_MAX_BATCHES + 1, BOOT, 1, 1, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_is_sent_once_and_leaves_when_acknowledged),
        cmocka_unit_test(it_leaves_only_when_every_coordinator_has_it),
        cmocka_unit_test(after_a_reconnect_new_ones_go_first_then_old_ones_in_order),
        cmocka_unit_test(what_was_under_way_at_a_reconnect_goes_again),
        cmocka_unit_test(old_ones_go_at_a_bounded_rate),
        cmocka_unit_test(the_window_bounds_what_is_under_way),
        cmocka_unit_test(the_window_bounds_bytes_but_lets_one_large_batch_pass),
        cmocka_unit_test(old_ones_take_only_a_part_of_the_window),
        cmocka_unit_test(without_credit_only_what_is_new_goes),
        cmocka_unit_test(an_unacknowledged_batch_is_sent_again_after_a_while),
        cmocka_unit_test(what_the_spool_dropped_is_not_sent_any_more),
        cmocka_unit_test(an_acknowledgement_of_another_boot_or_a_stranger_is_ignored),
        cmocka_unit_test(a_removed_coordinator_is_not_waited_for),
        cmocka_unit_test(an_added_coordinator_gets_everything_that_is_still_there),
        cmocka_unit_test(a_stuck_batch_does_not_hinder_those_after_it),
        cmocka_unit_test(more_than_the_limit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
