/* A trust is an SSL_CTX: one for each pair of authorities and certificate to show, made when it
 * is first used and anew after some minutes, since the files may be exchanged. */
#include "agent/probe/tls_client.h"

#include "agent/probe/secret.h"
#include "agent/probe/stream.h"
#include "proto/runtime/fl_clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define TRUST_AGE_US (300 * FL_SECOND)
#define PEM_SIZE (32 * 1024) /* a chain and a key */

struct trust {
    struct trust *next;
    unsigned users;
    char *ca_file;            /* "": the system's */
    char *client_certificate; /* "": none */
    char *secrets_path;
    SSL_CTX *context; /* NULL: not read yet */
    int64_t read_us;
};

struct tls_client {
    const struct tls_settings *settings;
    struct trust *trust;
    char name[FL_OPTION_HOST_SIZE]; /* that the certificate must bear */
};

static struct trust *all_trusts; /* while somebody uses them */

static void trust_free(struct trust *trust)
{
    SSL_CTX_free(trust->context);
    free(trust->ca_file);
    free(trust->client_certificate);
    free(trust->secrets_path);
    free(trust);
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static struct trust *trust_new(const struct tls_settings *settings, const char *secrets_path)
{
    struct trust *trust = calloc(1, sizeof(*trust));

    if (!trust)
        return NULL;
    trust->ca_file = strdup(or_empty(settings->ca_file));
    trust->client_certificate = strdup(or_empty(settings->client_certificate));
    trust->secrets_path = secrets_path ? strdup(secrets_path) : NULL;
    if (!trust->ca_file || !trust->client_certificate || (secrets_path && !trust->secrets_path)) {
        trust_free(trust);
        return NULL;
    }
    trust->next = all_trusts;
    all_trusts = trust;
    return trust;
}

static struct trust *trust_get(const struct tls_settings *settings, const char *secrets_path)
{
    struct trust *trust = all_trusts;

    while (trust && (strcmp(trust->ca_file, or_empty(settings->ca_file)) != 0 ||
                     strcmp(trust->client_certificate, or_empty(settings->client_certificate)) ||
                     strcmp(or_empty(trust->secrets_path), or_empty(secrets_path)) != 0))
        trust = trust->next;
    if (!trust)
        trust = trust_new(settings, secrets_path);
    if (trust)
        trust->users++;
    return trust;
}

static void trust_put(struct trust *trust)
{
    if (--trust->users > 0)
        return;
    for (struct trust **at = &all_trusts; *at; at = &(*at)->next) {
        if (*at != trust)
            continue;
        *at = trust->next;
        break;
    }
    trust_free(trust);
}

static int no_passphrase(char *text, int size, int writing, void *arg)
{
    (void)text;
    (void)size;
    (void)writing;
    (void)arg;
    return -1; /* else OpenSSL would ask the terminal */
}

static bool use_pem(SSL_CTX *context, const char *pem, size_t size)
{
    BIO *certificates = BIO_new_mem_buf(pem, (int)size), *keys = BIO_new_mem_buf(pem, (int)size);
    X509 *own = certificates ? PEM_read_bio_X509(certificates, NULL, no_passphrase, NULL) : NULL;
    EVP_PKEY *key = keys ? PEM_read_bio_PrivateKey(keys, NULL, no_passphrase, NULL) : NULL;
    bool ok = own && key && SSL_CTX_use_certificate(context, own) == 1 &&
              SSL_CTX_use_PrivateKey(context, key) == 1;
    X509 *next;

    while (ok && (next = PEM_read_bio_X509(certificates, NULL, no_passphrase, NULL)) != NULL)
        if (SSL_CTX_add0_chain_cert(context, next) != 1) {
            X509_free(next);
            ok = false;
        }
    X509_free(own);
    EVP_PKEY_free(key);
    BIO_free(certificates);
    BIO_free(keys);
    return ok;
}

static bool show_certificate(SSL_CTX *context, const struct trust *trust)
{
    char *pem;
    size_t size;
    bool ok;

    if (!*trust->client_certificate)
        return true;
    pem = malloc(PEM_SIZE);
    ok = pem &&
         secret_read_all(trust->secrets_path, trust->client_certificate, pem, PEM_SIZE, &size) ==
             0 &&
         use_pem(context, pem, size);
    if (pem)
        secret_forget(pem, PEM_SIZE);
    free(pem);
    return ok;
}

static SSL_CTX *read_context(const struct trust *trust)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    int ok;

    if (!context)
        return NULL;
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    ok = *trust->ca_file ? SSL_CTX_load_verify_file(context, trust->ca_file)
                         : SSL_CTX_set_default_verify_paths(context);
    if (ok == 1 && show_certificate(context, trust))
        return context;
    SSL_CTX_free(context);
    return NULL;
}

