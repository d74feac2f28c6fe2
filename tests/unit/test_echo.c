// links: agent_probe
#include "agent/probe/echo.h"
#include "tests/support/probe_lab.h"

static struct lab lab;
static struct echo *echo;
static char address[32];

static int open_lab(void **state)
{
    struct fl_error err;

    (void)state;
    lab_open(&lab);
    assert_int_equal(echo_new(lab.base, "127.0.0.1:0", lab.mesh_key, &echo, &err), 0);
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", (unsigned)echo_port(echo));
    return 0;
}

static int close_lab(void **state)
{
    (void)state;
    echo_free(echo);
    lab_close(&lab);
    return 0;
}

static struct echo_stats stats(void)
{
    struct echo_stats all;

    echo_stats(echo, &all);
    return all;
}

/* Send to the responder and let it read; returns the size of what came back, 0 for nothing. */
static size_t ask(const uint8_t *bytes, size_t size, uint8_t reply[256])
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(echo_port(echo)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint64_t before = stats().answered + stats().refused;
    char own[32];
    int fd = lab_bind(SOCK_DGRAM, own);
    ssize_t n;

    assert_int_equal(sendto(fd, bytes, size, 0, (struct sockaddr *)&at, sizeof(at)), size);
    while (stats().answered + stats().refused == before)
        assert_int_equal(event_base_loop(lab.base, EVLOOP_ONCE), 0);
    n = recv(fd, reply, 256, 0); /* loopback delivers before sendmsg returns */
    close(fd);
    return n < 0 ? 0 : (size_t)n;
}

static const uint8_t nonce[ECHO_NONCE] = "0123456789abcdef";

static void a_request_draws_one_reply_of_the_same_size(void **state)
{
    uint8_t request[ECHO_SIZE];
    uint8_t reply[256];
    uint8_t returned[ECHO_NONCE];

    (void)state;
    echo_write(ECHO_REQUEST, lab.mesh_key, nonce, request);
    assert_int_equal(ask(request, sizeof(request), reply), ECHO_SIZE);
    assert_true(echo_read(reply, ECHO_SIZE, ECHO_REPLY, lab.mesh_key, returned));
    assert_memory_equal(returned, nonce, sizeof(nonce));
    /* played back, it draws the same again and nothing more */
    assert_int_equal(ask(request, sizeof(request), reply), ECHO_SIZE);
}

static void what_does_not_verify_is_dropped_and_counted(void **state)
{
    uint64_t refused = stats().refused;
    uint8_t packet[ECHO_SIZE + 1] = {0};
    uint8_t other_key[FL_MESH_KEY_SIZE] = {1};
    uint8_t reply[256];

    (void)state;
    echo_write(ECHO_REQUEST, other_key, nonce, packet);
    assert_int_equal(ask(packet, ECHO_SIZE, reply), 0);
    echo_write(ECHO_REPLY, lab.mesh_key, nonce, packet); /* a reply is no request */
    assert_int_equal(ask(packet, ECHO_SIZE, reply), 0);
    echo_write(ECHO_REQUEST, lab.mesh_key, nonce, packet);
    assert_int_equal(ask(packet, ECHO_SIZE + 1, reply), 0);
    assert_int_equal(ask(packet, ECHO_SIZE - 1, reply), 0);
    assert_int_equal(ask(packet, 0, reply), 0);
    assert_int_equal(stats().refused, refused + 5);
}

static void every_byte_of_a_packet_is_bound(void **state)
{
    uint8_t packet[ECHO_SIZE];
    uint8_t returned[ECHO_NONCE];

    (void)state;
    for (size_t i = 0; i < ECHO_SIZE; i++) {
        echo_write(ECHO_REQUEST, lab.mesh_key, nonce, packet);
        packet[i] ^= 0x20;
        assert_false(echo_read(packet, sizeof(packet), ECHO_REQUEST, lab.mesh_key, returned));
    }
}

/* The format is the documented one: made by another implementation of HMAC-SHA256. */
static void the_packet_is_the_documented_one(void **state)
{
    const uint8_t mac[] = {0xd7, 0xa1, 0x31, 0xcd, 0xe7, 0xcc, 0x0e, 0xa7,
                           0x3d, 0x67, 0xe0, 0xf7, 0x69, 0x5c, 0xda, 0x1c};
    uint8_t packet[ECHO_SIZE];

    (void)state;
    echo_write(ECHO_REQUEST, lab.mesh_key, nonce, packet);
    assert_memory_equal(packet, "FLE1\1\0\0\0", 8);
    assert_memory_equal(packet + 8, nonce, ECHO_NONCE);
    assert_memory_equal(packet + 24, mac, sizeof(mac));
}

