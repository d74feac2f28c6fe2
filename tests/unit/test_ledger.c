// links: coordinator_core
#include "coordinator/core/ledger.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <string.h>

static void each_is_new_once(void **state)
{
    struct ledger ledger = {0};
    static const uint64_t order[] = {5, 6, 9, 7, 1, 8, 0, 3, 2, 4};

    (void)state;
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        assert_true(ledger_add(&ledger, order[i]));
        for (size_t k = 0; k <= i; k++)
            assert_false(ledger_add(&ledger, order[k]));
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
        assert_true(ledger_add(&ledger, UINT64_MAX - 1000 + 3 * i));
    size = ledger_encode(&ledger, bytes);
    assert_true(size <= LEDGER_BYTES);
    assert_int_equal(ledger_decode(&again, bytes, size), 0);
    assert_int_equal(again.n, LEDGER_RUNS);
    assert_memory_equal(again.runs, ledger.runs, sizeof(ledger.runs));
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(ledger_decode(&again, bytes, cut), cut == 0 ? 0 : -EBADMSG);
}

static void the_oldest_gap_gives_way(void **state)
{
    struct ledger ledger = {0};

    (void)state;
    for (uint64_t i = 0; i <= LEDGER_RUNS; i++)
        assert_true(ledger_add(&ledger, 10 + 2 * i));
    assert_int_equal(ledger.n, LEDGER_RUNS);
    assert_false(ledger_add(&ledger, 11)); /* given up */
    assert_true(ledger_add(&ledger, 13));
    assert_true(ledger_add(&ledger, 1)); /* makes one run too many, or none */
    assert_false(ledger_add(&ledger, 1));
    assert_true(ledger.n <= LEDGER_RUNS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_new_once),
        cmocka_unit_test(what_is_encoded_comes_back),
        cmocka_unit_test(the_oldest_gap_gives_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
