// links: fl_runtime
/* Real sockets on loopback: one router, up to two dealers "a" and "b", all on one loop. Every
 * wait is for a state, and all of them end with WAIT_US at the latest. */
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_zsock.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define WAIT_US (20 * FL_SECOND)
#define MAX_MESSAGE 4096
#define FLOOD 50000u
#define ROUNDS 1000u

struct side {
    struct fl_zsock *socket;
    struct fl_keypair keys;
    struct world *world;
    unsigned connected, lost;
    char why[128];
    unsigned received;
    uint32_t expected; /* next number of the flood */
    bool ordered;
    bool free_on_message;
    /* as the router sees it */
    uint8_t id[255];
    size_t id_size;
    unsigned seen;
};

struct world {
    struct event_base *base;
    struct event *tick;
    struct fl_zcontext *context;
    struct fl_zsock *router;
    struct fl_keypair keys;
    char endpoint[128];
    bool admit_all;
    struct side a, b;
    unsigned strangers, empty;
    bool free_on_message;
    uint32_t to_router, to_a; /* floods: numbers sent */
    uint32_t from_a;
};

static bool admit(const char *public_key, char user[FL_NAME_SIZE], void *arg)
{
    struct world *world = arg;

    if (!world->admit_all)
        return false;
    if (strcmp(public_key, world->a.keys.public_key) == 0)
        (void)snprintf(user, FL_NAME_SIZE, "a");
    else if (strcmp(public_key, world->b.keys.public_key) == 0)
        (void)snprintf(user, FL_NAME_SIZE, "b");
    else
        return false;
    return true;
}

static uint32_t number_in(const uint8_t *bytes, size_t size)
{
    uint32_t number = UINT32_MAX;

    if (size == sizeof(number))
        memcpy(&number, bytes, sizeof(number));
    return number;
}

static int send_number(struct fl_zsock *socket, const struct side *to, uint32_t number)
{
    uint8_t bytes[sizeof(number)];

    memcpy(bytes, &number, sizeof(number));
    return fl_zsock_send(socket, to ? to->id : NULL, to ? to->id_size : 0, bytes, sizeof(bytes));
}

static void on_router_message(const uint8_t *peer, size_t peer_size, const char *user,
                              const uint8_t *bytes, size_t size, void *arg)
{
    struct world *world = arg;
    struct side *side = strcmp(user, "a") == 0 ? &world->a : &world->b;

    if (strcmp(user, "a") != 0 && strcmp(user, "b") != 0) {
        world->strangers++;
        return;
    }
    memcpy(side->id, peer, peer_size);
    side->id_size = peer_size;
    side->seen++;
    if (size == 0)
        world->empty++;
    if (side == &world->a && number_in(bytes, size) == world->from_a)
        world->from_a++;
    if (side == &world->b && size == sizeof(uint32_t)) /* b asks and gets the number back */
        assert_int_equal(send_number(world->router, side, number_in(bytes, size)), 0);
    if (world->free_on_message)
        world->router = fl_zsock_free(world->router);
}

static void on_dealer_message(const uint8_t *peer, size_t peer_size, const char *user,
                              const uint8_t *bytes, size_t size, void *arg)
{
    struct side *side = arg;

    assert_null(peer);
    assert_int_equal(peer_size, 0);
    assert_string_equal(user, "");
    side->received++;
    side->ordered = side->ordered && number_in(bytes, size) == side->expected++;
    if (side == &side->world->b && side->expected < ROUNDS)
        assert_int_equal(send_number(side->socket, NULL, side->expected), 0);
    if (side->free_on_message)
        side->socket = fl_zsock_free(side->socket);
}

static void on_connected(void *arg)
{
    struct side *side = arg;

    side->connected++;
    /* What `connected` is for: hello must be sendable from within it. */
    assert_int_equal(fl_zsock_send(side->socket, NULL, 0, (const uint8_t *)"hello", 5), 0);
}

static void on_lost(const char *why, void *arg)
{
    struct side *side = arg;

    side->lost++;
    (void)snprintf(side->why, sizeof(side->why), "%s", why);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
}

static bool wait_until(struct world *world, bool (*reached)(struct world *world))
{
    int64_t end = fl_clock_monotonic() + WAIT_US;

    while (!reached(world)) {
        if (fl_clock_monotonic() > end)
            return false;
        (void)event_base_loop(world->base, EVLOOP_ONCE);
    }
    return true;
}

static int open_router(struct world *world, const char *endpoint)
{
    return fl_zsock_router_new(world->context, world->base, endpoint, &world->keys, admit,
                               on_router_message, world, &world->router, NULL);
}

