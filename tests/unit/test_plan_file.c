// links: agent_daemon
#include "agent/plan_file.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64], path[96];
static struct fl_error err;

static int make_directory(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/faultline-plan-XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/plan.bin", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(directory);
}

static void make_plan(struct fl_plan *plan, uint64_t version)
{
    struct fl_probe_spec *spec;

    fl_plan_init(plan);
    plan->version = version;
    memset(plan->mesh_key, 0x42, sizeof(plan->mesh_key));
    spec = fl_plan_add(plan, "vol-1", "rw", "nbd", FL_SECOND, 2 * FL_SECOND);
    assert_non_null(spec);
    assert_int_equal(fl_probe_spec_set(spec, "address", "10.0.9.1:10809"), 0);
    assert_non_null(fl_plan_add(plan, "agent:a2", "mesh", "udp", FL_SECOND, FL_SECOND));
}

static void write_plan(uint64_t version)
{
    FL_CLEANUP(fl_plan_done) struct fl_plan plan;

    make_plan(&plan, version);
    if (plan_file_write(path, &plan, &err) < 0)
        fail_msg("%s", err.message);
}

static void a_plan_is_read_as_it_was_written(void **state)
{
    FL_CLEANUP(fl_plan_done) struct fl_plan plan;
    FL_CLEANUP(fl_plan_done) struct fl_plan same;

    (void)state;
    fl_plan_init(&plan);
    make_plan(&same, 8);
    write_plan(7);
    write_plan(8);
    if (plan_file_read(path, &plan, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(plan.version, 8);
    assert_true(fl_plan_equal(&plan, &same));
}

static void nobody_else_may_read_the_mesh_key(void **state)
{
    struct stat status;

    (void)state;
    write_plan(1);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void without_a_file_there_is_no_plan(void **state)
{
    struct fl_plan plan;

    (void)state;
    assert_int_equal(plan_file_read(path, &plan, &err), -ENOENT);
}

static void a_damaged_file_is_refused_by_name(void **state)
{
    struct fl_plan plan;

    (void)state;
    write_plan(1);
    assert_int_equal(truncate(path, 20), 0);
    assert_true(plan_file_read(path, &plan, &err) < 0);
    assert_non_null(strstr(err.message, path));
}

int main(void)
{
#define PLAN_TEST(function) \
    cmocka_unit_test_setup_teardown(function, make_directory, remove_directory)
    const struct CMUnitTest tests[] = {
        PLAN_TEST(a_plan_is_read_as_it_was_written),
        PLAN_TEST(nobody_else_may_read_the_mesh_key),
        PLAN_TEST(without_a_file_there_is_no_plan),
        PLAN_TEST(a_damaged_file_is_refused_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