static void without_a_key_nobody_is_answered(void **state)
{
    const uint8_t none[FL_MESH_KEY_SIZE] = {0};
    uint8_t packet[ECHO_SIZE];
    uint8_t returned[ECHO_NONCE];

    (void)state;
    echo_write(ECHO_REQUEST, none, nonce, packet);
    assert_false(echo_read(packet, sizeof(packet), ECHO_REQUEST, none, returned));
}

static void a_name_is_no_place_to_listen(void **state)
{
    struct echo *other = NULL;
    struct fl_error err = {""};

    (void)state;
    assert_true(echo_new(lab.base, "mesh.example:5571", lab.mesh_key, &other, &err) < 0);
    assert_non_null(strstr(err.message, "numeric address"));
    assert_true(echo_new(lab.base, address, lab.mesh_key, &other, &err) < 0); /* taken */
    assert_non_null(strstr(err.message, address));
    assert_null(other);
}

static void the_probe_and_the_responder_understand_each_other(void **state)
{
    const struct fl_result *result = LAB_PROBE(&lab, "udp", FL_SECOND, "address", address);

    (void)state;
    lab_assert_ok(result);
    assert_true(result->phase_us[FL_LAYER_CONNECT] >= 0);
    assert_int_equal(result->phase_us[FL_LAYER_RESOLVE], FL_ABSENT);
}

static void a_probe_of_a_dead_agent_is_refused(void **state)
{
    char free_address[32];

    (void)state;
    close(lab_bind(SOCK_DGRAM, free_address));
    lab_assert_failed(LAB_PROBE(&lab, "udp", FL_SECOND, "address", free_address), FL_LAYER_CONNECT,
                      FL_FAILURE_REFUSED);
}

static void a_responder_with_another_key_is_as_good_as_silent(void **state)
{
    uint8_t other_key[FL_MESH_KEY_SIZE] = {1};
    char other_address[32];
    struct echo *other;
    struct fl_error err;
    struct echo_stats seen;

    (void)state;
    assert_int_equal(echo_new(lab.base, "127.0.0.1:0", other_key, &other, &err), 0);
    (void)snprintf(other_address, sizeof(other_address), "127.0.0.1:%u",
                   (unsigned)echo_port(other));
    lab_assert_failed(LAB_PROBE(&lab, "udp", 50 * FL_MS, "address", other_address),
                      FL_LAYER_CONNECT, FL_FAILURE_TIMEOUT);
    echo_stats(other, &seen);
    assert_int_equal(seen.refused, 1);
    echo_free(other);
}

static void the_mesh_works_over_the_sixth_version_too(void **state)
{
    char six_address[32];
    struct echo *six;
    struct fl_error err;

    (void)state;
    assert_int_equal(echo_new(lab.base, "[::]:0", lab.mesh_key, &six, &err), 0);
    (void)snprintf(six_address, sizeof(six_address), "[::1]:%u", (unsigned)echo_port(six));
    lab_assert_ok(LAB_PROBE(&lab, "udp", FL_SECOND, "address", six_address));
    (void)snprintf(six_address, sizeof(six_address), "127.0.0.1:%u", (unsigned)echo_port(six));
    lab_assert_ok(LAB_PROBE(&lab, "udp", FL_SECOND, "address", six_address));
    echo_free(six);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_draws_one_reply_of_the_same_size),
        cmocka_unit_test(what_does_not_verify_is_dropped_and_counted),
        cmocka_unit_test(every_byte_of_a_packet_is_bound),
        cmocka_unit_test(the_packet_is_the_documented_one),
        cmocka_unit_test(without_a_key_nobody_is_answered),
        cmocka_unit_test(a_name_is_no_place_to_listen),
        cmocka_unit_test(the_probe_and_the_responder_understand_each_other),
        cmocka_unit_test(a_probe_of_a_dead_agent_is_refused),
        cmocka_unit_test(a_responder_with_another_key_is_as_good_as_silent),
        cmocka_unit_test(the_mesh_works_over_the_sixth_version_too),
    };

    return cmocka_run_group_tests(tests, open_lab, close_lab);
}
