// links: fl_types
#include "proto/types/fl_host.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static struct fl_host_sample some_sample(void)
{
    struct fl_host_sample sample;

    fl_host_sample_init(&sample);
    sample.t_us = 1700000000000000;
    sample.values[FL_HOST_RX_BPS] = 1000;
    sample.n_disks = 1;
    sample.disks[0] = (struct fl_disk_sample){"vdb", "vol-1", 220, 700, 120000, 3};
    return sample;
}

static void every_counter_has_a_place_a_name_of_its_own_and_a_scale(void **state)
{
    (void)state;
    for (int i = 0; i < FL_HOST_METRICS; i++) {
        const struct fl_host_metric_row *row = &fl_host_metric_table[i];

        assert_non_null(row->section);
        assert_non_null(row->name);
        assert_true(row->name[0] != '\0');
        assert_true(row->scale > 0);
        for (int k = 0; k < i; k++)
            assert_false(strcmp(row->name, fl_host_metric_table[k].name) == 0 &&
                         strcmp(row->section, fl_host_metric_table[k].section) == 0);
    }
}

/* The wire carries the number: a row that moves would be read as another counter. */
static void rows_keep_their_numbers(void **state)
{
    (void)state;
    assert_string_equal(fl_host_metric_table[0].name, "link_bps");
    assert_string_equal(fl_host_metric_table[5].name, "udp_noport_pps");
    assert_string_equal(fl_host_metric_table[10].name, "retrans_ps");
    assert_string_equal(fl_host_metric_table[15].name, "clock_offset_us");
    assert_string_equal(fl_host_metric_table[17].name, "udp_rcvbuf_errors_ps");
    assert_string_equal(fl_host_metric_table[24].name, "clock_error_us");
    assert_string_equal(fl_host_metric_table[25].name, "skipped_starts");
}

static void shares_are_parts_per_million_here_and_fractions_outside(void **state)
{
    (void)state;
    for (int i = 0; i < FL_HOST_METRICS; i++) {
        bool share = i == FL_HOST_CPU_BUSY_PPM || i == FL_HOST_CPU_STEAL_PPM ||
                     i == FL_HOST_MEM_FREE_PPM ||
                     (i >= FL_HOST_CPU_PRESSURE_PPM && i <= FL_HOST_AGENT_FILES_USED_PPM);

        assert_true(fl_host_metric_table[i].scale == (share ? 1e-6 : 1.0));
    }
}

static void a_new_sample_says_nothing(void **state)
{
    struct fl_host_sample sample;

    (void)state;
    memset(&sample, 0x5a, sizeof(sample));
    fl_host_sample_init(&sample);
    assert_int_equal(sample.rx_us, FL_ABSENT);
    assert_int_equal(sample.n_disks, 0);
    for (int i = 0; i < FL_HOST_METRICS; i++)
        assert_int_equal(sample.values[i], FL_ABSENT);
    assert_int_equal(fl_host_sample_check(&sample, NULL), 0);
}

static void what_a_host_can_have_is_taken(void **state)
{
    struct fl_host_sample sample = some_sample();

    (void)state;
    assert_int_equal(fl_host_sample_check(&sample, NULL), 0);
    sample.t_us = sample.rx_us = FL_MAX_TIME_US;
    sample.values[FL_HOST_CLOCK_OFFSET_US] = -FL_MAX_COUNTER;
    sample.values[FL_HOST_TX_BPS] = FL_MAX_COUNTER;
    sample.disks[0].target[0] = '\0';
    sample.disks[0].util_ppm = FL_ABSENT;
    assert_int_equal(fl_host_sample_check(&sample, NULL), 0);
}

static void assert_refused(const struct fl_host_sample *sample, const char *word)
{
    struct fl_error err = {{0}};

    assert_int_equal(fl_host_sample_check(sample, &err), -EINVAL);
    assert_non_null(strstr(err.message, word));
}

static void times_out_of_range_are_refused(void **state)
{
    struct fl_host_sample sample = some_sample();

    (void)state;
    sample.t_us = -1;
    assert_refused(&sample, "time");
    sample.t_us = FL_MAX_TIME_US + 1;
    assert_refused(&sample, "time");
    sample = some_sample();
    sample.rx_us = INT64_MAX;
    assert_refused(&sample, "time");
}

static void each_counter_is_held_to_its_range_by_name(void **state)
{
    (void)state;
    for (int i = 0; i < FL_HOST_METRICS; i++) {
        struct fl_host_sample sample = some_sample();

        sample.values[i] = FL_MAX_COUNTER + 1;
        assert_refused(&sample, fl_host_metric_table[i].name);
        sample.values[i] = -FL_MAX_COUNTER - 1;
        assert_refused(&sample, fl_host_metric_table[i].name);
        sample.values[i] = -1;
        assert_int_equal(fl_host_sample_check(&sample, NULL),
                         i == FL_HOST_CLOCK_OFFSET_US ? 0 : -EINVAL);
    }
}

static void disks_that_no_host_has_are_refused(void **state)
{
    struct fl_host_sample sample = some_sample();

    (void)state;
    sample.n_disks = FL_MAX_DISKS + 1;
    assert_refused(&sample, "at most 16");
    sample = some_sample();
    sample.disks[0].name[0] = '\0';
    assert_refused(&sample, "printable name");
    strcpy(sample.disks[0].name, "v\033[2J");
    assert_refused(&sample, "printable name");
    strcpy(sample.disks[0].name, "v\xff");
    assert_refused(&sample, "printable name");
    sample = some_sample();
    strcpy(sample.disks[0].target, "vol 1");
    assert_refused(&sample, "target of disk \"vdb\"");
    sample = some_sample();
    sample.disks[0].await_us = -1;
    assert_refused(&sample, "disk \"vdb\"");
    sample = some_sample();
    sample.disks[0].inflight = FL_MAX_COUNTER + 1;
    assert_refused(&sample, "disk \"vdb\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_counter_has_a_place_a_name_of_its_own_and_a_scale),
        cmocka_unit_test(rows_keep_their_numbers),
        cmocka_unit_test(shares_are_parts_per_million_here_and_fractions_outside),
        cmocka_unit_test(a_new_sample_says_nothing),
        cmocka_unit_test(what_a_host_can_have_is_taken),
        cmocka_unit_test(times_out_of_range_are_refused),
        cmocka_unit_test(each_counter_is_held_to_its_range_by_name),
        cmocka_unit_test(disks_that_no_host_has_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
