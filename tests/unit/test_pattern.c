// links: agent_probe
#include "agent/probe/pattern.h"
#include "tests/support/unit.h"

#include <string.h>

#define SIZE (8 * PATTERN_SECTOR)
#define ME 7
#define OTHER 8

static void what_was_written_is_good(void **state)
{
    uint8_t bytes[SIZE];

    (void)state;
    pattern_fill(bytes, SIZE, ME, 5);
    assert_true(pattern_check(bytes, SIZE, ME, 5));
}

static void any_changed_byte_is_seen(void **state)
{
    uint8_t bytes[SIZE];

    (void)state;
    pattern_fill(bytes, SIZE, ME, 5);
    for (size_t i = 0; i < SIZE; i++) {
        bytes[i] ^= 1;
        assert_false(pattern_check(bytes, SIZE, ME, 5));
        bytes[i] ^= 1;
    }
}

static void zeroes_are_not_good(void **state)
{
    uint8_t bytes[SIZE] = {0};

    (void)state;
    assert_false(pattern_check(bytes, SIZE, ME, 0));
}

static void an_older_round_of_the_same_writer_is_stale(void **state)
{
    uint8_t bytes[SIZE];

    (void)state;
    pattern_fill(bytes, SIZE, ME, 5);
    pattern_fill(bytes, PATTERN_SECTOR, ME, 4);
    assert_false(pattern_check(bytes, SIZE, ME, 5));
    assert_true(pattern_check(bytes, SIZE, ME, 4));
}

static void sectors_of_another_writer_are_no_fault(void **state)
{
    uint8_t bytes[SIZE];

    (void)state;
    pattern_fill(bytes, SIZE, ME, 5);
    pattern_fill(bytes, SIZE / 2, OTHER, 1);
    assert_true(pattern_check(bytes, SIZE, ME, 5));
}

static void a_sector_in_the_wrong_place_is_seen(void **state)
{
    uint8_t bytes[SIZE];

    (void)state;
    pattern_fill(bytes, SIZE, ME, 5);
    memcpy(bytes, bytes + PATTERN_SECTOR, PATTERN_SECTOR);
    assert_false(pattern_check(bytes, SIZE, ME, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_good),
        cmocka_unit_test(any_changed_byte_is_seen),
        cmocka_unit_test(zeroes_are_not_good),
        cmocka_unit_test(an_older_round_of_the_same_writer_is_stale),
        cmocka_unit_test(sectors_of_another_writer_are_no_fault),
        cmocka_unit_test(a_sector_in_the_wrong_place_is_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