static SSL_CTX *trust_context(struct trust *trust)
{
    const int64_t now_us = fl_clock_monotonic();

    if (trust->context && now_us - trust->read_us < TRUST_AGE_US)
        return trust->context;
    SSL_CTX_free(trust->context); /* sessions under way hold it */
    trust->context = read_context(trust);
    trust->read_us = now_us;
    return trust->context;
}

int tls_client_get(const struct tls_settings *settings, const char *secrets_path, const char *host,
                   struct tls_client **ret)
{
    struct tls_client *client = calloc(1, sizeof(*client));
    const char *name =
        settings->server_name && *settings->server_name ? settings->server_name : host;

    if (!client)
        return -ENOMEM;
    client->settings = settings;
    client->trust = trust_get(settings, secrets_path);
    if (!client->trust) {
        free(client);
        return -ENOMEM;
    }
    memcpy(client->name, name, strnlen(name, sizeof(client->name) - 1));
    *ret = client;
    return 0;
}

void tls_client_put(struct tls_client *client)
{
    if (!client)
        return;
    trust_put(client->trust);
    free(client);
}

static bool is_number(const char *name)
{
    uint8_t address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

static bool set_name(SSL *ssl, const char *name)
{
    if (is_number(name))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_set1_host(ssl, name) == 1;
}

SSL *tls_client_session(struct tls_client *client, int fd)
{
    SSL_CTX *context = trust_context(client->trust);
    SSL *ssl = context ? SSL_new(context) : NULL;

    if (!ssl)
        return NULL;
    SSL_set_verify(ssl, client->settings->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    if (SSL_set_fd(ssl, fd) == 1 && set_name(ssl, client->name))
        return ssl;
    SSL_free(ssl);
    return NULL;
}

void tls_client_clear_errors(void)
{
    ERR_clear_error();
}

static enum fl_failure certificate_failure(long reason)
{
    return reason == X509_V_ERR_CERT_HAS_EXPIRED ? FL_FAILURE_CERT_EXPIRED
                                                 : FL_FAILURE_CERT_INVALID;
}

/* The alerts with which a server says that it does not like who we are. */
static bool is_denial(int reason)
{
    return reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED ||
           reason == SSL_R_TLSV1_ALERT_UNKNOWN_CA || reason == SSL_R_TLSV1_ALERT_ACCESS_DENIED ||
           reason == SSL_R_SSLV3_ALERT_BAD_CERTIFICATE ||
           reason == SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN ||
           reason == SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED;
}

enum fl_failure tls_client_failure(const SSL *ssl, int r)
{
    const int error = errno;
    const int kind = SSL_get_error(ssl, r);
    const int reason = ERR_GET_REASON(ERR_peek_error());

    if (kind == SSL_ERROR_SYSCALL)
        return error == 0 ? FL_FAILURE_RESET : stream_failure_remote(error);
    if (SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE && !SSL_is_init_finished(ssl) &&
        SSL_get_verify_result(ssl) != X509_V_OK)
        return certificate_failure(SSL_get_verify_result(ssl));
    if (kind == SSL_ERROR_ZERO_RETURN || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return FL_FAILURE_RESET;
    return is_denial(reason) ? FL_FAILURE_DENIED : FL_FAILURE_PROTOCOL;
}
