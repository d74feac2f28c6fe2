/* The conversation with one coordinator: hello after every connect, a heartbeat each second, and
 * a new connection when nothing is heard any more. Knows no socket: events go in, what to do
 * comes out. Batches may flow while it is up. Times are monotonic. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SESSION_HEARTBEAT_US INT64_C(1000000)
#define SESSION_SILENCE_US INT64_C(5000000)  /* connected, but nothing is heard */
#define SESSION_CONNECT_US INT64_C(10000000) /* not connected: begin anew, SYN timers grow long */
#define SESSION_REFUSED_US INT64_C(10000000) /* a refusal may be lifted by a configuration */

enum session_state {
    SESSION_DOWN,     /* no connection */
    SESSION_GREETING, /* hello is said, nothing heard yet */
    SESSION_UP,
    SESSION_REFUSED, /* the coordinator said that nothing will come of it */
};

/* What the owner is to do, in this order. */
enum session_act {
    SESSION_RECONNECT = 1, /* drop the connection and what waits in it, connect anew */
    SESSION_SAY_HELLO = 2,
    SESSION_SAY_HEARTBEAT = 4,
};

struct session {
    enum session_state state;
    int64_t since_us; /* of the state */
    int64_t heard_us;
    int64_t heartbeat_us; /* when the next one is due */
};

void session_init(struct session *session, int64_t now_us);

/* Events; each returns a set of enum session_act. */
unsigned session_connected(struct session *session, int64_t now_us);
unsigned session_lost(struct session *session, int64_t now_us);
unsigned session_heard(struct session *session, int64_t now_us);
unsigned session_refused(struct session *session, int64_t now_us);
unsigned session_tick(struct session *session, int64_t now_us);

/* Call session_tick no later than this. */
int64_t session_deadline(const struct session *session);

bool session_is_up(const struct session *session);
