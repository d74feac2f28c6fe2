/* TLS as a client, for the types that speak over TLS themselves: whom to trust, as whom to
 * appear, and what an error of it is called. What is dear, the parsed authorities, is shared by
 * all who trust the same file. */
#pragma once

#include "proto/types/fl_option.h"
#include "proto/types/fl_result.h"

#include <openssl/ssl.h>

/* The settings that every such type has, with TLS_OPTIONS in its table. */
struct tls_settings {
    char *ca_file;
    bool verify;
    char *server_name;
    char *client_certificate;
};

/* clang-format off */
#define TLS_OPTIONS(settings, member)                                                       \
    {.name = "ca_file",                                                                     \
     .kind = FL_OPTION_STRING,                                                              \
     .offset = offsetof(settings, member.ca_file),                                          \
     .max = 4095,                                                                           \
     .standard = FL_OPTION_UNSET,                                                           \
     .help = "file of the certificate authorities to trust; the system's when left out"},   \
    {.name = "verify",                                                                      \
     .kind = FL_OPTION_BOOL,                                                                \
     .offset = offsetof(settings, member.verify),                                           \
     .standard = "true",                                                                    \
     .help = "whether the certificate must be valid"},                                      \
    {.name = "server_name",                                                                 \
     .kind = FL_OPTION_STRING,                                                              \
     .offset = offsetof(settings, member.server_name),                                      \
     .max = 253,                                                                            \
     .standard = FL_OPTION_UNSET,                                                           \
     .help = "name that the certificate must bear; the address's host when left out"},      \
    {.name = "client_certificate",                                                          \
     .kind = FL_OPTION_NAME,                                                                \
     .offset = offsetof(settings, member.client_certificate),                               \
     .standard = FL_OPTION_UNSET,                                                           \
     .help = "name of the agent's secret with a certificate to show and its key, in PEM"}
/* clang-format on */

struct tls_client;

/* `settings` is borrowed and outlives the client; `host` is copied. 0 or -ENOMEM. */
int tls_client_get(const struct tls_settings *settings, const char *secrets_path, const char *host,
                   struct tls_client **ret);
void tls_client_put(struct tls_client *client); /* accepts NULL */

/* A session that is to be shaken hands for on the connected `fd`, owned by the caller; `fd` is
 * not. NULL: the authorities, or the certificate to show, cannot be read. */
SSL *tls_client_session(struct tls_client *client, int fd);

/* Before each call of OpenSSL whose failure is to be read: its errors are a queue. */
void tls_client_clear_errors(void);

/* What stopped an SSL call that returned `r` and does not wait: cert_expired, cert_invalid,
 * denied (the server wants another certificate of ours), reset, protocol. */
enum fl_failure tls_client_failure(const SSL *ssl, int r);
