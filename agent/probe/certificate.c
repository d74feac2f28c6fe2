#include "agent/probe/certificate.h"

#include "proto/types/fl_time.h"

#include <time.h>

static int64_t end_of(const X509 *certificate)
{
    struct tm end;

    if (!ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) || timegm(&end) < 0)
        return 0;
    return timegm(&end);
}

int64_t certificate_first_end(const STACK_OF(X509) * chain)
{
    int64_t first = FL_ABSENT;

    for (int i = 0; i < sk_X509_num(chain); i++) {
        int64_t end = end_of(sk_X509_value(chain, i));

        first = first == FL_ABSENT || end < first ? end : first;
    }
    return first;
}

int64_t certificate_end(const SSL *ssl)
{
    const STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);

    return certificate_first_end(chain ? chain : SSL_get_peer_cert_chain(ssl));
}
