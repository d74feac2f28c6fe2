// links: coordinator_trace
/* What is recorded is what is read back: fleet, results, host samples, and nothing else. */
#include "coordinator/trace/trace_reader.h"
#include "coordinator/trace/trace_writer.h"
#include "proto/types/fl_name.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[64], path[96], old_path[100];
static struct fl_error err;
static struct trace_record record; /* too large for the stack of a test */

static int make_directory(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/faultline-trace-XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/t.ndjson", directory);
    (void)snprintf(old_path, sizeof(old_path), "%s.old", path);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)unlink(old_path);
    return rmdir(directory);
}

static void good(int r)
{
    if (r < 0)
        fail_msg("%s", err.message);
}

static struct fleet *make_fleet(void)
{
    struct fleet *fleet = NULL;

    assert_int_equal(fleet_new(&fleet), 0);
    good(fleet_add_zone(fleet, "a", &err));
    good(fleet_add_zone(fleet, "b", &err));
    good(fleet_add_place(fleet, "ebs", &err));
    good(fleet_add_agent(fleet, "a1", "a", &err));
    good(fleet_add_agent(fleet, "b1", "b", &err));
    good(fleet_add_target(fleet, "vol", TARGET_STORAGE, "ebs", "disks", &err));
    good(fleet_add_target(fleet, "web", TARGET_SERVICE, "b", NULL, &err));
    good(fleet_add_probe(fleet, "vol", "rw", "nbd", 2 * FL_SECOND, FL_SECOND, &err));
    good(fleet_add_probe(fleet, "web", "get", "http", FL_SECOND, FL_SECOND, &err));
    good(fleet_add_probe(fleet, "web", "name", "dns", FL_SECOND, FL_SECOND, &err));
    good(fleet_seal(fleet, 300 * FL_MS, 200 * FL_MS, &err));
    return fleet;
}

static struct trace_writer *begin(const struct fleet *fleet)
{
    struct trace_writer *writer = NULL;

    good(trace_writer_open(path, fleet, &writer, &err));
    return writer;
}

static struct trace_reader *read_back(void)
{
    struct trace_reader *reader = NULL;

    good(trace_reader_open(path, &reader, &err));
    return reader;
}

static void expect_same_target(const struct fleet *a, const struct fleet *b, size_t i)
{
    const struct fleet_target *one = &a->targets[i], *other = &b->targets[i];

    assert_string_equal(one->name, other->name);
    assert_int_equal(one->kind, other->kind);
    assert_int_equal(one->place, other->place);
    assert_int_equal(one->backend, other->backend);
    assert_int_equal(one->mesh_agent, other->mesh_agent);
}

static void expect_same_probe(const struct fleet *a, const struct fleet *b, size_t i)
{
    const struct fleet_probe *one = &a->probes[i], *other = &b->probes[i];

    assert_int_equal(one->series, other->series);
    assert_int_equal(one->target, other->target);
    assert_string_equal(one->name, other->name);
    assert_string_equal(one->type, other->type);
    assert_int_equal(one->interval_us, other->interval_us);
    assert_int_equal(one->timeout_us, other->timeout_us);
}

static void the_fleet_is_read_back_with_its_mesh(void **state)
{
    FL_CLEANUP(fleet_freep) struct fleet *fleet = make_fleet();
    FL_CLEANUP(trace_reader_freep) struct trace_reader *reader = NULL;
    const struct fleet *same;

    (void)state;
    good(trace_writer_close(begin(fleet), &err));
    reader = read_back();
    same = trace_reader_fleet(reader);
    assert_int_equal(same->n_zones, fleet->n_zones);
    assert_int_equal(same->n_places, fleet->n_places);
    assert_int_equal(same->n_agents, fleet->n_agents);
    assert_int_equal(same->n_backends, fleet->n_backends);
    assert_int_equal(same->n_targets, fleet->n_targets);
    assert_int_equal(same->n_probes, fleet->n_probes);
    for (size_t i = 0; i < fleet->n_places; i++)
        assert_string_equal(same->places[i].name, fleet->places[i].name);
    for (size_t i = 0; i < fleet->n_agents; i++)
        assert_int_equal(same->agents[i].zone, fleet->agents[i].zone);
    for (size_t i = 0; i < fleet->n_targets; i++)
        expect_same_target(same, fleet, i);
    for (size_t i = 0; i < fleet->n_probes; i++)
        expect_same_probe(same, fleet, i);
    assert_int_equal(trace_reader_next(reader, &record, &err), 0);
}

