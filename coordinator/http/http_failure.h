/* What evhttp refuses before any handler hears of it (a request that is none, one too large, a
 * method that nothing here has), said as every other error is: a problem of RFC 9457 behind the
 * usual head. libevent 2.1 has no callback for it, so its page is replaced where it is written. */
#pragma once

#include <stdbool.h>

struct evbuffer;

/* `output` holds an answer that evhttp made and has not sent. One of an error becomes a problem;
 * any other (100 Continue) stays. `secure`: it goes over TLS. */
void http_failure_answer(struct evbuffer *output, bool secure);