static void open_dealer_to(struct world *world, struct side *side, const char *endpoint,
                           const char *server_key)
{
    const struct fl_zsock_dealer_callbacks callbacks = {on_dealer_message, on_connected, on_lost};

    assert_int_equal(fl_zsock_dealer_new(world->context, world->base, endpoint, &side->keys,
                                         server_key, &callbacks, side, &side->socket, NULL),
                     0);
}

static void open_dealer(struct world *world, struct side *side)
{
    open_dealer_to(world, side, world->endpoint, world->keys.public_key);
}

static int set_up(void **state)
{
    const struct timeval every = {0, 5000};
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->admit_all = true;
    world->a.world = world->b.world = world;
    world->a.ordered = world->b.ordered = true;
    world->base = event_base_new();
    world->tick = event_new(world->base, -1, EV_PERSIST, on_tick, NULL);
    assert_int_equal(event_add(world->tick, &every), 0);
    assert_int_equal(fl_zcontext_new(MAX_MESSAGE, &world->context, NULL), 0);
    assert_int_equal(fl_keypair_new(&world->keys, NULL), 0);
    assert_int_equal(fl_keypair_new(&world->a.keys, NULL), 0);
    assert_int_equal(fl_keypair_new(&world->b.keys, NULL), 0);
    assert_int_equal(open_router(world, "tcp://127.0.0.1:*"), 0);
    (void)snprintf(world->endpoint, sizeof(world->endpoint), "%s",
                   fl_zsock_endpoint(world->router));
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    fl_zsock_free(world->a.socket);
    fl_zsock_free(world->b.socket);
    fl_zsock_free(world->router);
    fl_zcontext_free(world->context);
    event_free(world->tick);
    event_base_free(world->base);
    free(world);
    return 0;
}

static bool a_is_seen(struct world *world)
{
    return world->a.seen > 0;
}

static bool b_is_seen(struct world *world)
{
    return world->b.seen > 0;
}

static bool a_has_received(struct world *world)
{
    return world->a.received > 0;
}

static void a_message_comes_with_the_user_of_its_key(void **state)
{
    struct world *world = *state;

    open_dealer(world, &world->a);
    open_dealer(world, &world->b);
    assert_true(wait_until(world, a_is_seen));
    assert_true(wait_until(world, b_is_seen));
    assert_int_equal(world->strangers, 0);
    assert_int_equal(send_number(world->router, &world->a, 0), 0);
    assert_true(wait_until(world, a_has_received));
    assert_int_equal(world->b.received, 0);
}

static void the_endpoint_tells_the_port_that_was_taken(void **state)
{
    struct world *world = *state;
    int port = 0;
    char end;

    assert_int_equal(sscanf(world->endpoint, "tcp://127.0.0.1:%d%c", &port, &end), 1);
    assert_true(port > 0);
}

static void flood(struct world *world)
{
    while (world->to_router < FLOOD && send_number(world->a.socket, NULL, world->to_router) == 0)
        world->to_router++;
    while (world->to_a < FLOOD && send_number(world->router, &world->a, world->to_a) == 0)
        world->to_a++;
}

static bool everything_has_arrived(struct world *world)
{
    flood(world);
    return world->from_a == FLOOD && world->a.expected == FLOOD && world->b.expected == ROUNDS;
}

static void nothing_is_lost_or_stuck_while_both_sides_send_heavily(void **state)
{
    struct world *world = *state;

    open_dealer(world, &world->a);
    open_dealer(world, &world->b);
    assert_true(wait_until(world, a_is_seen));
    assert_true(wait_until(world, b_is_seen));
    assert_int_equal(send_number(world->b.socket, NULL, 0), 0);
    assert_true(wait_until(world, everything_has_arrived));
    assert_int_equal(world->a.received, FLOOD);
    assert_true(world->a.ordered);
    assert_true(world->b.ordered);
    assert_int_equal(world->a.connected, 1);
    assert_int_equal(world->a.lost, 0);
}

static bool a_is_seen_twice(struct world *world)
{
    return world->a.seen == 2;
}

/* Lets the I/O thread work while the loop does not turn. Each attempt takes in what it has told
 * the router, and so uses up the edge of the router's descriptor. Counts as one try. */
static int use_up_the_edge(struct world *world)
{
    const struct side nobody = {.id = "nobody", .id_size = 6};
    int64_t end = fl_clock_monotonic() + 200 * FL_MS;

    while (fl_clock_monotonic() < end)
        assert_int_equal(send_number(world->router, &nobody, 0), -EHOSTUNREACH);
    return 1;
}

