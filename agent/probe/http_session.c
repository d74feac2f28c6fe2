/* libcurl keeps sessions in a share object, one here for each probe, and is dropped as a whole. It
 * asks for no tickets unless told to, and servers keep few sessions themselves. */
#include "agent/probe/http_session.h"

#include "agent/probe/certificate.h"
#include "proto/types/fl_time.h"

static CURLcode allow_tickets(CURL *easy, void *context, void *arg)
{
    (void)easy;
    (void)arg;
    (void)SSL_CTX_clear_options(context, SSL_OP_NO_TICKET);
    return CURLE_OK;
}

/* False while a transfer uses it. */
static bool drop(struct http_session *session)
{
    if (session->share && curl_share_cleanup(session->share) != CURLSHE_OK)
        return false;
    session->share = NULL;
    session->n_resumed = 0;
    return true;
}

static bool make_share(struct http_session *session)
{
    if (!session->share)
        session->share = curl_share_init();
    return session->share && curl_share_setopt(session->share, CURLSHOPT_SHARE,
                                               CURL_LOCK_DATA_SSL_SESSION) == CURLSHE_OK;
}

bool http_session_use(struct http_session *session, CURL *easy, int64_t now_s)
{
    bool over = session->n_resumed >= HTTP_SESSION_RESUMED || now_s >= session->expires_s;

    if (over && !drop(session)) /* a slow transfer still holds it */
        return curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L) == CURLE_OK;
    if (!session->share && !make_share(session))
        return false;
    return curl_easy_setopt(easy, CURLOPT_SHARE, session->share) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, allow_tickets) == CURLE_OK;
}

/* Nothing expires that was not judged. */
static int64_t first_end(const SSL *ssl)
{
    int64_t end = certificate_first_end(SSL_get0_verified_chain(ssl));

    return end == FL_ABSENT ? INT64_MAX : end;
}

bool http_session_note(struct http_session *session, CURL *easy)
{
    struct curl_tlssessioninfo *tls = NULL;
    const SSL *ssl;

    if (curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &tls) != CURLE_OK || !tls ||
        tls->backend != CURLSSLBACKEND_OPENSSL || !tls->internals) {
        session->cert_end_s = FL_ABSENT;
        session->tls_version = FL_ABSENT;
        return false;
    }
    ssl = tls->internals;
    session->tls_version = SSL_version(ssl);
    if (SSL_session_reused(ssl)) {
        session->n_resumed++;
        return true;
    }
    session->n_resumed = 0;
    session->expires_s = first_end(ssl);
    session->cert_end_s = certificate_end(ssl);
    return false;
}

void http_session_forget(struct http_session *session)
{
    session->expires_s = 0;
    (void)drop(session);
}

void http_session_done(struct http_session *session)
{
    (void)drop(session);
}
