// links: agent_probe
#include "agent/probe/stream.h"
#include "tests/support/probe_lab.h"

#include <errno.h>

static struct lab lab;

static int open_lab(void **state)
{
    (void)state;
    lab_open(&lab);
    return 0;
}

static int close_lab(void **state)
{
    (void)state;
    lab_close(&lab);
    return 0;
}

static void a_listener_is_well(void **state)
{
    char address[32];
    int listener = lab_bind(SOCK_STREAM, address);
    const struct fl_result *result;

    (void)state;
    assert_int_equal(listen(listener, 4), 0);
    result = LAB_PROBE(&lab, "tcp", FL_SECOND, "address", address);
    lab_assert_ok(result);
    assert_int_equal(result->phase_us[FL_LAYER_RESOLVE], FL_ABSENT);
    assert_true(result->phase_us[FL_LAYER_CONNECT] > 0);
    assert_true(result->took_us >= result->phase_us[FL_LAYER_CONNECT]);
    assert_true(result->tcp.rtt_us > 0);
    assert_int_equal(result->tcp.retrans, 0);
    close(listener);
}

static void a_port_without_a_listener_refuses(void **state)
{
    char address[32];
    int fd = lab_bind(SOCK_STREAM, address); /* bound, so that nobody else takes the port */

    (void)state;
    lab_assert_failed(LAB_PROBE(&lab, "tcp", FL_SECOND, "address", address), FL_LAYER_CONNECT,
                      FL_FAILURE_REFUSED);
    close(fd);
}

static void a_full_accept_queue_times_out_with_the_syn_unanswered(void **state)
{
    enum { FILL = 2 }; /* a backlog of 0 takes one connection; the next ones wait */
    char address[32];
    int listener = lab_bind(SOCK_STREAM, address);
    int fillers[FILL];
    struct sockaddr_in at;
    socklen_t size = sizeof(at);
    const struct fl_result *result;

    (void)state;
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
    for (int i = 0; i < FILL; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        assert_true(connect(fillers[i], (struct sockaddr *)&at, size) == 0 || errno == EINPROGRESS);
    }
    result = LAB_PROBE(&lab, "tcp", 100 * FL_MS, "address", address);
    lab_assert_failed(result, FL_LAYER_CONNECT, FL_FAILURE_TIMEOUT);
    assert_true(result->took_us >= 95 * FL_MS); /* timers of the loop are rounded */
    assert_int_equal(result->tcp.unacked, 1);
    for (int i = 0; i < FILL; i++)
        close(fillers[i]);
    close(listener);
}

static void a_name_of_the_hosts_file_has_the_resolve_layer(void **state)
{
    char address[32];
    char named[40];
    int listener = lab_bind(SOCK_STREAM, address);
    const struct fl_result *result;

    (void)state;
    assert_int_equal(listen(listener, 4), 0);
    (void)snprintf(named, sizeof(named), "localhost:%s", strchr(address, ':') + 1);
    result = LAB_PROBE(&lab, "tcp", FL_SECOND, "address", named);
    assert_true(result->phase_us[FL_LAYER_RESOLVE] >= 0);
    close(listener);
}

static void an_address_that_cannot_be_reached_is_unreachable(void **state)
{
    (void)state;
    /* The kernel refuses TCP to a group at once, and nothing is sent. */
    lab_assert_failed(LAB_PROBE(&lab, "tcp", FL_SECOND, "address", "224.0.0.1:9"), FL_LAYER_CONNECT,
                      FL_FAILURE_UNREACHABLE);
}

static void errors_of_sockets_have_their_words(void **state)
{
    (void)state;
    assert_int_equal(stream_failure(0), FL_FAILURE_NONE);
    assert_int_equal(stream_failure(-ETIMEDOUT), FL_FAILURE_TIMEOUT);
    assert_int_equal(stream_failure(ECONNRESET), FL_FAILURE_RESET);
    assert_int_equal(stream_failure(EHOSTUNREACH), FL_FAILURE_UNREACHABLE);
    assert_int_equal(stream_failure(EMFILE), FL_FAILURE_LOCAL);
    assert_int_equal(stream_failure(EACCES), FL_FAILURE_LOCAL);
    assert_int_equal(stream_failure_remote(EACCES), FL_FAILURE_UNREACHABLE);
    assert_int_equal(stream_failure_remote(ECONNREFUSED), FL_FAILURE_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listener_is_well),
        cmocka_unit_test(a_port_without_a_listener_refuses),
        cmocka_unit_test(a_full_accept_queue_times_out_with_the_syn_unanswered),
        cmocka_unit_test(a_name_of_the_hosts_file_has_the_resolve_layer),
        cmocka_unit_test(an_address_that_cannot_be_reached_is_unreachable),
        cmocka_unit_test(errors_of_sockets_have_their_words),
    };

    return cmocka_run_group_tests(tests, open_lab, close_lab);
}
