/* The TLS session that an https probe goes on from, so that most of its handshakes cost neither
 * side a signature. It is only ever one that a full handshake of the same probe began: every tenth
 * attempt, the one after a failure, and the one after a certificate of the chain has expired make
 * a full handshake again, which is judged as ever. */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#define HTTP_SESSION_RESUMED 9 /* handshakes in a row that may go on from a session */

/* Empty when zero. */
struct http_session {
    CURLSH *share;      /* holds the session; NULL: the next handshake is a full one */
    unsigned n_resumed; /* since the last full one */
    int64_t expires_s;  /* when the first certificate of the chain does, since 1970 */
    int64_t cert_end_s; /* the same, also of a chain that nobody judged; FL_ABSENT: there is none */
    int64_t tls_version; /* of the last handshake, as struct fl_result has it */
};

/* Prepare a transfer that begins now; `easy` ends before the session does. False when there is no
 * memory. */
bool http_session_use(struct http_session *session, CURL *easy, int64_t now_s);

/* The handshake of `easy` is over: did it go on from the session? */
bool http_session_note(struct http_session *session, CURL *easy);

/* It failed, or the server is not what it was. Transfers under way are not disturbed. */
void http_session_forget(struct http_session *session);

void http_session_done(struct http_session *session);