static struct fl_result make_result(void)
{
    struct fl_result result;

    fl_result_init(&result);
    result.t_us = 1700000000000001;
    result.took_us = 2000000;
    result.rx_us = 1700000002010000;
    result.series = fl_series_id("vol", "rw");
    result.layer = FL_LAYER_OPERATE;
    result.failure = FL_FAILURE_TIMEOUT;
    result.step = FL_STEP_FLUSH;
    result.stalled_us = 31;
    result.phase_us[FL_LAYER_CONNECT] = 640;
    result.step_us[FL_STEP_WRITE] = 77;
    for (int i = 0; i < FL_TCP_FIELDS; i += 2) /* the others stay absent */
        *fl_tcp_field(&result.tcp, i) = i * 11;
    return result;
}

static void expect_same_result(const struct fl_result *a, const struct fl_result *b)
{
    assert_int_equal(a->t_us, b->t_us);
    assert_int_equal(a->took_us, b->took_us);
    assert_int_equal(a->rx_us, b->rx_us);
    assert_int_equal(a->series, b->series);
    assert_int_equal(a->ok, b->ok);
    assert_int_equal(a->layer, b->layer);
    assert_int_equal(a->failure, b->failure);
    assert_int_equal(a->step, b->step);
    assert_int_equal(a->stalled_us, b->stalled_us);
    assert_memory_equal(a->phase_us, b->phase_us, sizeof(a->phase_us));
    assert_memory_equal(a->step_us, b->step_us, sizeof(a->step_us));
    assert_memory_equal(&a->tcp, &b->tcp, sizeof(a->tcp));
}

static void results_are_read_back_field_by_field(void **state)
{
    FL_CLEANUP(fleet_freep) struct fleet *fleet = make_fleet();
    FL_CLEANUP(trace_reader_freep) struct trace_reader *reader = NULL;
    struct trace_writer *writer = begin(fleet);
    struct fl_result failed = make_result(), fine;

    (void)state;
    fl_result_init(&fine);
    fine.t_us = failed.rx_us;
    fine.took_us = 90;
    fine.rx_us = failed.rx_us + 200;
    fine.series = fl_series_id("agent:b1", "mesh");
    fine.ok = true;
    good(trace_writer_result(writer, 1, &failed, &err));
    good(trace_writer_result(writer, 0, &fine, &err));
    good(trace_writer_close(writer, &err));
    reader = read_back();
    assert_int_equal(trace_reader_next(reader, &record, &err), 1);
    assert_int_equal(record.type, TRACE_RESULT);
    assert_int_equal(record.agent, 1);
    expect_same_result(&record.result, &failed);
    assert_int_equal(trace_reader_next(reader, &record, &err), 1);
    assert_int_equal(record.agent, 0);
    expect_same_result(&record.result, &fine);
    assert_int_equal(trace_reader_next(reader, &record, &err), 0);
}

static struct fl_host_sample make_sample(void)
{
    struct fl_host_sample sample;

    fl_host_sample_init(&sample);
    sample.t_us = 1700000000000000;
    sample.rx_us = 1700000000001234;
    for (int i = 0; i < FL_HOST_METRICS; i++)
        sample.values[i] = 123457 + i;
    sample.values[FL_HOST_CPU_BUSY_PPM] = 493; /* 0.000493 / 1e-6 is a little less than 493 */
    sample.values[FL_HOST_RX_PPS] = FL_ABSENT;
    sample.values[FL_HOST_CLOCK_OFFSET_US] = -5;
    sample.n_disks = 2;
    strcpy(sample.disks[0].name, "vdb");
    strcpy(sample.disks[0].target, "vol");
    sample.disks[0].iops = 220;
    sample.disks[0].await_us = 700;
    sample.disks[0].util_ppm = 1017; /* likewise */
    sample.disks[0].inflight = 3;
    strcpy(sample.disks[1].name, "sda");
    sample.disks[1].iops = sample.disks[1].await_us = FL_ABSENT;
    sample.disks[1].util_ppm = sample.disks[1].inflight = FL_ABSENT;
    return sample;
}

