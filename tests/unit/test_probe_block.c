// links: agent_probe
/* The block probe and its worker, on a loop device of the test's own (it must run as root). */
#include "agent/probe/fileop_worker.h"
#include "agent/probe/probe_types.h"
#include "tests/support/probe_attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LONG_US (10 * FL_SECOND)
#define IMAGE_SIZE (1 << 20)

struct device {
    struct attempt attempt;
    char program[512];
    char path[32];
    char image[64];
    int fd;
};

/* The worker is built into the folder above that of the tests. */
static void find_program(struct device *device)
{
    char own[400] = "";
    ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);

    assert_true(n > 0);
    *strrchr(own, '/') = '\0';
    (void)snprintf(device->program, sizeof(device->program), "%s/../faultline-fileop", own);
}

/* Another process may take the free device first: then the next one. */
static void attach(struct device *device, int image, uint32_t flags)
{
    struct loop_config config = {.fd = (uint32_t)image, .info.lo_flags = flags};
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

    if (control < 0)
        fail_msg("cannot make a loop device: %s; run this test as root", strerror(errno));
    for (int turn = 0; turn < 20; turn++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);

        assert_true(number >= 0);
        (void)snprintf(device->path, sizeof(device->path), "/dev/loop%d", number);
        device->fd =
            open(device->path, (flags & LO_FLAGS_READ_ONLY ? O_RDONLY : O_RDWR) | O_CLOEXEC);
        if (device->fd >= 0 && ioctl(device->fd, LOOP_CONFIGURE, &config) == 0)
            break;
        if (device->fd >= 0)
            close(device->fd);
        device->fd = -1;
    }
    close(control);
    assert_true(device->fd >= 0);
}

static struct device *make_device(uint32_t flags)
{
    struct device *device = calloc(1, sizeof(*device));
    int image;

    assert_non_null(device);
    find_program(device);
    strcpy(device->image, "/tmp/faultline-block-XXXXXX");
    image = mkostemp(device->image, O_CLOEXEC);
    assert_true(image >= 0);
    assert_int_equal(ftruncate(image, IMAGE_SIZE), 0);
    attach(device, image, flags);
    close(image);
    return device;
}

static void remove_device(struct device *device)
{
    struct attempt *attempt = &device->attempt;

    attempt->type->close(attempt->instance);
    attempt->instance = NULL;
    for (int i = 0; i < 500 && fileop_worker_count() > 0; i++) {
        const struct timeval turn = {0, 10000};

        (void)event_base_loopexit(attempt->env.base, &turn);
        (void)event_base_dispatch(attempt->env.base);
    }
    assert_int_equal(fileop_worker_count(), 0);
    attempt_done(attempt);
    assert_int_equal(ioctl(device->fd, LOOP_CLR_FD, 0), 0);
    close(device->fd);
    unlink(device->image);
    free(device);
}

static void probe(struct device *device, const char *path, const char *offset, const char *write)
{
    attempt_init(&device->attempt, "block");
    device->attempt.env.fileop_path = device->program;
    attempt_set(&device->attempt, "device", path);
    attempt_set(&device->attempt, "offset", offset);
    attempt_set(&device->attempt, "length", "8KiB");
    attempt_set(&device->attempt, "write", write);
    attempt_run(&device->attempt, LONG_US);
}

/* What the file under the device holds in the region. */
static bool region_is_empty(const struct device *device, off_t offset)
{
    char bytes[8192];
    int image = open(device->image, O_RDONLY | O_CLOEXEC);
    bool empty = true;

    assert_true(image >= 0);
    assert_int_equal(pread(image, bytes, sizeof(bytes), offset), (ssize_t)sizeof(bytes));
    close(image);
    for (size_t i = 0; i < sizeof(bytes); i++)
        empty = empty && bytes[i] == 0;
    return empty;
}

static void without_the_grant_nothing_is_written(void **state)
{
    struct device *device = make_device(0);
    const struct fl_result *result = &device->attempt.result;

    (void)state;
    probe(device, device->path, "64KiB", "false");
    attempt_assert_ok(&device->attempt);
    assert_int_equal(result->step_us[FL_STEP_WRITE], FL_ABSENT);
    assert_int_equal(result->step_us[FL_STEP_FLUSH], FL_ABSENT);
    assert_true(result->step_us[FL_STEP_READ] >= 0);
    assert_true(region_is_empty(device, 64 << 10));
    remove_device(device);
}

static void a_granted_region_is_written_and_nothing_beside_it(void **state)
{
    struct device *device = make_device(0);

    (void)state;
    probe(device, device->path, "64KiB", "true");
    attempt_assert_ok(&device->attempt);
    for (int step = 0; step < FL_STEPS; step++)
        assert_true(device->attempt.result.step_us[step] >= 0);
    assert_false(region_is_empty(device, 64 << 10));
    assert_true(region_is_empty(device, 56 << 10));
    assert_true(region_is_empty(device, 72 << 10));
    remove_device(device);
}

static void a_device_that_somebody_uses_is_not_written(void **state)
{
    struct device *device = make_device(0);
    int other = open(device->path, O_RDONLY | O_EXCL | O_CLOEXEC);

    (void)state;
    assert_true(other >= 0);
    probe(device, device->path, "64KiB", "true");
    attempt_assert_failed(&device->attempt, FL_LAYER_OPERATE, FL_FAILURE_LOCAL);
    assert_true(region_is_empty(device, 64 << 10));
    close(other);
    remove_device(device);
}

static void a_read_only_device_refuses_the_write(void **state)
{
    struct device *device = make_device(LO_FLAGS_READ_ONLY);

    (void)state;
    probe(device, device->path, "64KiB", "true");
    assert_false(device->attempt.result.ok);
    assert_true(device->attempt.result.failure == FL_FAILURE_READ_ONLY ||
                device->attempt.result.failure == FL_FAILURE_DENIED);
    remove_device(device);
}

static void beyond_the_end_is_an_io_error(void **state)
{
    struct device *device = make_device(0);

    (void)state;
    probe(device, device->path, "1MiB", "false");
    attempt_assert_failed(&device->attempt, FL_LAYER_OPERATE, FL_FAILURE_IO_ERROR);
    assert_int_equal(device->attempt.result.step, FL_STEP_READ);
    remove_device(device);
}

static void a_file_is_no_device(void **state)
{
    struct device *device = make_device(0);

    (void)state;
    probe(device, device->image, "0", "true");
    attempt_assert_failed(&device->attempt, FL_LAYER_OPERATE, FL_FAILURE_LOCAL);
    assert_true(region_is_empty(device, 0));
    remove_device(device);
}

static void part_of_a_block_is_refused(void **state)
{
    struct attempt attempt;
    struct fl_error err;

    (void)state;
    attempt_init(&attempt, "block");
    attempt_set(&attempt, "device", "/dev/null");
    attempt_set(&attempt, "offset", "512");
    assert_int_equal(attempt_open(&attempt, &err), -EINVAL);
    assert_non_null(strstr(err.message, "512"));
    attempt_done(&attempt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_the_grant_nothing_is_written),
        cmocka_unit_test(a_granted_region_is_written_and_nothing_beside_it),
        cmocka_unit_test(a_device_that_somebody_uses_is_not_written),
        cmocka_unit_test(a_read_only_device_refuses_the_write),
        cmocka_unit_test(beyond_the_end_is_an_io_error),
        cmocka_unit_test(a_file_is_no_device),
        cmocka_unit_test(part_of_a_block_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
