// links: agent_probe
#include "agent/probe/tcp_info.h"
#include "tests/support/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* A connection over loopback: [0] the near end, [1] the far end. */
static int connect_pair(void **state)
{
    static int pair[2];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 1) < 0)
        return -1;
    (void)getsockname(listener, (struct sockaddr *)&address, &size);
    pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(pair[0], (struct sockaddr *)&address, size) < 0)
        return -1;
    pair[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    close(listener);
    *state = pair;
    return pair[1] < 0 ? -1 : 0;
}

static int close_pair(void **state)
{
    const int *pair = *state;

    close(pair[0]);
    close(pair[1]);
    return 0;
}

static void exchange(const int *pair, size_t size)
{
    char bytes[256] = {0};

    assert_true(size <= sizeof(bytes));
    assert_int_equal(send(pair[1], bytes, size, 0), size);
    assert_int_equal(recv(pair[0], bytes, size, MSG_WAITALL), size);
}

static void a_live_connection_has_every_field(void **state)
{
    const int *pair = *state;
    struct fl_tcp tcp;

    exchange(pair, 10);
    tcp_info_read(pair[0], NULL, &tcp);
    for (int i = 0; i < FL_TCP_FIELDS; i++)
        assert_true(fl_tcp_get(&tcp, i) != FL_ABSENT);
    assert_true(tcp.rtt_us > 0);
    assert_int_equal(tcp.rx_bytes, 10);
    assert_int_equal(tcp.retrans, 0);
    assert_int_equal(tcp.unacked, 0);
}

static void bytes_before_the_mark_are_not_the_operations(void **state)
{
    const int *pair = *state;
    struct tcp_info_mark mark;
    struct fl_tcp tcp;

    exchange(pair, 100);
    mark = tcp_info_mark(pair[0]);
    assert_int_equal(mark.rx_bytes, 100);
    exchange(pair, 7);
    tcp_info_read(pair[0], &mark, &tcp);
    assert_int_equal(tcp.rx_bytes, 7);
    assert_int_equal(tcp.op_retrans, 0);
}

static void what_is_sent_is_counted_with_what_of_it_arrived(void **state)
{
    const int *pair = *state;
    struct tcp_info_mark mark;
    struct fl_tcp tcp;
    char bytes[50] = {0};

    assert_int_equal(send(pair[0], bytes, 30, 0), 30);
    assert_int_equal(recv(pair[1], bytes, 30, MSG_WAITALL), 30);
    tcp_info_read(pair[0], NULL, &tcp);
    assert_int_equal(tcp.tx_bytes, 30);
    assert_int_equal(tcp.tx_acked, 30); /* and not the SYN */
    assert_true(fl_tcp_delivered(&tcp));

    mark = tcp_info_mark(pair[0]);
    assert_int_equal(send(pair[0], bytes, 50, 0), 50);
    assert_int_equal(shutdown(pair[0], SHUT_WR), 0);
    assert_int_equal(recv(pair[1], bytes, 50, MSG_WAITALL), 50);
    tcp_info_read(pair[0], &mark, &tcp);
    assert_int_equal(tcp.tx_bytes, 50);
    assert_int_equal(tcp.tx_acked, 50); /* and not the FIN */

    exchange(pair, 1);
    tcp_info_read(pair[0], &mark, &tcp);
    assert_false(fl_tcp_delivered(&tcp)); /* something came back */
}

static void what_the_far_host_has_no_room_for_is_not_delivered(void **state)
{
    static char bytes[1 << 16];
    const int *pair = *state;
    int64_t taken = 0;
    struct fl_tcp tcp;
    ssize_t n;

    while ((n = send(pair[0], bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
        taken += n;
    tcp_info_read(pair[0], NULL, &tcp);
    assert_true(tcp.tx_acked > 0);
    assert_true(tcp.tx_acked <= tcp.tx_bytes);
    assert_true(tcp.notsent > 0);
    assert_true(tcp.tx_bytes + tcp.notsent <= taken);
    assert_false(fl_tcp_delivered(&tcp));
}

static void what_is_no_tcp_socket_has_no_field(void **state)
{
    struct fl_tcp tcp = {0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void)state;
    tcp_info_read(fd, NULL, &tcp);
    assert_true(fl_tcp_absent(&tcp));
    assert_int_equal(tcp_info_mark(fd).rx_bytes, 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_live_connection_has_every_field, connect_pair,
                                        close_pair),
        cmocka_unit_test_setup_teardown(bytes_before_the_mark_are_not_the_operations, connect_pair,
                                        close_pair),
        cmocka_unit_test_setup_teardown(what_is_sent_is_counted_with_what_of_it_arrived,
                                        connect_pair, close_pair),
        cmocka_unit_test_setup_teardown(what_the_far_host_has_no_room_for_is_not_delivered,
                                        connect_pair, close_pair),
        cmocka_unit_test(what_is_no_tcp_socket_has_no_field),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
