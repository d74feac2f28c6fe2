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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_prediction_is_a_distribution),
        cmocka_unit_test(every_mode_belongs_to_something_and_has_a_cause),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
