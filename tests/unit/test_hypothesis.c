// links: coordinator_core
#include "coordinator/core/hypothesis.h"
#include "tests/support/unit.h"

#include <math.h>

static void every_prediction_is_a_distribution(void **state)
{
    (void)state;
    for (int f = 0; f < FAMILIES; f++) {
        double normal = 0;

        for (int s = 0; s < SYMBOLS; s++)
            normal += normal_predicts((enum symbol_family)f, (enum symbol)s);
        assert_true(fabs(normal - 1) < 0.06);
        for (int m = 0; m < MODES; m++) {
            double sum = 0;

            for (int s = 0; s < SYMBOLS; s++) {
                double p = mode_predicts((enum mode)m, (enum symbol_family)f, (enum symbol)s);

                assert_true(p > 0);
                sum += p;
            }
            /* the agent's own series has two symbols; all others share the rest */
            assert_true(f == FAMILY_AGENT || (sum > 0.9 && sum < 1.06));
        }
    }
}

static void every_mode_belongs_to_something_and_has_a_cause(void **state)
{
    (void)state;
    for (int m = 0; m < MODES; m++) {
        bool any = false;

        for (int t = 0; t < COMPONENT_TYPES; t++)
            any |= mode_applies((enum mode)m, (enum component_type)t);
        assert_true(any);
        assert_int_not_equal(mode_cause((enum mode)m), CAUSE_NONE);
    }
}

/* At 10 % of the packets lost one way, an echo is lost as often, and a connection of some four
 * packets each way is hit far oftener. */
static void loss_hits_more_of_the_probes_that_send_more_packets(void **state)
{
    double hit = 1 - pow(0.9, 4);

    (void)state;
    assert_float_equal(mode_share(MODE_LOSS, FAMILY_STREAM, hit), hit, 1e-9);
    assert_float_equal(mode_share(MODE_LOSS, FAMILY_ECHO, hit), 0.1, 1e-9);
    assert_float_equal(mode_share(MODE_LOSS, FAMILY_DNS, hit), 0.1, 1e-9);
    assert_float_equal(mode_share(MODE_CUT, FAMILY_ECHO, hit), hit, 1e-9);
}

/* A new connection takes any of many equal ways, a stream of echoes always the same one. */
static void few_echoes_are_hit_where_one_of_many_ways_is_cut(void **state)
{
    (void)state;
    assert_float_equal(mode_share(MODE_CUT, FAMILY_STREAM, 0.1), 0.1, 1e-9);
    assert_true(mode_share(MODE_CUT, FAMILY_ECHO, 0.1) < 0.02);
    assert_float_equal(mode_share(MODE_CUT, FAMILY_DNS, 0.1), 0.1, 1e-9);
    assert_float_equal(mode_share(MODE_CUT, FAMILY_ECHO, 0.97), 0.97, 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_prediction_is_a_distribution),
        cmocka_unit_test(every_mode_belongs_to_something_and_has_a_cause),
        cmocka_unit_test(loss_hits_more_of_the_probes_that_send_more_packets),
        cmocka_unit_test(few_echoes_are_hit_where_one_of_many_ways_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
