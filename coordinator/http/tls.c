#include "coordinator/http/tls.h"

#include <errno.h>
#include <openssl/err.h>

static int failed(const char *field, const char *file, struct fl_error *err)
{
    char why[256];

    ERR_error_string_n(ERR_get_error(), why, sizeof(why));
    ERR_clear_error();
    return fl_error_set(err, -EINVAL, "field \"%s\": cannot use \"%s\": %s", field, file, why);
}

int tls_new(const char *certificate, const char *key, SSL_CTX **ret, struct fl_error *err)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    int r = 0;

    if (!tls)
        return fl_error_set(err, -ENOMEM, "no memory for TLS");
    (void)SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    (void)SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    if (SSL_CTX_use_certificate_chain_file(tls, certificate) != 1)
        r = failed("tls_certificate", certificate, err);
    else if (SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1 ||
             SSL_CTX_check_private_key(tls) != 1)
        r = failed("tls_key", key, err);
    if (r < 0)
        SSL_CTX_free(tls);
    else
        *ret = tls;
    return r;
}

SSL_CTX *tls_free(SSL_CTX *tls)
{
    SSL_CTX_free(tls);
    return NULL;
}
