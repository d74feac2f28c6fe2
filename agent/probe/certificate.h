/* What is told of the certificates that a server shows. */
#pragma once

#include <openssl/ssl.h>
#include <stdint.h>

/* When the first certificate of the chain expires, in seconds since 1970, or FL_ABSENT when it is
 * empty. */
int64_t certificate_first_end(const STACK_OF(X509) * chain);

/* The same for the chain that was verified in a full handshake, or that was sent when none was. */
int64_t certificate_end(const SSL *ssl);
