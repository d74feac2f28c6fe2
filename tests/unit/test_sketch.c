// links: coordinator_core
#include "coordinator/core/sketch.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED 4242u
#define VALUES 20000

static uint64_t seed = SEED;

static int64_t draw(int64_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (int64_t)((seed >> 20) % (uint64_t)below);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void a_quantile_is_off_by_a_thirty_second_at_most(void **state)
{
    static const double quantiles[] = {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1};
    static int64_t values[VALUES];
    struct sketch sketch = {.total = 0};

    (void)state;
    printf("seed %u\n", SEED);
    for (size_t i = 0; i < VALUES; i++) {
        values[i] = draw(INT64_C(1) << (1 + draw(36)));
        sketch_add(&sketch, values[i]);
    }
    qsort(values, VALUES, sizeof(values[0]), compare);
    for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
        int64_t exact = values[(size_t)(quantiles[i] * VALUES) - 1];
        int64_t off = llabs(sketch_quantile(&sketch, quantiles[i]) - exact);

        assert_true(off <= exact / 32);
    }
}

static void the_edges_have_their_buckets(void **state)
{
    struct sketch sketch = {.total = 0};

    (void)state;
    assert_true(sketch_quantile(&sketch, 0.5) == -1);
    sketch_add(&sketch, -5);
    assert_true(sketch_quantile(&sketch, 0.5) == 0);
    sketch_clear(&sketch);
    sketch_add(&sketch, INT64_MAX);
    assert_true(sketch_quantile(&sketch, 1) > INT64_C(86400000000));
    sketch_clear(&sketch);
    for (int64_t value = 0; value < 32; value++) {
        sketch_add(&sketch, value);
        assert_true(sketch_quantile(&sketch, 1) == value);
    }
}

static void merged_ones_are_what_one_of_both_would_be(void **state)
{
    struct sketch both = {.total = 0}, parts[2] = {{.total = 0}, {.total = 0}};

    (void)state;
    for (size_t i = 0; i < VALUES; i++) {
        int64_t value = draw(1 << draw(30));

        sketch_add(&both, value);
        sketch_add(&parts[i % 3 == 0], value);
    }
    sketch_merge(&parts[0], &parts[1]);
    assert_memory_equal(&parts[0], &both, sizeof(both));
    sketch_clear(&both);
    assert_memory_equal(&both, &(struct sketch){.total = 0}, sizeof(both));
}

static void what_is_encoded_comes_back(void **state)
{
    struct sketch sketch = {.total = 0};
    static uint8_t bytes[SKETCH_BYTES];

    (void)state;
    for (int round = 0; round < 200; round++) {
        struct sketch back = {.total = 0};
        struct varint_reader reader = {bytes, bytes, false};

        sketch_clear(&sketch);
        for (int64_t n = draw(1 << draw(12)); n > 0; n--)
            sketch_add(&sketch, draw(1LL << draw(40)));
        reader.end = sketch_encode(&sketch, bytes);
        assert_int_equal(sketch_decode(&back, &reader), 0);
        assert_ptr_equal(reader.at, reader.end);
        assert_memory_equal(&back, &sketch, sizeof(back));
    }
}

static void what_is_cut_or_too_long_is_refused(void **state)
{
    static const uint8_t beyond[] = {2, 0xfe, 8, 2}; /* gaps past the last bucket */
    struct sketch sketch = {.total = 0};
    struct varint_reader reader = {beyond, beyond + 2, false};

    (void)state;
    assert_int_equal(sketch_decode(&sketch, &reader), -EBADMSG);
    reader = (struct varint_reader){beyond, beyond + sizeof(beyond), false};
    assert_int_equal(sketch_decode(&sketch, &reader), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quantile_is_off_by_a_thirty_second_at_most),
        cmocka_unit_test(the_edges_have_their_buckets),
        cmocka_unit_test(merged_ones_are_what_one_of_both_would_be),
        cmocka_unit_test(what_is_encoded_comes_back),
        cmocka_unit_test(what_is_cut_or_too_long_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
