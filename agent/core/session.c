#include "agent/core/session.h"

static void enter(struct session *session, enum session_state state, int64_t now_us)
{
    session->state = state;
    session->since_us = now_us;
}

void session_init(struct session *session, int64_t now_us)
{
    *session = (struct session){0};
    enter(session, SESSION_DOWN, now_us);
}

unsigned session_connected(struct session *session, int64_t now_us)
{
    enter(session, SESSION_GREETING, now_us);
    session->heard_us = now_us;
    session->heartbeat_us = now_us + SESSION_HEARTBEAT_US;
    return SESSION_SAY_HELLO | SESSION_SAY_HEARTBEAT;
}

unsigned session_lost(struct session *session, int64_t now_us)
{
    if (session->state != SESSION_DOWN)
        enter(session, SESSION_DOWN, now_us);
    return 0;
}

unsigned session_heard(struct session *session, int64_t now_us)
{
    session->heard_us = now_us;
    if (session->state == SESSION_GREETING)
        enter(session, SESSION_UP, now_us);
    return 0;
}

unsigned session_refused(struct session *session, int64_t now_us)
{
    if (session->state != SESSION_DOWN)
        enter(session, SESSION_REFUSED, now_us);
    return 0;
}

/* When the present connection is given up. */
static int64_t patience_end(const struct session *session)
{
    switch (session->state) {
    case SESSION_DOWN:
        return session->since_us + SESSION_CONNECT_US;
    case SESSION_REFUSED:
        return session->since_us + SESSION_REFUSED_US;
    case SESSION_GREETING:
    case SESSION_UP:
        break;
    }
    return session->heard_us + SESSION_SILENCE_US;
}

static bool heartbeats(const struct session *session)
{
    return session->state == SESSION_GREETING || session->state == SESSION_UP;
}

unsigned session_tick(struct session *session, int64_t now_us)
{
    if (now_us >= patience_end(session)) {
        enter(session, SESSION_DOWN, now_us);
        return SESSION_RECONNECT;
    }
    if (!heartbeats(session) || now_us < session->heartbeat_us)
        return 0;
    session->heartbeat_us += SESSION_HEARTBEAT_US;
    if (session->heartbeat_us <= now_us)
        session->heartbeat_us = now_us + SESSION_HEARTBEAT_US;
    return SESSION_SAY_HEARTBEAT;
}

int64_t session_deadline(const struct session *session)
{
    int64_t end = patience_end(session);

    return heartbeats(session) && session->heartbeat_us < end ? session->heartbeat_us : end;
}

bool session_is_up(const struct session *session)
{
    return session->state == SESSION_UP;
}
