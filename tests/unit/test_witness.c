// links: coordinator_core
#include "coordinator/core/witness.h"
#include "tests/support/unit.h"

static void sample(struct witness *witness, fl_time t_us, enum fl_host_metric metric, int64_t value)
{
    struct fl_host_sample host;

    fl_host_sample_init(&host);
    host.t_us = host.rx_us = t_us;
    host.values[metric] = value;
    witness_sample(witness, &host);
}

static void datagrams_far_over_normal_are_a_flood_for_a_while(void **state)
{
    struct witness witness = {0};

    (void)state;
    for (int i = 1; i < 20; i++)
        sample(&witness, i * FL_SECOND, FL_HOST_UDP_RX_PPS, 50);
    assert_false(witness_udp_flood(&witness, 20 * FL_SECOND));
    sample(&witness, 20 * FL_SECOND, FL_HOST_UDP_NOPORT_PPS, 9000);
    assert_true(witness_udp_flood(&witness, 20 * FL_SECOND));
    assert_false(witness_udp_flood(&witness, 20 * FL_SECOND + WITNESS_MEMORY_US + 1));
}

static void a_host_that_always_has_much_udp_is_not_flooded(void **state)
{
    struct witness witness = {0};
    bool flooded = false;

    (void)state;
    for (int i = 1; i < 300; i++)
        sample(&witness, i * FL_SECOND, FL_HOST_UDP_RX_PPS, 900);
    for (int i = 300; i < 320; i++) {
        sample(&witness, i * FL_SECOND, FL_HOST_UDP_RX_PPS, 4000);
        flooded |= witness_udp_flood(&witness, i * FL_SECOND);
    }
    assert_false(flooded);
}

static void dropped_connections_are_a_syn_flood(void **state)
{
    struct witness witness = {0};

    (void)state;
    sample(&witness, FL_SECOND, FL_HOST_LISTEN_DROPS_PS, 0);
    assert_false(witness_syn_flood(&witness, FL_SECOND));
    sample(&witness, 2 * FL_SECOND, FL_HOST_LISTEN_DROPS_PS, 400);
    assert_true(witness_syn_flood(&witness, 2 * FL_SECOND));
}

static void an_agent_whose_timers_are_late_is_starved(void **state)
{
    struct witness witness = {0};

    (void)state;
    sample(&witness, FL_SECOND, FL_HOST_LOOP_LAG_US, 2000);
    assert_false(witness_starved(&witness, FL_SECOND));
    sample(&witness, 2 * FL_SECOND, FL_HOST_LOOP_LAG_US, 250 * FL_MS);
    assert_true(witness_starved(&witness, 2 * FL_SECOND));
}

static void a_metric_that_is_absent_is_no_sign(void **state)
{
    struct witness witness = {0};

    (void)state;
    sample(&witness, FL_SECOND, FL_HOST_LINK_BPS, 1000000);
    assert_false(witness_udp_flood(&witness, FL_SECOND));
    assert_false(witness_syn_flood(&witness, FL_SECOND));
    assert_false(witness_starved(&witness, FL_SECOND));
}

static void a_clock_is_wrong_by_what_was_measured_or_by_a_sample_from_the_future(void **state)
{
    struct witness witness = {0};
    struct fl_host_sample host;

    (void)state;
    sample(&witness, FL_SECOND, FL_HOST_CLOCK_OFFSET_US, 20 * FL_MS);
    assert_false(witness_clock_wrong(&witness));
    sample(&witness, 2 * FL_SECOND, FL_HOST_CLOCK_OFFSET_US, -3 * FL_SECOND);
    assert_true(witness_clock_wrong(&witness));
    fl_host_sample_init(&host);
    host.rx_us = FL_MINUTE;
    host.t_us = FL_SECOND; /* it may have been long on its way */
    witness_sample(&witness, &host);
    assert_false(witness_clock_wrong(&witness));
    host.t_us = 2 * FL_MINUTE;
    witness_sample(&witness, &host);
    assert_true(witness_clock_wrong(&witness));
}

static void a_host_much_busier_than_normal_is_strained(void **state)
{
    struct witness witness = {0};
    fl_time t_us = 0;

    (void)state;
    for (int i = 0; i < 60; i++)
        sample(&witness, t_us += FL_SECOND, FL_HOST_CPU_BUSY_PPM, 15000);
    assert_false(witness_strained(&witness, 0));
    sample(&witness, t_us += FL_SECOND, FL_HOST_CPU_BUSY_PPM, 500000);
    assert_true(witness_strained(&witness, t_us));
    assert_false(witness_strained(&witness, t_us + 1));
    sample(&witness, t_us += FL_SECOND, FL_HOST_CPU_PRESSURE_PPM, 120000);
    assert_true(witness_strained(&witness, t_us));
}

static void a_host_that_is_always_busy_is_not_strained(void **state)
{
    struct witness witness = {0};
    fl_time t_us = 0;

    (void)state;
    for (int i = 0; i < 300; i++)
        sample(&witness, t_us += FL_SECOND, FL_HOST_CPU_BUSY_PPM, 500000);
    assert_false(witness_strained(&witness, t_us));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datagrams_far_over_normal_are_a_flood_for_a_while),
        cmocka_unit_test(a_host_that_always_has_much_udp_is_not_flooded),
        cmocka_unit_test(dropped_connections_are_a_syn_flood),
        cmocka_unit_test(an_agent_whose_timers_are_late_is_starved),
        cmocka_unit_test(a_metric_that_is_absent_is_no_sign),
        cmocka_unit_test(a_clock_is_wrong_by_what_was_measured_or_by_a_sample_from_the_future),
        cmocka_unit_test(a_host_much_busier_than_normal_is_strained),
        cmocka_unit_test(a_host_that_is_always_busy_is_not_strained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
