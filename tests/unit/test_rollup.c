// links: coordinator_core
#include "coordinator/core/rollup.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct fl_result fine(int64_t took_us)
{
    struct fl_result result;

    fl_result_init(&result);
    result.ok = true;
    result.took_us = took_us;
    result.phase_us[FL_LAYER_CONNECT] = took_us / 4;
    result.phase_us[FL_LAYER_OPERATE] = took_us / 2;
    result.step_us[FL_STEP_FLUSH] = took_us / 8;
    return result;
}

static struct fl_result failed(enum fl_layer layer, enum fl_failure failure)
{
    struct fl_result result;

    fl_result_init(&result);
    result.took_us = 1000000;
    result.layer = layer;
    result.failure = failure;
    if (layer > FL_LAYER_CONNECT)
        result.phase_us[FL_LAYER_CONNECT] = 900;
    return result;
}

static void add(struct rollup *rollup, struct fl_result result)
{
    rollup_add(rollup, &result);
}

static void results_are_counted_by_how_they_ended(void **state)
{
    static struct rollup rollup;

    (void)state;
    add(&rollup, fine(1000));
    add(&rollup, fine(2000));
    add(&rollup, failed(FL_LAYER_OPERATE, FL_FAILURE_IO_ERROR));
    add(&rollup, failed(FL_LAYER_CONNECT, FL_FAILURE_REFUSED));
    add(&rollup, failed(FL_LAYER_CONNECT, FL_FAILURE_LOCAL));
    assert_true(rollup.counts.samples == 4 && rollup.counts.ok == 2 && rollup.counts.local == 1);
    assert_true(rollup.counts.failed[FL_LAYER_OPERATE] == 1);
    assert_true(rollup.counts.failed[FL_LAYER_CONNECT] == 1);
    assert_true(rollup.sketches[ROLLUP_WHOLE].total == 2);
    assert_true(rollup.sketches[ROLLUP_LAYER(FL_LAYER_CONNECT)].total == 3);
    assert_true(rollup.sketches[ROLLUP_STEP(FL_STEP_FLUSH)].total == 2);
    assert_string_equal(rollup_measure_name(ROLLUP_WHOLE), "whole");
    assert_string_equal(rollup_measure_name(ROLLUP_LAYER(FL_LAYER_TLS)), "tls");
    assert_string_equal(rollup_measure_name(ROLLUP_STEP(FL_STEP_READ)), "read");
}

/* A row with these points, each of as many results as its index says, and one more. */
static struct rollup_row row_of(const unsigned *indices, size_t n)
{
    struct rollup_row row = {malloc(ROLLUP_ROW_BYTES), 0};
    static struct rollup point;

    for (size_t i = 0; i < n; i++) {
        rollup_clear(&point);
        for (unsigned k = 0; k <= indices[i]; k++)
            add(&point, fine(1000 * (k + 1)));
        assert_int_equal(rollup_row_put(&row, indices[i], &point), 0);
    }
    return row;
}

static void rows_merge_point_by_point(void **state)
{
    static const unsigned left[] = {0, 2, 5, 9}, right[] = {2, 3, 9};
    static const uint64_t expected[ROLLUP_POINTS] = {1, 0, 6, 4, 0, 6, 0, 0, 0, 20};
    struct rollup_row a = row_of(left, 4), b = row_of(right, 3);
    struct rollup_row merged = {malloc(ROLLUP_ROW_BYTES), 0};
    struct varint_reader reader, point;
    static struct rollup scratch;
    unsigned index, before = 0;
    size_t n = 0;

    (void)state;
    assert_int_equal(rollup_rows_merge(&a, &b, &scratch, &merged), 0);
    reader = (struct varint_reader){merged.bytes, merged.bytes + merged.size, false};
    for (; rollup_row_next(&reader, &index, &point); n++) {
        struct rollup_counts counts;

        assert_true(n == 0 || index > before);
        before = index;
        assert_int_equal(rollup_point_counts(point, &counts), 0);
        assert_true(counts.samples == expected[index] && counts.ok == expected[index]);
        rollup_clear(&scratch);
        assert_int_equal(rollup_point_add(&scratch, point), 0);
        assert_true(scratch.sketches[ROLLUP_WHOLE].total == expected[index]);
    }
    assert_false(reader.bad);
    assert_int_equal(n, 5);
    free(a.bytes);
    free(b.bytes);
    free(merged.bytes);
}

static void a_row_that_is_cut_is_refused(void **state)
{
    static const unsigned indices[] = {1, 7};
    struct rollup_row row = row_of(indices, 2), other = row_of(indices, 1);
    struct rollup_row merged = {malloc(ROLLUP_ROW_BYTES), 0};
    static struct rollup scratch;

    (void)state;
    row.size--;
    assert_int_equal(rollup_rows_merge(&row, &other, &scratch, &merged), -EBADMSG);
    assert_int_equal(rollup_rows_merge(&other, &row, &scratch, &merged), -EBADMSG);
    free(row.bytes);
    free(other.bytes);
    free(merged.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_are_counted_by_how_they_ended),
        cmocka_unit_test(rows_merge_point_by_point),
        cmocka_unit_test(a_row_that_is_cut_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
