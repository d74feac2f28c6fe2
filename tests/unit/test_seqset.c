// links: coordinator_core
/* What comes twice counts once, whatever the order, and the memory for it stays bounded. */
#include "coordinator/core/seqset.h"
#include "tests/support/unit.h"

#include <stdlib.h>

static struct seqset *new_set(size_t n_agents)
{
    struct seqset *set = NULL;

    assert_int_equal(seqset_new(n_agents, &set), 0);
    return set;
}

static void a_sequence_is_new_once(void **state)
{
    struct seqset *set = new_set(2);

    (void)state;
    for (uint64_t i = 1; i <= 1000; i++)
        assert_true(seqset_add(set, 0, 7, i));
    for (uint64_t i = 1; i <= 1000; i++)
        assert_false(seqset_add(set, 0, 7, i));
    assert_int_equal(seqset_forgotten(set), 0);
    seqset_free(set);
}

static void agents_and_boots_are_apart(void **state)
{
    struct seqset *set = new_set(2);

    (void)state;
    assert_true(seqset_add(set, 0, 7, 1));
    assert_true(seqset_add(set, 1, 7, 1));
    assert_true(seqset_add(set, 0, 8, 1));
    assert_true(seqset_add(set, 0, 0, 1));
    assert_false(seqset_add(set, 0, 8, 1));
    assert_false(seqset_add(set, 0, 0, 1));
    seqset_free(set);
}

static void an_agent_beyond_the_fleet_is_never_new(void **state)
{
    struct seqset *set = new_set(1);

    (void)state;
    assert_false(seqset_add(set, 1, 7, 1));
    seqset_free(set);
}

static void gaps_are_filled_in_any_order(void **state)
{
    static const uint64_t order[] = {5, 1, 3, 2, 4, 0, UINT64_MAX, UINT64_MAX - 1};
    struct seqset *set = new_set(1);

    (void)state;
    for (size_t i = 0; i < FL_COUNT(order); i++)
        assert_true(seqset_add(set, 0, 7, order[i]));
    for (size_t i = 0; i < FL_COUNT(order); i++)
        assert_false(seqset_add(set, 0, 7, order[i]));
    assert_int_equal(seqset_forgotten(set), 0);
    seqset_free(set);
}

static void a_shuffled_block_is_new_once_while_gaps_fit(void **state)
{
    struct seqset *set = new_set(1);

    (void)state;
    for (uint64_t base = 0; base < 400; base += 8)
        for (uint64_t i = 0; i < 8; i++)
            assert_true(seqset_add(set, 0, 7, base + (i * 5) % 8));
    assert_int_equal(seqset_forgotten(set), 0);
    seqset_free(set);
}

static void too_many_gaps_give_up_the_oldest(void **state)
{
    struct seqset *set = new_set(1);

    (void)state;
    for (uint64_t i = 0; i <= SEQSET_RANGES; i++)
        assert_true(seqset_add(set, 0, 7, 10 * i));
    assert_int_equal(seqset_forgotten(set), 1);
    assert_false(seqset_add(set, 0, 7, 5));
    assert_true(seqset_add(set, 0, 7, 15));
    seqset_free(set);
}

static void too_many_boots_give_up_the_one_not_used_for_longest(void **state)
{
    struct seqset *set = new_set(1);

    (void)state;
    for (uint64_t boot = 0; boot < SEQSET_BOOTS; boot++)
        assert_true(seqset_add(set, 0, boot, 1));
    assert_false(seqset_add(set, 0, 0, 1));
    assert_true(seqset_add(set, 0, 99, 1));
    assert_int_equal(seqset_forgotten(set), 1);
    assert_false(seqset_add(set, 0, 0, 1));
    assert_true(seqset_add(set, 0, 1, 1));
    seqset_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sequence_is_new_once),
        cmocka_unit_test(agents_and_boots_are_apart),
        cmocka_unit_test(an_agent_beyond_the_fleet_is_never_new),
        cmocka_unit_test(gaps_are_filled_in_any_order),
        cmocka_unit_test(a_shuffled_block_is_new_once_while_gaps_fit),
        cmocka_unit_test(too_many_gaps_give_up_the_oldest),
        cmocka_unit_test(too_many_boots_give_up_the_one_not_used_for_longest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
