// links: agent_host
/* The sources of host counters against a folder that looks like /proc and /sys. */
#include "agent/host/host.h"
#include "agent/host/mounts.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define START (1700000000 * FL_SECOND)

struct tree {
    char root[64];
    char proc[80];
    char sys[80];
};

static void make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
}

/* The file keeps its inode, as those of /proc do. */
static void put(const char *folder, const char *name, const char *text)
{
    char path[256];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    make_folders(path);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static int make_tree(void **state)
{
    struct tree *tree = calloc(1, sizeof(*tree));

    assert_non_null(tree);
    strcpy(tree->root, "/tmp/faultline-host-XXXXXX");
    assert_non_null(mkdtemp(tree->root));
    (void)snprintf(tree->proc, sizeof(tree->proc), "%s/proc", tree->root);
    (void)snprintf(tree->sys, sizeof(tree->sys), "%s/sys", tree->root);
    assert_int_equal(mkdir(tree->proc, 0700), 0);
    assert_int_equal(mkdir(tree->sys, 0700), 0);
    *state = tree;
    return 0;
}

static int remove_tree(void **state)
{
    struct tree *tree = *state;
    char command[128];

    (void)snprintf(command, sizeof(command), "rm -rf '%s'", tree->root);
    assert_int_equal(system(command), 0);
    free(tree);
    return 0;
}

static struct host *make_host(const struct tree *tree)
{
    struct host *host = NULL;
    struct fl_error err;

    assert_int_equal(host_new(tree->proc, tree->sys, &host, &err), 0);
    return host;
}

/* Sample, change one file, sample again `elapsed_us` later. */
static void two_samples(const struct tree *tree, const char *name, const char *before,
                        const char *after, int64_t elapsed_us, struct fl_host_sample *ret)
{
    FL_CLEANUP(host_freep) struct host *host = NULL;

    put(tree->proc, name, before);
    host = make_host(tree);
    host_sample(host, START, ret);
    put(tree->proc, name, after);
    host_sample(host, START + elapsed_us, ret);
}

static void a_host_without_proc_is_refused(void **state)
{
    struct host *host = NULL;
    struct fl_error err;

    (void)state;
    assert_int_equal(host_new("/nowhere/proc", "/sys", &host, &err), -ENOENT);
    assert_null(host);
    assert_non_null(strstr(err.message, "/nowhere/proc"));
}

static void an_empty_tree_leaves_everything_absent(void **state)
{
    FL_CLEANUP(host_freep) struct host *host = make_host(*state);
    struct fl_host_sample sample;

    host_sample(host, START, &sample);
    host_sample(host, START + FL_SECOND, &sample);
    assert_int_equal(sample.t_us, START + FL_SECOND);
    assert_int_equal(sample.n_disks, 0);
    for (int i = 0; i < FL_HOST_METRICS; i++) /* the clock is asked of the kernel itself */
        if (i != FL_HOST_CLOCK_SYNCED && i != FL_HOST_CLOCK_ERROR_US)
            assert_int_equal(sample.values[i], FL_ABSENT);
}

static const char net_dev[] =
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop "
    "fifo colls carrier compressed\n"
    "    lo: %d 50 0 0 0 0 0 0 %d 50 0 0 0 0 0 0\n"
    "  eth0:%d %d 0 %d %d 0 0 0 %d 594 0 0 0 0 0 0\n"
    " veth9: %d %d 0 %d %d 0 0 0 %d 594 0 0 0 0 0 0\n";

static const char *dev_text(char text[1024], int bytes, int packets, int drops)
{
    (void)snprintf(text, 1024, net_dev, bytes, bytes, bytes, packets, drops, drops, bytes * 2,
                   bytes, packets, drops, drops, bytes * 2);
    return text;
}

static void links_without_devices_are_added_up_but_the_loopback_is_not(void **state)
{
    const struct tree *tree = *state;
    struct fl_host_sample sample;
    char before[1024], after[1024];

    two_samples(tree, "self/net/dev", dev_text(before, 1000, 10, 1), dev_text(after, 3000, 30, 4),
                2 * FL_SECOND, &sample);
    assert_int_equal(sample.values[FL_HOST_RX_BPS], 2 * 8 * 1000);
    assert_int_equal(sample.values[FL_HOST_TX_BPS], 2 * 8 * 2000);
    assert_int_equal(sample.values[FL_HOST_RX_PPS], 20);
    assert_int_equal(sample.values[FL_HOST_NIC_DROPS_PS], 6);
    assert_int_equal(sample.values[FL_HOST_LINK_BPS], FL_ABSENT);
}

static void where_a_link_has_a_device_only_that_link_counts(void **state)
{
    const struct tree *tree = *state;
    struct fl_host_sample sample;
    char before[1024], after[1024];

    put(tree->sys, "class/net/eth0/device/vendor", "0x1af4\n");
    put(tree->sys, "class/net/eth0/speed", "1000\n");
    put(tree->sys, "class/net/veth9/speed", "10000\n");
    two_samples(tree, "self/net/dev", dev_text(before, 1000, 10, 1), dev_text(after, 3000, 30, 1),
                FL_SECOND, &sample);
    assert_int_equal(sample.values[FL_HOST_RX_BPS], 8 * 2000);
    assert_int_equal(sample.values[FL_HOST_RX_PPS], 20);
    assert_int_equal(sample.values[FL_HOST_NIC_DROPS_PS], 0);
    assert_int_equal(sample.values[FL_HOST_LINK_BPS], INT64_C(1000000000));
}

static void a_link_of_unknown_speed_has_none(void **state)
{
    const struct tree *tree = *state;
    struct fl_host_sample sample;
    char before[1024], after[1024];

    put(tree->sys, "class/net/eth0/speed", "-1\n");
    two_samples(tree, "self/net/dev", dev_text(before, 1000, 10, 1), dev_text(after, 3000, 30, 1),
                FL_SECOND, &sample);
    assert_int_equal(sample.values[FL_HOST_LINK_BPS], FL_ABSENT);
    assert_true(sample.values[FL_HOST_RX_BPS] > 0);
}

static void a_counter_that_went_back_gives_no_rate(void **state)
{
    const struct tree *tree = *state;
    struct fl_host_sample sample;
    char before[1024], after[1024];

    two_samples(tree, "self/net/dev", dev_text(before, 3000, 30, 1), dev_text(after, 10, 1, 0),
                FL_SECOND, &sample);
    assert_int_equal(sample.values[FL_HOST_RX_BPS], FL_ABSENT);
}

static void a_clock_that_went_back_gives_no_rate(void **state)
{
    const struct tree *tree = *state;
    struct fl_host_sample sample;
    char before[1024], after[1024];

    two_samples(tree, "self/net/dev", dev_text(before, 1000, 10, 1), dev_text(after, 2000, 20, 2),
                -FL_SECOND, &sample);
    assert_int_equal(sample.values[FL_HOST_RX_BPS], FL_ABSENT);
}

static void datagrams_for_nobody_are_counted_apart_from_those_for_somebody(void **state)
{
    const struct tree *tree = *state;
    struct fl_host_sample sample;

    put(tree->proc, "self/net/snmp6", "Ip6InReceives 5\nUdp6InDatagrams\t1\nUdp6NoPorts\t0\n");
    two_samples(tree, "self/net/snmp",
                "Ip: Forwarding DefaultTTL\nIp: 2 64\n"
                "Tcp: RtoAlgorithm RtoMin InSegs OutSegs RetransSegs\nTcp: 1 200 100 9 5\n"
                "Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors\n"
                "Udp: 10 20 30 9 3\n"
                "UdpLite: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors\n"
                "UdpLite: 1 1 1 1 1\n",
                "Ip: Forwarding DefaultTTL\nIp: 2 64\n"
                "Tcp: RtoAlgorithm RtoMin InSegs OutSegs RetransSegs\nTcp: 1 200 600 9 6\n"
                "Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors\n"
                "Udp: 11 1020 34 9 7\n"
                "UdpLite: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors\n"
                "UdpLite: 9 9 9 9 9\n",
                FL_SECOND, &sample);
    assert_int_equal(sample.values[FL_HOST_UDP_RX_PPS], 1 + 4);
    assert_int_equal(sample.values[FL_HOST_UDP_NOPORT_PPS], 1000);
    assert_int_equal(sample.values[FL_HOST_UDP_RCVBUF_ERRORS_PS], 4);
    assert_int_equal(sample.values[FL_HOST_TCP_IN_SEGS_PS], 500);
    assert_int_equal(sample.values[FL_HOST_RETRANS_PS], 1);
    assert_int_equal(sample.values[FL_HOST_SYNCOOKIES_PS], FL_ABSENT);
}

static void datagrams_of_both_families_are_added_up(void **state)
{
    const struct tree *tree = *state;
    struct fl_host_sample sample;

    put(tree->proc, "self/net/snmp", "Udp: InDatagrams NoPorts\nUdp: 10 20\n");
    two_samples(tree, "self/net/snmp6", "Udp6InDatagrams \t5\nUdp6NoPorts \t0\n",
                "Udp6InDatagrams \t105\nUdp6NoPorts \t50\n", FL_SECOND, &sample);
    assert_int_equal(sample.values[FL_HOST_UDP_RX_PPS], 100);
    assert_int_equal(sample.values[FL_HOST_UDP_NOPORT_PPS], 50);
}

/* Sample a second later, with so many packets in all. */
static void sample_later(const struct tree *tree, struct host *host, int second, int packets,
                         struct fl_host_sample *ret)
{
    char dev[1024], six[64];

    (void)snprintf(six, sizeof(six), "Udp6InDatagrams %d\n", 10 * second);
    put(tree->proc, "self/net/dev", dev_text(dev, 100 * packets, packets, 0));
    put(tree->proc, "self/net/snmp6", six);
    host_sample(host, START + second * FL_SECOND, ret);
}

static void the_sixth_version_is_looked_at_seldom_while_it_is_quiet(void **state)
{
    const struct tree *tree = *state;
    FL_CLEANUP(host_freep) struct host *host = NULL;
    struct fl_host_sample sample;
    char dev[1024];

    put(tree->proc, "self/net/dev", dev_text(dev, 0, 0, 0));
    put(tree->proc, "self/net/snmp6", "Udp6InDatagrams 0\n");
    host = make_host(tree);
    host_sample(host, START, &sample);
    for (int second = 1; second < 8; second++) {
        sample_later(tree, host, second, 100 * second, &sample);
        assert_int_equal(sample.values[FL_HOST_UDP_RX_PPS], FL_ABSENT);
    }
    sample_later(tree, host, 8, 800, &sample);
    assert_int_equal(sample.values[FL_HOST_UDP_RX_PPS], 10); /* over all of the eight seconds */
    sample_later(tree, host, 9, 800 + 5000, &sample);        /* a flood, at once */
    assert_int_equal(sample.values[FL_HOST_UDP_RX_PPS], 10);
}

static void a_flood_of_syns_shows_as_cookies_and_drops(void **state)
{
    const struct tree *tree = *state;
    struct fl_host_sample sample;

    two_samples(tree, "self/net/netstat",
                "TcpExt: SyncookiesSent SyncookiesRecv ListenOverflows ListenDrops\n"
                "TcpExt: 7 0 1 2\nIpExt: InNoRoutes\nIpExt: 0\n",
                "TcpExt: SyncookiesSent SyncookiesRecv ListenOverflows ListenDrops\n"
                "TcpExt: 1007 0 21 42\nIpExt: InNoRoutes\nIpExt: 0\n",
                FL_SECOND / 2, &sample);
    assert_int_equal(sample.values[FL_HOST_SYNCOOKIES_PS], 2000);
    assert_int_equal(sample.values[FL_HOST_LISTEN_DROPS_PS], 80);
}

static void softnet_drops_of_all_processors_are_added_up(void **state)
{
    struct fl_host_sample sample;

    two_samples(*state, "self/net/softnet_stat", "0000001e 00000010 0 0\n00000407 00000000 1 0\n",
                "0000001e 00000020 0 0\n00000407 00000001 1 0\n", FL_SECOND, &sample);
    assert_int_equal(sample.values[FL_HOST_SOFTNET_DROPS_PS], 17);
}

static void processors_are_busy_or_stolen_or_idle(void **state)
{
    struct fl_host_sample sample;

    two_samples(*state, "stat", "cpu  100 0 100 1000 50 0 0 10 0 0\ncpu0 1 0 0 0\n",
                "cpu  120 0 120 1040 60 5 5 110 0 0\ncpu0 1 0 0 0\n", FL_SECOND, &sample);
    assert_int_equal(sample.values[FL_HOST_CPU_BUSY_PPM], 250000);
    assert_int_equal(sample.values[FL_HOST_CPU_STEAL_PPM], 500000);
}

static void memory_that_can_be_had_is_a_share_of_all(void **state)
{
    const struct tree *tree = *state;
    FL_CLEANUP(host_freep) struct host *host = NULL;
    struct fl_host_sample sample;

    put(tree->proc, "meminfo",
        "MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    600 kB\n");
    host = make_host(tree);
    host_sample(host, START, &sample);
    assert_int_equal(sample.values[FL_HOST_MEM_FREE_PPM], 600000);
}

static void pressure_is_the_share_of_time_somebody_waited(void **state)
{
    struct fl_host_sample sample;

    two_samples(*state, "pressure/io",
                "some avg10=1.00 avg60=0.00 avg300=0.00 total=1000000\n"
                "full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n",
                "some avg10=1.00 avg60=0.00 avg300=0.00 total=1500000\n"
                "full avg10=0.00 avg60=0.00 avg300=0.00 total=9\n",
                2 * FL_SECOND, &sample);
    assert_int_equal(sample.values[FL_HOST_IO_PRESSURE_PPM], 250000);
    assert_int_equal(sample.values[FL_HOST_CPU_PRESSURE_PPM], FL_ABSENT);
}

static void pressure_that_cannot_be_read_is_absent(void **state)
{
    struct fl_host_sample sample;

    two_samples(*state, "pressure/memory", "nothing of the kind\n", "some avg10=0.00\n", FL_SECOND,
                &sample);
    assert_int_equal(sample.values[FL_HOST_MEM_PRESSURE_PPM], FL_ABSENT);
}

static void descriptors_are_a_share_of_those_the_host_may_have(void **state)
{
    const struct tree *tree = *state;
    FL_CLEANUP(host_freep) struct host *host = NULL;
    struct fl_host_sample sample;

    put(tree->proc, "sys/fs/file-nr", "1500\t0\t6000\n");
    host = make_host(tree);
    host_sample(host, START, &sample);
    assert_int_equal(sample.values[FL_HOST_FILES_USED_PPM], 250000);
}

/* Of the real host: what the kernel has, it tells. */
static void the_real_host_tells_of_its_descriptors_and_clock(void **state)
{
    FL_CLEANUP(host_freep) struct host *host = NULL;
    struct fl_host_sample sample;
    struct fl_error err;

    (void)state;
    assert_int_equal(host_new("/proc", "/sys", &host, &err), 0);
    host_sample(host, START, &sample);
    assert_true(sample.values[FL_HOST_FILES_USED_PPM] >= 0);
    assert_true(sample.values[FL_HOST_CLOCK_SYNCED] == 0 ||
                sample.values[FL_HOST_CLOCK_SYNCED] == 1);
    assert_true(sample.values[FL_HOST_CLOCK_ERROR_US] >= 0);
    assert_int_equal(fl_host_sample_check(&sample, &err), 0);
}

static const char mountinfo[] = "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
                                "24 22 0:6 / /proc rw - proc proc rw\n"
                                "30 22 254:17 / /mnt/vol\\0401 rw shared:1 - ext4 /dev/vdb1 rw\n";

static void put_disks(const struct tree *tree, int ios, int busy_ms, int inflight)
{
    char text[512];

    (void)snprintf(text, sizeof(text),
                   "   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0\n"
                   " 254       0 vda %d 0 8 100 10 0 8 100 0 140 376 0 0 0 0 0 0\n"
                   " 254      16 vdb %d 0 8 %d 0 0 8 0 %d %d 376\n"
                   " 254      17 vdb1 %d 0 8 %d 0 0 8 0 %d %d 376\n",
                   ios, ios, ios * 3, inflight, busy_ms, ios, ios * 3, inflight, busy_ms);
    put(tree->proc, "diskstats", text);
}

static struct host *host_with_volume(const struct tree *tree)
{
    struct host *host;

    put(tree->proc, "self/mountinfo", mountinfo);
    put(tree->sys, "class/block/vdb1/partition", "1\n");
    host = make_host(tree);
    host_add_target(host, "vol-1", "/mnt/vol 1/");
    return host;
}

static void a_disk_tells_its_rates_and_the_target_mounted_from_it(void **state)
{
    FL_CLEANUP(host_freep) struct host *host = NULL;
    struct fl_host_sample sample;

    put_disks(*state, 100, 1000, 0);
    host = host_with_volume(*state);
    host_sample(host, START, &sample);
    assert_int_equal(sample.n_disks, 0);
    put_disks(*state, 300, 1500, 4);
    host_sample(host, START + FL_SECOND, &sample);

    assert_int_equal(sample.n_disks, 3); /* the volume's partition, vda, vdb; loop0 is unused */
    assert_string_equal(sample.disks[0].name, "vdb1");
    assert_string_equal(sample.disks[0].target, "vol-1");
    assert_int_equal(sample.disks[0].iops, 200);
    assert_int_equal(sample.disks[0].await_us, 3000);
    assert_int_equal(sample.disks[0].util_ppm, 500000);
    assert_int_equal(sample.disks[0].inflight, 4);
    assert_string_equal(sample.disks[1].name, "vda");
    assert_string_equal(sample.disks[1].target, "");
    assert_string_equal(sample.disks[2].name, "vdb");
}

static void a_disk_that_completes_nothing_waits_at_least_as_long_as_the_sample(void **state)
{
    FL_CLEANUP(host_freep) struct host *host = NULL;
    struct fl_host_sample sample;

    put_disks(*state, 100, 1000, 3);
    host = host_with_volume(*state);
    host_sample(host, START, &sample);
    put_disks(*state, 100, 3000, 3);
    host_sample(host, START + 2 * FL_SECOND, &sample);
    assert_int_equal(sample.disks[0].iops, 0);
    assert_int_equal(sample.disks[0].await_us, 2 * FL_SECOND);
    assert_int_equal(sample.disks[0].util_ppm, 1000000);
    assert_int_equal(sample.disks[1].await_us, 0); /* vda has nothing to do */
}

static void cleared_targets_leave_their_disks_unnamed(void **state)
{
    FL_CLEANUP(host_freep) struct host *host = NULL;
    struct fl_host_sample sample;

    put_disks(*state, 100, 1000, 0);
    host = host_with_volume(*state);
    host_sample(host, START, &sample);
    host_clear_targets(host);
    put_disks(*state, 200, 1000, 0);
    host_sample(host, START + FL_SECOND, &sample);
    assert_int_equal(sample.n_disks, 2);
    assert_string_equal(sample.disks[0].name, "vda");
    assert_string_equal(sample.disks[1].name, "vdb");
}

static void more_disks_than_a_sample_holds_are_left_out(void **state)
{
    const struct tree *tree = *state;
    FL_CLEANUP(host_freep) struct host *host = NULL;
    struct fl_host_sample sample;
    char text[16384];
    size_t used = 0;

    for (int i = 0; i < 200; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used,
                                 "8 %d sd%d 9 0 8 9 0 0 8 0 0 10 376\n", i, i);
    put(tree->proc, "diskstats", text);
    host = make_host(tree);
    host_sample(host, START, &sample);
    host_sample(host, START + FL_SECOND, &sample);
    assert_int_equal(sample.n_disks, FL_MAX_DISKS);
}

static void the_deepest_and_latest_mount_names_the_device(void **state)
{
    dev_t device = 0;

    (void)state;
    assert_true(mounts_device(mountinfo, "/mnt/vol 1", &device));
    assert_int_equal(device, makedev(254, 17));
    assert_true(mounts_device(mountinfo, "/mnt/vol 1/data", &device));
    assert_int_equal(device, makedev(254, 17));
    assert_true(mounts_device(mountinfo, "/mnt/vol 10", &device));
    assert_int_equal(device, makedev(254, 0));
    assert_false(mounts_device(mountinfo, "/proc/1", &device));
    assert_false(mounts_device("garbage\n1 2 x:y / /\n", "/", &device));
    assert_true(mounts_device("1 1 8:1 / / rw - ext4 /dev/a rw\n1 1 8:2 / / rw - ext4 /dev/b rw",
                              "/", &device));
    assert_int_equal(device, makedev(8, 2));
}

static int compare(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void the_real_host_is_sampled_in_well_under_a_millisecond(void **state)
{
    FL_CLEANUP(host_freep) struct host *host = NULL;
    struct fl_host_sample sample;
    struct fl_error err;
    int64_t took[51];

    (void)state;
    assert_int_equal(host_new("/proc", "/sys", &host, &err), 0);
    for (size_t i = 0; i < FL_COUNT(took); i++) {
        struct timespec from, to;

        clock_gettime(CLOCK_MONOTONIC, &from);
        host_sample(host, START + (int64_t)i * FL_SECOND, &sample);
        clock_gettime(CLOCK_MONOTONIC, &to);
        took[i] = (to.tv_sec - from.tv_sec) * FL_SECOND + (to.tv_nsec - from.tv_nsec) / 1000;
    }
    qsort(took, FL_COUNT(took), sizeof(took[0]), compare);
    print_message("one sample takes %ld us\n", (long)took[FL_COUNT(took) / 2]);
    assert_true(took[FL_COUNT(took) / 2] < FL_MS);
    assert_true(sample.values[FL_HOST_MEM_FREE_PPM] > 0);
    assert_true(sample.values[FL_HOST_TCP_IN_SEGS_PS] >= 0);
    assert_true(sample.values[FL_HOST_UDP_RX_PPS] >= 0);
    assert_true(sample.values[FL_HOST_SOFTNET_DROPS_PS] >= 0);
}

#define TREE_TEST(name) cmocka_unit_test_setup_teardown(name, make_tree, remove_tree)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_without_proc_is_refused),
        TREE_TEST(an_empty_tree_leaves_everything_absent),
        TREE_TEST(links_without_devices_are_added_up_but_the_loopback_is_not),
        TREE_TEST(where_a_link_has_a_device_only_that_link_counts),
        TREE_TEST(a_link_of_unknown_speed_has_none),
        TREE_TEST(a_counter_that_went_back_gives_no_rate),
        TREE_TEST(a_clock_that_went_back_gives_no_rate),
        TREE_TEST(datagrams_for_nobody_are_counted_apart_from_those_for_somebody),
        TREE_TEST(datagrams_of_both_families_are_added_up),
        TREE_TEST(the_sixth_version_is_looked_at_seldom_while_it_is_quiet),
        TREE_TEST(a_flood_of_syns_shows_as_cookies_and_drops),
        TREE_TEST(softnet_drops_of_all_processors_are_added_up),
        TREE_TEST(processors_are_busy_or_stolen_or_idle),
        TREE_TEST(memory_that_can_be_had_is_a_share_of_all),
        TREE_TEST(pressure_is_the_share_of_time_somebody_waited),
        TREE_TEST(pressure_that_cannot_be_read_is_absent),
        TREE_TEST(descriptors_are_a_share_of_those_the_host_may_have),
        TREE_TEST(the_real_host_tells_of_its_descriptors_and_clock),
        TREE_TEST(a_disk_tells_its_rates_and_the_target_mounted_from_it),
        TREE_TEST(a_disk_that_completes_nothing_waits_at_least_as_long_as_the_sample),
        TREE_TEST(cleared_targets_leave_their_disks_unnamed),
        TREE_TEST(more_disks_than_a_sample_holds_are_left_out),
        cmocka_unit_test(the_deepest_and_latest_mount_names_the_device),
        cmocka_unit_test(the_real_host_is_sampled_in_well_under_a_millisecond),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
