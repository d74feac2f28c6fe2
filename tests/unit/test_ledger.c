// links: coordinator_core
#include "coordinator/core/ledger.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int add(struct ledger *ledger, uint64_t sequence)
{
    return ledger_add(ledger, sequence, sequence);
}

static void each_is_new_once(void **state)
{
    struct ledger ledger = {0};
    static const uint64_t order[] = {5, 6, 9, 7, 1, 8, 0, 3, 2, 4};

    (void)state;
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        assert_int_equal(add(&ledger, order[i]), 1);
        for (size_t k = 0; k <= i; k++)
            assert_int_equal(add(&ledger, order[k]), 0);
    }
    assert_int_equal(ledger.n, 1);
    assert_true(ledger.runs[0].first == 0 && ledger.runs[0].last == 9);
}

static void what_is_encoded_comes_back(void **state)
{
    struct ledger ledger = {0}, again = {.n = 9};
    uint8_t bytes[LEDGER_BYTES];
    size_t size;

    (void)state;
    assert_int_equal(ledger_decode(&again, NULL, 0), 0);
    assert_int_equal(again.n, 0);
    for (uint64_t i = 0; i < LEDGER_RUNS; i++)
        assert_int_equal(add(&ledger, UINT64_MAX - 1000 + 3 * i), 1);
    size = ledger_encode(&ledger, bytes);
    assert_true(size <= LEDGER_BYTES);
    assert_int_equal(ledger_decode(&again, bytes, size), 0);
    assert_int_equal(again.n, LEDGER_RUNS);
    assert_memory_equal(again.runs, ledger.runs, sizeof(ledger.runs));
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(ledger_decode(&again, bytes, cut), cut == 0 ? 0 : -EBADMSG);
}

static void one_gap_too_many_is_refused_until_one_is_filled(void **state)
{
    struct ledger ledger = {0};

    (void)state;
    for (uint64_t i = 0; i < LEDGER_RUNS; i++)
        assert_int_equal(add(&ledger, 10 + 2 * i), 1);
    assert_int_equal(add(&ledger, 1), -ENOSPC);
    assert_int_equal(add(&ledger, 10000), -ENOSPC);
    assert_int_equal(ledger.n, LEDGER_RUNS);
    assert_int_equal(add(&ledger, 12), 0);
    assert_int_equal(add(&ledger, 11), 1);
    assert_int_equal(ledger.n, LEDGER_RUNS - 1);
    assert_int_equal(add(&ledger, 10000), 1);
    assert_int_equal(add(&ledger, 11), 0);
}

static void a_record_fills_the_gap_that_it_stands_for(void **state)
{
    struct ledger ledger = {0};

    (void)state;
    assert_int_equal(add(&ledger, 1), 1);
    assert_int_equal(add(&ledger, 20), 1);
    assert_int_equal(ledger_add(&ledger, 2, 19), 1);
    assert_int_equal(ledger.n, 1);
    assert_int_equal(ledger_add(&ledger, 2, 19), 0);
    assert_int_equal(ledger_add(&ledger, 18, 30), 1);
    assert_int_equal(ledger_add(&ledger, 40, 40), 1);
    assert_int_equal(ledger_add(&ledger, 0, 50), 1);
    assert_int_equal(ledger.n, 1);
    assert_true(ledger.runs[0].first == 0 && ledger.runs[0].last == 50);
    assert_int_equal(ledger_add(&ledger, UINT64_MAX, UINT64_MAX), 1);
    assert_int_equal(ledger_add(&ledger, 51, UINT64_MAX - 1), 1);
    assert_int_equal(ledger.n, 1);
}

/* Against a plain set, with random ranges. */
static void it_agrees_with_a_plain_set(void **state)
{
    enum { SEQUENCES = 400 };
    struct ledger ledger = {0};
    bool in[SEQUENCES] = {false};
    unsigned seed = 7;

    (void)state;
    for (int turn = 0; turn < 2000; turn++) {
        uint64_t last = (uint64_t)rand_r(&seed) % SEQUENCES;
        uint64_t skipped = (uint64_t)rand_r(&seed) % 4;
        uint64_t first = last - (skipped > last ? last : skipped);
        int added = ledger_add(&ledger, first, last);

        if (added == -ENOSPC)
            continue;
        assert_int_equal(added, !in[last]);
        for (uint64_t i = first; added > 0 && i <= last; i++)
            in[i] = true;
    }
    for (uint64_t i = 0; i < SEQUENCES; i++)
        assert_int_equal(add(&ledger, i), !in[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_new_once),
        cmocka_unit_test(what_is_encoded_comes_back),
        cmocka_unit_test(one_gap_too_many_is_refused_until_one_is_filled),
        cmocka_unit_test(a_record_fills_the_gap_that_it_stands_for),
        cmocka_unit_test(it_agrees_with_a_plain_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
