// links: agent_core
#include "agent/core/session.h"
#include "tests/support/unit.h"

#define START INT64_C(1000000000)
#define SECOND INT64_C(1000000)

static struct session connected(void)
{
    struct session session;

    session_init(&session, START);
    session_connected(&session, START);
    return session;
}

static void hello_comes_first_after_every_connect(void **state)
{
    struct session session;

    (void)state;
    session_init(&session, START);
    assert_int_equal(session_connected(&session, START), SESSION_SAY_HELLO | SESSION_SAY_HEARTBEAT);
    session_heard(&session, START + 1);
    session_lost(&session, START + 2);
    assert_false(session_is_up(&session));
    assert_int_equal(session_connected(&session, START + 3),
                     SESSION_SAY_HELLO | SESSION_SAY_HEARTBEAT);
    assert_int_equal(session.state, SESSION_GREETING);
}

static void it_is_up_when_something_is_heard(void **state)
{
    struct session session = connected();

    (void)state;
    assert_false(session_is_up(&session));
    session_heard(&session, START + 1);
    assert_true(session_is_up(&session));
}

static void a_heartbeat_is_due_each_second(void **state)
{
    struct session session = connected();
    int beats = 0;

    (void)state;
    for (int64_t now = START; now < START + 60 * SECOND; now = session_deadline(&session)) {
        unsigned acts = session_tick(&session, now);

        assert_int_equal(acts & ~(unsigned)SESSION_SAY_HEARTBEAT, 0);
        beats += acts ? 1 : 0;
        session_heard(&session, now);
    }
    assert_int_equal(beats, 59);
}

static void a_late_tick_makes_one_heartbeat_not_many(void **state)
{
    struct session session = connected();

    (void)state;
    assert_int_equal(session_tick(&session, START + 4 * SECOND), SESSION_SAY_HEARTBEAT);
    assert_int_equal(session_tick(&session, START + 4 * SECOND), 0);
}

static void silence_ends_the_connection(void **state)
{
    struct session session = connected();

    (void)state;
    session_heard(&session, START + SECOND);
    assert_int_equal(
        session_tick(&session, START + SECOND + SESSION_SILENCE_US - 1) & SESSION_RECONNECT, 0);
    assert_int_equal(session_tick(&session, START + SECOND + SESSION_SILENCE_US),
                     SESSION_RECONNECT);
    assert_int_equal(session.state, SESSION_DOWN);
}

static void an_unanswered_hello_ends_the_connection(void **state)
{
    struct session session = connected();

    (void)state;
    assert_int_equal(session_tick(&session, START + SESSION_SILENCE_US), SESSION_RECONNECT);
}

static void a_connection_that_does_not_come_is_begun_anew_now_and_then(void **state)
{
    struct session session;

    (void)state;
    session_init(&session, START);
    assert_int_equal(session_deadline(&session), START + SESSION_CONNECT_US);
    assert_int_equal(session_tick(&session, START + SESSION_CONNECT_US - 1), 0);
    assert_int_equal(session_tick(&session, START + SESSION_CONNECT_US), SESSION_RECONNECT);
    assert_int_equal(session_tick(&session, START + SESSION_CONNECT_US), 0);
    session_lost(&session, START + SESSION_CONNECT_US + SECOND);
    assert_int_equal(session_deadline(&session), START + 2 * SESSION_CONNECT_US);
}

static void after_a_refusal_it_waits_and_asks_again(void **state)
{
    struct session session = connected();

    (void)state;
    session_refused(&session, START + 1);
    session_heard(&session, START + 2);
    assert_false(session_is_up(&session));
    assert_int_equal(session_tick(&session, START + 3 * SECOND), 0);
    assert_int_equal(session_tick(&session, START + 1 + SESSION_REFUSED_US), SESSION_RECONNECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_comes_first_after_every_connect),
        cmocka_unit_test(it_is_up_when_something_is_heard),
        cmocka_unit_test(a_heartbeat_is_due_each_second),
        cmocka_unit_test(a_late_tick_makes_one_heartbeat_not_many),
        cmocka_unit_test(silence_ends_the_connection),
        cmocka_unit_test(an_unanswered_hello_ends_the_connection),
        cmocka_unit_test(a_connection_that_does_not_come_is_begun_anew_now_and_then),
        cmocka_unit_test(after_a_refusal_it_waits_and_asks_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
