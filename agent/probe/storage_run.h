/* One attempt on a storage target through a library that makes its own connection and speaks on
 * it (libiscsi, libnfs): resolve, connect, login, then write, flush, read and tidy up, each timed.
 * A type gives the calls of its library; the loop, the clock and what the kernel knew are here.
 * Also the type's `expire` and `cancel`. */
#pragma once

#include "agent/probe/probe.h"

struct storage_session; /* the library's side of one attempt, defined by each type for itself */

enum storage_stage {
    STORAGE_RESOLVE,
    STORAGE_CONNECT,
    STORAGE_LOGIN,
    STORAGE_WRITE,
    STORAGE_FLUSH,
    STORAGE_READ,
    STORAGE_TIDY, /* what the write left behind */
    STORAGE_OVER
};

struct storage_ops {
    /* Make what one attempt needs; nothing is connected yet. 0 or a negative errno. */
    int (*open)(struct probe_instance *instance, struct probe_run *run,
                struct storage_session **ret);
    void (*close)(struct storage_session *session); /* accepts NULL */
    /* Begin to connect to the numeric address, and to log in once that stands; the answer is the
     * login's. 0 or a negative errno. */
    int (*connect)(struct storage_session *session, const char *address, uint16_t port);
    /* Begin a stage after the login: 0 when an answer will come, a negative errno, or 1 when there
     * is nothing to do. */
    int (*begin)(struct storage_session *session, enum storage_stage stage);
    int (*fd)(struct storage_session *session);
    int (*wanted)(struct storage_session *session); /* POLLIN, POLLOUT */
    /* Negative: the connection is of no more use. */
    int (*service)(struct storage_session *session, int events);
};

struct storage_peer {
    const struct probe_env *env;
    const char *host;
    uint16_t port;
    const struct storage_ops *ops;
};

int storage_run_start(const struct storage_peer *peer, struct probe_instance *instance,
                      probe_done_cb done, void *arg, struct probe_run **ret);
bool storage_run_expire(struct probe_run *run, struct fl_result *result);
bool storage_run_cancel(struct probe_run *run);

/* From inside the library's callback: the stage that was begun is over; FL_FAILURE_NONE when it
 * went well. */
void storage_run_answer(struct probe_run *run, enum fl_failure failure);