static void a_message_that_came_while_sending_is_not_forgotten(void **state)
{
    struct world *world = *state;

    open_dealer(world, &world->a);
    assert_true(wait_until(world, a_is_seen));
    assert_int_equal(send_number(world->a.socket, NULL, 0), 0);
    (void)use_up_the_edge(world);
    assert_true(wait_until(world, a_is_seen_twice));
}

static bool all_of_a_has_come(struct world *world)
{
    return world->from_a == world->to_router;
}

static void more_than_one_turn_receives_is_not_forgotten(void **state)
{
    struct world *world = *state;

    open_dealer(world, &world->a);
    assert_true(wait_until(world, a_is_seen));
    for (int full = 0; world->to_router < 400 && full < 50;)
        if (send_number(world->a.socket, NULL, world->to_router) == 0)
            world->to_router++;
        else
            full += use_up_the_edge(world);
    (void)use_up_the_edge(world);
    assert_int_equal(world->to_router, 400); /* and one turn takes 256 */
    assert_true(wait_until(world, all_of_a_has_come));
}

static bool a_is_refused(struct world *world)
{
    struct fl_zsock_refusals refusals;

    fl_zsock_refusals(world->router, &refusals);
    return refusals.unknown_key > 0 && world->a.lost > 0;
}

static void an_unknown_key_is_refused_and_counted_and_may_come_later(void **state)
{
    struct world *world = *state;
    struct fl_zsock_refusals refusals;

    world->admit_all = false;
    open_dealer(world, &world->a);
    assert_true(wait_until(world, a_is_refused));
    fl_zsock_refusals(world->router, &refusals);
    assert_string_equal(refusals.last_key, world->a.keys.public_key);
    assert_string_equal(refusals.last_address, "127.0.0.1");
    assert_int_equal(refusals.handshake, 0);
    assert_int_equal(world->a.connected, 0);
    assert_int_equal(fl_zsock_send(world->a.socket, NULL, 0, (const uint8_t *)"x", 1),
                     -EHOSTUNREACH);
    world->admit_all = true;
    assert_true(wait_until(world, a_is_seen));
}

static bool three_are_refused(struct world *world)
{
    struct fl_zsock_refusals refusals;

    fl_zsock_refusals(world->router, &refusals);
    return refusals.unknown_key >= 3;
}

static void a_reason_is_told_once_however_often_it_is_tried(void **state)
{
    struct world *world = *state;

    world->admit_all = false;
    open_dealer(world, &world->a);
    assert_true(wait_until(world, three_are_refused));
    assert_in_range(world->a.lost, 1, 2); /* three attempts */
}

static bool one_is_refused(struct world *world)
{
    struct fl_zsock_refusals refusals;

    fl_zsock_refusals(world->router, &refusals);
    return refusals.unknown_key > 0;
}

static bool two_handshakes_failed(struct world *world)
{
    struct fl_zsock_refusals refusals;

    fl_zsock_refusals(world->router, &refusals);
    return refusals.handshake >= 2;
}

static void a_wrong_server_key_never_connects(void **state)
{
    struct world *world = *state;

    open_dealer_to(world, &world->a, world->endpoint, world->b.keys.public_key);
    assert_true(wait_until(world, two_handshakes_failed));
    assert_int_equal(world->a.connected, 0);
    assert_int_equal(world->a.seen, 0);
    assert_true(world->a.lost > 0);
}

static bool a_handshake_failed(struct world *world)
{
    struct fl_zsock_refusals refusals;

    fl_zsock_refusals(world->router, &refusals);
    return refusals.handshake > 0;
}

/* A socket of plain ZeroMQ in a context of its own. */
struct plain {
    void *context, *socket;
};

static struct plain open_plain(const struct world *world, const struct fl_keypair *keys)
{
    struct plain plain = {.context = zmq_ctx_new()};
    const int linger = 0;

    plain.socket = zmq_socket(plain.context, ZMQ_DEALER);
    assert_int_equal(zmq_setsockopt(plain.socket, ZMQ_LINGER, &linger, sizeof(linger)), 0);
    if (keys) {
        (void)zmq_setsockopt(plain.socket, ZMQ_CURVE_SERVERKEY, world->keys.public_key, 41);
        (void)zmq_setsockopt(plain.socket, ZMQ_CURVE_PUBLICKEY, keys->public_key, 41);
        (void)zmq_setsockopt(plain.socket, ZMQ_CURVE_SECRETKEY, keys->secret_key, 41);
    }
    assert_int_equal(zmq_connect(plain.socket, world->endpoint), 0);
    return plain;
}

