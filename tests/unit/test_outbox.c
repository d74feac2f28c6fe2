// links: agent_core
#include "agent/core/outbox.h"
#include "tests/support/unit.h"

#define NOW INT64_C(5000000)

static const struct fl_result good = {.ok = true, .layer = FL_LAYER_NONE};
static const struct fl_result bad = {.layer = FL_LAYER_CONNECT, .failure = FL_FAILURE_TIMEOUT};

static struct outbox *fresh(void)
{
    struct outbox *outbox = NULL;

    assert_int_equal(outbox_new(&outbox), 0);
    return outbox;
}

static void an_empty_one_is_never_due(void **state)
{
    FL_CLEANUP(outbox_freep) struct outbox *outbox = fresh();
    struct outbox_batch batch;

    (void)state;
    assert_true(outbox_deadline(outbox) == OUTBOX_NEVER);
    assert_false(outbox_take(outbox, &batch));
}

static void a_batch_leaves_200_ms_after_its_first_result(void **state)
{
    FL_CLEANUP(outbox_freep) struct outbox *outbox = fresh();

    (void)state;
    outbox_add_result(outbox, &good, NOW);
    outbox_add_result(outbox, &good, NOW + 100000);
    assert_int_equal(outbox_deadline(outbox), NOW + 200000);
}

static void a_failure_hurries_the_batch(void **state)
{
    FL_CLEANUP(outbox_freep) struct outbox *outbox = fresh();

    (void)state;
    outbox_add_result(outbox, &good, NOW);
    outbox_add_result(outbox, &bad, NOW + 20000);
    outbox_add_result(outbox, &bad, NOW + 40000);
    assert_int_equal(outbox_deadline(outbox), NOW + 70000);
    outbox_add_result(outbox, &bad, NOW + 60000);
    assert_int_equal(outbox_deadline(outbox), NOW + 70000);
}

static void what_somebody_waits_for_hurries_the_batch_too(void **state)
{
    const struct fl_result slow = {
        .ok = true, .layer = FL_LAYER_NONE, .took_us = OUTBOX_SLOW_US + 1};
    const struct fl_result lossy = {.ok = true, .layer = FL_LAYER_NONE, .tcp.op_retrans = 1};
    FL_CLEANUP(outbox_freep) struct outbox *outbox = fresh();
    struct outbox_batch batch;

    (void)state;
    outbox_add_result(outbox, &slow, NOW);
    assert_int_equal(outbox_deadline(outbox), NOW + 50000);
    assert_true(outbox_take(outbox, &batch));
    outbox_add_result(outbox, &lossy, NOW);
    assert_int_equal(outbox_deadline(outbox), NOW + 50000);
}

/* How long a batch of one success waits. */
static int64_t patience(struct outbox *outbox, int64_t shortest_timeout_us)
{
    struct outbox_batch batch;
    int64_t due_us;

    outbox_set_shortest_timeout(outbox, shortest_timeout_us);
    outbox_add_result(outbox, &good, NOW);
    due_us = outbox_deadline(outbox);
    assert_true(outbox_take(outbox, &batch));
    return due_us - NOW;
}

static void while_all_is_well_a_batch_waits_the_shortest_timeout(void **state)
{
    FL_CLEANUP(outbox_freep) struct outbox *outbox = fresh();

    (void)state;
    assert_int_equal(patience(outbox, 700000), 700000);
    assert_int_equal(patience(outbox, 30 * FL_SECOND), FL_SECOND);
    assert_int_equal(patience(outbox, 50000), 200000);
}

