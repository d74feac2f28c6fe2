/*   client-first   n,,n=,r=NONCE
 *   server-first   r=NONCE+MORE,s=SALT,i=ITERATIONS
 *   client-final   c=biws,r=NONCE+MORE,p=PROOF
 *   server-final   v=SIGNATURE
 *
 * The name is left empty, as PostgreSQL takes it from the connection. What is signed is
 * client-first without its "n,,", server-first, and client-final without its proof. */
#include "agent/probe/scram.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SALT 128 /* bytes */

struct challenge {
    char text[SCRAM_MESSAGE];
    char nonce[SCRAM_MESSAGE];
    uint8_t salt[SALT];
    size_t salt_size;
    int iterations;
};

size_t scram_first(const struct scram *scram, char ret[SCRAM_MESSAGE])
{
    return (size_t)snprintf(ret, SCRAM_MESSAGE, "n,,n=,r=%s", scram->nonce);
}

/* Bytes that `text` stands for, or -1. */
static int decode(const char *text, uint8_t *ret, size_t room)
{
    const size_t length = strlen(text);
    int size;

    if (length == 0 || length % 4 != 0 || length / 4 * 3 > room)
        return -1;
    size = EVP_DecodeBlock(ret, (const unsigned char *)text, (int)length);
    if (size > 0 && text[length - 1] == '=')
        size--;
    if (size > 0 && text[length - 2] == '=')
        size--;
    return size;
}

/* The value of the next attribute, which must be `name`; `at` goes behind it. NULL: it is not. */
static char *next_value(char **at, char name)
{
    char *value = strsep(at, ",");

    return value && value[0] == name && value[1] == '=' ? value + 2 : NULL;
}

static bool read_challenge(const struct scram *scram, const char *message, size_t size,
                           struct challenge *ret)
{
    char text[SCRAM_MESSAGE], *at = text, *nonce, *salt, *iterations, *end;
    int salt_size;

    if (size >= sizeof(text) || memchr(message, '\0', size))
        return false;
    memcpy(text, message, size);
    text[size] = '\0';
    memcpy(ret->text, text, size + 1);
    nonce = next_value(&at, 'r');
    salt = nonce ? next_value(&at, 's') : NULL;
    iterations = salt ? next_value(&at, 'i') : NULL;
    if (!iterations || strncmp(nonce, scram->nonce, strlen(scram->nonce)) != 0)
        return false;
    (void)snprintf(ret->nonce, sizeof(ret->nonce), "%s", nonce);
    salt_size = decode(salt, ret->salt, sizeof(ret->salt));
    ret->iterations = (int)strtol(iterations, &end, 10);
    ret->salt_size = salt_size > 0 ? (size_t)salt_size : 0;
    return salt_size > 0 && *end == '\0' && ret->iterations > 0 &&
           ret->iterations <= SCRAM_ITERATIONS;
}

static void sign(const uint8_t key[SCRAM_KEY], const char *text, uint8_t ret[SCRAM_KEY])
{
    (void)HMAC(EVP_sha256(), key, SCRAM_KEY, (const unsigned char *)text, strlen(text), ret, NULL);
}

/* The proof that goes out, and the signature that must come back. */
static bool prove(const struct challenge *challenge, const char *password, const char *said,
                  uint8_t ret_proof[SCRAM_KEY], uint8_t ret_server[SCRAM_KEY])
{
    uint8_t salted[SCRAM_KEY], key[SCRAM_KEY], stored[SCRAM_KEY], signature[SCRAM_KEY];

    if (PKCS5_PBKDF2_HMAC(password, (int)strlen(password), challenge->salt,
                          (int)challenge->salt_size, challenge->iterations, EVP_sha256(), SCRAM_KEY,
                          salted) != 1)
        return false;
    sign(salted, "Server Key", key);
    sign(key, said, ret_server);
    sign(salted, "Client Key", key);
    (void)SHA256(key, SCRAM_KEY, stored);
    sign(stored, said, signature);
    for (int i = 0; i < SCRAM_KEY; i++)
        ret_proof[i] = key[i] ^ signature[i];
    OPENSSL_cleanse(salted, sizeof(salted));
    OPENSSL_cleanse(key, sizeof(key));
    return true;
}

size_t scram_final(struct scram *scram, const char *password, const char *message, size_t size,
                   char ret[SCRAM_MESSAGE])
{
    struct challenge challenge;
    char said[3 * SCRAM_MESSAGE], proof_text[SCRAM_KEY * 2];
    uint8_t proof[SCRAM_KEY];
    int n;

    if (!read_challenge(scram, message, size, &challenge))
        return 0;
    (void)snprintf(said, sizeof(said), "n=,r=%s,%s,c=biws,r=%s", scram->nonce, challenge.text,
                   challenge.nonce);
    if (!prove(&challenge, password, said, proof, scram->server_signature))
        return 0;
    (void)EVP_EncodeBlock((unsigned char *)proof_text, proof, SCRAM_KEY);
    n = snprintf(ret, SCRAM_MESSAGE, "c=biws,r=%s,p=%s", challenge.nonce, proof_text);
    return n > 0 && n < SCRAM_MESSAGE ? (size_t)n : 0;
}

bool scram_proven(const struct scram *scram, const char *message, size_t size)
{
    char text[SCRAM_MESSAGE];
    uint8_t signature[SCRAM_KEY + 3];

    if (size < 2 || size >= sizeof(text) || memcmp(message, "v=", 2) != 0)
        return false;
    memcpy(text, message + 2, size - 2);
    text[size - 2] = '\0';
    text[strcspn(text, ",")] = '\0';
    return decode(text, signature, sizeof(signature)) == SCRAM_KEY &&
           CRYPTO_memcmp(signature, scram->server_signature, SCRAM_KEY) == 0;
}