static void close_plain(struct plain *plain)
{
    (void)zmq_close(plain->socket);
    (void)zmq_ctx_term(plain->context);
}

static void a_peer_without_curve_is_refused(void **state)
{
    struct world *world = *state;
    struct plain plain = open_plain(world, NULL);

    assert_int_equal(zmq_send(plain.socket, "hello", 5, 0), 5);
    assert_true(wait_until(world, a_handshake_failed));
    assert_int_equal(world->strangers + world->a.seen + world->b.seen, 0);
    close_plain(&plain);
}

static void a_message_of_several_parts_comes_as_an_empty_one(void **state)
{
    struct world *world = *state;
    struct plain plain = open_plain(world, &world->a.keys);

    assert_int_equal(zmq_send(plain.socket, "one", 3, ZMQ_SNDMORE), 3);
    assert_int_equal(zmq_send(plain.socket, "two", 3, ZMQ_SNDMORE), 3);
    assert_int_equal(zmq_send(plain.socket, "three", 5, 0), 5);
    assert_true(wait_until(world, a_is_seen));
    assert_int_equal(world->empty, 1);
    assert_int_equal(world->a.seen, 1);
    close_plain(&plain);
}

static bool a_is_lost(struct world *world)
{
    return world->a.lost > 0;
}

static bool a_is_connected_twice(struct world *world)
{
    return world->a.connected == 2;
}

static bool router_is_back(struct world *world)
{
    return open_router(world, world->endpoint) == 0; /* the port is let go in the background */
}

static void a_dealer_comes_back_when_its_router_does(void **state)
{
    struct world *world = *state;

    open_dealer(world, &world->a);
    assert_true(wait_until(world, a_is_seen));
    world->router = fl_zsock_free(world->router);
    assert_true(wait_until(world, a_is_lost));
    assert_int_equal(fl_zsock_send(world->a.socket, NULL, 0, (const uint8_t *)"x", 1),
                     -EHOSTUNREACH);
    assert_true(wait_until(world, router_is_back));
    world->a.seen = 0;
    assert_true(wait_until(world, a_is_connected_twice));
    assert_true(wait_until(world, a_is_seen));
}

static bool a_was_oversized(struct world *world)
{
    struct fl_zsock_refusals refusals;

    fl_zsock_refusals(world->router, &refusals);
    return refusals.oversized == 1;
}

static void an_oversized_message_is_dropped_and_counted(void **state)
{
    static const uint8_t large[MAX_MESSAGE + 1];
    struct world *world = *state;

    open_dealer(world, &world->a);
    assert_true(wait_until(world, a_is_seen));
    assert_int_equal(fl_zsock_send(world->a.socket, NULL, 0, large, MAX_MESSAGE + 1), 0);
    assert_true(wait_until(world, a_was_oversized));
    assert_int_equal(world->a.seen, 1);
    assert_int_equal(fl_zsock_send(world->a.socket, NULL, 0, large, MAX_MESSAGE), 0);
    assert_true(wait_until(world, a_is_seen_twice));
    assert_int_equal(world->a.connected, 1);
}

static void a_message_far_too_large_ends_its_connection(void **state)
{
    static const uint8_t huge[8 * MAX_MESSAGE];
    struct world *world = *state;

    open_dealer(world, &world->a);
    assert_true(wait_until(world, a_is_seen));
    assert_int_equal(fl_zsock_send(world->a.socket, NULL, 0, huge, sizeof(huge)), 0);
    assert_true(wait_until(world, a_is_connected_twice));
    assert_true(wait_until(world, a_is_seen_twice)); /* by its second hello */
    assert_int_equal(world->empty, 0);
}

static bool a_is_unreachable(struct world *world)
{
    return send_number(world->router, &world->a, 0) == -EHOSTUNREACH;
}

static void a_peer_that_has_gone_is_unreachable(void **state)
{
    struct world *world = *state;

    open_dealer(world, &world->a);
    assert_true(wait_until(world, a_is_seen));
    world->a.socket = fl_zsock_free(world->a.socket);
    assert_true(wait_until(world, a_is_unreachable));
}

static void a_full_queue_says_so_and_nothing_blocks(void **state)
{
    static const uint8_t bytes[MAX_MESSAGE];
    struct world *world = *state;
    int r = 0;

    open_dealer(world, &world->a);
    assert_true(wait_until(world, a_is_seen));
    for (int i = 0; i < 100000 && r == 0; i++) /* nobody reads while the loop does not turn */
        r = fl_zsock_send(world->router, world->a.id, world->a.id_size, bytes, sizeof(bytes));
    assert_int_equal(r, -EAGAIN);
    r = 0;
    for (int i = 0; i < 100000 && r == 0; i++)
        r = fl_zsock_send(world->a.socket, NULL, 0, bytes, sizeof(bytes));
    assert_int_equal(r, -EAGAIN);
}