static void after_a_failure_batches_stay_short_for_a_while(void **state)
{
    FL_CLEANUP(outbox_freep) struct outbox *outbox = fresh();
    struct outbox_batch batch;

    (void)state;
    outbox_set_shortest_timeout(outbox, FL_SECOND);
    outbox_add_result(outbox, &good, NOW);
    outbox_add_result(outbox, &bad, NOW + 300000);
    assert_int_equal(outbox_deadline(outbox), NOW + 350000);
    assert_true(outbox_take(outbox, &batch));
    outbox_add_result(outbox, &good, NOW + OUTBOX_ALERT_US);
    assert_int_equal(outbox_deadline(outbox), NOW + OUTBOX_ALERT_US + 200000);
    assert_true(outbox_take(outbox, &batch));
    outbox_add_result(outbox, &good, NOW + OUTBOX_ALERT_US + 300000);
    assert_int_equal(outbox_deadline(outbox), NOW + OUTBOX_ALERT_US + 1300000);
}

static void a_failure_never_delays_the_batch(void **state)
{
    FL_CLEANUP(outbox_freep) struct outbox *outbox = fresh();

    (void)state;
    outbox_add_result(outbox, &good, NOW);
    outbox_add_result(outbox, &bad, NOW + 190000);
    assert_int_equal(outbox_deadline(outbox), NOW + 200000);
}

static void sequences_count_from_one_without_gaps(void **state)
{
    FL_CLEANUP(outbox_freep) struct outbox *outbox = fresh();
    const struct fl_host_sample sample = {.t_us = 7};
    struct outbox_batch batch;

    (void)state;
    outbox_add_result(outbox, &bad, NOW);
    outbox_add_host(outbox, &sample, NOW);
    assert_true(outbox_take(outbox, &batch));
    assert_int_equal(batch.sequence, 1);
    assert_int_equal(batch.n_results, 1);
    assert_int_equal(batch.results[0].failure, FL_FAILURE_TIMEOUT);
    assert_int_equal(batch.n_hosts, 1);
    assert_int_equal(batch.hosts[0].t_us, 7);
    assert_false(outbox_take(outbox, &batch));
    outbox_add_result(outbox, &good, NOW + FL_SECOND);
    assert_int_equal(outbox_deadline(outbox), NOW + FL_SECOND + 200000);
    assert_true(outbox_take(outbox, &batch));
    assert_int_equal(batch.sequence, 2);
}

static void when_nobody_listens_once_a_second_is_enough(void **state)
{
    FL_CLEANUP(outbox_freep) struct outbox *outbox = fresh();

    (void)state;
    outbox_set_away(outbox, true);
    outbox_add_result(outbox, &bad, NOW);
    assert_int_equal(outbox_deadline(outbox), NOW + FL_SECOND);
    outbox_set_away(outbox, false);
    assert_int_equal(outbox_deadline(outbox), NOW + 50000);
}

static void a_full_batch_is_due_at_once_and_takes_no_more(void **state)
{
    FL_CLEANUP(outbox_freep) struct outbox *outbox = fresh();
    struct outbox_batch batch;

    (void)state;
    for (int i = 0; i < OUTBOX_RESULTS; i++)
        assert_true(outbox_add_result(outbox, &good, NOW));
    assert_true(outbox_deadline(outbox) <= NOW);
    assert_false(outbox_add_result(outbox, &good, NOW));
    assert_true(outbox_take(outbox, &batch));
    assert_int_equal(batch.n_results, OUTBOX_RESULTS);
    assert_true(outbox_add_result(outbox, &good, NOW));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_one_is_never_due),
        cmocka_unit_test(a_batch_leaves_200_ms_after_its_first_result),
        cmocka_unit_test(a_failure_hurries_the_batch),
        cmocka_unit_test(what_somebody_waits_for_hurries_the_batch_too),
        cmocka_unit_test(while_all_is_well_a_batch_waits_the_shortest_timeout),
        cmocka_unit_test(after_a_failure_batches_stay_short_for_a_while),
        cmocka_unit_test(a_failure_never_delays_the_batch),
        cmocka_unit_test(sequences_count_from_one_without_gaps),
        cmocka_unit_test(when_nobody_listens_once_a_second_is_enough),
        cmocka_unit_test(a_full_batch_is_due_at_once_and_takes_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
