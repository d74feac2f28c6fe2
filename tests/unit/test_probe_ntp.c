// links: agent_probe
/* The ntp probe against a real chronyd, and against answers of the test's own. */
#include "tests/support/probe_lab.h"
#include "tests/support/server.h"

static struct lab lab;
static char root[64] = "/tmp/faultline-ntp-XXXXXX";
static char address[32];
static pid_t chronyd;

/* It listens once it answers. */
static void wait_for_chronyd(void)
{
    for (int i = 0; i < 1000; i++) {
        if (LAB_PROBE(&lab, "ntp", 100 * FL_MS, "server", address)->ok)
            return;
        server_pause();
    }
    fail_msg("chronyd does not answer on %s", address);
}

static int start_site(void **state)
{
    const int port = server_free_port();
    char path[96];
    char *argv[] = {"/usr/sbin/chronyd", "-d", "-x", "-u", "root", "-f", path, NULL};
    FILE *file;

    (void)state;
    lab_open(&lab);
    assert_non_null(mkdtemp(root));
    (void)snprintf(path, sizeof(path), "%s/chrony.conf", root);
    (void)snprintf(address, sizeof(address), "127.0.0.1:%d", port);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fprintf(file,
                        "port %d\nbindaddress 127.0.0.1\nallow 127.0.0.1\nlocal stratum 8\n"
                        "cmdport 0\nbindcmdaddress /\npidfile %s/pid\n",
                        port, root) > 0);
    assert_int_equal(fclose(file), 0);
    chronyd = server_spawn(argv);
    wait_for_chronyd();
    return 0;
}

static int stop_site(void **state)
{
    char command[128];

    (void)state;
    server_stop(chronyd);
    lab_close(&lab);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", root);
    return system(command);
}

static void a_server_with_the_time_is_well(void **state)
{
    const struct fl_result *result =
        LAB_PROBE(&lab, "ntp", FL_SECOND, "server", address, "max_offset", "100ms");

    (void)state;
    lab_assert_ok(result);
    assert_true(result->phase_us[FL_LAYER_OPERATE] > 0);
}

static void a_server_far_from_a_clock_is_of_bad_status(void **state)
{
    (void)state;
    lab_assert_failed(LAB_PROBE(&lab, "ntp", FL_SECOND, "server", address, "max_stratum", "7"),
                      FL_LAYER_OPERATE, FL_FAILURE_STATUS);
}

static void nobody_refuses_and_a_still_server_times_out(void **state)
{
    char nobody[32];

    (void)state;
    close(lab_bind(SOCK_DGRAM, nobody));
    lab_assert_failed(LAB_PROBE(&lab, "ntp", FL_SECOND, "server", nobody), FL_LAYER_OPERATE,
                      FL_FAILURE_REFUSED);
    server_freeze(chronyd);
    lab_assert_failed(LAB_PROBE(&lab, "ntp", 200 * FL_MS, "server", address), FL_LAYER_OPERATE,
                      FL_FAILURE_TIMEOUT);
    assert_int_equal(kill(chronyd, SIGCONT), 0);
}

/* A server of the test's own: answers with `packet`, the origin set to what was asked. */
static uint8_t packet[48];

static void on_query(evutil_socket_t fd, short what, void *arg)
{
    uint8_t query[64];
    struct sockaddr_in from;
    socklen_t size = sizeof(from);

    (void)what;
    if (recvfrom(fd, query, sizeof(query), 0, (struct sockaddr *)&from, &size) != sizeof(packet))
        return;
    if (!arg)
        memcpy(packet + 24, query + 40, 8);
    (void)sendto(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, size);
}

static const char *answer_of(uint8_t first, uint8_t stratum, void *strange)
{
    char own[32];
    const int fd = lab_bind(SOCK_DGRAM, own);
    struct event *event = event_new(lab.base, fd, EV_READ | EV_PERSIST, on_query, strange);
    const struct fl_result *result;

    memset(packet, 0, sizeof(packet));
    packet[0] = first;
    packet[1] = stratum;
    assert_non_null(event);
    assert_int_equal(event_add(event, NULL), 0);
    result = LAB_PROBE(&lab, "ntp", 200 * FL_MS, "server", own, "max_offset", "1h");
    event_free(event);
    close(fd);
    return fl_failure_name(result->failure);
}

static void each_bad_answer_has_its_word(void **state)
{
    (void)state;
    assert_string_equal(answer_of(0x24, 2, NULL), "content");   /* the time of 1900 */
    assert_string_equal(answer_of(0xe4, 2, NULL), "status");    /* leap unknown: no time */
    assert_string_equal(answer_of(0x24, 0, NULL), "denied");    /* a kiss of death */
    assert_string_equal(answer_of(0x23, 2, NULL), "timeout");   /* a client's packet */
    assert_string_equal(answer_of(0x24, 2, packet), "timeout"); /* to another question */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_with_the_time_is_well),
        cmocka_unit_test(a_server_far_from_a_clock_is_of_bad_status),
        cmocka_unit_test(nobody_refuses_and_a_still_server_times_out),
        cmocka_unit_test(each_bad_answer_has_its_word),
    };

    return cmocka_run_group_tests(tests, start_site, stop_site);
}