static bool router_is_free(struct world *world)
{
    return !world->router;
}

static bool a_is_free(struct world *world)
{
    return !world->a.socket;
}

static void a_socket_may_be_freed_from_within_its_callback(void **state)
{
    struct world *world = *state;

    open_dealer(world, &world->a);
    assert_true(wait_until(world, a_is_seen));
    world->a.free_on_message = true;
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(send_number(world->router, &world->a, i), 0);
    assert_true(wait_until(world, a_is_free));
    world->free_on_message = true;
    open_dealer(world, &world->b);
    assert_true(wait_until(world, router_is_free));
}

static bool a_is_lost_or_seen(struct world *world)
{
    return world->a.lost > 0 || world->a.seen > 0;
}

static void nobody_at_the_address_is_told(void **state)
{
    struct world *world = *state;

    world->router = fl_zsock_free(world->router);
    open_dealer(world, &world->a);
    assert_true(wait_until(world, a_is_lost_or_seen));
    assert_int_equal(world->a.seen, 0);
    assert_true(wait_until(world, router_is_back));
    assert_true(wait_until(world, a_is_seen));
}

static void two_routers_of_one_context_admit_each_their_own(void **state)
{
    struct world *world = *state;
    struct world other = {.base = world->base, .context = world->context, .keys = world->keys};

    assert_int_equal(open_router(&other, "tcp://127.0.0.1:*"), 0); /* admits nobody */
    open_dealer_to(world, &world->b, fl_zsock_endpoint(other.router), world->keys.public_key);
    open_dealer(world, &world->a);
    assert_true(wait_until(world, a_is_seen));
    assert_true(wait_until(&other, one_is_refused));
    assert_int_equal(other.b.seen + world->b.seen, 0);
    other.router = fl_zsock_free(other.router);
    world->b.socket = fl_zsock_free(world->b.socket);
    open_dealer(world, &world->b);
    assert_true(wait_until(world, b_is_seen));
}

static void what_cannot_be_opened_is_said(void **state)
{
    struct world *world = *state;
    const struct fl_zsock_dealer_callbacks callbacks = {on_dealer_message, NULL, NULL};
    struct fl_zsock *sock = NULL;
    struct fl_error err;

    assert_true(fl_zsock_router_new(world->context, world->base, world->endpoint, &world->keys,
                                    admit, on_router_message, world, &sock, &err) < 0);
    assert_non_null(strstr(err.message, "cannot listen on \"tcp://127.0.0.1:"));
    assert_non_null(strstr(err.message, "in use"));
    assert_true(fl_zsock_dealer_new(world->context, world->base, "10.0.0.1:5570", &world->keys,
                                    world->keys.public_key, &callbacks, world, &sock, &err) < 0);
    assert_non_null(strstr(err.message, "cannot connect to \"10.0.0.1:5570\""));
    assert_int_equal(fl_zsock_dealer_new(world->context, world->base, world->endpoint, &world->keys,
                                         "short", &callbacks, world, &sock, &err),
                     -EINVAL);
    assert_null(sock);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_message_comes_with_the_user_of_its_key),
        TEST(the_endpoint_tells_the_port_that_was_taken),
        TEST(nothing_is_lost_or_stuck_while_both_sides_send_heavily),
        TEST(a_message_that_came_while_sending_is_not_forgotten),
        TEST(more_than_one_turn_receives_is_not_forgotten),
        TEST(an_unknown_key_is_refused_and_counted_and_may_come_later),
        TEST(a_reason_is_told_once_however_often_it_is_tried),
        TEST(a_wrong_server_key_never_connects),
        TEST(a_peer_without_curve_is_refused),
        TEST(a_message_of_several_parts_comes_as_an_empty_one),
        TEST(a_dealer_comes_back_when_its_router_does),
        TEST(an_oversized_message_is_dropped_and_counted),
        TEST(a_message_far_too_large_ends_its_connection),
        TEST(a_peer_that_has_gone_is_unreachable),
        TEST(a_full_queue_says_so_and_nothing_blocks),
        TEST(a_socket_may_be_freed_from_within_its_callback),
        TEST(nobody_at_the_address_is_told),
        TEST(two_routers_of_one_context_admit_each_their_own),
        TEST(what_cannot_be_opened_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
