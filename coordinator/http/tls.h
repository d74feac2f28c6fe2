/* TLS for the API: a certificate and its key. */
#pragma once

#include "proto/types/fl_error.h"

#include <openssl/ssl.h>

/* The error says what is wrong with which file. */
int tls_new(const char *certificate, const char *key, SSL_CTX **ret, struct fl_error *err);
SSL_CTX *tls_free(SSL_CTX *tls);
