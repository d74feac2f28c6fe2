// links: coordinator_core
/* Who acts, and until when. */
#include "coordinator/core/lease.h"
#include "tests/support/unit.h"

#define TTL (3 * FL_SECOND)
#define END (TTL - TTL / 100) /* a hundredth is left for clocks that run unequally */

static struct lease_update step(struct lease *lease, struct lease_event event)
{
    struct lease_update update;

    lease_step(lease, &event, &update);
    return update;
}

static struct lease_update at(struct lease *lease, int64_t now_us)
{
    return step(lease, (struct lease_event){.type = LEASE_TIME, .now_us = now_us});
}

static struct lease fresh(void)
{
    const struct lease_settings settings = {TTL};
    struct lease lease;

    lease_init(&lease, &settings);
    return lease;
}

static struct lease_update grant(struct lease *lease, int64_t sent_us, int64_t now_us, uint64_t id)
{
    return step(lease, (struct lease_event){.type = LEASE_GRANTED,
                                            .now_us = now_us,
                                            .sent_us = sent_us,
                                            .lease = id,
                                            .ttl_us = TTL});
}

static struct lease_update see(struct lease *lease, int64_t now_us, uint64_t holder,
                               uint64_t revision)
{
    return step(lease, (struct lease_event){.type = LEASE_SEEN,
                                            .now_us = now_us,
                                            .lease = lease->id,
                                            .holder = holder,
                                            .revision = revision});
}

static struct lease_update renew(struct lease *lease, int64_t sent_us, int64_t now_us, int64_t ttl)
{
    return step(lease, (struct lease_event){.type = LEASE_RENEWED,
                                            .now_us = now_us,
                                            .sent_us = sent_us,
                                            .lease = lease->id,
                                            .ttl_us = ttl});
}

static struct lease leading(void)
{
    struct lease lease = fresh();

    (void)at(&lease, 0);
    (void)grant(&lease, 0, 10 * FL_MS, 7);
    (void)see(&lease, 20 * FL_MS, 7, 100);
    return lease;
}

static void asks_for_a_lease_then_campaigns_then_leads(void **state)
{
    struct lease lease = fresh();
    struct lease_update update = at(&lease, 0);

    (void)state;
    assert_int_equal(update.commands, LEASE_GRANT);
    assert_int_equal(at(&lease, FL_SECOND).commands, 0); /* an answer is to come */
    update = grant(&lease, 0, FL_SECOND, 7);
    assert_int_equal(update.commands, LEASE_RENEW | LEASE_CAMPAIGN);
    assert_int_equal(update.lease, 7);
    assert_false(lease_holds(&lease, FL_SECOND));
    update = see(&lease, FL_SECOND, 7, 100);
    assert_true(update.gained);
    assert_int_equal(lease.revision, 100);
    assert_true(lease_holds(&lease, END - 1)); /* from when the grant was asked for */
    assert_false(lease_holds(&lease, END));
}

static void one_whose_key_another_holds_follows(void **state)
{
    struct lease lease = fresh();

    (void)state;
    (void)at(&lease, 0);
    (void)grant(&lease, 0, 0, 7);
    assert_false(see(&lease, 10, 8, 100).gained);
    assert_false(lease_holds(&lease, 10));
    assert_int_equal(at(&lease, TTL / 20).commands, LEASE_CAMPAIGN);
    assert_true(see(&lease, TTL / 20 + 1, 7, 105).gained);
}

static void a_renewal_counts_from_when_it_was_sent(void **state)
{
    struct lease lease = leading();

    (void)state;
    assert_true(at(&lease, TTL / 4).commands & LEASE_RENEW);
    assert_false(renew(&lease, TTL / 4, FL_SECOND, TTL).lost);
    assert_true(lease_holds(&lease, TTL / 4 + END - 1));
    assert_false(lease_holds(&lease, TTL / 4 + END));
}

static void who_slept_past_the_lease_begins_anew(void **state)
{
    struct lease lease = leading();
    struct lease_update update;

    (void)state;
    (void)at(&lease, TTL / 4); /* asks for a renewal, and is stopped */
    assert_false(lease_holds(&lease, 10 * FL_SECOND));
    update = renew(&lease, TTL / 4, 10 * FL_SECOND, TTL); /* the first it hears */
    assert_true(update.lost);
    assert_int_equal(update.commands, LEASE_REVOKE | LEASE_GRANT);
    assert_int_equal(update.revoked, 7);
    (void)grant(&lease, 10 * FL_SECOND, 10 * FL_SECOND, 9);
    /* an answer to what it asked before it slept */
    update = step(&lease, (struct lease_event){.type = LEASE_SEEN,
                                               .now_us = 10 * FL_SECOND,
                                               .lease = 7,
                                               .holder = 7,
                                               .revision = 100});
    assert_false(update.gained);
    assert_false(lease_holds(&lease, 10 * FL_SECOND));
}

static void silence_of_etcd_ends_it_at_the_lease_and_not_before(void **state)
{
    struct lease lease = leading();
    bool lost = false;
    int64_t now_us = 0;

    (void)state;
    while (!lost && now_us < 10 * FL_SECOND) {
        struct lease_update update = at(&lease, now_us += 100 * FL_MS);

        lost = update.lost;
        for (unsigned command = LEASE_GRANT; command <= LEASE_CAMPAIGN; command *= 2)
            if (update.commands & command)
                (void)step(&lease, (struct lease_event){.type = LEASE_NO_ANSWER,
                                                        .now_us = now_us,
                                                        .lease = update.lease,
                                                        .command = command});
        assert_true(lost || lease_holds(&lease, now_us));
    }
    assert_int_equal(now_us, TTL);
}

static void what_etcd_has_forgotten_is_lost_at_once(void **state)
{
    struct lease lease = leading();

    (void)state;
    assert_true(renew(&lease, FL_SECOND, FL_SECOND, 0).lost);
    assert_false(lease_holds(&lease, FL_SECOND));
    lease = leading();
    assert_true(see(&lease, FL_SECOND, 8, 120).lost);
    lease = leading();
    struct lease_update update = see(&lease, FL_SECOND, 7, 130); /* taken away, and won again */
    assert_true(update.lost && update.gained);
    assert_int_equal(lease.revision, 130);
}

static void who_resigns_gives_the_lease_back_and_asks_for_none(void **state)
{
    struct lease lease = leading();
    struct lease_update update =
        step(&lease, (struct lease_event){.type = LEASE_RESIGNED, .now_us = FL_SECOND});

    (void)state;
    assert_true(update.lost);
    assert_int_equal(update.commands, LEASE_REVOKE);
    assert_int_equal(at(&lease, 9 * FL_SECOND).commands, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_for_a_lease_then_campaigns_then_leads),
        cmocka_unit_test(one_whose_key_another_holds_follows),
        cmocka_unit_test(a_renewal_counts_from_when_it_was_sent),
        cmocka_unit_test(who_slept_past_the_lease_begins_anew),
        cmocka_unit_test(silence_of_etcd_ends_it_at_the_lease_and_not_before),
        cmocka_unit_test(what_etcd_has_forgotten_is_lost_at_once),
        cmocka_unit_test(who_resigns_gives_the_lease_back_and_asks_for_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
