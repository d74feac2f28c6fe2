/* libcurl keeps sessions in a share object, one here for each probe, and is dropped as a whole. It
 * asks for no tickets unless told to, and servers keep few sessions themselves. */
#include "agent/probe/http_session.h"

#include <openssl/ssl.h>
#include <time.h>

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

static int64_t end_of(const X509 *certificate)
{
    struct tm end;

    if (!ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end))
        return 0;
    return timegm(&end);
}

/* Nothing expires that was not judged. */
static int64_t first_end(const SSL *ssl)
{
    STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
    int64_t first = INT64_MAX;

    for (int i = 0; i < sk_X509_num(chain); i++) {
        int64_t end = end_of(sk_X509_value(chain, i));

        first = end < first ? end : first;
    }
    return first;
}

bool http_session_note(struct http_session *session, CURL *easy)
{
    struct curl_tlssessioninfo *tls = NULL;
    const SSL *ssl;

    if (curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &tls) != CURLE_OK || !tls ||
        tls->backend != CURLSSLBACKEND_OPENSSL || !tls->internals)
        return false;
    ssl = tls->internals;
    if (SSL_session_reused(ssl)) {
        session->n_resumed++;
        return true;
    }
    session->n_resumed = 0;
    session->expires_s = first_end(ssl);
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