static void a_host_sample_is_read_back_field_by_field(void **state)
{
    FL_CLEANUP(fleet_freep) struct fleet *fleet = make_fleet();
    FL_CLEANUP(trace_reader_freep) struct trace_reader *reader = NULL;
    struct trace_writer *writer = begin(fleet);
    struct fl_host_sample sample = make_sample();

    (void)state;
    good(trace_writer_host(writer, 0, &sample, &err));
    good(trace_writer_close(writer, &err));
    reader = read_back();
    assert_int_equal(trace_reader_next(reader, &record, &err), 1);
    assert_int_equal(record.type, TRACE_HOST);
    assert_int_equal(record.rx_us, sample.rx_us);
    assert_int_equal(record.host.t_us, sample.t_us);
    assert_memory_equal(record.host.values, sample.values, sizeof(sample.values));
    assert_int_equal(record.host.n_disks, sample.n_disks);
    for (uint32_t i = 0; i < sample.n_disks; i++) {
        assert_string_equal(record.host.disks[i].name, sample.disks[i].name);
        assert_string_equal(record.host.disks[i].target, sample.disks[i].target);
        assert_int_equal(record.host.disks[i].iops, sample.disks[i].iops);
        assert_int_equal(record.host.disks[i].await_us, sample.disks[i].await_us);
        assert_int_equal(record.host.disks[i].util_ppm, sample.disks[i].util_ppm);
        assert_int_equal(record.host.disks[i].inflight, sample.disks[i].inflight);
    }
    assert_int_equal(trace_reader_next(reader, &record, &err), 0);
}

static void what_is_not_of_the_fleet_is_refused_and_leaves_no_line(void **state)
{
    FL_CLEANUP(fleet_freep) struct fleet *fleet = make_fleet();
    FL_CLEANUP(trace_reader_freep) struct trace_reader *reader = NULL;
    struct trace_writer *writer = begin(fleet);
    struct fl_result result = make_result();
    struct fl_host_sample sample = make_sample();

    (void)state;
    assert_int_equal(trace_writer_result(writer, 2, &result, &err), -ENOENT);
    assert_int_equal(trace_writer_host(writer, 2, &sample, &err), -ENOENT);
    result.series = fl_series_id("vol", "other");
    assert_int_equal(trace_writer_result(writer, 0, &result, &err), -ENOENT);
    good(trace_writer_close(writer, &err));
    reader = read_back();
    assert_int_equal(trace_reader_next(reader, &record, &err), 0);
}

static void an_older_recording_is_kept(void **state)
{
    FL_CLEANUP(fleet_freep) struct fleet *fleet = make_fleet();
    FL_CLEANUP(trace_reader_freep) struct trace_reader *older = NULL;
    FL_CLEANUP(trace_reader_freep) struct trace_reader *newer = NULL;
    struct trace_writer *writer = begin(fleet);
    struct fl_result result = make_result();

    (void)state;
    good(trace_writer_result(writer, 0, &result, &err));
    good(trace_writer_close(writer, &err));
    good(trace_writer_close(begin(fleet), &err));
    good(trace_reader_open(old_path, &older, &err));
    assert_int_equal(trace_reader_next(older, &record, &err), 1);
    newer = read_back();
    assert_int_equal(trace_reader_next(newer, &record, &err), 0);
}

static void a_path_that_promises_compression_is_refused(void **state)
{
    FL_CLEANUP(fleet_freep) struct fleet *fleet = make_fleet();
    struct trace_writer *writer = NULL;

    (void)state;
    assert_int_equal(trace_writer_open("/tmp/t.ndjson.zst", fleet, &writer, &err), -EINVAL);
    assert_null(writer);
    assert_non_null(strstr(err.message, "without .zst"));
}

static void a_full_disk_is_said_at_the_latest_when_it_is_closed(void **state)
{
    FL_CLEANUP(fleet_freep) struct fleet *fleet = make_fleet();
    struct trace_writer *writer = NULL;

    (void)state;
    good(trace_writer_open("/dev/full", fleet, &writer, &err));
    assert_int_equal(trace_writer_close(writer, &err), -ENOSPC);
    assert_non_null(strstr(err.message, "cannot be written"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_fleet_is_read_back_with_its_mesh, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(results_are_read_back_field_by_field, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(a_host_sample_is_read_back_field_by_field, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(what_is_not_of_the_fleet_is_refused_and_leaves_no_line,
                                        make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(an_older_recording_is_kept, make_directory,
                                        remove_directory),
        cmocka_unit_test(a_path_that_promises_compression_is_refused),
        cmocka_unit_test(a_full_disk_is_said_at_the_latest_when_it_is_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
